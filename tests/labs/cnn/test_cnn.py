import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import precision_recall_fscore_support
from torch import nn

import labs.cnn.cnn as cnn
from common.data import ArrayLoader
from common.datasets import ImageData
from common.device import seed_everything
from common.errors import InputError
from common.metrics import confusion_matrix
from common.runs import read_history, read_summary
from common.settings import read_record
from labs.cnn import Data, HyperParams, build_model, figures, get_data, load_run, per_class, predict, score, train
from labs.cnn.cnn import EXPECTED, verdict
from labs.cnn.inside import feature_maps

CPU = torch.device("cpu")
MODELS = {"course": 30_810, "lenet": 44_426, "task2": 225_034, "strided": 30_170}


@pytest.fixture(autouse=True)
def no_figures(request, monkeypatch):
    """They take most of a tiny run's time; the test of the run directory draws them."""
    if "figures" not in request.node.name:
        monkeypatch.setattr(cnn, "save_figures", lambda *args: None)


def network(**kws) -> nn.Sequential:
    return build_model(HyperParams(**kws))


def batch(n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(n, 1, 28, 28), torch.arange(n) % 10


def data(n: int = 16, classes: int = 10) -> Data:
    """n images of noise, the same at every call, for training and testing."""
    X = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    y = torch.arange(n) % classes
    images = ImageData("digits", tuple("0123456789"), X, y, X, y)
    return Data(images, (X, y), None, (X, y))


@pytest.mark.parametrize(("model", "parameters"), MODELS.items())
def test_shapes_and_counts(model, parameters):
    net = network(model=model)
    assert net(batch()[0]).shape == (4, 10)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_the_courses_counts_layer_by_layer():
    counts = [sum(p.numel() for p in layer.parameters()) for layer in network()]
    assert [n for n in counts if n] == [416, 2_320, 25_664, 2_080, 330]


@pytest.mark.parametrize("model", MODELS)
def test_an_untrained_network_knows_nothing(model):
    """Ten classes, none preferred: a loss of ln 10 and one right in ten."""
    logs = score(network(model=model), batch(1000))
    assert logs["loss"].item() == pytest.approx(math.log(10), abs=0.05)
    assert logs["accuracy"].item() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(
    "kws", [{"model": m} for m in MODELS] + [{"model": "task2", "batch_norm": True, "dropout": 0.3}]
)
def test_every_parameter_gets_a_gradient(kws):
    net = network(**kws)
    score(net, batch(64))["loss"].backward()
    for name, p in net.named_parameters():
        assert p.grad.isfinite().all(), name
        # a bias before batch norm is subtracted again with the mean: its gradient is 0 but for rounding
        assert p.grad.abs().max() > (0 if kws.get("batch_norm") and name.endswith("bias") else 1e-6), name


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_of_16_is_learnt_by_heart(model):
    net, (X, y) = network(model=model), batch(16)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(300):
        logs = score(net, (X, y))
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        if logs["loss"] < 0.05:
            break
    assert logs["loss"] < 0.05


def test_pooling_before_relu_is_pooling_after_it():
    """The one place where the layers' order differs from the Julia file: outputs and gradients are the same."""
    ours, X = network(), torch.rand(8, 1, 28, 28)
    swapped = []
    for layer in ours:  # …, MaxPool, ReLU, … → …, ReLU, MaxPool, …
        if isinstance(layer, nn.ReLU) and isinstance(swapped[-1], nn.MaxPool2d):
            swapped.insert(-1, layer)
        else:
            swapped.append(layer)
    julias = nn.Sequential(*swapped)
    assert torch.equal(ours(X), julias(X))
    gradients = [torch.autograd.grad(net(X).square().sum(), list(ours.parameters())) for net in (ours, julias)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_the_exams_convolution_by_hand():
    """January 2025, Task 1: I * K + 1, ReLU, 2×2 pooling that keeps the incomplete windows."""
    image = torch.tensor([[1.0, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1]])[None, None]
    kernel = torch.tensor([[1.0, -1], [0, 1]])[None, None]
    out = F.conv2d(image, kernel, bias=torch.tensor([1.0]))
    assert out[0, 0].tolist() == [[1, 5, 2], [4, 1, 1], [3, 1, 3]]
    assert F.max_pool2d(out.relu(), 2, ceil_mode=True)[0, 0].tolist() == [[5, 2], [3, 3]]
    assert F.max_pool2d(out.relu(), 2)[0, 0].tolist() == [[5]]  # without: PyTorch drops what does not fill a window


def test_task2_varies_depth_filters_size_dropout_and_batch_norm():
    net = network(model="task2", filters=(8, 16, 32), kernel_size=3, dropout=0.4, batch_norm=True)
    kinds = [type(layer) for layer in net]
    assert kinds.count(nn.Conv2d) == kinds.count(nn.BatchNorm2d) == 3
    assert [m.out_channels for m in net if isinstance(m, nn.Conv2d)] == [8, 16, 32]
    assert next(m.p for m in net if isinstance(m, nn.Dropout)) == 0.4
    assert net.eval()(batch()[0]).shape == (4, 10)
    X = torch.rand(2, 1, 28, 28)
    net.train()
    assert not torch.equal(net(X), net(X))  # dropout draws anew


@pytest.mark.parametrize(
    ("kws", "parameters", "sides"),
    [
        ({"padding": "same", "filters": (32, 64, 128)}, 241_546, [28, 14, 7]),  # the deeper network of part e
        ({"filters": (32, 64, 128)}, 110_474, [26, 11, 3]),  # deeper, but of half the size: a 3×3 map is pooled to 1×1
        ({"padding": "same", "stride": 2, "pooling": "none"}, 421_642, [14, 7]),
        ({"stride": 2}, 28_426, [13, 2]),
    ],
)
def test_padding_stride_and_pooling_decide_sizes_and_parameters(kws, parameters, sides):
    net, seen = network(model="task2", **kws), []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, args, out: seen.append(out.shape[2]))
    assert net(batch()[0]).shape == (4, 10)
    assert seen == sides
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_a_mean_is_taken_after_the_relu():
    """relu(mean(x)) is not mean(relu(x)); Flux applies the layer's own activation first."""
    net, X = network(model="task2", pooling="average", filters=(4,)), batch()[0]
    conv = net[0](X)
    assert torch.equal(net[:3](X), F.avg_pool2d(conv.relu(), 2))
    assert not torch.allclose(net[:3](X), F.avg_pool2d(conv, 2).relu())


def test_weight_decay_pulls_weights_to_zero_and_adamw_has_its_own():
    assert HyperParams().weight_decay == 0
    assert HyperParams(optimizer="adamw").weight_decay == 0.01
    assert HyperParams(optimizer="adamw", weight_decay=0.0).weight_decay == 0
    sizes = [
        sum(p.square().sum() for p in train(data(), epochs=3, weight_decay=decay, quiet=True)[0].parameters())
        for decay in (0.0, 1.0)
    ]
    assert sizes[1] < 0.9 * sizes[0]


@pytest.mark.parametrize(
    ("kws", "message"),
    [
        ({"filters": (8,)}, "--filters has no effect on the network"),
        ({"dropout": 0.5}, "--dropout has no effect"),
        ({"batch_norm": True, "model": "lenet"}, "network 'lenet'; add --model task2"),
        ({"model": "task2", "dropout": 1.0}, "--dropout is 1.0.*less than 1"),
        ({"model": "task2", "filters": (0,)}, "--filters is 0.*at least 1"),
        ({"split": (0.5, 0.5)}, "--split is 0.5,0.5.*three shares"),
        ({"patience": 3}, "--patience needs a validation part"),
        ({"hold_out": 0.1, "split": (0.6, 0.2, 0.2)}, "--hold-out 0.1 and --split both cut"),
        ({"hold_out": 1.0}, "--hold-out is 1.0.*less than 1"),
        ({"shift": 28}, "--shift is 28.*at most 27"),
        ({"degrees": 200.0}, "--degrees is 200.0.*at least 0 and at most 180"),
        ({"zoom": -0.1}, "--zoom"),
        ({"padding": "same"}, "--padding has no effect on the network"),
        ({"stride": 2}, "--stride has no effect"),
        ({"pooling": "average"}, "--pooling has no effect"),
        ({"model": "task2", "padding": "same", "kernel_size": 4}, "--kernel-size is 4.*odd with --padding same"),
        ({"model": "task2", "stride": 29}, "--stride is 29"),
        ({"weight_decay": -1.0}, "--weight-decay is -1.0"),
    ],
)
def test_settings_that_make_no_sense(kws, message):
    with pytest.raises(InputError, match=message):
        HyperParams(**kws)


def test_too_many_convolutions_for_28_pixels():
    with pytest.raises(InputError, match="leaves no pixel"):
        network(model="task2", filters=(4, 4, 4, 4))


def test_data_as_published_limited_and_split():
    args = HyperParams(dataset="digits")
    whole = get_data(args, CPU)
    assert (len(whole.train[1]), whole.val, len(whole.test[1])) == (1438, None, 359)
    few = get_data(dataclasses.replace(args, limit=100), CPU)
    assert len(few.train[1]) == 100
    assert len(few.test[1]) == 359
    assert few.train[1].unique().numel() == 10  # drawn from all over, not the first hundred
    assert torch.equal(few.train[0], get_data(dataclasses.replace(args, limit=100), CPU).train[0])
    assert not torch.equal(few.train[0], get_data(dataclasses.replace(args, limit=100, seed=1), CPU).train[0])
    parts = get_data(dataclasses.replace(args, split=(0.6, 0.2, 0.2)), CPU)
    assert [len(p[1]) for p in (parts.train, parts.val, parts.test)] == [1078, 360, 359]


def test_training_from_python_writes_a_run_with_figures(tmp_path):
    model, run = train(data(), epochs=2, out=tmp_path / "run", quiet=True)
    assert not model.training
    assert {p.name for p in run.path.iterdir()} == {
        "hyperparams.json", "history.csv", "summary.json", "model.safetensors", "checkpoint", "figures",
        "per_class.csv",
    }  # fmt: skip
    assert {p.stem for p in (run.path / "figures").iterdir()} == {
        "samples", "class_counts", "curves", "confusion", "per_class", "confused_pairs", "predictions", "filters",
        "feature_maps",
    }  # fmt: skip
    history = read_history(run.path)
    assert len(history) == 2
    assert set(history[0]) == {"epoch", "seconds", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    metrics = read_summary(run.path).metrics
    assert set(metrics) == {"test_loss", "test_accuracy"}
    assert metrics["test_accuracy"] == pytest.approx(history[-1]["test_accuracy"])


def test_an_unknown_argument_is_a_type_error_and_a_given_network_is_trained():
    with pytest.raises(TypeError, match="learning_rate"):
        train(learning_rate=1)
    mine = network()
    model, run = train(data(), mine, epochs=1, quiet=True, out="mine")
    assert model is mine
    record = read_record(run.path)
    assert (record["dataset"], record["device"], record["epochs"]) == ("digits", "cpu", 1)  # resolved, not auto


def test_same_seed_same_run_and_another_seed_another():
    def history(seed):
        _, run = train(data(), epochs=2, seed=seed, quiet=True)
        return [row["train_loss"] for row in run.history]

    assert history(0) == history(0)
    assert history(0) != history(1)


def test_saved_and_loaded_it_predicts_the_same():
    model, run = train(data(), epochs=1, model="task2", filters=(4, 8), dropout=0.2, batch_norm=True, quiet=True)
    X = torch.rand(5, 1, 28, 28)
    loaded = load_run(run.path)
    again, args = loaded.model, loaded.settings
    assert args.filters == (4, 8)
    assert torch.equal(predict(model, X), predict(again, X))
    assert predict(again, X).sum(dim=1).allclose(torch.ones(5))


@pytest.mark.parametrize(
    "kws", [{}, {"model": "task2", "dropout": 0.3, "batch_norm": True, "degrees": 10.0, "flip": True}]
)
def test_resumed_equals_uninterrupted(tmp_path, kws):
    given = data(40)
    whole, run = train(given, epochs=3, quiet=True, out=tmp_path / "whole", **kws)
    train(given, epochs=2, quiet=True, out=tmp_path / "half", **kws)
    rest, _ = train(given, resume=tmp_path / "half", epochs=3)
    for a, b in zip(whole.state_dict().values(), rest.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    settings = read_record(tmp_path / "half")
    assert (settings["epochs"], settings["resume"]) == (3, None)


def test_validation_chooses_and_the_test_part_is_seen_once(tmp_path):
    _, run = train(
        dataset="digits",
        split=(0.6, 0.2, 0.2),
        epochs=3,
        lr=1e-3,
        limit=300,
        offline=True,
        quiet=True,
        out=tmp_path / "r",
    )
    assert set(run.history[0]) >= {"val_loss", "val_accuracy"}
    assert not any(name.startswith("test") for row in run.history for name in row)
    assert set(run.metrics) == {"test_loss", "test_accuracy"}


def test_bfloat16_trains_and_stays_near_float32():
    runs = [train(data(64), epochs=2, precision=p, quiet=True)[1] for p in ("float32", "bfloat16")]
    losses = [run.history[-1]["train_loss"] for run in runs]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_feature_maps_are_what_each_layer_makes_of_the_image():
    model, image = network(), torch.rand(1, 28, 28)
    maps = feature_maps(model, image)
    assert [tuple(m.shape) for m in maps.values()] == [
        (16, 24, 24), (16, 12, 12), (16, 12, 12), (16, 10, 10), (16, 5, 5), (16, 5, 5),
    ]  # fmt: skip
    assert torch.equal(list(maps.values())[0], model[0](image[None])[0])


def test_what_is_given_goes_where_the_network_is(monkeypatch):
    """A network on another device than the images: `meta` raises what CUDA would. What is drawn comes back."""
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: torch.zeros(tensor.shape))
    net, X = network().to("meta"), torch.rand(5, 1, 28, 28)
    assert predict(net, X).device == CPU
    assert {maps.device for maps in feature_maps(net, X[0]).values()} == {CPU}
    assert {part[0].device.type for part in (data().to(torch.device("meta")).train,)} == {"meta"}


def test_precision_and_recall_are_scikit_learn_s():
    y, predicted = torch.randint(4, (2, 60))
    predicted[predicted == 3] = 0  # a class that nothing is taken for
    table = per_class.rates(confusion_matrix(y, predicted, 4), tuple("abcd"))
    theirs = precision_recall_fscore_support(y, predicted, zero_division=0)
    ours = zip(*((r.precision, r.recall, r.f1, r.samples) for r in table), strict=True)
    for own, reference in zip(ours, theirs, strict=True):
        assert own == pytest.approx(reference)
    assert per_class.hardest(table, 1).startswith("hardest classes: d (precision 0.0%, recall 0.0%)")


def test_figures_of_augmented_samples_show_both_and_draw_no_number():
    X, y = batch(20)
    state = torch.get_rng_state()
    figure = figures.plot_samples(X, y, tuple("0123456789"), lambda images: images.flip(3), seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    left, right = (axis.images[0].get_array() for axis in figure.axes)
    assert left.shape == (300, 180) and not np.array_equal(left, right)
    np.testing.assert_array_equal(left[:30, :30], right[:30, :30][:, ::-1])
    assert [axis.get_title() for axis in figure.axes] == ["as they are", "as the network is shown them"]


def test_figures_of_feature_maps_say_what_is_constant_and_what_is_left_out():
    maps = {"0 Conv": torch.randn(20, 6, 6), "1 ReLU": torch.zeros(2, 6, 6)}
    figure = figures.plot_feature_maps(torch.rand(1, 28, 28), maps)
    said = " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    assert "16 of 20 maps of 6 × 6" in said and "2 maps of 6 × 6" in said
    assert [text.get_text() for axis in figure.axes for text in axis.texts].count("0") == 2
    scales = [axis.images[0].get_clim() for axis in figure.axes if axis.images and axis.get_label() != "<colorbar>"]
    largest = float(maps["0 Conv"][:16].abs().max())
    assert scales[1] == pytest.approx((-largest, largest))


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.97, "97 %"), (1.0, "100 %"), (0.99996, "> 99.9 %"), (0.997, "99.7 %"), (0.0001, "< 0.1 %"), (0.002, "0.2 %")],
)
def test_a_probability_as_a_person_writes_it(p, said):
    assert figures.percent(p) == said


