"""Exam of January 2026, task 1: a two-dimensional GAN.

Six functions as in the exam's skeleton. Its discriminator ends in a sigmoid, because its losses take logarithms of
probabilities (+ 1e-8): the lab's other networks give logits, and their losses have the sigmoid in them.
"""

import math

import torch
from torch import Tensor, nn

from assignments.exercise import Draw, exercise, number, tensor

LAB = ""
RUNS: dict[str, str] = {}
EPS = 1e-8


# --- Data and networks ----------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.75,
    hints=(
        "Exam of January 2026, task 1, real_data; lab sheet of the GANs, gan_2d.",
        "A coin for each point says which centre it has, for both coordinates; then noise for each coordinate.",
        "centres[torch.randint(2, (n,))] + 0.5 * torch.randn(n, 2)",
    ),
    compare="labs/gan/gan_2d.py, real_data",
)
def real_data(n: int) -> Tensor:
    """n random points of the plane in two clusters: (n, 2), a point in each row.

    Each point belongs to the cluster around (2, 2) or to that around (−2, −2), both equally likely. Around its centre
    both of its coordinates are normally distributed, independently, with standard deviation 0.5 (the exam does not say
    how far). Every call draws other points.
    """
    raise NotImplementedError


@real_data.probes
def _(draw):
    return (draw.size(2000, 2100),)


@real_data.edge("a single point")
def _():
    return (1,)


@real_data.use
def _(mine, n):
    torch.default_generator.manual_seed(n)
    points, others = mine(n), mine(n)
    said: dict[str, object] = {"shape": str(tuple(points.shape))}
    if n < 1000:
        return said
    points = points.double().T if points.shape == (2, n) else points.double()
    centres = torch.tensor([[2.0, 2.0], [-2.0, -2.0]], dtype=torch.float64)
    cluster = torch.cdist(points, centres).argmin(dim=1)
    noise = points - centres[cluster]
    means = torch.stack([noise[cluster == i].mean(dim=0) for i in (0, 1)])
    together = noise[:, 0] @ noise[:, 1] / (noise[:, 0].norm() * noise[:, 1].norm())
    said["about half of them are around (2, 2)"] = bool((cluster.double().mean() - 0.5).abs() < 0.08)
    said["both coordinates have the same cluster"] = bool((points.prod(dim=1) < 0).double().mean() < 0.022)
    said["the clusters' means are their centres"] = bool((means.abs() < 0.1).all())
    said["the standard deviation is 0.5"] = bool(((noise.std(dim=0) - 0.5).abs() < 0.05).all())
    said["both coordinates have noise of their own"] = bool(together.abs() < 0.15)
    said["a second call draws other points"] = not torch.equal(points, others.double().reshape(points.shape))
    return said


@real_data.expected
def _(n):
    clusters = torch.distributions.Normal(tensor([2.0, 2.0], [-2.0, -2.0]), 0.5)
    coins = torch.distributions.Categorical(torch.ones(2))
    mixture = torch.distributions.Independent(clusters, 1)
    return torch.distributions.MixtureSameFamily(coins, mixture).sample((n,))


def _points(n: int, centres: Tensor, noise: Tensor) -> Tensor:
    return centres[torch.randint(len(centres), (n,))] + noise


_CENTRES = tensor([2.0, 2.0], [-2.0, -2.0])


@real_data.mistake("R1", "points in columns, as the exam's Julia has them: here each row is a point, (n, 2)")
def _(n):
    return _points(n, _CENTRES, 0.5 * torch.randn(n, 2)).T


@real_data.mistake("R2", "a coin for each coordinate, which makes four clusters: one coin decides for the whole point")
def _(n):
    return 4.0 * torch.randint(2, (n, 2)) - 2 + 0.5 * torch.randn(n, 2)


@real_data.mistake("R3", "one cluster only: a coin for each point decides between (2, 2) and (−2, −2)")
def _(n):
    return 2 + 0.5 * torch.randn(n, 2)


@real_data.mistake("R4", "noise of standard deviation 1: multiply torch.randn by 0.5")
def _(n):
    return _points(n, _CENTRES, torch.randn(n, 2))


