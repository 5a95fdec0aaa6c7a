"""The GAN: networks, losses, the two updates, what is saved, resumed and warned of."""

import math

import pytest
import torch
import torch.nn.functional as F

from common import checkpoint
from common.errors import InputError
from common.runs import read_history
from labs.gan import (
    Data,
    HyperParams,
    build_model,
    discriminator_loss,
    gan,
    generate,
    generator_loss,
    get_data,
    load_run,
    noise,
    train,
)
from labs.gan.gan import DIGITS_PASSES
from labs.gan.watch import Watch

CPU = torch.device("cpu")
SIZES = {"task4": (247_440, 233_985), "course": (236_688, 233_985), "dcgan": (347_073, 209_457)}


@pytest.mark.parametrize("name", SIZES)
def test_shapes_counts_and_gradients(name):
    args = HyperParams(model=name)
    model = build_model(args)
    fake = model["generator"](noise(4, args.latent_dim))
    logits = model["discriminator"](fake)
    assert fake.shape == (4, 1, 28, 28)
    assert fake.abs().max() <= 1
    assert logits.shape == (4, 1)
    assert tuple(sum(p.numel() for p in net.parameters()) for net in model.values()) == SIZES[name]
    generator_loss(logits).backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


def test_presets_fill_only_what_is_not_given():
    course = HyperParams(model="course")
    assert (course.latent_dim, course.lr, course.discriminator_lr, course.beta1) == (16, 1e-3, 2e-4, 0.9)
    task4 = HyperParams(lr=5e-4)
    assert (task4.latent_dim, task4.lr, task4.discriminator_lr, task4.dropout) == (100, 5e-4, 2e-4, 0.3)


def test_losses_at_logit_zero_are_those_of_a_guess():
    zero = torch.zeros(5, 1)
    assert discriminator_loss(zero, zero).item() == pytest.approx(math.log(4))
    assert generator_loss(zero).item() == pytest.approx(math.log(2))


def test_losses_are_those_of_the_definition():
    real, fake = torch.randn(6, 1), torch.randn(6, 1)
    expected = -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean())
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    smoothed = expected - 0.1 * (-real.sigmoid().log() + (1 - real.sigmoid()).log()).mean()
    assert discriminator_loss(real, fake, real_label=0.9).item() == pytest.approx(smoothed.item(), rel=1e-5)
    assert generator_loss(fake).item() == pytest.approx(-fake.sigmoid().log().mean().item(), rel=1e-5)


def test_the_sigmoid_taken_twice_confines_the_loss():
    """gan.jl's bug, and why it matters: the loss cannot leave [0.3133, 0.6931], whatever the generator does."""
    extremes = torch.tensor([[30.0], [-30.0]])
    twice = [generator_loss(u.sigmoid()).item() for u in extremes]
    assert twice == pytest.approx([0.3133, 0.6931], abs=1e-4)
    assert generator_loss(extremes[1:]).item() == pytest.approx(30)


def test_data_are_in_the_range_of_tanh_and_a_limit_is_kept():
    data = get_data(HyperParams(dataset="digits", limit=40), CPU)
    assert data.train.shape == (40 * DIGITS_PASSES, 1, 28, 28)
    assert (data.train.min(), data.train.max()) == (-1, 1)
    assert len(data.train.unique(dim=0)) == 40
    assert data.images.X_train.min() == 0  # the judge's stay in [0, 1]


def test_noise_of_a_seed_leaves_the_training_alone():
    before = torch.get_rng_state()
    assert torch.equal(noise(3, 5, seed=7), noise(3, 5, seed=7))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(noise(3, 5), noise(3, 5))


@pytest.fixture
def data(digits):
    """64 digits, once: two steps of 32 an epoch."""
    return Data(digits, 2 * digits.X_train[:64] - 1)


@pytest.fixture
def settings(data_dir):
    return {"data_dir": data_dir, "model": "course", "batch_size": 32, "quiet": True}


def test_training_is_what_one_writes_by_hand(data, settings):
    """Against a loop with one forward per network and role, gradients of each loss for its own network only."""
    model = build_model(HyperParams(model="course"))
    by_hand = build_model(HyperParams(model="course"))
    by_hand.load_state_dict(model.state_dict())
    seen = []  # the noise the training draws, step by step
    hook = model["generator"].register_forward_pre_hook(lambda net, z: seen.append(z[0]) if net.training else None)
    # Full batches of equal images: the order in which they come does not matter.
    real = data.train[:1].expand(64, -1, -1, -1)
    train(Data(data.images, real), model, epochs=2, **settings)
    hook.remove()
    assert [len(z) for z in seen] == [32] * 4

    generator, discriminator = by_hand["generator"], by_hand["discriminator"]
    g_weights, d_weights = list(generator.parameters()), list(discriminator.parameters())
    g_optimizer = torch.optim.Adam(g_weights, 1e-3)
    d_optimizer = torch.optim.Adam(d_weights, 2e-4)
    for z in seen:
        ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
        loss = F.binary_cross_entropy(discriminator(real[:32]).sigmoid(), ones)
        loss += F.binary_cross_entropy(discriminator(generator(z)).sigmoid(), zeros)
        for weight, grad in zip(d_weights, torch.autograd.grad(loss, d_weights), strict=True):
            weight.grad = grad
        d_optimizer.step()
        loss = F.binary_cross_entropy(discriminator(generator(z)).sigmoid(), ones)
        for weight, grad in zip(g_weights, torch.autograd.grad(loss, g_weights), strict=True):
            weight.grad = grad
        g_optimizer.step()
    for name, weight in by_hand.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("idle", ["generator", "discriminator"])