def test_the_verdict_says_what_to_expect_only_where_it_is_known():
    known = verdict(HyperParams(dataset="mnist", epochs=8), 0.986, 10_000)
    assert "98.60%" in known
    assert "98.3–99.0 %" in known
    assert "98.3" not in verdict(HyperParams(dataset="kmnist", epochs=8), 0.9, 10_000)


def test_the_embedded_digits_are_learnt():
    """With the default settings 97.5 % or so; a quarter of the epochs must do for 85 %."""
    _, run = train(dataset="digits", epochs=8, quiet=True)
    assert run.metrics["test_accuracy"] > 0.85


@pytest.mark.slow
def test_a_compiled_network_learns_the_same():
    plain, compiled = (train(data(64), epochs=2, compile=c, quiet=True)[1].history[-1] for c in (False, True))
    assert compiled["train_loss"] == pytest.approx(plain["train_loss"], rel=1e-3)


@pytest.mark.gpu
def test_cpu_and_cuda_agree_on_one_step():
    seed_everything(0)
    model, X = network(), batch(64)
    results = []
    for device in ("cpu", "cuda"):
        model.to(device).zero_grad()
        logs = score(model, tuple(t.to(device) for t in X))
        logs["loss"].backward()
        results.append([logs["loss"].cpu(), *(p.grad.cpu().clone() for p in model.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


@pytest.mark.gpu
def test_data_on_the_cpu_and_a_network_on_cuda_come_together(tmp_path):
    model, run = train(data(), device="cuda", epochs=1, quiet=True, out=tmp_path / "run")
    assert next(model.parameters()).is_cuda
    assert predict(model, data().test[0]).device == CPU
    assert (run.path / "per_class.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("expected", EXPECTED, ids=str)
def test_what_is_expected_is_reached(expected):
    _, run = train(offline=True, quiet=True, **expected.settings)
    assert expected.holds(run.metrics)


@pytest.mark.slow
def test_default_settings_on_the_digits():
    reached = [train(dataset="digits", seed=seed, quiet=True)[1].metrics["test_accuracy"] for seed in range(3)]
    assert min(reached) >= 0.96
    assert np.mean(reached) >= 0.97


def test_loader_and_model_fit_together():
    loader = ArrayLoader(*data(20).train, batch_size=8)
    assert [len(score(network(), b)["loss"].shape) for b in loader] == [0, 0, 0]
