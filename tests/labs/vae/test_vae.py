"""The model, its loss against formulas and torch.distributions, and training."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch.distributions import Bernoulli, Normal
from torch.distributions import kl_divergence as torch_kl

from common.errors import InputError
from common.runs import read_history
from labs.vae import vae
from labs.vae.autoencoder import VAE, kl_divergence, reconstruct
from labs.vae.vae import HyperParams, build_model, get_data, load_run, score, train

MODELS = ("vae", "conv_vae", "autoencoder", "denoising_autoencoder")
CPU = torch.device("cpu")
TINY = {"dataset": "digits", "limit": 64, "batch_size": 32, "hidden": (16,), "quiet": True, "device": "cpu"}


@pytest.fixture
def no_figures(monkeypatch):
    """Trainings whose figures are not the subject leave them out."""
    monkeypatch.setattr(vae, "save_figures", lambda *args: None)


def images(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28)


@pytest.mark.parametrize(("preset", "parameters"), [("course", 807_700), ("notebook", 405_784), ("examples", 652_824)])
def test_presets_have_the_parameters_of_their_originals(preset, parameters):
    model = build_model(HyperParams(preset=preset))
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_the_course_network_is_that_of_the_script():
    model = build_model()
    assert sum(p.numel() for p in model.encoder.parameters()) == 403_972
    assert sum(p.numel() for p in model.decoder.parameters()) == 403_728
    args = HyperParams()
    assert (args.lr, args.batch_size, args.hidden, args.latent_dim, args.activation) == (3e-3, 64, (512,), 2, "tanh")


@pytest.mark.parametrize("model", MODELS)
def test_shapes(model):
    net = build_model(HyperParams(model=model, latent_dim=5))
    logits, mu, log_sigma = net(images(), torch.randn(4, 5))
    assert logits.shape == (4, 1, 28, 28)
    assert mu.shape == (4, 5)
    assert log_sigma is None if "autoencoder" in model else log_sigma.shape == (4, 5)


@pytest.mark.parametrize("filters", [(3,), (3, 4), (3, 4, 5), (3, 4, 5, 6), (3, 4, 5, 6, 7)])
def test_convolutions_of_every_depth_give_back_28_by_28(filters):
    net = build_model(HyperParams(model="conv_vae", filters=filters, hidden=(8, 9)))
    assert net(images(), torch.randn(4, 2))[0].shape == (4, 1, 28, 28)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_every_parameter_gets_a_gradient(model, likelihood):
    args = HyperParams(model=model, likelihood=likelihood)
    net = build_model(args)
    score(net, images(8), args)["loss"].backward()
    for name, p in net.named_parameters():
        assert torch.isfinite(p.grad).all(), name
        assert p.grad.abs().sum() > 0, name


def test_kl_is_that_of_torch_distributions():
    mu, log_sigma = torch.randn(50, 7), torch.randn(50, 7)
    expected = torch_kl(Normal(mu, log_sigma.exp()), Normal(torch.zeros(50, 7), torch.ones(50, 7)))
    torch.testing.assert_close(kl_divergence(mu, log_sigma), expected)


def test_kl_worked_by_hand():
    # KL(N(1, 1/4) || N(0, 1)) = (1/4 + 1 - 1)/2 + ln 2
    assert float(kl_divergence(torch.tensor(1.0), torch.tensor(0.5).log())) == pytest.approx(1 / 8 + math.log(2))
    assert 1 / 8 + math.log(2) == pytest.approx(0.818147, abs=5e-7)


def test_bernoulli_cost_is_minus_the_log_probability_summed_over_pixels():
    X, logits = images().round(), torch.randn(4, 1, 28, 28)
    expected = -Bernoulli(logits=logits).log_prob(X).sum(dim=(1, 2, 3))
    torch.testing.assert_close(vae.reconstruction_cost(logits, X, HyperParams()), expected)


def test_gaussian_cost_is_half_the_squared_error_over_the_variance_and_a_constant():
    X, logits = images(), torch.randn(4, 1, 28, 28)
    args = HyperParams(likelihood="gaussian", pixel_std=0.2)
    squared = (X - 1 / (1 + (-logits).exp())).square().sum(dim=(1, 2, 3))
    expected = squared / (2 * 0.04) + 784 * (math.log(0.2) + math.log(2 * math.pi) / 2)
    torch.testing.assert_close(vae.reconstruction_cost(logits, X, args), expected, rtol=1e-4, atol=1e-2)


def test_a_network_of_zeros_scores_784_ln_2_and_no_kl():
    net = build_model()
    for p in net.parameters():
        torch.nn.init.zeros_(p)
    with torch.no_grad():
        logs = score(net, images(), HyperParams())
    assert float(logs["reconstruction"]) == pytest.approx(784 * math.log(2), rel=1e-5)
    assert float(logs["kl"]) == 0
    assert float(logs["negative_elbo"]) == pytest.approx(784 * math.log(2), rel=1e-5)


def test_terms_are_sums_over_pixels_and_latents_and_means_over_the_batch():
    args = HyperParams(latent_dim=3)
    net = build_model(args)
    with torch.no_grad():
        net.encoder.mu.weight.zero_(), net.encoder.mu.bias.fill_(2.0)
        net.encoder.log_sigma.weight.zero_(), net.encoder.log_sigma.bias.zero_()
        logs = score(net, images(5), args, beta=4.0)
    assert float(logs["kl"]) == pytest.approx(3 * 2.0)  # mu^2/2 = 2 for each of three latents
    assert float(logs["loss"]) == pytest.approx(float(logs["reconstruction"]) + 4 * 6, rel=1e-6)
    assert float(logs["negative_elbo"]) == pytest.approx(float(logs["reconstruction"]) + 6, rel=1e-6)


def test_noise_moves_the_code_by_sigma():
    net = build_model()
    X, epsilon = images(), torch.randn(4, 2)
    logits, mu, log_sigma = net(X, epsilon)
    torch.testing.assert_close(logits, net.decoder(mu + log_sigma.exp() * epsilon))
    assert not torch.equal(logits, net(X, torch.zeros(4, 2))[0])


@pytest.mark.parametrize("model", MODELS)
def test_learns_a_batch_by_heart(model):
    given = {"denoising_autoencoder": {"noise": 0.1}, "conv_vae": {"filters": (8, 16)}}.get(model, {})
    args = HyperParams(model=model, latent_dim=16, hidden=(256,), **given)
    X = get_data(HyperParams(dataset="digits"), CPU).train[0][:16]
    net = build_model(args)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(300 if model == "conv_vae" else 150):
        optimizer.zero_grad()
        score(net, X, args)["loss"].backward()
        optimizer.step()
    assert float((reconstruct(net, X) - X).square().mean()) < 0.01
    assert float((X.mean(dim=0) - X).square().mean()) > 0.04  # what a code without information would reach


def test_gradient_is_that_of_the_reparameterised_loss():
    """d/dmu of E[f(mu + sigma eps)] for f(z) = z^2 is 2 mu, d/dlog_sigma is 2 sigma^2."""
    mu, log_sigma = torch.tensor(0.7, requires_grad=True), torch.tensor(-0.4, requires_grad=True)
    encoder = lambda X: (mu.expand(len(X), 1), log_sigma.expand(len(X), 1))  # noqa: E731
    model = VAE(torch.nn.Identity(), torch.nn.Sequential())
    model.encoder.forward = encoder
    z, _, _ = model(torch.zeros(400_000, 1), torch.randn(400_000, 1))
    z.square().mean().backward()
    assert float(mu.grad) == pytest.approx(2 * 0.7, rel=0.02)
    assert float(log_sigma.grad) == pytest.approx(2 * math.exp(-0.8), rel=0.02)


def test_binarised_pixels_are_drawn_with_their_grey_value():
    X = torch.full((1, 1, 100, 100), 0.3)
    drawn = vae.binarize(X, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert float(drawn.mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(drawn, vae.binarize(X, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(("binarize", "train_levels"), [("none", 20), ("static", 2), ("dynamic", 20)])
def test_static_binarisation_is_in_the_data_and_dynamic_is_not(binarize, train_levels):
    data = get_data(HyperParams(dataset="digits", binarize=binarize), CPU)
    assert (len(data.train[0].unique()) > 2) == (train_levels > 2)
    assert (len(data.test[0].unique()) > 2) == (binarize == "none")


def test_dynamic_binarisation_draws_in_training(no_figures, monkeypatch):
    seen = []
    original = vae.score
    monkeypatch.setattr(vae, "score", lambda model, X, *a, **k: seen.append(X) or original(model, X, *a, **k))
    train(**TINY, epochs=1, binarize="dynamic")
    assert all(set(X.unique().tolist()) == {0.0, 1.0} for X in seen)


def test_split_pools_all_samples_and_keeps_class_shares():
    data = get_data(HyperParams(dataset="digits", split=(0.8, 0.2)), CPU)
    assert (len(data.train[0]), len(data.test[0])) == (1438, 359)
    published = get_data(HyperParams(dataset="digits"), CPU)
    assert not torch.equal(data.test[0], published.test[0])
    shares = torch.bincount(data.test[1]) / 359 - torch.bincount(data.train[1]) / 1438
    assert float(shares.abs().max()) < 0.005


def test_noise_for_whole_images_is_drawn_where_they_are():
    X = torch.zeros(2, 1, 28, 28, device="meta")
    assert vae.drawn_where(X, None)["device"] == X.device
    generator = torch.Generator()
    assert vae.drawn_where(X, generator) == {"generator": generator, "device": CPU}
    args = HyperParams(model="denoising_autoencoder")
    assert vae.corrupt(X, args).device == vae.binarize(X).device == X.device
    assert vae.corrupt(X, args, generator).device == X.device  # an evaluation's noise is the same on all devices


def test_convolutions_have_the_layout_they_like_best_also_in_a_network_that_is_read_back():
    kernels = build_model(HyperParams(model="conv_vae")).encoder.trunk[2].weight
    assert kernels.is_contiguous(memory_format=torch.channels_last)


def test_the_denoising_autoencoder_sees_noise_and_is_asked_for_the_clean_image():
    args = HyperParams(model="denoising_autoencoder", noise=0.5)
    X = torch.zeros(2, 1, 28, 28)
    seen = vae.corrupt(X, args)
    assert 0.1 < float(seen.mean()) < 0.3  # half of N(0, 0.25) is cut off at 0: mean 0.5/sqrt(2 pi) = 0.2
    assert torch.equal(vae.corrupt(X, HyperParams()), X)
    net = build_model(args)
    generator = torch.Generator().manual_seed(1)
    logs = score(net, X, args, generator=generator)
    generator.manual_seed(1)
    vae.draw_noise((2, 2), X, generator)
    logits, _, _ = net(vae.corrupt(X, args, generator), None)
    torch.testing.assert_close(logs["loss"], vae.reconstruction_cost(logits, X, args).mean())


def test_data_and_images_follow_the_model_to_its_device(monkeypatch):
    data = get_data(HyperParams(dataset="digits"), CPU).to(torch.device("meta"))
    assert {tensor.device.type for tensor in (*data.train, *data.test)} == {"meta"}
    net, seen = build_model().to("meta"), []  # there a tensor of the CPU is as wrong as on a GPU
    net.encoder.register_forward_pre_hook(lambda encoder, X: seen.append(X[0].device.type))
    with pytest.raises(NotImplementedError, match="meta"):  # it cannot give numbers back
        reconstruct(net, images())
    assert seen == ["meta"]


@pytest.mark.gpu
@pytest.mark.parametrize("model", MODELS)
def test_a_step_on_a_gpu_is_that_on_the_cpu_and_data_from_the_cpu_are_taken(model):
    data = get_data(HyperParams(dataset="digits", limit=32), CPU)
    settings = {**TINY, "epochs": 1, "model": model}
    here, _ = train(data, **settings, out=Path("here"))
    there, _ = train(data, **{**settings, "device": "cuda"}, out=Path("there"))
    if model != "denoising_autoencoder":  # whose noise is drawn on the device
        torch.testing.assert_close(reconstruct(there, data.test[0]), reconstruct(here, data.test[0]), atol=1e-3, rtol=0)


def test_same_seed_same_run_and_another_seed_another(no_figures):
    histories = [train(**TINY, epochs=2, seed=seed, out=Path(f"run{i}"))[1].history for i, seed in enumerate([0, 0, 1])]
    for rows in histories:
        for row in rows:
            row.pop("seconds")
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_resumed_equals_uninterrupted(no_figures):
    whole, run = train(**TINY, epochs=4, out=Path("whole"), binarize="dynamic", warmup=3)
    train(**TINY, epochs=2, out=Path("part"), binarize="dynamic", warmup=3)
    resumed, again = train(resume=Path("part"), epochs=4, quiet=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert [r["test_negative_elbo"] for r in run.history] == [r["test_negative_elbo"] for r in again.history]


def test_evaluation_noise_does_not_depend_on_training(no_figures):
    """The last epoch's evaluation, taken in the midst of training, and the one after it give the same numbers."""
    _, run = train(**TINY, epochs=2)
    assert run.metrics["test_negative_elbo"] == run.history[-1]["test_negative_elbo"]


