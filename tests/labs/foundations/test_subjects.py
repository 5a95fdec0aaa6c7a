"""Line fit, perceptron, activations, losses, update rules, backpropagation, constraints, tasks: exact answers."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

from common.errors import InputError
from labs.foundations import (
    activations,
    backprop,
    charts,
    constrained,
    deep_layers,
    line_fit,
    losses,
    optimizers,
    perceptron,
    tasks,
)
from labs.foundations.engine import Value, value
from labs.foundations.surfaces import SURFACES
from labs.foundations.update_rules import RULES

# --- Line fit -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[0, 1])
def points(request):
    return line_fit.get_data(line_fit.Request(seed=request.param, centre=2.0))


def test_the_gradient_is_autograds(points):
    x, y = points
    m, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, -1.2))
    expected = torch.autograd.grad(line_fit.loss(m, b, x, y), (m, b))
    for ours, theirs in zip(line_fit.gradient(m.detach(), b.detach(), x, y), expected, strict=True):
        assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)


def test_the_exact_line_is_least_squares_and_descent_comes_to_it(points):
    x, y = points
    exact = torch.linalg.lstsq(torch.stack([x, torch.ones_like(x)], dim=1), y[:, None]).solution[:, 0]
    torch.testing.assert_close(torch.stack(line_fit.closed_form(x, y)), exact)
    low, high = torch.linalg.eigvalsh(line_fit.hessian(x)).tolist()
    path = line_fit.descend(x, y, 2 / (low + high), 2000)
    assert (path[-1] - exact).norm() < 1e-4


def test_it_diverges_exactly_above_two_over_the_largest_curvature(points):
    x, y = points
    limit = 2 / torch.linalg.eigvalsh(line_fit.hessian(x))[-1].item()
    best = torch.stack(line_fit.closed_form(x, y))
    away = {f: (line_fit.descend(x, y, f * limit, 4000) - best).norm(dim=1) for f in (0.999, 1.001)}
    assert away[0.999][-1] < 0.1 * away[0.999][0]
    assert away[1.001][-1] > 10 * away[1.001][1000]


# --- Perceptron -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "seed"), [("and", 0), ("or", 0), *(("points", seed) for seed in range(5))])
def test_it_learns_within_novikoffs_bound(data, seed):
    X, y = perceptron.get_data(perceptron.Request(data=data, seed=seed))
    steps = perceptron.learn(X, y)
    assert torch.equal(perceptron.predict(steps[-1].w, steps[-1].b, X), y)
    assert 0 < sum(step.mistake for step in steps) <= perceptron.most_mistakes(X, y)


def test_the_rule_by_hand():
    """AND from w = 0: the first three corners are right (0), the fourth is a mistake and is added."""
    steps = perceptron.learn(*perceptron.get_data(perceptron.Request()), passes=1)
    assert [step.mistake for step in steps] == [False, False, False, True]
    assert steps[-1].w.tolist() == [1, 1] and steps[-1].b == 1


def test_the_margin_by_hand():
    X, y = torch.tensor([[3.0, 0.0], [-3.0, 0.0]]), torch.tensor([1, 0])
    assert perceptron.margin(X, y) == pytest.approx(3)
    assert perceptron.most_mistakes(X, y) == pytest.approx(10 / 9)  # R² = 3² + 1²


def test_no_line_separates_xor_and_two_layers_do():
    X, y = perceptron.get_data(perceptron.Request(data="xor"))
    steps = perceptron.learn(X, y, passes=500)
    assert len(steps) == 2000 and steps[-1].mistake + steps[-2].mistake + steps[-3].mistake + steps[-4].mistake
    assert perceptron.margin(X, y) == 0 and perceptron.most_mistakes(X, y) == math.inf
    for seed in range(3):
        model, loss = perceptron.two_layers(seed=seed)
        assert torch.equal((model(X)[:, 0] > 0).long(), y) and loss < 0.05


# --- Activations ----------------------------------------------------------------------------------------------------

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "prelu": nn.PReLU(dtype=torch.float64),
    "rrelu": F.rrelu,
    "elu": F.elu,
    "celu": lambda z: F.celu(z, alpha=2.0),
    "gelu": F.gelu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softmax": lambda z: torch.stack([z, 0 * z]).softmax(dim=0)[0],
    "log_softmax": lambda z: torch.stack([z, 0 * z]).log_softmax(dim=0)[0],
}


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_an_activation_and_its_derivative_are_torchs(name):
    of = activations.ACTIVATIONS[name]
    z = torch.linspace(-9.03, 9.01, 400, dtype=torch.float64, requires_grad=True)
    expected = TORCH[name](z)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    torch.testing.assert_close(of.f(z), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(of.derivative(z.detach()), slope, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_an_activation_is_finite_far_away(name):
    z = torch.tensor([-1000.0, 0.0, 1000.0])
    of = activations.ACTIVATIONS[name]
    assert of.f(z).isfinite().all() and of.derivative(z).isfinite().all()


def test_softmax_is_torchs_and_finite():
    z = torch.tensor([[1.0, -2.0, 0.5], [1000.0, -1000.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(activations.softmax(z), z.softmax(dim=1))
    torch.testing.assert_close(activations.log_softmax(z), z.log_softmax(dim=1))
    jacobian = torch.autograd.functional.jacobian(lambda z: z.softmax(dim=0), z[0])
    torch.testing.assert_close(activations.softmax_derivative(z[0].softmax(dim=0)), jacobian)


def test_gradients_through_fifty_layers():
    def ratio(activation: str, start: str) -> float:
        _, g = deep_layers.through_layers(deep_layers.DEEP[activation], deep_layers.INITIALISATIONS[start])
        assert len(g) == 50
        return g[0] / g[-1] if g[-1] else 0.0

    assert ratio("sigmoid", "glorot") < 1e-20
    assert 1e-2 < ratio("tanh", "glorot") < 1e2
    assert 1e-2 < ratio("relu", "he") < 1e2
    assert ratio("relu", "large") > 1e10
    assert ratio("relu", "zero") == 0


# --- Losses ---------------------------------------------------------------------------------------------------------

E = torch.linspace(-4.03, 4.01, 60, dtype=torch.float64)
Z = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
Y = torch.arange(20) % 5
P = Z.flip(0).softmax(dim=1)
HALF = (torch.arange(60) % 2).double()
LOSSES = {
    "mse": (losses.mse, (E,), lambda e: F.mse_loss(e, torch.zeros_like(e), reduction="none")),
    "mae": (losses.mae, (E,), lambda e: F.l1_loss(e, torch.zeros_like(e), reduction="none")),
    "huber": (losses.huber, (E,), lambda e: F.huber_loss(e, torch.zeros_like(e), reduction="none")),
    "bce": (
        losses.binary_cross_entropy,
        (E, HALF),
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
    ),
    "ce": (losses.cross_entropy, (Z, Y), lambda z, y: F.cross_entropy(z, y, reduction="none")),
    "nll": (losses.cross_entropy, (Z, Y), lambda z, y: F.nll_loss(z.log_softmax(dim=1), y, reduction="none")),
    "hinge": (
        losses.hinge,
        (E, 2 * HALF - 1),
        lambda z, t: F.margin_ranking_loss(z, 0 * z, t, margin=1.0, reduction="none"),
    ),
    "softmax_mse": (
        losses.softmax_with_mse,
        (Z, Y),
        lambda z, y: F.mse_loss(z.softmax(dim=1), F.one_hot(y, 5).double(), reduction="none").sum(dim=1),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_torchs(name):
    ours, arguments, theirs = LOSSES[name]
    z = arguments[0].clone().requires_grad_()
    expected = theirs(z, *arguments[1:])
    (slope,) = torch.autograd.grad(expected.sum(), z)
    found, gradient = ours(*arguments)
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(gradient, slope, rtol=0, atol=1e-6)


def test_kl_divergence_is_torchs():
    z = Z.clone().requires_grad_()
    expected = F.kl_div(z.log_softmax(dim=1), P, reduction="none").sum(dim=1)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    found, gradient = losses.kl_divergence(P, Z)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(gradient, slope)


def test_what_an_outlier_does():
    numbers = torch.tensor([1.0, 2.0, 3.0, 4.0, 30.0], dtype=torch.float64)
    assert losses.best_constant(numbers, "mse") == 8
    assert losses.best_constant(numbers, "mae") == 3
    huber = losses.best_constant(numbers, "huber", delta=3.0)
    assert huber == pytest.approx(3.25)  # (c − 1) + (c − 2) + (c − 3) + (c − 4) − 3 = 0


# --- Update rules ---------------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_torchs_over_a_hundred_steps(name):
    theirs = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer, ours, memory = OPTIMIZERS[name]([theirs]), theirs.detach().clone(), {}
    slopes = torch.tensor([1.0, 10.0, 30.0], dtype=torch.float64)
    for t in range(1, 101):
        optimizer.zero_grad()
        (slopes * theirs.square()).sum().backward()
        optimizer.step()
        ours = RULES[name](ours, 2 * slopes * ours, memory, 0.01, t)
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_lowest_where_it_says(name):
    surface = SURFACES[name]
    found = minimize(lambda v: surface.height(torch.from_numpy(v)).item(), np.array(surface.start) + 0.1)
    assert found.fun == pytest.approx(surface.lowest, abs=1e-6)


def test_several_rates_side_by_side_are_the_same_as_each_alone():
    surface, rates = SURFACES["noisy"], torch.tensor([0.001, 0.01], dtype=torch.float64)
    for rule in RULES.values():
        both = optimizers.descend(rule, surface, rates, 20)
        alone = optimizers.descend(rule, surface, rates[1:], 20)
        torch.testing.assert_close(both[:, 1:], alone)


def test_steps_to_tolerance():
    surface = SURFACES["ravine"]  # lowest at (1, ½)
    path = torch.tensor([[9.0, 0.5], [1.0, 0.5], [5.0, 0.5], [1.0, 0.5], [1.0, 0.5]], dtype=torch.float64)
    assert optimizers.steps_to_tolerance(path, surface) == 3
    assert optimizers.steps_to_tolerance(path[:3], surface) == math.inf
    assert optimizers.steps_to_tolerance(path * torch.nan, surface) == math.inf


def test_the_best_rate_of_plain_descent_is_near_two_over_the_sum_of_curvatures():
    """η = 2/(1 + 50) = 0.039; of the powers of two 1/32 is the nearest below 2/50."""
    assert optimizers.best_rate(RULES["sgd"], SURFACES["ravine"], 200) == 1 / 32


# --- Backpropagation ------------------------------------------------------------------------------------------------


def expression(x, y, z):
    a = x * y + z**3 - 2 / (x + 5)
    b = (a * 0.1).tanh() + (y - 1) * a
    return (b * b + 1).log() * (x * 0.3).exp() + (y * z).relu() - 3 - (1 - z)


def test_the_engine_is_autograd():
    numbers = (0.7, -1.3, 2.1)
    ours = [Value(n) for n in numbers]
    result = expression(*ours)
    result.backward()
    theirs = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    expected = expression(*theirs)
    assert result.data == pytest.approx(expected.item(), abs=1e-9)
    for value_, slope in zip(ours, torch.autograd.grad(expected, theirs), strict=True):
        assert value_.grad == pytest.approx(slope.item(), abs=1e-9)


def test_what_is_used_twice_receives_twice_and_a_second_call_starts_anew():
    x = Value(3.0)
    y = x * x + x
    y.backward()
    y.backward()
    assert x.grad == 7
    assert value(x) is x and "grad 7" in repr(x)


def test_a_long_chain_is_no_recursion():
    x = y = Value(1.0)
    for _ in range(5000):
        y = y + 1
    y.backward()
    assert x.grad == 1


@pytest.mark.parametrize("hidden", [(4,), (5, 3)])
def test_the_four_lines_and_the_engine_are_torchs(hidden):
    args = backprop.Request(hidden=hidden, points=7)
    X, y = backprop.get_data(args)
    layers = backprop.make_layers(args)
    assert backprop.difference(layers, X, y) < 1e-9
    numbers = backprop.as_values(layers)
    backprop.loss_of_values(numbers, X, y).backward()
    for (W, b), (dW, db) in zip(numbers, backprop.backward(layers, X, y), strict=True):
        torch.testing.assert_close(torch.tensor([[w.grad for w in row] for row in W], dtype=torch.float64), dW)
        torch.testing.assert_close(torch.tensor([v.grad for v in b], dtype=torch.float64), db)


def test_a_rate_that_is_too_large_is_said(tmp_path):
    with pytest.raises(InputError, match="diverged in step 2; lower --lr"):
        backprop.train(lr=1e9, points=4, steps=3, hidden=(2,), out=tmp_path)


# --- Constraints and tasks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [-1.0, 0.5, 1.5, 5 / 3, 3.0])
def test_the_constrained_minimum_is_scipys(bound):
    found = minimize(
        lambda v: constrained.objective(torch.from_numpy(v)).item(),
        np.array([min(0.0, bound), 2.0]),
        constraints=[
            {"type": "eq", "fun": lambda v: v.sum() - 2},
            {"type": "ineq", "fun": lambda v: bound - v[0]},
        ],
    )
    exact = constrained.solve(bound)
    np.testing.assert_allclose(found.x, exact.x, atol=1e-5)
    x = torch.tensor(exact.x, dtype=torch.float64)
    equality, inequality = torch.tensor([[1.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)  # ∇g and ∇h
    stationary = constrained.gradient(x) - exact.equality * equality - exact.inequality * inequality
    assert stationary.abs().max() < 1e-12
    assert exact.inequality >= 0 and exact.inequality * (bound - exact.x[0]) == 0
    path = constrained.projected_gradient(bound, 0.1, 200)
    torch.testing.assert_close(path[-1], x)


@pytest.mark.parametrize("bound", [1.5, 3.0])
def test_a_penaltys_minimum_is_stationary_and_comes_nearer(bound):
    exact = torch.tensor(constrained.solve(bound).x, dtype=torch.float64)
    away = []
    for rho in (1.0, 10.0, 100.0):
        x = constrained.penalty_minimum(bound, rho).requires_grad_()
        penalty = (x.sum() - 2).square() + (bound - x[0]).clamp(max=0).square()
        (slope,) = torch.autograd.grad(constrained.objective(x) + rho / 2 * penalty, x)
        assert slope.abs().max() < 1e-9
        away.append((x.detach() - exact).norm().item())
    assert away[0] > 3 * away[1] > 9 * away[2] > 0


def test_the_four_tasks_are_scikit_learns():
    X, y = tasks.get_data()
    W, b = tasks.classify(X, y, l2=0.05, lr=0.2, steps=6000)
    theirs = LogisticRegression(C=1 / (0.05 * len(X)), tol=1e-8, max_iter=1000).fit(X, y)
    torch.testing.assert_close(
        (X @ W + b).softmax(dim=1), torch.from_numpy(theirs.predict_proba(X.numpy())), rtol=0, atol=2e-3
    )
    w, c = tasks.fit_linear(X[:, :3], X[:, 3])
    line = LinearRegression().fit(X[:, :3], X[:, 3])
    np.testing.assert_allclose(w, line.coef_)
    assert c.item() == pytest.approx(line.intercept_)
    centres, nearest, cost = tasks.cluster(X, 3)
    assert cost == pytest.approx(KMeans(3, n_init=10, random_state=0).fit(X).inertia_, rel=1e-6)
    assert nearest.bincount().sum() == 150 and centres.shape == (3, 4)
    places, shares = tasks.project(X)
    pca = PCA(2).fit(X)
    np.testing.assert_allclose(shares, pca.explained_variance_ratio_)
    np.testing.assert_allclose(places.abs(), np.abs(pca.transform(X)), atol=1e-9)


def test_the_charts():
    years = [year for year, _ in charts.TIMELINE]
    assert years == sorted(set(years)) and 1958 in years
    texts = [text.get_text() for text in charts.draw_loop().axes[0].texts]
    assert [text for text in texts if "backward pass" in text] == ["backward pass\ng = ∂J/∂θ"]