@real_data.mistake("R5", "taking 0.5 for the variance, by the root: it is the standard deviation, 0.5 · torch.randn")
def _(n):
    return _points(n, _CENTRES, 0.5**0.5 * torch.randn(n, 2))


@real_data.mistake("R6", "the same noise in both coordinates: draw torch.randn(n, 2), not (n, 1)")
def _(n):
    return _points(n, _CENTRES, 0.5 * torch.randn(n, 1))


@real_data.mistake("R7", "uniform noise: torch.rand lies in [0, 1), the normal noise is torch.randn")
def _(n):
    return _points(n, _CENTRES, 0.5 * torch.rand(n, 2))


@real_data.mistake("R8", "leaving out the noise: add 0.5 · torch.randn(n, 2)")
def _(n):
    return _points(n, _CENTRES, torch.zeros(n, 2))


@real_data.mistake("R9", "a seed set inside, so that all batches have the same points: leave manual_seed away")
def _(n):
    generator = torch.Generator().manual_seed(0)
    coins = torch.randint(2, (n,), generator=generator)
    return _CENTRES[coins] + 0.5 * torch.randn(n, 2, generator=generator)


@exercise(
    number=2,
    points=1,
    hints=(
        "Exam of January 2026, task 1: Dense 2→16 relu → 2, and 2→16 relu → 1 sigmoid; lab sheet, gan_2d.",
        "Two nn.Sequential of nn.Linear(2, 16), nn.ReLU(), and a second layer; one of the two ends in a sigmoid.",
        "nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid()) is the discriminator.",
    ),
    compare="labs/gan/gan_2d.py, build_model",
)
def networks() -> tuple[nn.Module, nn.Module]:
    """The exam's two networks: (generator, discriminator), built anew at each call.

    generator: noise (N, 2) → 16 units, ReLU → points (N, 2) anywhere in the plane; 82 parameters. discriminator: points
    (N, 2) → 16 units, ReLU → the probability of being real, (N, 1) in (0, 1); 65 parameters.
    """
    raise NotImplementedError


@networks.probes
def _(draw):
    n = draw.size(2, 5)
    return {"seed of the weights": draw.integer(0, 999)}, draw.normal(n, 2)


@networks.use
def _(mine, given, X):
    found = zip(("generator", "discriminator"), mine(), strict=True)
    said: dict[str, object] = {}
    torch.default_generator.manual_seed(given["seed of the weights"])
    for name, network in found:
        parameters = list(network.double().parameters())
        said[f"parameters of the {name}"] = sum(p.numel() for p in parameters)
        for p in parameters:
            p.data = torch.randn(p.shape, dtype=torch.float64)
        said[f"what the {name} gives"] = network(X)
    return said


@networks.expected
def _():
    return _Layers(2, lambda a: a), _Layers(1, lambda a: 1 / (1 + (-a).exp()))


class _Layers(nn.Module):
    """2 → 16 → n, written out."""

    def __init__(self, n, last, hidden=lambda a: a.clamp(min=0)):
        super().__init__()
        self.last, self.hidden = last, hidden
        shapes = ((16, 2), (16,), (n, 16), (n,))
        self.w1, self.b1, self.w2, self.b2 = (nn.Parameter(torch.zeros(shape)) for shape in shapes)

    def forward(self, X):
        return self.last(self.hidden(X @ self.w1.T + self.b1) @ self.w2.T + self.b2)


@networks.mistake(
    "N1",
    "a discriminator that gives logits, as the lab's digits: the exam's losses take probabilities, so add nn.Sigmoid()",
)
def _():
    return _Layers(2, lambda a: a), _Layers(1, lambda a: a)


@networks.mistake("N2", "no ReLU between the layers: two linear maps in a row are one")
def _():
    return _Layers(2, lambda a: a, lambda a: a), _Layers(1, torch.sigmoid, lambda a: a)


@networks.mistake("N3", "a tanh at the generator's end: its points lie in (−1, 1) then, and never reach (2, 2)")
def _():
    return _Layers(2, torch.tanh), _Layers(1, torch.sigmoid)


@networks.mistake("N4", "a ReLU at the generator's end: it can never reach (−2, −2) then")
def _():
    return _Layers(2, torch.relu), _Layers(1, torch.sigmoid)


