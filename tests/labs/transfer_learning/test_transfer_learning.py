"""The core: settings, parts, the network with its frozen backbone, the feature cache, training."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common import checkpoint
from common.errors import InputError
from common.runs import read_history, read_summary
from labs.transfer_learning import features, transfer_learning
from labs.transfer_learning.labelled_images import Data, augment, choose_evenly, get_data
from labs.transfer_learning.pretrained_network import build_model, count, layer_table
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import load_run, predict, train
from labs.transfer_learning.transfer_learning_mnist import MnistHyperParams

# A network with BatchNorm, on images small enough for it to take milliseconds.
TINY = {
    "dataset": "digits",
    "backbone": "mobilenet_v3_small",
    "weights": "none",
    "image_size": 32,
    "hidden": 16,
    "batch_size": 8,
    "epochs": 2,
    "baseline": False,
    "device": "cpu",
    "quiet": True,
}
FROZEN = {**TINY, "strategy": "feature_extraction"}
CPU = torch.device("cpu")


@pytest.fixture
def no_figures(monkeypatch):
    """Trainings whose figures are not the subject leave them out."""
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)


@pytest.fixture
def tiny_data() -> Data:
    """Twenty pictures whose brightness is their class."""
    y = torch.arange(20) % 2
    X = (torch.rand(20, 3, 16, 16) * 60 + 150 * y.view(-1, 1, 1, 1)).byte()
    return Data("made", ("dark", "bright"), (X[:12], y[:12]), None, (X[12:], y[12:]))


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("kind", "backbone", "parameters"), [(HyperParams, "resnet18", 133_898), (MnistHyperParams, "vgg16", 1_051_402)]
)
def test_heads_have_the_parameters_of_their_originals(kind, backbone, parameters, monkeypatch):
    monkeypatch.setattr(transfer_learning.backbones, "check_image_size", lambda *args: None)
    args = resolve(kind(dataset="mnist", weights="none"))
    assert args.backbone == backbone
    with torch.device("meta"):  # VGG-16 is half a gigabyte
        model = build_model(args)
    assert count(model) == sum(p.numel() for p in model.head.parameters()) == parameters


def test_dropout_sets_its_share_of_hidden_units_to_0():
    model = build_model(resolve(HyperParams(**{**FROZEN, "hidden": 1000, "dropout": 0.4})))
    hidden = model.head[:-1].train()
    X = torch.randn(50, model.head[0].in_features)
    assert (hidden(X) == 0).float().mean() == pytest.approx(1 - 0.5 * 0.6, abs=0.05)  # ReLU has half of them at 0
    assert (hidden.eval()(X) == 0).float().mean() == pytest.approx(0.5, abs=0.05)


def test_the_presets_are_the_courses():
    args = resolve(HyperParams(dataset="cifar10", weights="none"))
    assert (args.lr, args.batch_size, args.epochs, args.image_size) == (3e-3, 16, 8, 224)
    assert (args.train_images, args.test_images, args.strategy) == (512, 128, "feature_extraction")
    assert args.schedule == "constant"
    args = resolve(MnistHyperParams(dataset="mnist", weights="none"))
    assert (args.lr, args.batch_size, args.epochs, args.image_size) == (3e-3, 64, 3, 224)


def test_the_embedded_pair_has_settings_of_its_own():
    args = resolve(HyperParams(dataset="digits"))
    assert (args.backbone, args.weights, args.strategy, args.baseline) == ("characters",) * 2 + (
        "feature_extraction",
        True,
    )
    assert (args.train_images, args.test_images, args.epochs) == (50, 0, 60)
    assert (args.lr, args.schedule) == (1e-3, "cosine")
    assert resolve(HyperParams(dataset="digits", lr=0.5, epochs=3)).lr == 0.5


@pytest.mark.parametrize(("shape", "dtype"), [((4, 1, 28, 28), torch.uint8), ((4, 3, 40, 40), torch.float32)])
def test_shapes(shape, dtype):
    model = build_model(resolve(HyperParams(**FROZEN)))
    X = (torch.rand(shape) * 255).byte() if dtype == torch.uint8 else torch.rand(shape)
    assert model.prepare(X).shape == (4, 3, 32, 32)
    assert model(X).shape == (4, 10)
    torch.testing.assert_close(predict(model, X).sum(dim=1), torch.ones(4))


def test_preparation_is_that_of_the_published_weights():
    """Bytes and [0, 1] give the same, and ImageNet's mean colour becomes 0."""
    model = build_model(resolve(HyperParams(**FROZEN)))
    X = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model.prepare(X), model.prepare(X / 255))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    bright = mean + torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    assert model.prepare(mean.expand(1, 3, 50, 50)).abs().max() < 1e-5
    torch.testing.assert_close(model.prepare(bright.expand(1, 3, 50, 50)), torch.ones(1, 3, 32, 32))


