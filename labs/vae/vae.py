"""A variational autoencoder learns to draw digits.

Mirrors vae.jl of the course (same order, names and numbers); `--preset notebook` is its notebook's network and
`--preset examples` the one of pytorch/examples, for comparing with published numbers. After Kingma & Welling 2014,
"Auto-encoding variational Bayes". README.md has what was measured.
"""

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed
from common.data import ArrayLoader, stratified_split
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.optimizers import make_optimizer
from common.runs import Run
from common.trainer import evaluate, fit, prepare

# vae.jl's settings, its notebook's, and those of pytorch/examples/vae: what a setting that is not given is.
PRESETS = {
    "course": {"hidden": (512,), "latent_dim": 2, "activation": "tanh", "lr": 3e-3, "batch_size": 64},
    "notebook": {"hidden": (256,), "latent_dim": 4, "activation": "tanh", "lr": 3e-3, "batch_size": 64},
    "examples": {"hidden": (400,), "latent_dim": 20, "activation": "relu", "lr": 1e-3, "batch_size": 128},
}
EPOCHS = {"course": 16, "notebook": 8, "examples": 10}
DIGITS_EPOCHS = 100  # for the embedded digits: 42 times fewer images than MNIST has

ModelName = Literal["vae", "conv_vae", "autoencoder", "denoising_autoencoder"]


@dataclass(frozen=True)
class HyperParams(cli.TrainingFlags):
    """Train a variational autoencoder on handwritten digits (or clothes, or Japanese characters)."""

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    preset: Literal["course", "notebook", "examples"] = "course"  # vae.jl's settings, the notebook's, pytorch/examples'
    epochs: cli.OptionalInt = None  # passes over the training set; none: 16, 8, 10 (by preset), or 100 for the digits
    batch_size: cli.OptionalInt = None  # samples per gradient step; none: 64, 64, 128
    lr: cli.OptionalFloat = None  # learning rate (η); none: 3e-3, 3e-3, 1e-3
    model: ModelName = "vae"  # z drawn (vae of dense layers, conv_vae) or computed (the autoencoders of dense layers)
    latent_dim: cli.OptionalInt = None  # numbers per image in the middle; none: 2, 4, 20
    hidden: cli.Ints = ()  # units of the encoder's dense layers (the decoder has them in reverse); none: 512, 256, 400
    activation: Literal["tanh", "relu"] | None = None  # after each hidden layer; none: tanh, tanh, relu
    filters: cli.Ints = (32, 64)  # conv_vae: filters of each convolution, as many convolutions as numbers
    beta: float = 1.0  # β: weight of the KL term in the loss (β-VAE); 1 is the ELBO
    warmup: int = 0  # epochs over which β rises from 0 to its value
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"  # of a pixel: cross-entropy, or squared error
    pixel_std: float = 0.1  # gaussian: standard deviation of a pixel about the decoder's output
    binarize: Literal["none", "static", "dynamic"] = "none"  # pixels as grey values, drawn 0/1 once, or at each use
    noise: float = 0.3  # denoising_autoencoder: standard deviation of the noise added to its input
    l2: float = 0.0  # λ: weight of the decoder's squared parameters in the loss (vae.jl: 0.01)
    split: cli.Floats = ()  # train,test shares of all samples pooled, e.g. 0.8,0.2; none: as published

    def __post_init__(self) -> None:
        for name, value in PRESETS[self.preset].items():
            if getattr(self, name) in (None, ()):
                object.__setattr__(self, name, value)  # the one way to set a field of a frozen dataclass
        super().__post_init__()
        self.require("latent_dim", self.latent_dim >= 1, "at least 1")
        self.require("hidden", min(self.hidden) >= 1, "a list of numbers of at least 1")
        self.require("filters", 1 <= len(self.filters) <= 5 and min(self.filters) >= 1, "1 to 5 numbers of at least 1")
        self.require("beta", 0 <= self.beta < float("inf"), "at least 0")
        self.require("warmup", self.warmup >= 0, "at least 0")
        self.require("pixel_std", 0 < self.pixel_std < float("inf"), "greater than 0")
        self.require("noise", 0 <= self.noise < float("inf"), "at least 0")
        self.require("l2", 0 <= self.l2 < float("inf"), "at least 0")
        self.require("split", len(self.split) in (0, 2), "two shares: train,test")
        needs = {
            "filters": self.model == "conv_vae",
            "beta": self.variational,
            "warmup": self.variational,
            "pixel_std": self.likelihood == "gaussian",
            "noise": self.model == "denoising_autoencoder",
        }
        for name, used in needs.items():
            if not used and getattr(self, name) != getattr(HyperParams, name):
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} has no effect on --model {self.model} --likelihood {self.likelihood}")

    @property
    def variational(self) -> bool:
        """Whether z is drawn from a distribution, not computed."""
        return self.model in ("vae", "conv_vae")


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on: `images` as loaded, and the parts cut from them. Labels only colour figures."""

    images: ImageData
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def get_data(args: HyperParams, device: torch.device) -> Data:
    """Images (N, 1, 28, 28) in [0, 1], or in {0, 1} if binarised, on `device`. Julia: (784, N)."""
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    train, test = (images.X_train, images.y_train), (images.X_test, images.y_test)
    if args.split:
        X, y = torch.cat([images.X_train, images.X_test]), torch.cat([images.y_train, images.y_test])
        train, test = ((X[part], y[part]) for part in stratified_split(y, args.split, seed=args.seed))
    generator = torch.Generator().manual_seed(derive_seed(args.seed))
    if args.limit:
        chosen = torch.randperm(len(train[1]), generator=generator)[: args.limit]
        train = train[0][chosen], train[1][chosen]
    if args.binarize != "none":  # the test images are drawn once in either case, to be the same in every epoch
        test = binarize(test[0], generator), test[1]
    if args.binarize == "static":
        train = binarize(train[0], generator), train[1]
    return Data(images, *((X.to(device), y.to(device)) for X, y in (train, test)))


def binarize(X: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Pixels drawn 0 or 1, each 1 with its grey value as the probability."""
    return (torch.rand(X.shape, generator=generator).to(X.device) < X).float()