def test_round_trip(no_figures):
    model, run = train(**TINY, epochs=1, model="conv_vae", filters=(4, 8), activation="relu")
    loaded = load_run(run.path)
    assert loaded.settings == run.settings
    X = images()
    assert torch.equal(reconstruct(model, X), reconstruct(loaded.model, X))


def test_warmup_raises_beta_epoch_by_epoch(no_figures):
    warm, _ = train(**TINY, epochs=1, warmup=4, beta=2.0, out=Path("warm"))
    fixed, _ = train(**TINY, epochs=1, beta=0.5, out=Path("fixed"))
    full, _ = train(**TINY, epochs=1, beta=2.0, out=Path("full"))
    weight = [m.encoder.mu.weight for m in (warm, fixed, full)]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])


def test_a_larger_beta_leaves_less_in_the_code(no_figures):
    kl = [train(**TINY, epochs=15, lr=3e-3, beta=b, out=Path(str(b)))[1].metrics["test_kl"] for b in (0.1, 1.0, 10.0)]
    assert kl[0] > 1.2 * kl[1] > 1.44 * kl[2]


def test_l2_shrinks_the_decoder_and_only_it(no_figures):
    start = {"epochs": 8, "lr": 3e-3}
    plain, shrunk = (train(**TINY, **start, l2=l2, out=Path(str(l2)))[0] for l2 in (0.0, 1.0))

    def size(module):
        return float(sum(p.detach().square().sum() for p in module.parameters()))

    assert size(shrunk.decoder) < 0.8 * size(plain.decoder)
    assert size(shrunk.encoder) > 0.8 * size(plain.encoder)