@pytest.mark.parametrize("flags", [{}, {"no_cache": True}, {"flip": True, "brightness": 0.2}])
def test_frozen_means_frozen(flags, no_figures, tiny_data):
    """After two epochs the backbone is bit-identical, BatchNorm's running statistics too; the head is not."""
    model = build_model(resolve(HyperParams(**FROZEN)), classes=2)
    before, head = state(model.backbone), state(model.head)
    assert any("running_mean" in name for name in before)
    train(tiny_data, model, **FROZEN, **flags)
    assert same(before, state(model.backbone))
    assert not same(head, state(model.head))


def test_train_mode_leaves_the_frozen_part_in_eval_mode():
    frozen = build_model(resolve(HyperParams(**FROZEN)))
    assert frozen.train().head.training
    assert not any(module.training for module in frozen.backbone.modules())
    part = build_model(resolve(HyperParams(**TINY, strategy="fine_tuning", unfreeze=2)))
    norms = [m for m in part.train().backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {m.training for m in norms} == {True, False}
    assert all(m.training == m.weight.requires_grad for m in norms)
    assert not any(m.training for m in part.eval().backbone.modules())


def test_unfreeze_moves_the_last_blocks_and_no_other(no_figures, tiny_data):
    settings = {**TINY, "strategy": "fine_tuning", "unfreeze": 2, "lr": 1e-2}
    model = build_model(resolve(HyperParams(**settings)), classes=2)
    parts = [module for _, block in transfer_learning.backbones.blocks(model.backbone) for module in block]
    before = [state(part) for part in parts]
    train(tiny_data, model, **settings)
    moved = [not same(a, state(part)) for a, part in zip(before, parts, strict=True)]
    assert moved == [False] * (len(parts) - 2) + [True] * 2


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning", "initialisation", "from_scratch"])
def test_gradients_reach_exactly_what_learns(strategy, tiny_data):
    model = build_model(resolve(HyperParams(**TINY, strategy=strategy)), classes=2)
    transfer_learning.score(model, tiny_data.train)["loss"].backward()
    for name, p in model.named_parameters():
        learns = strategy != "feature_extraction" or name.startswith("head")
        assert (p.grad is not None) == learns, name
        assert p.grad is None or torch.isfinite(p.grad).all(), name


def test_the_backbone_has_its_own_learning_rate(no_figures, tiny_data, monkeypatch):
    seen = []

    def fit(step, loader, *, optimizers, **kws):
        seen.extend(group["lr"] for group in optimizers[0].param_groups)

    monkeypatch.setattr(transfer_learning, "fit", fit)
    train(tiny_data, **{**TINY, "strategy": "fine_tuning", "lr": 0.01, "backbone_lr": 1e-5}, out=Path("a"))
    train(tiny_data, **{**TINY, "strategy": "fine_tuning"}, out=Path("b"))
    train(tiny_data, **{**TINY, "strategy": "from_scratch"}, out=Path("c"))
    train(tiny_data, **{**TINY, "strategy": "initialisation"}, out=Path("d"))
    assert seen == [0.01, 1e-5, 3e-3, 1e-4, 3e-3, 3e-3, 3e-3, 3e-3]


def test_two_stages_train_the_head_and_then_the_last_block_of_that_network(no_figures, tiny_data, capsys):
    first, _ = train(tiny_data, **FROZEN, out=Path("head"))
    begun: list[dict[str, torch.Tensor]] = []
    keep = lambda model, *args: begun.append(state(model))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer_learning, "check_shared", keep)
        stage = {"start_from": Path("head"), "strategy": "fine_tuning", "unfreeze": 1, "epochs": 1, "lr": 1e-2}
        second, run = train(tiny_data, **stage, out=Path("block"))
    assert same(begun[0], state(first))
    assert run.settings.backbone == TINY["backbone"]
    assert (run.settings.hidden, run.settings.image_size) == (16, 32)
    moved = {name for name, tensor in state(second).items() if not torch.equal(tensor, state(first)[name])}
    assert moved
    assert all(name.startswith(("head", "backbone.classifier.0")) for name in moved)
    assert "the network it began with has" in capsys.readouterr().out
    (Path("head") / "hyperparams.json").unlink()  # what has begun does not need it any more
    assert len(train(tiny_data, resume=Path("block"), epochs=2)[1].history) == 2
    assert load_run(Path("block")).settings.start_from == Path("head")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"backbone": "squeezenet1_0"}, "--backbone squeezenet1_0 differs from head, which has mobilenet_v3_small"),
        ({"hidden": 8}, "--hidden 8 differs from head, which has 16"),
        ({"seed": 3}, "--seed 3 differs from head, which has 0"),
        ({}, "head tells dark, bright apart, and the images are of day, night"),
        ({"start_from": Path("nowhere")}, "nowhere is no run directory"),
    ],
)
def test_what_another_networks_run_cannot_be_begun_with_is_one_line(no_figures, tiny_data, changed, said):
    train(tiny_data, **FROZEN, out=Path("head"))
    other = dataclasses.replace(tiny_data, classes=("day", "night"))
    with pytest.raises(InputError, match=said):
        train(other, **{"start_from": Path("head"), "strategy": "fine_tuning", **changed}, out=Path("b"))