@networks.mistake(
    "N5", "a sigmoid at the end of both: the generator's points may lie anywhere, so it ends in nn.Linear"
)
def _():
    return _Layers(2, torch.sigmoid), _Layers(1, torch.sigmoid)


@networks.mistake("N6", "exchanging the two: the generator comes first")
def _():
    return _Layers(1, torch.sigmoid), _Layers(2, lambda a: a)


@networks.mistake("N7", "a ReLU before the sigmoid: D never falls below ½ then, so leave it out after the last layer")
def _():
    return _Layers(2, lambda a: a), _Layers(1, lambda a: a.relu().sigmoid())


# --- The losses -----------------------------------------------------------------------------------------------------

BCE = ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", "binary_cross_entropy", "BCELoss")


@exercise(
    number=3,
    points=0.75,
    hints=(
        "Exam of January 2026, task 1, loss_disc; slides, L_D.",
        "Two means: of ln(D(x) + 1e-8), and of ln(1 − D(x̂) + 1e-8); both with a minus.",
        "-(d_real + 1e-8).log().mean() - (1 - d_fake + 1e-8).log().mean()",
    ),
    compare="labs/gan/gan_2d.py, discriminator_loss",
    forbidden=BCE,
    gradient=("d_real", "d_fake"),
)
def loss_disc(d_real: Tensor, d_fake: Tensor) -> Tensor:
    """The exam's −mean ln(D(x) + 1e-8) − mean ln(1 − D(x̂) + 1e-8) in nats: a number.

    d_real, d_fake are (N, 1), what the discriminator says of N real points x and N generated ones x̂: probabilities, as
    it ends in a sigmoid. The 1e-8 keep the logarithm of 0 away. At equilibrium, D = ½, it is 2 ln 2 = 1.3863.
    """
    raise NotImplementedError


@loss_disc.example("at equilibrium: 1.386")
def _():
    return (tensor([0.5]), tensor([0.5])), number(-2 * math.log(0.5 + EPS))


@loss_disc.example("sure and wrong: −2 ln 1e-8 = 36.84")
def _():
    return (tensor([0.0]), tensor([1.0])), number(-2 * math.log(EPS))


@loss_disc.probes
def _(draw):
    n = draw.size(2, 6)
    return draw.uniform(n, 1, low=0.3, high=0.95), draw.uniform(n, 1, low=0.05, high=0.6)


@loss_disc.expected
def _(d_real, d_fake):
    return -torch.log1p(d_real - 1 + EPS).mean() - torch.log1p(EPS - d_fake).mean()


def _log(p: Tensor) -> Tensor:
    return (p + EPS).log()


@loss_disc.mistake("D1", "exchanging real and generated: D should say 1 to x and 0 to x̂")
def _(d_real, d_fake):
    return -_log(1 - d_real).mean() - _log(d_fake).mean()


@loss_disc.mistake("D2", "ln D(x̂) for the generated points, too: for them it is ln(1 − D(x̂))")
def _(d_real, d_fake):
    return -_log(d_real).mean() - _log(d_fake).mean()


@loss_disc.mistake("D3", "halving: the loss is the sum of the two parts, not their mean")
def _(d_real, d_fake):
    return (-_log(d_real).mean() - _log(1 - d_fake).mean()) / 2


@loss_disc.mistake("D4", "adding up the points: each part is a mean over its points")
def _(d_real, d_fake):
    return -_log(d_real).sum() - _log(1 - d_fake).sum()


@loss_disc.mistake("D5", "leaving out the minus: the logarithm of a probability is negative, a loss is not")
def _(d_real, d_fake):
    return _log(d_real).mean() + _log(1 - d_fake).mean()


@loss_disc.mistake("D6", "a sigmoid, as the lab's loss of logits has it: the exam's D has taken it already")
def _(d_real, d_fake):
    return -_log(d_real.sigmoid()).mean() - _log(1 - d_fake.sigmoid()).mean()


@loss_disc.mistake("D7", "leaving out the 1e-8, or adding it after the logarithm: inside it keeps ln 0 = −∞ away")
def _(d_real, d_fake):
    return -d_real.log().mean() - (1 - d_fake).log().mean()


