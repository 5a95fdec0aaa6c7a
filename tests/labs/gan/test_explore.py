"""What the notebook's sliders draw: losses and their push, the best discriminator, the walk through the noise."""

import math

import numpy as np
import pytest
import torch

from labs.gan import explore, gan, pictures


def sigma(u):
    return 1 / (1 + math.exp(-u))


@pytest.mark.parametrize("d", [0.05, 0.5, 0.9])
def test_three_losses_and_how_hard_they_push(d):
    by_hand = {
        "ln(1 − D), saturates": (math.log(1 - d), -d),
        "−ln D, this lab's": (-math.log(d), -(1 - d)),
        "−ln σ(D), gan.jl's double σ": (-math.log(sigma(d)), -(1 - sigma(d)) * d * (1 - d)),
    }
    assert explore.GENERATOR_LOSSES.keys() == by_hand.keys()
    for name, (loss, _) in explore.GENERATOR_LOSSES.items():
        value, slope = explore.loss_and_slope(loss, torch.tensor([d]))
        assert (value.item(), slope.item()) == pytest.approx(by_hand[name], abs=1e-5), name


def test_the_losses_are_marked_where_the_slider_stands():
    figure, text = explore.draw_generator_losses(0.05)
    left, right = figure.axes
    marks = [[line.get_ydata()[0] for line in axis.lines if line.get_marker() == "o"] for axis in (left, right)]
    assert marks[0] == pytest.approx([math.log(0.95), -math.log(0.05), -math.log(sigma(0.05))], abs=1e-5)
    assert marks[1] == pytest.approx([0.05, 0.95, 0.05 * 0.95 * sigma(-0.05)], abs=1e-5)
    for axis, heights in zip((left, right), marks, strict=True):
        curves = [line for line in axis.lines if line.get_label() in explore.GENERATOR_LOSSES]
        on_curves = [np.interp(0.05, np.asarray(c.get_xdata()), np.asarray(c.get_ydata())) for c in curves]
        assert on_curves == pytest.approx(heights, abs=1e-3)
    assert [float(line.split()[-1]) for line in text.splitlines()] == [-0.05, -0.95, -0.023]


def test_the_best_discriminator_of_two_gaussians():
    x = torch.tensor([-3.0, 1.0, 2.0])
    p, q, logit = explore.best_discriminator(2.0, 1.0, x)
    assert p[1] == pytest.approx(math.exp(-0.5) / math.sqrt(2 * math.pi))
    assert q[2] == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert logit.tolist() == pytest.approx([8, 0, -2])  # ½(x − 2)² − ½x² = 2 − 2x
    torch.testing.assert_close(logit.sigmoid(), p / (p + q))


def test_what_the_best_discriminator_reaches():
    def losses(mean, std):
        _, text = explore.draw_best_discriminator(mean, std)
        first, second = text.splitlines()
        return float(first.split(";")[0].split()[-1]), float(second.split(" = ")[1].split()[0])

    assert losses(0.0, 1.0) == pytest.approx((math.log(4), 0), abs=1e-4)  # nobody can tell
    assert losses(4.0, 0.2)[0] < 0.01  # nothing in common: JS is ln 2
    assert losses(4.0, 0.2)[1] == pytest.approx(math.log(2), abs=0.005)
    # JS(p, q) of its definition, by drawing: ½ E_p ln(p/m) + ½ E_q ln(q/m)
    a, b = torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.5, 0.5)
    x, y = a.sample((100_000,)), b.sample((100_000,))
    middle = lambda z: torch.logaddexp(a.log_prob(z), b.log_prob(z)) - math.log(2)  # noqa: E731
    js = ((a.log_prob(x) - middle(x)).mean() + (b.log_prob(y) - middle(y)).mean()) / 2
    assert losses(1.5, 0.5)[1] == pytest.approx(js.item(), abs=0.005)


class Pixels(torch.nn.Module):
    """A generator whose first pixels are the noise itself, half as large."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, z):
        return torch.nn.functional.pad(self.scale * z, (0, 784 - z.shape[1])).view(-1, 1, 28, 28)


def test_a_walk_starts_and_ends_at_its_noises_and_says_where_it_is():
    a, b = gan.noise(1, 20, seed=3), gan.noise(1, 20, seed=4)
    for t, arc, line in ((0.0, a, a), (0.25, None, 0.75 * a + 0.25 * b), (1.0, b, b)):
        figure, text = explore.draw_walk(Pixels(), 20, 3, 4, t)
        large_arc, row_arc, large_line, row_line = figure.axes
        shown = (torch.tensor(axis.images[0].get_array()[0, :20]) * 4 - 2 for axis in (large_arc, large_line))
        for image, expected in zip(shown, (arc, line), strict=True):
            if expected is not None:
                torch.testing.assert_close(image, expected[0].to(image), atol=1e-4, rtol=0)
        assert row_arc.lines[0].get_xdata()[0] == row_line.lines[0].get_xdata()[0] == t
        assert f"straight line {line.norm():.2f}" in text
    _, text = explore.draw_walk(Pixels(), 20, 3, 4, 0.5)
    length = float(text.split("arc ")[1].split(",")[0])
    assert min(a.norm(), b.norm()) - 0.5 < length < max(a.norm(), b.norm()) + 0.5
    assert f"{a.norm():.2f} and {b.norm():.2f}" in text


def test_the_panels_of_a_training_have_one_axis_each_and_legends_off_the_curves():
    row = dict.fromkeys(("train_discriminator_loss", "train_generator_loss", "train_d_real", "train_d_fake"), 0.5)
    history = [{"epoch": e, **row, "sample_coverage": 3, "sample_frechet_distance": 4.2 + e / 10} for e in (1, 2, 3)]
    figure = pictures.plot_training(history)
    assert len(figure.axes) == 4
    figure.draw_without_rendering()
    for axis in figure.axes:
        assert axis.get_legend().get_window_extent().y0 >= axis.get_window_extent().y1 - 1
    *_, distance = figure.axes
    low, high = distance.get_ylim()
    assert [tick for tick in distance.get_yticks() if low < tick < high]  # also where it hardly changes