@pytest.mark.parametrize("model", MODELS)
def test_run_directory(model, capsys):
    _, run = train(**{**TINY, "quiet": False}, epochs=2, model=model, latent_dim=3 if model == "vae" else 2)
    summary = json.loads((run.path / "summary.json").read_text())
    variational = model in ("vae", "conv_vae")
    names = {"test_reconstruction", "test_mse", "sample_diversity", "sample_coverage"}
    assert set(summary["metrics"]) == names | ({"test_negative_elbo", "test_kl"} if variational else set())
    row = read_history(run.path)[-1]
    if variational:
        assert row["test_negative_elbo"] == pytest.approx(row["test_reconstruction"] + row["test_kl"], rel=1e-4)
    figures = {path.stem for path in (run.path / "figures").glob("*.png")}
    latent = {"vae": {"latent_kl", "traversal"}, "conv_vae": {"latent_kl", "manifold"}}.get(model, set())
    assert figures == {"data", "curves", "reconstructions", "samples", "latent_codes", "interpolation"} | latent
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(run.path)
    assert said[-3].startswith("−ELBO" if variational else "reconstruction")


def test_an_epochs_line_fits_a_terminal_and_adds_up():
    row = {"test_negative_elbo": 151.82, "test_reconstruction": 145.17, "test_kl": 6.65, "train_negative_elbo": 152.9}
    said = vae.describe_epoch(row)
    assert said == "−ELBO 151.82 = 145.17 + KL 6.65  (152.90 in training)"
    assert len(f"epoch 50/50  100.0 s  {said}") <= 80
    plain = {"test_reconstruction": 67.8, "train_reconstruction": 68.0}
    assert vae.describe_epoch(plain) == "reconstruction 67.80 (68.00 in training)"