@loss_disc.mistake("D8", "leaving out the generated points: −mean ln(1 − D(x̂) + 1e-8) belongs to it")
def _(d_real, d_fake):
    return -_log(d_real).mean()


@exercise(
    number=4,
    points=0.5,
    hints=(
        "Exam of January 2026, task 1, loss_gen; slides: max ln D(G(z)).",
        "One mean: of ln(D(G(z)) + 1e-8), with a minus.",
        "-(d_fake + 1e-8).log().mean()",
    ),
    compare="labs/gan/gan_2d.py, generator_loss",
    forbidden=BCE,
    gradient=("d_fake",),
)
def loss_gen(d_fake: Tensor) -> Tensor:
    """The exam's −mean ln(D(G(z)) + 1e-8) in nats: a number.

    d_fake is (N, 1), what the discriminator says of N generated points: probabilities. The 1e-8 keeps the logarithm of
    0 away. At equilibrium, D = ½, it is ln 2 = 0.6931.
    """
    raise NotImplementedError


@loss_gen.example("at equilibrium: 0.693")
def _():
    return (tensor([0.5]),), number(-math.log(0.5 + EPS))


@loss_gen.example("seen through: −ln 1e-8 = 18.42")
def _():
    return (tensor([0.0]),), number(-math.log(EPS))


@loss_gen.probes
def _(draw):
    return (draw.uniform(draw.size(2, 6), 1, low=0.05, high=0.6),)


@loss_gen.expected
def _(d_fake):
    return -torch.log1p(d_fake - 1 + EPS).mean()


@loss_gen.mistake("G1", "ln(1 − D), which is flat where D has seen through the points: minimise −ln D")
def _(d_fake):
    return _log(1 - d_fake).mean()


@loss_gen.mistake("G2", "−ln(1 − D), which the discriminator wants small: the generator wants D near 1, so −ln D")
def _(d_fake):
    return -_log(1 - d_fake).mean()


@loss_gen.mistake("G3", "adding up the points: it is their mean")
def _(d_fake):
    return -_log(d_fake).sum()


@loss_gen.mistake("G4", "leaving out the minus: the logarithm of a probability is negative, a loss is not")
def _(d_fake):
    return _log(d_fake).mean()


@loss_gen.mistake("G5", "a sigmoid, as the lab's loss of logits has it: the exam's D has taken it already")
def _(d_fake):
    return -_log(d_fake.sigmoid()).mean()


@loss_gen.mistake("G6", "leaving out the 1e-8, or adding it after the logarithm: inside it keeps ln 0 = −∞ away")
def _(d_fake):
    return -d_fake.log().mean()


@loss_gen.mistake("G7", "the logarithm of the mean of D: it is the mean of the logarithms")
def _(d_fake):
    return -_log(d_fake.mean())


# --- A step of each -------------------------------------------------------------------------------------------------


@exercise(
    number=5,
    points=1,
    hints=(
        "Exam of January 2026, task 1: first D's step, then fresh noise and G's; lab sheet, exercise 5 on detaching.",
        "Points of G, cut off from it; the loss of exercise 3; old gradients away; backward; step.",
        "d_fake = discriminator(generator(z).detach()); …; optimizer.zero_grad(); loss.backward(); optimizer.step()",
    ),
    compare="labs/gan/gan_2d.py, the loop in train, 1.",
    forbidden=BCE,
)
def step_disc(
    generator: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, z: Tensor
) -> float:
    """One step of the discriminator: its weights go a step, the loss before the step is returned as a number.

    x is (N, 2), real points; z is (N, 2), the noise of which the generator makes N points. discriminator ends in a
    sigmoid; optimizer has its weights. The loss is that of exercise 3. The generator stays as it is and gets no
    gradients. Gradients which the discriminator still has from before (the generator's step leaves some) must not
    count: torch adds them up, Flux does not.
    """
    raise NotImplementedError


def _case(draw: Draw, steps: int = 1) -> dict:
    numbers = {"seed": draw.integer(0, 999), "points": draw.size(3, 6), "steps": steps, "η": draw.number(1, 2)}
    return numbers | {"old gradients": steps > 1}


