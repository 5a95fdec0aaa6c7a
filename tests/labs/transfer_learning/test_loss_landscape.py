"""The loss surface: filter normalisation and roughness worked by hand, its middle, and the command."""

import math
import os
import signal
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common import checkpoint, cli
from common.errors import InputError
from common.runs import read_summary
from common.schedules import cosine
from labs.transfer_learning import loss_landscape, surfaces
from labs.transfer_learning.loss_landscape import LossLandscape, Pair, build_network, get_data, landscape, score
from labs.transfer_learning.recipe import HyperParams
from labs.transfer_learning.surfaces import loss_surface, random_direction, roughness

CPU = torch.device("cpu")
TINY = {"blocks": 1, "width": 2, "epochs": 2, "points": 3, "images": 8, "limit": 32, "device": "cpu", "quiet": True}


def drawn(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_network_has_six_layers_for_each_block_and_two():
    network = build_network(LossLandscape(), skip=True)
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in network.modules()) == 56
    assert network.eval()(torch.rand(4, 1, 28, 28)).shape == (4, 10)


def test_the_two_networks_start_from_the_same_weights_and_differ_by_the_skip_connections():
    pair = Pair(LossLandscape(**TINY)).eval()
    ours, theirs = pair.with_skips.state_dict(), pair.without_skips.state_dict()
    assert all(torch.equal(t, theirs[name]) for name, t in ours.items())
    x = torch.rand(2, 2, 7, 7)
    skipping, plain = pair.with_skips[3], pair.without_skips[3]
    f = skipping.residual(x)
    assert torch.equal(skipping(x), (x + f).relu())
    assert torch.equal(plain(x), f.relu())


def test_a_block_that_halves_the_maps_skips_every_second_pixel_and_the_new_channels():
    block = loss_landscape.Block(2, 4, stride=2, skip=True).eval()
    nn.init.zeros_(block.residual[4].weight)  # f(x) = 0: what comes out is what was skipped
    x = torch.rand(1, 2, 7, 7)
    out = block(x)
    assert out.shape == (1, 4, 4, 4)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert not out[:, 2:].any()


def test_each_filter_of_a_direction_is_as_long_as_the_networks():
    """Two filters of lengths 5 and 0: the drawn (a, b) becomes 5 (a, b)/‖(a, b)‖, and nothing."""
    network = nn.Sequential(nn.Linear(2, 2))
    network[0].weight.data = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    direction = random_direction(network, drawn())
    a = torch.randn(2, 2, generator=drawn())[0]
    assert torch.allclose(direction["0.weight"], torch.stack([5 * a / a.norm(), torch.zeros(2)]))
    assert torch.equal(direction["0.bias"], torch.zeros(2))


def test_a_direction_is_normalised_filter_by_filter_and_leaves_biases_and_batchnorm_alone():
    network = build_network(LossLandscape(**TINY), skip=True)
    direction = random_direction(network, drawn())
    assert list(direction) == [name for name, _ in network.named_parameters()]
    for name, weight in network.named_parameters():
        if weight.ndim == 4:  # the length of each filter, added up in another way
            lengths = [d.square().sum((1, 2, 3)).sqrt() for d in (direction[name], weight.detach())]
            assert torch.allclose(*lengths)
        elif weight.ndim == 1:
            assert not direction[name].any()
    again = random_direction(network, drawn())
    assert all(torch.equal(d, again[name]) for name, d in direction.items())
    assert not torch.equal(random_direction(network, drawn(4))["0.weight"], direction["0.weight"])