def test_the_first_lines_count_every_image(tiny_data):
    parts = dataclasses.replace(tiny_data, val=tiny_data.test)
    assert parts.describe() == "made: 12 training, 8 validation and 8 test images of 2 classes"
    some = dataclasses.replace(tiny_data, left_out=3360)
    assert some.describe().endswith("(3360 more are left out; all: --train-images 0 --test-images 0)")
    args = resolve(HyperParams(dataset="digits", train_images=100, test_images=50))
    assert get_data(args, CPU).left_out == 1797 - 150


def test_of_many_epochs_some_are_printed(no_figures, tiny_data, capsys):
    for epochs, shown in ((3, [1, 2, 3]), (25, [3, 6, 9, 12, 15, 18, 21, 24, 25])):
        train(tiny_data, **{**FROZEN, "epochs": epochs, "quiet": False}, out=Path(str(epochs)))
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
        assert [int(line.split()[1].split("/")[0]) for line in lines] == shown
        assert len(read_history(Path(str(epochs)))) == epochs


def test_features_too_large_for_a_fresh_head_are_warned_of(no_figures, tiny_data):
    large = build_model(resolve(HyperParams(**FROZEN)), classes=2)
    large.head[-1].bias.data = torch.tensor([9.0, -9.0])  # surely dark, whatever it sees: half of them are bright
    with pytest.warns(UserWarning, match="the loss is .* far above that of guessing .ln 2 = 0.7.* --standardize"):
        train(tiny_data, large, **FROZEN, out=Path("a"))


def test_a_picture_that_is_shrunk_keeps_its_thin_lines():
    """Every fourth column is white; looking at every fourth point of the picture only, one would see black."""
    X = torch.zeros(1, 3, 128, 128, dtype=torch.uint8)
    X[..., ::4] = 255
    prepare = build_model(resolve(HyperParams(**FROZEN))).prepare
    seen = prepare(X) * prepare.std + prepare.mean
    torch.testing.assert_close(seen[..., 2:-2], torch.full((1, 3, 32, 28), 0.25), atol=0.01, rtol=0)


def test_the_learning_rates_fall_along_half_a_cosine(no_figures, tiny_data, monkeypatch):
    rates = []

    def fit(step, loader, *, optimizers, schedule, epochs, **kws):
        for epoch in range(epochs):
            rates.append([group["lr"] * schedule(epoch, epochs) for group in optimizers[0].param_groups])

    monkeypatch.setattr(transfer_learning, "fit", fit)
    tuned = {**TINY, "strategy": "fine_tuning", "lr": 1.0, "backbone_lr": 0.1, "epochs": 4}
    train(tiny_data, **tuned, schedule="cosine", out=Path("a"))
    expected = [(1 + math.cos(math.pi * share)) / 2 for share in (0, 0.25, 0.5, 0.75)]
    assert rates == [pytest.approx([rate, rate / 10]) for rate in expected]
    rates.clear()
    train(tiny_data, **tuned, schedule="constant", out=Path("b"))
    assert rates == [[1.0, 0.1]] * 4