def test_each_update_leaves_the_other_network_bit_identical(data, settings, idle):
    model = build_model(HyperParams(model="course"))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    rates = {"lr": 1e-30} if idle == "generator" else {"discriminator_lr": 1e-30}
    train(data, model, epochs=1, **settings, **rates)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]) == name.startswith(idle), name
    assert all(p.requires_grad for p in model.parameters())


def test_it_learns_to_draw_the_one_image_it_sees(data, settings):
    real = data.train[:1].expand(640, -1, -1, -1)
    with pytest.warns(UserWarning, match="only [1-4] of 10 classes"):
        model, _ = train(Data(data.images, real), epochs=15, **settings | {"model": "task4", "lr": 1e-3})
    drawn = generate(model["generator"], noise(50, 100, seed=1))
    image = (real[:1] + 1) / 2
    assert (drawn - image).abs().mean() < 0.6 * image.mean()  # black pictures would have 1.0
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_same_seed_same_numbers_and_a_resumed_run_ends_where_a_whole_one_does(data, settings, tmp_path):
    args = settings | {"model": "dcgan", "batch_size": 32}
    whole, run = train(data, epochs=2, out=tmp_path / "whole", **args)
    again, _ = train(data, epochs=2, out=tmp_path / "again", **args)
    train(data, epochs=1, out=tmp_path / "parts", **args)
    parts, _ = train(data, epochs=2, resume=tmp_path / "parts", quiet=True, data_dir=settings["data_dir"])
    for name, weight in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
        assert torch.equal(parts.state_dict()[name], weight), name
    rows = [[{**row, "seconds": 0} for row in read_history(tmp_path / name)] for name in ("whole", "again", "parts")]
    assert rows[0] == rows[1] == rows[2]
    assert len(rows[0]) == 2
    figures = {file.name for file in (tmp_path / "parts" / "figures").iterdir()}
    assert {"epoch_000.png", "epoch_001.png", "epoch_002.png", "training.gif", "early_late.png"} <= figures

    loaded = load_run(run.path)
    assert loaded.settings == run.settings
    z = noise(5, run.settings.latent_dim, seed=3)
    drawn = generate(loaded.model["generator"], z)
    assert torch.equal(drawn, generate(whole["generator"], z))


def test_noise_follows_the_generator_to_its_device():
    network = build_model(HyperParams(model="course")).to("meta")  # there a tensor of the CPU is as wrong as on a GPU
    assert generate(network["generator"], noise(3, 16)).device.type == "meta"


@pytest.mark.gpu
def test_a_step_on_a_gpu_is_that_on_the_cpu_and_data_from_the_cpu_are_taken(data, settings):
    drawn = {}
    for device in ("cpu", "cuda"):
        model, _ = train(data, epochs=1, device=device, **settings)
        drawn[device] = generate(model["generator"], noise(4, 16, seed=1)).cpu()
    torch.testing.assert_close(drawn["cuda"], drawn["cpu"], atol=1e-2, rtol=0)


def test_the_run_says_what_was_reached(data, settings, tmp_path):
    _, run = train(data, epochs=1, out=tmp_path / "run", **settings)
    assert {"discriminator_loss", "generator_loss", "d_real", "d_fake"} <= run.metrics.keys()
    assert {"coverage", "smallest_share", "class_kl", "confidence", "frechet_distance"} <= run.metrics.keys()
    assert 0 < run.metrics["d_real"] < 1
    # Untrained, the discriminator guesses: two steps later it is still near ln 4.
    assert run.metrics["discriminator_loss"] == pytest.approx(math.log(4), abs=0.2)


class FakeRun:
    def __init__(self):
        self.history = []


def watched(rows):
    run = FakeRun()
    watch = Watch(run, draw_samples=lambda: None, every=1000, last=100, cures=["--beta1 0.5", "another --seed"])
    for epoch, (loss, coverage) in enumerate(rows, 1):
        row = {"train_discriminator_loss": loss, "train_d_fake": 0.01, "sample_coverage": coverage}
        run.history.append(row)
        watch(epoch, row)


