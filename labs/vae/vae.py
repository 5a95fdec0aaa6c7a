"""A variational autoencoder learns to draw digits.

Mirrors vae.jl of the course (same order, names and numbers); `--preset notebook` is its notebook's network and
`--preset examples` the one of pytorch/examples, for comparing with published numbers. After Kingma & Welling 2014,
"Auto-encoding variational Bayes". README.md has what was measured.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, expectations, runs
from common.data import ArrayLoader, stratified_split
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.expectations import Expected
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Count, Counts, Floats, Positive, Range, TrainingFlags, Usual, Whole
from common.trainer import evaluate, fit, for_step
from labs.vae import diversity
from labs.vae.autoencoder import VAE, build_autoencoder, generate, kl_divergence, reconstruct

# vae.jl's settings, its notebook's, and those of pytorch/examples/vae: what a setting that is not given is.
PRESETS: dict[str, dict[str, Any]] = {
    "course": {"hidden": (512,), "latent_dim": 2, "activation": "tanh", "lr": 3e-3, "batch_size": 64},
    "notebook": {"hidden": (256,), "latent_dim": 4, "activation": "tanh", "lr": 3e-3, "batch_size": 64},
    "examples": {"hidden": (400,), "latent_dim": 20, "activation": "relu", "lr": 1e-3, "batch_size": 128},
}
EPOCHS = {"course": 16, "notebook": 8, "examples": 10}
DIGITS_EPOCHS = 100  # for the embedded digits: 42 times fewer images than MNIST has

ModelName = Literal["vae", "conv_vae", "autoencoder", "denoising_autoencoder"]
LatentDim = Annotated[int, Range(1, 10_000)]
Weight = Annotated[float, Range(0, 10**6)]
Noise = Annotated[float, Range(0, 1_000)]
PixelStd = Annotated[float, Range(1e-3, 1_000)]


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a variational autoencoder on handwritten digits (or clothes, or Japanese characters)."""

    COMMAND: ClassVar[str] = "labs.vae"
    SHARES_BATCHES: ClassVar[bool] = True

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    preset: Literal["course", "notebook", "examples"] = "course"  # vae.jl's settings, the notebook's, pytorch/examples'
    epochs: Usual[Count] = UNGIVEN  # passes over the training set; none: 16, 8, 10 (by preset), or 100 for the digits
    batch_size: Usual[Count] = UNGIVEN  # samples per gradient step; none: 64, 64, 128
    lr: Usual[Positive] = UNGIVEN  # learning rate (η); none: 3e-3, 3e-3, 1e-3
    model: ModelName = "vae"  # z drawn (vae of dense layers, conv_vae) or computed (the autoencoders of dense layers)
    latent_dim: Usual[LatentDim] = UNGIVEN  # numbers per image in the middle; none: 2, 4, 20
    hidden: Counts = ()  # units of the encoder's dense layers (the decoder has them in reverse); none: 512, 256, 400
    activation: Usual[Literal["tanh", "relu"]] = UNGIVEN  # after each hidden layer; none: tanh, tanh, relu
    filters: Counts = (32, 64)  # conv_vae: filters of each convolution, as many convolutions as numbers
    beta: Weight = 1.0  # β: weight of the KL term in the loss (β-VAE); 1 is the ELBO
    warmup: Whole = 0  # epochs over which β rises from 0 to its value
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"  # of a pixel: cross-entropy, or squared error
    pixel_std: PixelStd = 0.1  # gaussian: standard deviation of a pixel about the decoder's output
    binarize: Literal["none", "static", "dynamic"] = "none"  # pixels as grey values, drawn 0/1 once, or at each use
    noise: Noise = 0.3  # denoising_autoencoder: standard deviation of the noise added to its input
    l2: Weight = 0.0  # λ: weight of the decoder's squared parameters in the loss (vae.jl: 0.01)
    split: Floats = ()  # train,test shares of all samples pooled, e.g. 0.8,0.2; none: as published

    def usual(self) -> dict[str, Any]:
        epochs = DIGITS_EPOCHS if self.dataset == "digits" else EPOCHS[self.preset]
        return PRESETS[self.preset] | ({} if self.dataset == "auto" else {"epochs": epochs})

    def check(self) -> None:
        self.require("filters", 1 <= len(self.filters) <= 5, "1 to 5 numbers")
        self.require("split", len(self.split) in (0, 2), "two shares: train,test")
        used = {
            "filters": self.model == "conv_vae",
            "beta": self.variational,
            "warmup": self.variational and self.beta > 0,
            "pixel_std": self.likelihood == "gaussian",
            "noise": self.model == "denoising_autoencoder",
        }
        self.refuse_unused(used, f"on --model {self.model} --likelihood {self.likelihood} --beta {self.beta:g}")

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

    def to(self, device: torch.device) -> "Data":
        """The same, its parts on `device`."""
        train, test = ((X.to(device), y.to(device)) for X, y in (self.train, self.test))
        return Data(self.images, train, test)