@step_disc.probes
def _(draw):
    return (_case(draw, 2),)


@step_disc.edge("a single step, no old gradients")
def _():
    return (_case(Draw("single", "step_disc")),)


@step_disc.edge("D is sure that all is generated: the 1e-8")
def _():
    return (_case(Draw("sure", "step_disc")) | {"the discriminator's logit": -1000.0},)


@step_disc.edge("D is sure that all is real: the 1e-8")
def _():
    return (_case(Draw("sure", "step_disc")) | {"the discriminator's logit": 1000.0},)


@step_disc.use
def _(mine, given):
    torch.default_generator.manual_seed(given["seed"])
    generator = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    last = nn.Linear(3, 1)
    if "the discriminator's logit" in given:
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, given["the discriminator's logit"])
    discriminator = nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), last, nn.Sigmoid()).double()
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=given["η"])
    before = [p.detach().clone() for p in generator.parameters()]
    losses = []
    for _ in range(given["steps"]):
        z = torch.randn(given["points"], 2, dtype=torch.float64)
        x = torch.randn(given["points"], 2, dtype=torch.float64) + 1
        if given["old gradients"]:  # as a generator's step leaves them
            discriminator(generator(z).detach()).mean().backward()
        loss = mine(generator, discriminator, optimizer, x, z)
        losses.append(float(loss.detach() if isinstance(loss, torch.Tensor) else loss))
    weights = list(generator.parameters())
    return {
        "the generator has gradients": any(p.grad is not None and bool(p.grad.any()) for p in weights),
        "the generator has moved": not all(torch.equal(p, q) for p, q in zip(weights, before, strict=True)),
        **{f"loss of step {i}": loss for i, loss in enumerate(losses, 1)},
        "the discriminator's last bias afterwards": discriminator[2].bias.float(),
        "its first weights afterwards": discriminator[0].weight.float(),
    }


@step_disc.expected
def _(generator, discriminator, optimizer, x, z):
    with torch.no_grad():
        fake = generator(z)
    real, fake = discriminator(x), discriminator(fake)
    return _descend(discriminator, optimizer, -torch.log1p(real - 1 + EPS).mean() - torch.log1p(EPS - fake).mean())


def _descend(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """A step of plain gradient descent by hand."""
    weights = list(network.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.sub_(optimizer.param_groups[0]["lr"] * gradient)
    return loss.item()


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, clear: bool = True, move: bool = True) -> float:
    """The usual end of a step, right or with one of the known mistakes."""
    if clear:
        optimizer.zero_grad()
    loss.backward()
    if move:
        optimizer.step()
    return loss.item()


def _disc(discriminator: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return -_log(discriminator(x)).mean() - _log(1 - discriminator(fake)).mean()


@step_disc.mistake(
    "S1", "points that are not cut off from the generator: backward() fills its gradients, too; generator(z).detach()"
)
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(discriminator, x, generator(z)))


@step_disc.mistake("S2", "leaving out optimizer.zero_grad(), or calling it only after the step: old gradients count")
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(discriminator, x, generator(z).detach()), clear=False)


@step_disc.mistake("S3", "weights that never move: no optimizer.step(), or zero_grad() between backward() and step()")
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(discriminator, x, generator(z).detach()), move=False)


@step_disc.mistake("S4", "exchanging real and generated points: D should say 1 to x and 0 to the generator's")
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(discriminator, generator(z).detach(), x))


@step_disc.mistake("S5", "taking the noise for the generated points: the discriminator sees generator(z), not z")
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(discriminator, x, z))


@step_disc.mistake("S6", "a sigmoid in the loss: this discriminator has taken it already")
def _(generator, discriminator, optimizer, x, z):
    return _update(optimizer, _disc(nn.Sequential(discriminator, nn.Sigmoid()), x, generator(z).detach()))


@step_disc.mistake("S7", "leaving out the 1e-8 inside the logarithms: of a D that is 0 or 1 they make ∞")
def _(generator, discriminator, optimizer, x, z):
    real, fake = discriminator(x), discriminator(generator(z).detach())
    return _update(optimizer, -real.log().mean() - (1 - fake).log().mean())