def test_a_healthy_game_is_not_warned_of():
    """Neither the first epochs, nor a dip that passes (Task № 4's networks draw 7 to 10 classes for 20 epochs)."""
    watched([(1.2, 1), (0.9, 1), (0.8, 4), (0.8, 8), (0.8, 10), (0.8, 7), (0.8, 7), (0.8, 8), (0.8, 4), (0.8, 9)])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1.2, 9), (0.05, 9), (0.05, 9)], ["epoch 2", "wins outright", "--discriminator-lr"]),
        ([(1.2, 9)] * 4 + [(0.8, 6)] * 4, ["epoch 7", "only 6 of 10 classes", "at best 9", "try --beta1 0.5, another"]),
        ([(1.2, 1)] + [(0.8, 2)] * 5, ["epoch 5", "only 2 of 10", "collapse"]),
    ],
)
def test_trouble_is_warned_of_once_and_the_cure_named(rows, words):
    with pytest.warns(UserWarning) as caught:
        watched(rows)
    assert len(caught) == 1
    for word in words:
        assert word in str(caught[0].message)


def test_against_a_collapse_nothing_is_advised_that_is_set_already():
    assert gan.against_collapse(HyperParams()) == ["--real-label 0.9", "another --seed"]
    assert gan.against_collapse(HyperParams(model="course", real_label=0.9)) == [
        *("--beta1 0.5", "--lr 0.0002", "--dropout 0.3"),
        "another --seed",
    ]


class KilledError(Exception):
    """As -9 would: nothing after it is done."""


@pytest.mark.parametrize("moment", ["before the checkpoint", "after the checkpoint"])
def test_a_run_killed_in_its_first_epoch_has_its_pictures_when_it_is_resumed(
    moment, data, settings, tmp_path, monkeypatch
):
    def die(*args, **kws):
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        if moment == "before the checkpoint":
            patch.setattr(gan, "assess", die)
        else:
            patch.setattr(Watch, "__call__", die)
        train(data, epochs=1, sample_every=1, out=tmp_path / "run", **settings)
    assert (tmp_path / "run" / "checkpoint").is_dir() == (moment == "after the checkpoint")
    train(data, resume=tmp_path / "run", quiet=True, data_dir=settings["data_dir"])
    figures = {file.name for file in (tmp_path / "run" / "figures").iterdir()}
    assert {"epoch_000.png", "epoch_001.png", "training.gif"} <= figures


@pytest.mark.parametrize(
    ("kws", "words"),
    [
        ({"beta1": 1.0}, "--beta1 is 1.0; it must be at least 0 and less than 1"),
        ({"latent_dim": 0}, "--latent-dim is 0; it must be at least 1"),
        ({"dropout": 1.0}, "--dropout is 1.0"),
        ({"discriminator_lr": 0.0}, "--discriminator-lr is 0.0; it must be greater than 0"),
        ({"real_label": 0.0}, "--real-label is 0.0"),
        ({"sample_every": 0}, "--sample-every is 0"),
        ({"lr": -1.0}, "--lr is -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(kws, words):
    with pytest.raises(InputError, match=words):
        HyperParams(**kws)


def test_another_labs_model_is_refused(tmp_path):
    for header, said in (({"command": "labs.cnn"}, "is a run of labs.cnn"), ({"lab": "gan"}, "another release")):
        checkpoint.save(tmp_path / "model.safetensors", {"a": torch.zeros(1)}, header)
        with pytest.raises(InputError, match=said):
            load_run(tmp_path)


def test_a_run_that_cannot_be_resumed_stays_as_it_was(data, settings, tmp_path):
    train(data, epochs=1, out=tmp_path / "run", **settings)
    (tmp_path / "run" / "checkpoint" / "last.safetensors").write_bytes(b"cut off")

    def contents():
        return {path: path.read_bytes() for path in sorted((tmp_path / "run").rglob("*")) if path.is_file()}

    before = contents()
    with pytest.raises(InputError, match="last.safetensors"):
        train(data, epochs=2, resume=tmp_path / "run", quiet=True)
    assert contents() == before


def test_an_epochs_line_fits_a_terminal_and_counts_classes_as_a_count():
    row = dict.fromkeys(("train_discriminator_loss", "train_generator_loss", "train_d_real", "train_d_fake"), 0.123456)
    said = gan.describe_epoch({**row, "sample_coverage": 10, "sample_frechet_distance": 123.456})
    assert said.startswith("10 classes  Fréchet 123.5  ")
    assert len(f"epoch 50/50  100.0 s  {said}") <= 80


def test_the_verdict_names_what_to_expect_only_for_settings_that_were_measured():
    scores = {"coverage": 10, "smallest_share": 0.05, "frechet_distance": 4.1, "diversity": 1.5}

    def said(**given):
        return gan.verdict(HyperParams(**{"dataset": "mnist", **given}), scores, {"frechet_distance": 0.09})

    assert "classes drawn (these settings reach 10 in 50 epochs)" in said()
    assert "Fréchet distance 4.1 (these settings reach at most 6 in 50 epochs)" in said(epochs=25, seed=3)
    assert "at most 5 in 16 epochs" in said(model="course")
    for other in ({"lr": 1e-3}, {"limit": 100}, {"dataset": "kmnist"}, {"latent_dim": 3}):
        assert "reach" not in said(**other), other