def test_the_validation_part_chooses_the_epoch(no_figures, tiny_data, monkeypatch):
    asked = []

    def fit(step, loader, *, monitor, patience, evaluations, **kws):
        asked.append((monitor, patience, list(evaluations)))

    monkeypatch.setattr(transfer_learning, "fit", fit)
    validated = dataclasses.replace(tiny_data, val=tiny_data.test)
    train(validated, **FROZEN, split=(0.5, 0.25, 0.25), patience=3, out=Path("a"))
    train(tiny_data, **FROZEN, out=Path("b"))
    assert asked == [("val_loss", 3, ["val"]), (None, None, ["test"])]


SMALL = {"dataset": "digits", "train_images": 10, "test_images": 20, "epochs": 1, "device": "cpu", "quiet": True}


def test_the_baseline_is_the_same_network_from_random_weights(no_figures, monkeypatch):
    built = []

    def build(args, classes):
        built.append((args, build_model(args, classes)))
        return built[-1][1]

    monkeypatch.setattr(transfer_learning, "build_model", build)
    _, run = train(**SMALL, strategy="fine_tuning", backbone_lr=1e-5, offline=True)
    (tuned, pretrained), (scratch, random) = built
    assert (tuned.weights, scratch.weights) == ("characters", "none")
    assert (scratch.strategy, scratch.backbone, scratch.epochs) == ("from_scratch", "characters", 1)
    assert [p.shape for p in random.parameters()] == [p.shape for p in pretrained.parameters()]
    assert all(p.requires_grad for p in random.parameters())
    assert read_summary(run.path).metrics["scratch_accuracy"] >= 0
    assert (run.path / "from_scratch/model.safetensors").is_file()
    assert (run.path / "figures/against_scratch.png").is_file()


def test_interrupted_in_the_baseline_the_run_says_so(no_figures, monkeypatch):
    baseline = SimpleNamespace(interrupted=True, history=[])
    monkeypatch.setattr(transfer_learning, "train_baseline", lambda *args: (0.5, baseline))
    monkeypatch.setattr(transfer_learning, "save_comparison", lambda *args: None)
    _, run = train(**SMALL, offline=True)
    assert run.exit_status == 130


def test_batches_are_alike_in_size(no_figures, tiny_data, monkeypatch):
    """The last one of 2 images would have BatchNorm divide by their own deviation: noise that spoils the statistics."""
    sizes, orders = [], []

    def fit(step, loader, **kws):
        sizes.append([len(y) for _, y in loader])
        orders.append(torch.cat([y for _, y in loader]).tolist())

    monkeypatch.setattr(transfer_learning, "fit", fit)
    X, y = tiny_data.test
    longer = dataclasses.replace(tiny_data, train=(X.repeat(3, 1, 1, 1)[:17], y.repeat(3)[:17]))
    for batch_size, expected in ((16, [9, 8]), (8, [6, 6, 5]), (17, [17]), (100, [17])):
        train(longer, **{**TINY, "strategy": "from_scratch", "batch_size": batch_size}, out=Path(str(batch_size)))
        assert sizes[-1] == expected
        assert orders[-1] != longer.train[1].tolist()  # shuffled
        assert sorted(orders[-1]) == sorted(longer.train[1].tolist())