@exercise(
    number=6,
    points=1,
    hints=(
        "Exam of January 2026, task 1: after D's step, fresh noise and G's; lab sheet, G6.",
        "Points of G; what D says of them; the loss of exercise 4; old gradients away; backward; step.",
        "loss = loss_gen(discriminator(generator(z))), without detach; zero_grad; backward; step; loss.item()",
    ),
    compare="labs/gan/gan_2d.py, the loop in train, 2.",
    forbidden=BCE,
)
def step_gen(generator: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, z: Tensor) -> float:
    """One step of the generator: its weights go a step, the loss before the step is returned as a number.

    z is (N, 2), fresh noise. discriminator ends in a sigmoid; optimizer has the generator's weights. The loss is that
    of exercise 4. The discriminator's weights stay as they are: the gradient only goes through it. Gradients which the
    generator still has from before must not count.
    """
    raise NotImplementedError


@step_gen.probes
def _(draw):
    return (_case(draw, 2),)


@step_gen.edge("a single step, no old gradients")
def _():
    return (_case(Draw("single", "step_gen")),)


@step_gen.edge("D is sure that all is generated: the 1e-8")
def _():
    return (_case(Draw("sure", "step_gen")) | {"the discriminator's logit": -1000.0},)


@step_gen.use
def _(mine, given):
    torch.default_generator.manual_seed(given["seed"])
    generator = nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), nn.Linear(3, 2)).double()
    last = nn.Linear(3, 1)
    last.weight.data *= 8
    if "the discriminator's logit" in given:
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, given["the discriminator's logit"])
    discriminator = nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), last, nn.Sigmoid()).double()
    optimizer = torch.optim.SGD(generator.parameters(), lr=given["η"])
    before = [[p.detach().clone() for p in network.parameters()] for network in (generator, discriminator)]
    losses = []
    for _ in range(given["steps"]):
        z = torch.randn(given["points"], 2, dtype=torch.float64)
        if given["old gradients"]:
            generator(z).mean().backward()
        loss = mine(generator, discriminator, optimizer, z)
        losses.append(float(loss.detach() if isinstance(loss, torch.Tensor) else loss))
    moved = [
        not all(torch.equal(p, q) for p, q in zip(network.parameters(), weights, strict=True))
        for network, weights in zip((generator, discriminator), before, strict=True)
    ]
    return {
        "the generator has moved": moved[0],
        "the discriminator has moved": moved[1],
        **{f"loss of step {i}": loss for i, loss in enumerate(losses, 1)},
        "the generator's last bias afterwards": generator[2].bias.float(),
        "its first weights afterwards": generator[0].weight.float(),
    }


@step_gen.expected
def _(generator, discriminator, optimizer, z):
    return _descend(generator, optimizer, -torch.log1p(discriminator(generator(z)) - 1 + EPS).mean())


@step_gen.mistake(
    "T1", "points cut off from the generator (detach, no_grad): no gradient reaches it here, so it does not move"
)
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -_log(discriminator(generator(z).detach())).mean())


@step_gen.mistake("T2", "leaving out optimizer.zero_grad(), or calling it only after the step: old gradients count")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -_log(discriminator(generator(z))).mean(), clear=False)


@step_gen.mistake("T3", "minimising ln(1 − D), which is flat where D has seen through the points; minimise −ln D")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, _log(1 - discriminator(generator(z))).mean())


@step_gen.mistake("T4", "minimising −ln(1 − D), which makes the generator worse: it wants D near 1, so −ln D")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -_log(1 - discriminator(generator(z))).mean())


@step_gen.mistake("T5", "a sigmoid in the loss: this discriminator has taken it already")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -_log(discriminator(generator(z)).sigmoid()).mean())


@step_gen.mistake("T6", "a step of the discriminator as well: only the weights in optimizer may move")
def _(generator, discriminator, optimizer, z):
    discriminator.zero_grad()
    loss = _update(optimizer, -_log(discriminator(generator(z))).mean())
    torch.optim.SGD(discriminator.parameters(), lr=optimizer.param_groups[0]["lr"]).step()
    return loss


@step_gen.mistake("T7", "leaving out the 1e-8 inside the logarithm: of a D that is 0 it makes ∞")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -discriminator(generator(z)).log().mean())