def get_data(args: HyperParams, device: torch.device) -> Data:
    """Images (N, 1, 28, 28) in [0, 1], or in {0, 1} if binarised, on `device`. Julia: (784, N)."""
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    train, test = (images.X_train, images.y_train), (images.X_test, images.y_test)
    if args.split:
        X, y = torch.cat([images.X_train, images.X_test]), torch.cat([images.y_train, images.y_test])
        parts = stratified_split(y, args.split, seed=args.seed, classes=images.classes)
        train, test = ((X[part], y[part]) for part in parts)
    generator = torch.Generator().manual_seed(derive_seed(args.seed))
    if args.limit:
        chosen = torch.randperm(len(train[1]), generator=generator)[: args.limit]
        train = train[0][chosen], train[1][chosen]
    if args.binarize != "none":  # the test images are drawn once in either case, to be the same in every epoch
        test = binarize(test[0], generator), test[1]
    if args.binarize == "static":
        train = binarize(train[0], generator), train[1]
    return Data(images, train, test).to(device)


def binarize(X: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Pixels drawn 0 or 1, each 1 with its grey value as the probability."""
    return (torch.rand(X.shape, **drawn_where(X, generator)).to(X.device) < X).float()


def drawn_where(X: Tensor, generator: torch.Generator | None) -> dict[str, Any]:
    """Noise for whole images is drawn where the generator is, without one where the images are: as large as they are,
    it would take longer to copy it to a GPU in every step than to draw it there.
    """
    return {"generator": generator, "device": generator.device if generator else X.device}


def build_model(args: HyperParams | None = None) -> VAE:
    """The network that the settings ask for; vae.jl's by default: 807 700 parameters. `autoencoder` has its layers."""
    args = args or HyperParams()
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[args.activation]
    filters = args.filters if args.model == "conv_vae" else ()
    model = build_autoencoder(args.latent_dim, args.hidden, activation, filters, variational=args.variational)
    return model.to(memory_format=torch.channels_last) if filters else model  # the layout that convolutions like best


def reconstruction_cost(logits: Tensor, X: Tensor, args: HyperParams) -> Tensor:
    """−log p(X | z) in nats per image, summed over its pixels: (N,)."""
    if args.likelihood == "bernoulli":  # for grey pixels the cross-entropy, which is no likelihood: see README
        return F.binary_cross_entropy_with_logits(logits.float(), X, reduction="none").sum(dim=(1, 2, 3))
    normal = torch.distributions.Normal(logits.float().sigmoid(), args.pixel_std, validate_args=False)
    return -normal.log_prob(X).sum(dim=(1, 2, 3))


def draw_noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal numbers for codes, drawn on the CPU so that every device sees the same, where `like` is."""
    return torch.randn(shape, generator=generator).to(like.device)


def corrupt(X: Tensor, args: HyperParams, generator: torch.Generator | None = None) -> Tensor:
    """What the encoder sees of X: X itself, or with noise for the denoising autoencoder."""
    if args.model != "denoising_autoencoder":
        return X
    return (X + args.noise * torch.randn(X.shape, **drawn_where(X, generator)).to(X.device)).clamp(0, 1)


def score(
    model: nn.Module, X: Tensor, args: HyperParams, *, beta: float = 1.0, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Loss and its terms, in nats per image: sums over pixels and latents, means over the batch.

    −ELBO = −E[log p(X | z)] + KL = reconstruction + kl, of which less is better, whatever β is; an autoencoder has
    reconstruction only.
    """
    epsilon = draw_noise((len(X), args.latent_dim), X, generator)
    logits, mu, log_sigma = model(corrupt(X, args, generator), epsilon)
    reconstruction = reconstruction_cost(logits, X, args).mean()
    if log_sigma is None:
        return {"loss": reconstruction, "reconstruction": reconstruction}
    kl = kl_divergence(mu.float(), log_sigma.float()).sum(dim=1).mean()
    return {
        "loss": reconstruction + beta * kl,
        "negative_elbo": reconstruction + kl,
        "reconstruction": reconstruction,
        "kl": kl,
    }


def train(data: Data | None = None, network: VAE | None = None, **kws) -> tuple[VAE, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data.to(device) if data else get_data(args, device)
    args = args.but(dataset=data.images.name, device=str(device))
    seed_everything(args.seed)
    model = (network or build_model(args)).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)  # vae.jl: one Adam each, which is the same
    net = for_step(model, compile=args.compile)
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
            (X,) = batch
            logs = score(model, X, args, generator=generator)
            del logs["loss"]
            mu, _ = model.encoder(corrupt(X, args, generator))
            return logs | {"mse": F.mse_loss(model.decoder(mu).sigmoid(), X)}

        return evaluate(scored, ArrayLoader(data.test[0], batch_size=1000), [model])

    with Run(args) as run:
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
            say=describe_epoch,
            quiet=args.quiet,
        )
        run.save_model(model)
        tested = {f"test_{k}": v for k, v in evaluation().items()}
        drawn = torch.Generator().manual_seed(derive_seed(args.seed, 4))
        tested |= diversity.compare(generate(model, diversity.IMAGES, drawn), data.test[0])
        if distributed.is_main():
            save_figures(run, model, data, args)
        run.finish(
            tested,
            verdict(args, tested, len(data.test[0])),
            look=("curves", "reconstructions", "samples", "manifold", "traversal"),
            then="python -m labs.vae.sample",
        )
    return model, run