class Encoder(nn.Module):
    """Image → μ and log σ of its code's normal distribution, each (N, latent_dim); log σ is None if not variational."""

    def __init__(self, trunk: nn.Sequential, features: int, args: HyperParams):
        super().__init__()
        self.trunk = trunk  # (N, 1, 28, 28) → (N, features)
        self.mu = nn.Linear(features, args.latent_dim)
        self.log_sigma = nn.Linear(features, args.latent_dim) if args.variational else None

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.trunk(X)
        return self.mu(h), self.log_sigma and self.log_sigma(h)


class VAE(nn.Module):
    """Encoder and decoder with the noise between them; without noise if the encoder gives no log σ."""

    def __init__(self, encoder: Encoder, decoder: nn.Sequential):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, X: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits (N, 1, 28, 28), μ and log σ for images X and standard normal noise (N, latent_dim)."""
        mu, log_sigma = self.encoder(X)
        # z = mu + sigma * epsilon: the noise comes from outside, so the gradient reaches mu and sigma
        z = mu if log_sigma is None else mu + log_sigma.exp() * epsilon
        return self.decoder(z), mu, log_sigma


def build_model(args: HyperParams | None = None) -> VAE:
    """The network that the settings ask for; vae.jl's by default: 807 700 parameters.

    Dense layers on both sides of the code. With `--model conv_vae` convolutions that halve the image's side come
    before the encoder's, and their mirror image behind the decoder's.
    """
    args = args or HyperParams()
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[args.activation]
    encoder: list[nn.Module] = []  # (N, 1, 28, 28)
    mirror: list[nn.Module] = []
    side, channels = 28, (1, *(args.filters if args.model == "conv_vae" else ()))
    for a, b in pairwise(channels):
        kernel = 3 if side % 2 else 4  # so that the mirror image has exactly the same sides
        encoder += [nn.Conv2d(a, b, kernel, stride=2, padding=1), activation()]  # (N, 32, 14, 14), (N, 64, 7, 7)
        mirror = [activation(), nn.ConvTranspose2d(b, a, kernel, stride=2, padding=1), *mirror]
        side = (side + 1) // 2
    shape = (channels[-1], side, side)
    sizes = (channels[-1] * side**2, *args.hidden)
    encoder += [nn.Flatten()]  # (N, 784); behind the convolutions (N, 3136)
    for a, b in pairwise(sizes):
        encoder += [nn.Linear(a, b), activation()]  # (N, 512)
    decoder: list[nn.Module] = []  # (N, 2)
    for a, b in pairwise((args.latent_dim, *reversed(args.hidden))):
        decoder += [nn.Linear(a, b), activation()]  # (N, 512)
    decoder += [nn.Linear(sizes[1], sizes[0]), nn.Unflatten(1, shape), *mirror]  # (N, 1, 28, 28) logits
    return VAE(Encoder(nn.Sequential(*encoder), sizes[-1], args), nn.Sequential(*decoder))


def kl_divergence(mu: Tensor, log_sigma: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats, elementwise (Kingma & Welling 2014, appendix B)."""
    # KL = (sigma^2 + mu^2 - 1)/2 - log sigma. Here log_sigma is log σ, as in vae.jl; the notebook's, the slides' and
    # the lab manual's networks give log σ² = 2 log σ instead. Mixing the two up counts σ² as σ.
    return 0.5 * ((2 * log_sigma).exp() + mu.square() - 1) - log_sigma