def test_cached_features_train_the_same_head_as_the_backbone_run_in_every_epoch(no_figures, tiny_data):
    cached, _ = train(tiny_data, **FROZEN, out=Path("a"))
    direct, _ = train(tiny_data, **FROZEN, no_cache=True, out=Path("b"))
    for a, b in zip(cached.head.parameters(), direct.head.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_the_backbone_sees_each_image_once(no_figures, tiny_data):
    model = build_model(resolve(HyperParams(**FROZEN)), classes=2)
    seen = []
    model.backbone.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    train(tiny_data, model, **FROZEN, out=Path("a"))
    assert sum(seen) == 12 + 8
    train(tiny_data, model, **FROZEN, no_cache=True, out=Path("b"))
    assert sum(seen) - 20 == 12 + 2 * (12 + 8) + 8  # a look at how large they are, every epoch, the test at the end


def test_features_are_kept_by_content():
    extract = nn.Sequential(nn.Flatten(), nn.Linear(12, 5)).eval()
    X = torch.randint(256, (6, 3, 2, 2)).float()
    first, seconds = features.cached(extract, X, Path("f"), "x")
    assert torch.equal(first, extract(X))
    assert features.cached(extract, X, Path("f"), "x")[1] == seconds  # as noted in the file: not computed again
    assert len(list(Path("f").iterdir())) == 1
    with torch.no_grad():
        extract[1].bias[0] += 1
    assert not torch.equal(features.cached(extract, X, Path("f"), "x")[0], first)
    features.cached(extract, X + 1, Path("f"), "x")
    features.cached(extract, X + 1, Path("f"), "x", "bfloat16")
    other = nn.Sequential(*extract, nn.ReLU())  # the same weights
    assert features.cached(other, X, Path("f"), "x")[0].min() == 0
    assert len(list(Path("f").iterdir())) == 5


def test_a_damaged_file_of_features_is_made_anew():
    extract, X = nn.Flatten(), torch.rand(3, 1, 2, 2)
    features.cached(extract, X, Path("f"), "x")
    path = next(Path("f").iterdir())
    path.write_bytes(path.read_bytes()[:-3])
    assert torch.equal(features.cached(extract, X, Path("f"), "x")[0], X.flatten(1))
    assert "features" in checkpoint.load(path)[0]


def test_images_are_chosen_evenly_and_all_at_most_once():
    y = torch.tensor([0] * 50 + [1] * 30 + [2] * 3)
    rows = choose_evenly(y, 23, seed=0)
    assert len(set(rows.tolist())) == 23
    assert torch.bincount(y[rows]).tolist() == [10, 10, 3]
    assert torch.bincount(y[choose_evenly(y, 9, 1)]).tolist() == [3, 3, 3]
    assert sorted(choose_evenly(y, 100, 0).tolist()) == list(range(83))
    assert choose_evenly(y, 9, 1).tolist() == choose_evenly(y, 9, 1).tolist() != choose_evenly(y, 9, 2).tolist()


def test_parts_of_a_split_are_disjoint_and_whole():
    args = resolve(HyperParams(**FROZEN, split=(0.7, 0.15, 0.15)))
    data = get_data(args, CPU)
    assert [len(part[1]) for part in (data.train, data.val, data.test)] == [1258, 269, 270]
    assert all(len(part[1].unique()) == 10 for part in (data.train, data.val, data.test))
    other = get_data(dataclasses.replace(args, seed=1), CPU)
    assert other.test[0].long().sum() != data.test[0].long().sum()  # other images, not the same in another order
    few = get_data(dataclasses.replace(args, train_images=20, test_images=10), CPU)
    assert [len(part[1]) for part in (few.train, few.val, few.test)] == [20, 10, 10]
    assert torch.bincount(few.train[1]).tolist() == [2] * 10


def test_limit_is_a_limit():
    args = resolve(HyperParams(**FROZEN, train_images=100, limit=30))
    assert len(get_data(args, CPU).train[1]) == 30


def test_augmentation_changes_training_images_only(tiny_data):
    args = HyperParams(**FROZEN, brightness=0.5)
    torch.manual_seed(0)
    X = tiny_data.train[0]
    changed = augment(X, args)
    assert changed.min() >= 0
    assert changed.max() <= 1
    factors = (changed / (X / 255).clamp(min=1e-6)).flatten(1).median(dim=1).values
    assert factors.min() > 0.49
    assert factors.std() > 0.1
    mirrored = augment(X, HyperParams(**FROZEN, flip=True))
    kinds = [
        [torch.allclose(a, other, atol=1e-4) for other in (b, b.flip(-1))]
        for a, b in zip(mirrored, X / 255, strict=True)
    ]
    assert {tuple(kind) for kind in kinds} == {(True, False), (False, True)}  # as it is, or mirrored: both occur


def test_the_table_of_layers_says_what_learns():
    lines = layer_table(build_model(resolve(HyperParams(**TINY, strategy="fine_tuning", unfreeze=1)))).splitlines()
    states = ["trainable" if " trainable " in line else "frozen" for line in lines]
    assert states == ["frozen"] * (len(states) - 3) + ["trainable"] * 3
    numbers = [int(line.split()[1].replace(",", "")) for line in lines]
    model = build_model(resolve(HyperParams(**TINY, strategy="from_scratch")))
    assert sum(numbers) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_it_learns_twelve_images(strategy, no_figures, tiny_data):
    # (A MobileNet drawn at random gives the same features for every image: there is nothing to learn from.)
    own = {"backbone": "squeezenet1_0", "epochs": 40} if strategy == "feature_extraction" else {"epochs": 15}
    _, run = train(
        tiny_data, **{**TINY, **own, "strategy": strategy, "standardize": True, "batch_size": 12, "lr": 1e-2}
    )
    assert run.history[-1]["train_loss"] < 0.05


def test_same_seed_same_history(no_figures, tiny_data):
    histories = []
    for i, seed in enumerate([3, 3, 4]):
        run = train(tiny_data, **FROZEN, seed=seed, out=Path(str(i)))[1]
        histories.append([row["train_loss"] for row in run.history])
    assert histories[0] == histories[1] != histories[2]


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_resumed_equals_uninterrupted(strategy, no_figures):
    settings = {**TINY, "strategy": strategy, "train_images": 20, "test_images": 10}
    whole, run = train(**settings, out=Path("whole"))
    train(**{**settings, "epochs": 1}, out=Path("part"))
    resumed, again = train(resume=Path("part"), epochs=2, quiet=True)
    assert same(state(whole), state(resumed))
    assert [row["test_loss"] for row in run.history] == [row["test_loss"] for row in again.history]


@pytest.mark.parametrize(
    ("strategy", "schedule"),
    [("feature_extraction", "cosine"), ("fine_tuning", "constant"), ("fine_tuning", "warmup_cosine")],
)
def test_killed_after_any_epoch_and_resumed_it_ends_bit_identical(
    strategy, schedule, no_figures, tiny_data, monkeypatch
):
    settings = {**TINY, "backbone": "squeezenet1_0", "strategy": strategy, "schedule": schedule, "epochs": 3}
    whole, run = train(tiny_data, **settings, out=Path("whole"))
    evaluate = transfer_learning.evaluate
    for epoch in (1, 2):
        calls = []

        def kill(*args, calls=calls, epoch=epoch):
            calls.append(args)
            if len(calls) > epoch:
                raise MemoryError  # the process dies in the middle of the next epoch
            return evaluate(*args)

        with monkeypatch.context() as patch:
            patch.setattr(transfer_learning, "evaluate", kill)
            with pytest.raises(MemoryError):
                train(tiny_data, **settings, out=Path(f"cut{epoch}"))
        resumed, again = train(tiny_data, resume=Path(f"cut{epoch}"), quiet=True)
        assert same(state(whole), state(resumed))
        assert [row["test_loss"] for row in again.history] == [row["test_loss"] for row in run.history]


def test_run_directory_round_trip_and_what_is_said(tiny_data, capsys):
    model, run = train(tiny_data, **{**FROZEN, "quiet": False}, out=Path("run"))
    metrics = read_summary(run.path).metrics
    assert {"test_accuracy", "test_loss", "trainable_parameters"} <= set(metrics)
    assert metrics["test_accuracy"] == pytest.approx(read_history(run.path)[-1]["test_accuracy"])
    figures = {path.stem for path in (run.path / "figures").glob("*.png")}
    assert figures == {"samples", "class_counts", "curves", "confusion", "confused_pairs", "predictions"}
    again = load_run(run.path)
    assert again.about["classes"] == ["dark", "bright"]
    assert again.settings == run.settings
    assert torch.equal(predict(model, tiny_data.test[0]), predict(again.model, tiny_data.test[0]))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(run.path)
    assert said[-3].startswith("test accuracy")
    assert "figures/curves.png, confusion.png, predictions.png" in said[-2]
    assert any("frozen" in line and "features.0" in line for line in said)


@pytest.mark.parametrize("kws", [{"batch_size": 1}, {"standardize": True, "batch_size": 1}])
def test_a_batch_of_one_image_from_which_batchnorm_cannot_learn_is_one_line(kws, no_figures, tiny_data):
    strategy = "feature_extraction" if "standardize" in kws else "from_scratch"
    with pytest.raises(InputError, match="--batch-size 1 with 12 training images leaves a batch of one image"):
        train(tiny_data, **{**TINY, **kws, "strategy": strategy, "out": Path("one")})


def test_the_baseline_is_the_same_network_from_scratch(no_figures, tiny_data):
    _, run = train(tiny_data, **{**TINY, "strategy": "fine_tuning", "baseline": True}, out=Path("run"))
    _, scratch = train(tiny_data, **{**TINY, "strategy": "from_scratch"}, out=Path("scratch"))
    losses = [[row["train_loss"] for row in read_history(p)] for p in (run.path / "from_scratch", scratch.path)]
    assert losses[0] == losses[1]
    assert run.metrics["scratch_accuracy"] == scratch.metrics["test_accuracy"]
    assert (run.path / "figures" / "against_scratch.png").is_file()


def test_the_verdict_says_what_pretraining_was_worth():
    said = transfer_learning.verdict(HyperParams(), {"test_accuracy": 0.9, "scratch_accuracy": 0.75}, 100)
    assert said == (
        "test accuracy 90.00% (95 %: 82.56–94.48 %) on 100 images; "
        "from scratch 75.00%: pretraining is worth +15.0 points here"
    )


def test_what_to_expect_is_said_of_the_settings_that_were_measured():
    measured = resolve(HyperParams(dataset="digits"))
    assert "(these settings reach 92.5–95.5 % in 60 epochs)" in transfer_learning.verdict(
        measured, {"test_accuracy": 0.93}, 359
    )
    other = dataclasses.replace(measured, lr=1.0)
    assert "reach" not in transfer_learning.verdict(other, {"test_accuracy": 0.93}, 359)


def test_unknown_name_is_a_type_error():
    with pytest.raises(TypeError):
        train(learning_rate=1e-3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dataset": "cifar100"}, "--dataset cifar100 is none of"),
        ({"unfreeze": 0}, "--unfreeze is 0"),
        ({"unfreeze": 2}, "--unfreeze has no effect without --strategy fine_tuning"),
        ({"backbone_lr": 1e-4}, "--backbone-lr has no effect"),
        ({"backbone_lr": 0.0, "strategy": "fine_tuning"}, "--backbone-lr is 0"),
        ({"hidden": -1}, "--hidden is -1"),
        ({"dropout": 1.0}, "--dropout is 1"),
        ({"image_size": 4}, "--image-size is 4"),
        ({"train_images": -1}, "--train-images is -1"),
        ({"split": (0.5, 0.5)}, "--split is 0.5,0.5"),
        ({"patience": 3}, "--patience needs"),
        ({"brightness": 1.0}, "--brightness is 1"),
        ({"strategy": "from_scratch", "weights": "imagenet"}, "contradicts"),
        ({"strategy": "from_scratch", "baseline": True}, "--baseline has no effect"),
        ({"hidden": 0, "dropout": 0.5}, "--dropout has no effect on a head of one layer"),
        ({"strategy": "from_scratch", "no_cache": True}, "--no-cache has no effect without"),
        ({"flip": True, "no_cache": True}, "--no-cache has no effect with augmentation"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong, said):
    with pytest.raises(InputError, match=said):
        HyperParams(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strategy": "fine_tuning", "unfreeze": 99}, r"--unfreeze is 99; mobilenet_v3_small has \d+ blocks"),
        ({"weights": "no/such.npz"}, "no such file"),
    ],
)
def test_what_the_network_cannot_do_is_named(wrong, said):
    with pytest.raises(InputError, match=said):
        build_model(resolve(HyperParams(**{**TINY, **wrong})))


@pytest.mark.gpu
@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_pictures_on_the_cpu_and_a_network_on_cuda_come_together(strategy, tiny_data, no_figures, tmp_path):
    settings = {**TINY, "strategy": strategy, "device": "cuda", "out": tmp_path / "run"}
    model, run = train(tiny_data, **settings)
    assert next(model.parameters()).is_cuda and run.settings.device.startswith("cuda")
    assert predict(model, tiny_data.test[0]).device == CPU