# What was measured, in nats per image (README.md says how).
EXPECTED = (
    Expected("test_negative_elbo", 150, 156, {"dataset": "mnist"}),
    Expected("test_negative_elbo", 150, 156, {"dataset": "mnist", "preset": "examples", "latent_dim": 2}),
    Expected("test_negative_elbo", 108, 112, {"dataset": "mnist", "preset": "examples", "latent_dim": 10}),
    Expected("test_negative_elbo", 104, 107, {"dataset": "mnist", "preset": "examples"}),
    Expected("test_negative_elbo", 98, 102, {"dataset": "mnist", "preset": "examples", "model": "conv_vae"}),
    Expected("test_negative_elbo", 112, 117, {"dataset": "digits"}),
    Expected("test_negative_elbo", 92, 95, {"dataset": "digits", "preset": "examples"}),
)


def describe_epoch(row: Mapping[str, float]) -> str:
    """An epoch in a line that fits a terminal: −ELBO and its terms on the test images, in training in brackets."""
    if "test_kl" not in row:
        return f"reconstruction {row['test_reconstruction']:.2f} ({row['train_reconstruction']:.2f} in training)"
    return (
        f"−ELBO {row['test_negative_elbo']:.2f} = {row['test_reconstruction']:.2f} + KL {row['test_kl']:.2f}  "
        f"({row['train_negative_elbo']:.2f} in training)"
    )


def verdict(args: HyperParams, tested: dict[str, float], n: int) -> str:
    """What was reached and what to expect, in a sentence."""
    said = f"reconstruction {tested['test_reconstruction']:.2f} nats per image, MSE {tested['test_mse']:.4f}"
    if args.variational:
        said = (
            f"−ELBO {tested['test_negative_elbo']:.2f} nats per image = reconstruction "
            f"{tested['test_reconstruction']:.2f} + KL {tested['test_kl']:.2f}"
        )
    said += f" on {n} test images{expectations.sentence(EXPECTED, args)}"
    said += (
        f"; samples: diversity {tested['sample_diversity']:.2f} (1 is real), "
        f"near {tested['sample_coverage']:.0%} of the test images"
    )
    if args.variational and tested["test_kl"] < 0.1 and args.beta > 0:
        said += "; the code carries nothing (posterior collapse): try a smaller --beta or --warmup 5"
    return said


def load_run(path: Path | None = None, device: torch.device | str = "cpu") -> runs.Loaded[HyperParams, VAE]:
    """A run's network, ready for use, and its settings; the newest run's if none is named."""
    return runs.load(path, HyperParams, build_model, device=device)


def open_run(
    path: Path | None = None, data_dir: Path | None = None, *, offline: bool = False
) -> tuple[runs.Loaded[HyperParams, VAE], Data]:
    """A run to look at, and its data, both on the CPU; from `data_dir` if the data lie elsewhere by now."""
    loaded = load_run(path)
    own = loaded.settings
    args = dataclasses.replace(own, data_dir=data_dir or own.data_dir, offline=offline or own.offline)
    return dataclasses.replace(loaded, settings=args), get_data(args, torch.device("cpu"))


def save_figures(run: Run, model: VAE, data: Data, args: HyperParams) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib
    from labs.vae import figures

    X, y = (part.cpu() for part in data.test)
    generator = torch.Generator().manual_seed(derive_seed(args.seed, 2))
    originals = torch.stack([X[y == label][0] for label in y.unique()])
    seen = corrupt(originals, args, generator)
    noisy = {"seen": seen} if args.model == "denoising_autoencoder" else {}
    rows = {"original": originals, **noisy, "reconstruction": reconstruct(model, seen)}
    run.save_figure("data", plots.plot_samples(*data.train, data.images.classes))
    run.save_figure("curves", figures.plot_history(run.history))
    run.save_figure("reconstructions", plots.plot_rows(rows))
    run.save_figure("samples", plots.plot_mosaic(generate(model, 100, generator), columns=10))
    for name, figure in figures.plot_latent_space(model, X, y, data.images.classes).items():
        run.save_figure(name, figure)


def main() -> None:
    """The command `python -m labs.vae`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