def reconstruction_cost(logits: Tensor, X: Tensor, args: HyperParams) -> Tensor:
    """−log p(X | z) in nats per image, summed over its pixels: (N,)."""
    if args.likelihood == "bernoulli":  # for grey pixels the cross-entropy, which is no likelihood: see README
        return F.binary_cross_entropy_with_logits(logits.float(), X, reduction="none").sum(dim=(1, 2, 3))
    normal = torch.distributions.Normal(logits.float().sigmoid(), args.pixel_std)
    return -normal.log_prob(X).sum(dim=(1, 2, 3))


def draw_noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal numbers, drawn on the CPU so that every device sees the same ones, where `like` is."""
    return torch.randn(shape, generator=generator).to(like.device)


def corrupt(X: Tensor, args: HyperParams, generator: torch.Generator | None = None) -> Tensor:
    """What the encoder sees of X: X itself, or with noise for the denoising autoencoder."""
    if args.model != "denoising_autoencoder":
        return X
    return (X + args.noise * draw_noise(X.shape, X, generator)).clamp(0, 1)


def score(
    model: nn.Module, X: Tensor, args: HyperParams, *, beta: float = 1.0, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Loss and its terms, in nats per image: sums over pixels and latents, means over the batch.

    ELBO = E[log p(X | z)] − KL = −(reconstruction + kl); an autoencoder has reconstruction only.
    """
    epsilon = draw_noise((len(X), args.latent_dim), X, generator)
    logits, mu, log_sigma = model(corrupt(X, args, generator), epsilon)
    reconstruction = reconstruction_cost(logits, X, args).mean()
    if log_sigma is None:
        return {"loss": reconstruction, "reconstruction": reconstruction}
    kl = kl_divergence(mu.float(), log_sigma.float()).sum(dim=1).mean()
    return {
        "loss": reconstruction + beta * kl,
        "elbo": -(reconstruction + kl),
        "reconstruction": reconstruction,
        "kl": kl,
    }


def usual_epochs(args: HyperParams) -> int:
    """The epochs that are trained unless --epochs says otherwise."""
    return DIGITS_EPOCHS if args.dataset == "digits" else EPOCHS[args.preset]


def train(data: Data | None = None, network: VAE | None = None, **kws) -> tuple[VAE, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    args = cli.settings(HyperParams, kws)
    device = pick_device(args.device)
    data = data or get_data(args, device)
    args = dataclasses.replace(args, dataset=data.images.name, device=str(device))
    args = dataclasses.replace(args, epochs=args.epochs or usual_epochs(args))
    seed_everything(args.seed)
    model = (network or build_model(args)).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)  # vae.jl: one Adam each, which is the same
    net = prepare(model, compile=args.compile)
    loader = ArrayLoader(data.train[0], batch_size=args.batch_size, shuffle=True, seed=args.seed)

    def step(batch: tuple[Tensor]) -> dict[str, Tensor]:  # Flux: withgradient(enc, dec) do … end; update!(…)
        X = binarize(batch[0]) if args.binarize == "dynamic" else batch[0]
        beta = args.beta * min(1, loader.epoch / args.warmup) if args.warmup else args.beta
        with autocast(device, args.precision):
            logs = score(net, X, args, beta=beta)
        loss = logs.pop("loss")
        if args.l2:  # vae.jl has this on, 0.01, over weights and biases; README says what it costs
            loss = loss + args.l2 * sum(p.square().sum() for p in model.decoder.parameters())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return logs

    def evaluation() -> dict[str, float]:
        # The same noise in every evaluation, whatever was drawn in training.
        generator = torch.Generator().manual_seed(derive_seed(args.seed, distributed.rank(), 1))

        def scored(batch: tuple[Tensor]) -> dict[str, Tensor]:
            logs = score(model, *batch, args, generator=generator)
            del logs["loss"]
            x_hat = reconstruct(model, corrupt(*batch, args, generator))
            return logs | {"mse": F.mse_loss(x_hat, *batch)}

        return evaluate(scored, ArrayLoader(data.test[0], batch_size=1000), [model])

    with Run("vae", args) as run:
        parameters = sum(p.numel() for p in model.parameters())
        run.say(
            f"{args.model}, latent size {args.latent_dim}, {parameters:,} parameters; {data.images.name}, "
            f"{len(data.train[0])} training and {len(data.test[0])} test images; "
            f"{len(loader)} steps an epoch on {device}"
        )
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[optimizer],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": evaluation},
            run=run,
            quiet=args.quiet,
        )
        run.save_model(model)
        tested = evaluation()
        if distributed.is_main():
            save_figures(run, model, data, args)
        run.finish({f"test_{k}": v for k, v in tested.items()}, verdict(args, tested, len(data.test[0])))
    return model, run