def test_the_verdict_names_what_to_expect_only_for_settings_that_were_measured():
    tested = {"test_negative_elbo": 151.0, "test_reconstruction": 144.0, "test_kl": 7.0, "test_mse": 0.04}
    tested |= {"sample_diversity": 0.9, "sample_coverage": 0.5}
    assert "−ELBO 151.00 nats per image" in vae.verdict(HyperParams(), tested, 10)
    assert "150–156" in vae.verdict(HyperParams(dataset="mnist", epochs=16), tested, 10_000)
    assert "112–117 in 100 epochs" in vae.verdict(HyperParams(dataset="digits", epochs=5), tested, 359)
    for other in ({"lr": 1e-3}, {"beta": 4.0}, {"limit": 100}, {"dataset": "kmnist"}, {"latent_dim": 3}):
        args = HyperParams(**{"dataset": "mnist", **other})
        assert "reach" not in vae.verdict(args, tested, 10_000), other
    assert "collapse" in vae.verdict(HyperParams(), tested | {"test_kl": 0.01}, 10)
    assert "collapse" not in vae.verdict(HyperParams(beta=0), tested | {"test_kl": 0.01}, 10)


def test_unknown_name_is_a_type_error():
    with pytest.raises(TypeError):
        train(learning_rate=1e-3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"latent_dim": 0}, "--latent-dim is 0"),
        ({"lr": 0.0}, "--lr is 0"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"hidden": (0,)}, "--hidden is 0"),
        ({"beta": -1.0}, "--beta is -1"),
        ({"warmup": -1}, "--warmup is -1"),
        ({"pixel_std": 0.0, "likelihood": "gaussian"}, "--pixel-std is 0"),
        ({"l2": -1.0}, "--l2 is -1"),
        ({"split": (0.8,)}, "--split is 0.8"),
        ({"filters": (1,) * 6, "model": "conv_vae"}, "--filters"),
        ({"filters": (8,)}, "--filters has no effect"),
        ({"noise": 0.1}, "--noise has no effect"),
        ({"pixel_std": 0.3}, "--pixel-std has no effect"),
        ({"beta": 2.0, "model": "autoencoder"}, "--beta has no effect"),
        ({"beta": 0.0, "warmup": 5}, "--warmup has no effect"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong, said):
    with pytest.raises(InputError, match=said):
        HyperParams(**wrong)