def test_a_surface_that_can_be_worked_out():
    """Logits (a·x, b·x) at weights (a, b) = 0 with x = 1 and label 0: the loss is ln(1 + exp(b − a)) exactly."""
    network = nn.Linear(1, 2, bias=False)
    network.weight.data.zero_()
    rows = ({"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])})
    steps = torch.linspace(-2, 2, 5)
    losses = loss_surface(network, (torch.ones(1, 1), torch.tensor([0])), rows, steps)
    a, b = steps[None, :], steps[:, None]
    assert torch.allclose(losses, (1 + (b - a).exp()).log())
    assert losses[2, 2] == pytest.approx(math.log(2))
    assert not network.weight.any()  # the network is left as it was


def test_the_middle_of_the_surface_is_the_loss_of_the_network():
    args = LossLandscape(**TINY)
    network = Pair(args).with_skips
    (X, y), _ = get_data(args, CPU)
    directions = random_direction(network, drawn(1)), random_direction(network, drawn(2))
    before = {name: t.clone() for name, t in network.state_dict().items()}
    losses = loss_surface(network, (X, y), directions, torch.linspace(-1, 1, 3))
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    with torch.no_grad():
        assert losses[1, 1] == F.cross_entropy(network.eval()(X), y)
        for name, weight in network.named_parameters():  # and of a corner: first direction +1, second −1
            weight += directions[0][name] - directions[1][name]
        assert losses[0, 2] == pytest.approx(float(F.cross_entropy(network(X), y)), rel=1e-5)


def test_a_loss_that_overflows_is_infinite():
    network = nn.Linear(1, 2)
    direction = {"weight": torch.full((2, 1), 1e38), "bias": torch.zeros(2)}
    losses = loss_surface(network, (torch.full((1, 1), 100.0), torch.tensor([0])), (direction,) * 2, torch.ones(1))
    assert losses.tolist() == [[math.inf]]


def test_the_roughness_of_surfaces_that_are_known():
    """A bowl x² + y² is convex and has one minimum; a saddle x² − y² nowhere; an egg box has nine minima."""
    x, y = torch.linspace(-1, 1, 21)[None, :], torch.linspace(-1, 1, 21)[:, None]
    bowl, saddle = x**2 + y**2 + 0.005, x**2 - y**2
    # The bowl is below 1 where i² + j² < 10² (beyond, it is 1.005): at 305 of the 21² places.
    assert roughness(bowl) == {"basin": pytest.approx(305 / 441), "minima": 1, "nonconvex": 0}
    assert roughness(saddle + 2) == {"basin": 0, "minima": 0, "nonconvex": 1}
    egg_box = 2 - (3 * math.pi * x).cos() - (3 * math.pi * y).cos()
    assert roughness(egg_box)["minima"] == 9
    assert 0.3 < roughness(egg_box)["nonconvex"] < 0.9
    tunnel = (x**2).expand(21, 21) - 0.05 * y**2  # downwards, but by less than a tenth of upwards
    assert roughness(tunnel + 2)["nonconvex"] == 0
    assert roughness(torch.full((5, 5), math.inf)) == {"basin": 0, "minima": 0, "nonconvex": 0}


def test_the_two_networks_do_not_meet_in_the_gradient():
    args = LossLandscape(**TINY)
    pair = Pair(args)
    batch, _ = get_data(args, CPU)
    score(pair, batch)["loss_with_skips"].backward()
    assert all(p.grad is not None and p.grad.any() for n, p in pair.with_skips.named_parameters() if p.ndim > 1)
    assert all(p.grad is None for p in pair.without_skips.parameters())


def test_the_command_leaves_weights_figures_and_measures_and_is_the_same_again(monkeypatch):
    pair, run = landscape(**TINY, out=Path("a"))
    assert {path.name for path in (run.path / "figures").iterdir()} == {"contours.png", "surfaces.png", "curves.png"}
    metrics = read_summary(run.path).metrics
    for name in ("with_skips", "without_skips"):
        assert {f"{m}_{name}" for m in ("basin", "minima", "nonconvex", "test_accuracy", "test_loss")} <= set(metrics)
    monkeypatch.setattr(loss_landscape, "save_figures", lambda *args: None)  # they take longer than all the rest
    again, second = landscape(**TINY, out=Path("b"))
    assert second.metrics == run.metrics
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in pair.state_dict().items())
    assert (run.path / "model.safetensors").is_file()
    _, header = checkpoint.load(run.path / "checkpoint/last.safetensors")
    (last,) = header["numbers"]["optimizers"]
    assert last["groups"][0]["lr"] == pytest.approx(3e-3 / 2)  # the second of two epochs: half-way down the cosine


@pytest.mark.parametrize("epochs", [1, 2, 15])
def test_the_rates_are_those_of_torchs_cosine_to_rounding(epochs):
    """That one is recursive: what it gives depends on the rates before, which a resumed run has not."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        assert 3e-3 * cosine(epoch, epochs) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        schedule.step()


def test_killed_after_any_epoch_and_resumed_it_ends_bit_identical(monkeypatch):
    monkeypatch.setattr(loss_landscape, "save_figures", lambda *args: None)
    settings = {**TINY, "epochs": 4}
    whole, run = landscape(**settings, out=Path("whole"))
    evaluate = loss_landscape.evaluate
    for epoch in (1, 2, 3):
        calls = []

        def kill(*args, calls=calls, epoch=epoch):
            calls.append(args)
            if len(calls) > epoch:
                raise MemoryError  # the process dies in the middle of the next epoch
            return evaluate(*args)

        with monkeypatch.context() as patch:
            patch.setattr(loss_landscape, "evaluate", kill)
            with pytest.raises(MemoryError):
                landscape(**settings, out=Path(f"cut{epoch}"))
        resumed, again = landscape(resume=Path(f"cut{epoch}"), quiet=True)
        assert again.metrics == run.metrics
        assert all(torch.equal(t, resumed.state_dict()[name]) for name, t in whole.state_dict().items())


@pytest.mark.parametrize(
    ("module", "where", "epochs"), [(loss_landscape, "evaluate", 1), (surfaces, "functional_call", 2)]
)
def test_interrupted_in_training_or_among_the_places_and_resumed_it_is_the_same(module, where, epochs, monkeypatch):
    monkeypatch.setattr(loss_landscape, "save_figures", lambda *args: None)
    _, whole = landscape(**TINY, out=Path("whole"))
    original = getattr(module, where)

    def interrupt(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, where, interrupt)
        _, cut = landscape(**TINY, out=Path("cut"))
    assert (cut.exit_status, len(cut.history)) == (130, epochs)
    assert read_summary(Path("cut")).interrupted
    _, resumed = landscape(resume=Path("cut"), quiet=True)
    assert resumed.metrics == whole.metrics
    assert not resumed.interrupted


def test_the_verdict_says_what_was_found():
    measured = {"test_accuracy": (0.96, 0.48), "basin": (0.13, 0.0), "minima": (1, 6), "nonconvex": (0.06, 0.48)}
    metrics = {f"{k}_{n}": v for k, pair in measured.items() for n, v in zip(loss_landscape.NAMES, pair, strict=True)}
    args = LossLandscape(blocks=3)
    said = loss_landscape.verdict(args, metrics)
    assert "without skip connections: test accuracy 48.0%, 0.0% of the plane below 1 nat, 6 minima, 48% not" in said
    assert said.endswith("as in the paper, skip connections make the basin wider and the surface smoother")
    assert "not what the paper shows" in loss_landscape.verdict(args, metrics | {"basin_without_skips": 0.2})


@pytest.mark.parametrize("given", [{"blocks": 0}, {"width": 0}, {"images": 0}, {"radius": 0.0}, {"points": 20}])
def test_bad_settings_are_named(given):
    with pytest.raises(InputError, match=f"--{next(iter(given))} is"):
        LossLandscape(**given)


@pytest.mark.parametrize("name", ["blocks", "width", "images", "points", "image_size", "hidden"])
def test_sizes_that_no_machine_can_hold_are_refused(name):
    kind = HyperParams if name in ("image_size", "hidden") else LossLandscape
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is 999999; it must be at least .* and at most"):
        kind(**{name: 999_999})


def test_help_and_a_wrong_flag(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(landscape, LossLandscape, ["--help"], "loss_landscape")
    assert end.value.code == 0
    assert "--radius" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        cli.run(landscape, LossLandscape, ["--points", "4"], "loss_landscape")
    assert end.value.code == 2
    assert "--points is 4; it must be an odd number" in capsys.readouterr().err