# (model, preset, latent size, data set) → −ELBO in nats per image with the preset's other settings; see README
EXPECTED = {
    ("vae", "course", 2, "mnist"): (150, 156),
    ("vae", "examples", 2, "mnist"): (150, 156),
    ("vae", "examples", 10, "mnist"): (108, 112),
    ("vae", "examples", 20, "mnist"): (104, 107),
    ("vae", "course", 2, "digits"): (112, 117),
    ("vae", "examples", 20, "digits"): (92, 95),
}


def verdict(args: HyperParams, tested: dict[str, float], n: int) -> str:
    """What was reached and what to expect, in a sentence."""
    if not args.variational:
        return f"reconstruction {tested['reconstruction']:.2f} nats per image, MSE {tested['mse']:.4f} on {n} images"
    said = (
        f"−ELBO {-tested['elbo']:.2f} nats per image = reconstruction {tested['reconstruction']:.2f} + "
        f"KL {tested['kl']:.2f} on {n} test images"
    )
    usual = HyperParams(preset=args.preset, model=args.model, latent_dim=args.latent_dim, dataset=args.dataset)
    free = ("data_dir", "epochs", "seed", "device", "precision", "compile", "out", "resume", "offline", "quiet")
    same = all(getattr(args, f.name) == getattr(usual, f.name) for f in dataclasses.fields(args) if f.name not in free)
    expected = EXPECTED.get((args.model, args.preset, args.latent_dim, args.dataset)) if same else None
    if expected:
        said += f" (these settings reach {expected[0]}–{expected[1]} in {usual_epochs(args)} epochs)"
    if tested["kl"] < 0.1 and args.beta > 0:
        said += "; the code carries nothing (posterior collapse): try a smaller --beta or --warmup 5"
    return said


@torch.inference_mode()
def encode(model: VAE, X: Tensor) -> tuple[Tensor, Tensor | None]:
    """μ and log σ (None for an autoencoder) of the codes of images X, each (N, latent_dim)."""
    model.eval()
    mu, log_sigma = zip(*(model.encoder(x) for x in X.split(1000)), strict=True)
    return torch.cat(mu), None if log_sigma[0] is None else torch.cat(log_sigma)


@torch.inference_mode()
def decode(model: VAE, z: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) in [0, 1] for codes z (N, latent_dim): the pixels' means, not draws."""
    model.eval()
    return torch.cat([model.decoder(part).sigmoid() for part in z.split(1000)])


def reconstruct(model: VAE, X: Tensor) -> Tensor:
    """The decoder's image of each X's mean code, without noise."""
    return decode(model, encode(model, X)[0])


def generate(model: VAE, n: int, generator: torch.Generator | None = None) -> Tensor:
    """n new images: codes from the prior N(0, 1), decoded."""
    mu = model.encoder.mu
    return decode(model, draw_noise((n, mu.out_features), mu.weight, generator))


def save_figures(run: Run, model: VAE, data: Data, args: HyperParams) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib
    from labs.vae import latent

    X, y = data.test
    generator = torch.Generator().manual_seed(derive_seed(args.seed, 2))
    one_each = torch.stack([(y == label).nonzero()[0, 0] for label in y.unique()])
    seen = corrupt(X[one_each], args, generator)
    rows = {"original": X[one_each], "seen": seen, "reconstruction": reconstruct(model, seen)}
    if args.model != "denoising_autoencoder":
        del rows["seen"]
    curves = plots.plot_curves([{k: v for k, v in row.items() if k != "test_mse"} for row in run.history])
    for axis in curves.axes:
        axis.set_ylabel(f"{axis.get_ylabel()} (nats per image)".replace("elbo", "ELBO").replace("kl", "KL"))
    run.save_figure("curves", curves)
    run.save_figure("reconstructions", plots.plot_rows(rows))
    run.save_figure("samples", plots.plot_mosaic(generate(model, 100, generator), columns=10))
    for name, figure in latent.draw_figures(model, X, y, data.images.classes).items():
        run.save_figure(name, figure)


def main() -> None:
    """The command `python -m labs.vae`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
