"""Two networks play against one another: a generator draws digits, a discriminator tells them from real ones.

Mirrors gan.jl of the course (same order and names). The default is the lab manual's network (Task № 4);
`--model course` is gan.jl's, which collapses to a few digits even on real images; `--model dcgan` is
convolutional. After Goodfellow et al. 2014, "Generative adversarial nets" and Radford et al. 2016, "Unsupervised
representation learning with deep convolutional generative adversarial networks". README.md has what was measured.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, expectations, runs
from common.data import ArrayLoader
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.expectations import Expected
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Better, Count, Positive, Range, Share, TrainingFlags, Usual
from common.trainer import fit, for_step
from labs.gan.judge import Opinion, ask, assess, get_judge
from labs.gan.watch import Watch

# What --model means for the settings that are not given.
PRESETS: dict[str, dict[str, Any]] = {
    "task4": {"latent_dim": 100, "lr": 2e-4, "discriminator_lr": 2e-4, "beta1": 0.5, "dropout": 0.3, "epochs": 50},
    # gan.jl has one image per step and 16 steps in all: 16 epochs of 128 images here.
    "course": {"latent_dim": 16, "lr": 1e-3, "discriminator_lr": 2e-4, "beta1": 0.9, "dropout": 0.0, "epochs": 16},
    "dcgan": {"latent_dim": 100, "lr": 1e-3, "discriminator_lr": 5e-4, "beta1": 0.5, "dropout": 0.0, "epochs": 12},
}
ModelName = Literal["task4", "course", "dcgan"]
LatentDim = Annotated[int, Range(1, 10_000)]
SAMPLES = 10_000  # generated images by which a run is judged at its end; a fifth of them after each epoch
DIGITS_PASSES = 20  # over the embedded digits in one epoch: they are 42 times fewer than MNIST


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a generator of handwritten digits (or clothes, or Japanese characters) against a discriminator."""

    COMMAND: ClassVar[str] = "labs.gan"
    SHARES_BATCHES: ClassVar[bool] = True
    BETTER: ClassVar[Mapping[str, Better]] = {"coverage": "larger", "frechet_distance": "smaller"}  # never the losses

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    model: ModelName = "task4"  # the lab manual's networks, gan.jl's, convolutional ones
    epochs: Usual[Count] = UNGIVEN  # passes over the training set; none: 50, course 16, dcgan 12
    batch_size: Count = 128  # real images per step, and as many generated ones
    lr: Usual[Positive] = UNGIVEN  # the generator's learning rate (η); none: 2e-4, course and dcgan 1e-3
    discriminator_lr: Usual[Positive] = UNGIVEN  # the discriminator's; none: 2e-4, dcgan 5e-4
    beta1: Usual[Share] = UNGIVEN  # Adam's memory of past gradients; none: 0.5, course 0.9
    latent_dim: Usual[LatentDim] = UNGIVEN  # length of the noise vector z; none: 100, course 16
    dropout: Usual[Share] = UNGIVEN  # share of the discriminator's activations set to 0; none: 0.3, course and dcgan 0
    real_label: Annotated[float, Range(0, 1, open="least")] = 1.0  # what D should say to real images; 0.9: smoothed
    sample_every: Count = 5  # epochs between two pictures of the same 64 noise vectors

    def usual(self) -> dict[str, Any]:
        return PRESETS[self.model]


@dataclass(frozen=True)
class Data:
    """The images as loaded, in [0, 1] and with labels for the judge; `train`, in [−1, 1], is all the GAN sees."""

    images: ImageData
    train: Tensor


def get_data(args: HyperParams, device: torch.device) -> Data:
    """Real images (N, 1, 28, 28) in [−1, 1], tanh's range, on `device`. No labels: nobody tells the GAN what a 3 is.

    (Julia draws its "real" images from rand: noise in [0, 1]. MNIST is never loaded.)
    """
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    X = 2 * images.X_train - 1
    if args.limit:
        generator = torch.Generator().manual_seed(derive_seed(args.seed))
        X = X[torch.randperm(len(X), generator=generator)[: args.limit]]
    if images.name == "digits":
        X = X.repeat(DIGITS_PASSES, 1, 1, 1)
    return Data(images, X.to(device))


def dense(latent_dim: int, activation: Callable[[], nn.Module], dropout: float) -> tuple[nn.Sequential, nn.Sequential]:
    """gan.jl's widths. With latent_dim 16: 236 688 and 233 985 parameters."""
    generator = nn.Sequential(  # (N, latent_dim)
        *(nn.Linear(latent_dim, 128), activation()),
        *(nn.Linear(128, 256), activation()),
        *(nn.Linear(256, 784), nn.Tanh()),
        nn.Unflatten(1, (1, 28, 28)),  # (N, 1, 28, 28) in (−1, 1)
    )
    discriminator = nn.Sequential(
        nn.Flatten(),  # (N, 784)
        *(nn.Linear(784, 256), activation(), nn.Dropout(dropout)),
        *(nn.Linear(256, 128), activation(), nn.Dropout(dropout)),
        nn.Linear(128, 1),  # (N, 1) logits
    )
    return generator, discriminator


def dcgan(latent_dim: int, dropout: float) -> tuple[nn.Sequential, nn.Sequential]:
    """Transposed convolutions draw, strided ones judge: 347 073 and 209 457 parameters with latent_dim 100.

    Kernel 4, stride 2, padding 1: each doubles the side, or halves it. No batch normalisation in the
    discriminator, so that real and generated images can go through it together.
    """
    generator = nn.Sequential(  # (N, latent_dim)
        *(nn.Linear(latent_dim, 64 * 7 * 7, bias=False), nn.Unflatten(1, (64, 7, 7))),
        *(nn.BatchNorm2d(64), nn.ReLU()),  # (N, 64,  7,  7)
        nn.ConvTranspose2d(64, 32, kernel_size=4, stride=2, padding=1, bias=False),
        *(nn.BatchNorm2d(32), nn.ReLU()),  # (N, 32, 14, 14)
        *(nn.ConvTranspose2d(32, 1, kernel_size=4, stride=2, padding=1), nn.Tanh()),  # (N, 1, 28, 28)
    )
    discriminator = nn.Sequential(
        # Leaky ReLU is αz for z < 0; the introduction's slide has αx.
        *(nn.Conv2d(1, 16, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2)),  # (N, 16, 14, 14)
        *(nn.Conv2d(16, 32, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2)),  # (N, 32,  7,  7)
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.LeakyReLU(0.2), nn.Dropout(dropout)),
        nn.Linear(128, 1),  # (N, 1) logits
    )
    return generator, discriminator


def build_model(args: HyperParams | None = None) -> nn.ModuleDict:
    """Both networks. generator: (N, latent_dim) → (N, 1, 28, 28) in (−1, 1); discriminator: images → (N, 1) logits."""
    args = args or HyperParams()
    if args.model == "dcgan":
        generator, discriminator = dcgan(args.latent_dim, args.dropout)
    else:
        activation = nn.ReLU if args.model == "course" else lambda: nn.LeakyReLU(0.2)
        generator, discriminator = dense(args.latent_dim, activation, args.dropout)
    networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
    return networks.to(memory_format=torch.channels_last)  # the layout that convolutions like best


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
    """−ln D(x) − ln(1 − D(G(z))), mean over the batch: ln 4 when the discriminator can only guess."""
    real = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, real_label))
    return real + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


def generator_loss(fake_logits: Tensor) -> Tensor:
    """−ln D(G(z)), mean over the batch: ln 2 when the discriminator can only guess."""
    # gan.jl takes σ of the logits first, then a loss that takes it again: stuck between 0.313 and 0.693.
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def noise(n: int, latent_dim: int, seed: int | None = None) -> Tensor:
    """n vectors z ~ N(0, I), drawn on the CPU: from their own generator if there is a seed."""
    return torch.randn(n, latent_dim, generator=None if seed is None else torch.Generator().manual_seed(seed))


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """`steps` noise vectors on the arc from `start` to `end` (N, D): (N · steps, D), a row of them after the other.

    sin((1 − t) ω) / sin ω · start + sin(t ω) / sin ω · end, with ω the angle between the two (Shoemake 1985). On
    the straight line the middle would be too short: random vectors of many dimensions all have about one length.
    """
    omega = torch.acos(torch.cosine_similarity(start, end, dim=1).clamp(-0.9999, 0.9999))[:, None, None]
    t = torch.linspace(0, 1, steps)[:, None]
    path = ((1 - t) * omega).sin() * start[:, None] + (t * omega).sin() * end[:, None]
    return (path / omega.sin()).flatten(0, 1)


def train(data: Data | None = None, networks: nn.ModuleDict | None = None, **kws) -> tuple[nn.ModuleDict, Run]:
    """Train as Julia's `train(epochs=2)`. Returns both networks and the run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `networks` are
    built from them unless given.
    """
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = Data(data.images, data.train.to(device)) if data else get_data(args, device)
    args = args.but(dataset=data.images.name, device=str(device))
    judge = get_judge(data.images, args.data_dir, device, quiet=args.quiet)
    reference = ask(judge, data.images.X_train[:10_000])

    seed_everything(args.seed)
    model = (networks or build_model(args)).to(device)
    generator, discriminator = model["generator"], model["discriminator"]
    betas = (args.beta1, 0.999)
    g_optimizer = make_optimizer("adam", generator.parameters(), args.lr, betas=betas)
    d_optimizer = make_optimizer("adam", discriminator.parameters(), args.discriminator_lr, betas=betas)
    loader = ArrayLoader(data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed)
    g_net, d_net = (for_step(net, compile=args.compile) for net in (generator, discriminator))

    seen_by = d_net
    if distributed.world_size() > 1:  # not what averages gradients: that would wait for those of the discriminator
        seen_by = cast(nn.Module, torch.compile(discriminator)) if args.compile else discriminator

    def step(batch: tuple[Tensor]) -> dict[str, Tensor]:
        (real,) = batch
        with autocast(device, args.precision):
            fake = g_net(noise(len(real), args.latent_dim).to(device))
            # 1. The discriminator learns: real → 1, fake → 0. Detached, the fakes are mere images to it: no
            #    gradient goes back into the generator.
            real_logits, fake_logits = d_net(torch.cat([real, fake.detach()])).float().chunk(2)
        d_loss = discriminator_loss(real_logits, fake_logits, args.real_label)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        # 2. The generator learns: the same fakes should pass for real now. The gradient goes through the
        #    discriminator, whose own weights need none.
        discriminator.requires_grad_(False)
        with autocast(device, args.precision):
            logits = seen_by(fake).float()
        g_loss = generator_loss(logits)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)

        with torch.no_grad():
            d_real, d_fake = real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()
        return {"discriminator_loss": d_loss, "generator_loss": g_loss, "d_real": d_real, "d_fake": d_fake}

    def judged() -> dict[str, float]:
        watch.draw(loader.epoch)
        samples = generate(generator, noise(SAMPLES // 5, args.latent_dim, seed=args.seed))
        scores = assess(ask(judge, samples), reference)
        return {name: scores[name] for name in ("coverage", "frechet_distance")}

    with Run(args) as run:
        sizes = " and ".join(f"{sum(p.numel() for p in net.parameters()):,}" for net in (generator, discriminator))
        run.say(
            f"{args.model} networks, {sizes} parameters; {data.images.name}, {len(data.train)} images; "
            f"{len(loader)} steps an epoch on {device}"
        )
        z = noise(64, args.latent_dim, seed=args.seed)
        draw_samples = functools.partial(generate, generator, z)
        watch = Watch(run, draw_samples, every=args.sample_every, last=args.epochs, cures=against_collapse(args))
        if not (run.path / "checkpoint").is_dir():  # nothing has been learnt yet
            watch.draw(0)
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[g_optimizer, d_optimizer],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"sample": judged},
            run=run,
            on_epoch=[watch],
            say=describe_epoch,
            quiet=args.quiet,
        )
        run.save_model(model)
        samples = generate(generator, noise(SAMPLES, args.latent_dim, seed=args.seed))
        opinion = ask(judge, samples)
        scores, real_scores = assess(opinion, reference), assess(ask(judge, data.images.X_test), reference)
        last = run.history[-1] if run.history else {}
        losses = {k.removeprefix("train_"): v for k, v in last.items() if k.startswith("train_")}
        if distributed.is_main():
            watch.animate()
            save_figures(run, samples, opinion, data)
        run.finish(
            losses | scores,
            verdict(args, scores, real_scores),
            look=("early_late", "classes", "training"),
            then="python -m labs.gan.quiz",
        )
    return model, run


def against_collapse(args: HyperParams) -> list[str]:
    """What to try if the generator draws few classes: of Task № 4's settings those that differ, and another seed."""
    usual = PRESETS["task4"]
    differing = {
        f"--beta1 {usual['beta1']:g}": args.beta1 > usual["beta1"],  # first: it decides, see exercise 4 of README.md
        f"--lr {usual['lr']:g}": args.lr > usual["lr"],
        f"--dropout {usual['dropout']:g}": args.dropout < usual["dropout"],
        "--real-label 0.9": args.real_label == 1,
    }
    return [*(flag for flag, differs in differing.items() if differs), "another --seed"]


# What was measured (README.md says how), also on the way to the last epoch. gan.jl's settings collapse.
EXPECTED = (
    Expected("coverage", 10, 10, {"dataset": "mnist"}),
    Expected("frechet_distance", most=6, settings={"dataset": "mnist"}),
    Expected("coverage", 10, 10, {"dataset": "mnist", "epochs": 25}),
    Expected("frechet_distance", most=15, settings={"dataset": "mnist", "epochs": 25}),
    Expected("coverage", 10, 10, {"dataset": "mnist", "model": "dcgan"}),
    Expected("frechet_distance", most=4, settings={"dataset": "mnist", "model": "dcgan"}),
    Expected("coverage", most=5, settings={"dataset": "mnist", "model": "course"}),
)


def describe_epoch(row: Mapping[str, float]) -> str:
    """An epoch in a line that fits a terminal: what the judge says, then the losses and D's mean answers."""
    return (
        f"{row['sample_coverage']:.0f} classes  Fréchet {row['sample_frechet_distance']:.1f}  "
        f"L_D {row['train_discriminator_loss']:.2f}  L_G {row['train_generator_loss']:.2f}  "
        f"D {row['train_d_real']:.2f}/{row['train_d_fake']:.2f}"
    )


def verdict(args: HyperParams, scores: dict[str, float], real: dict[str, float]) -> str:
    """What was reached and what to expect, in a sentence."""

    def expected(metric: str) -> str:
        return expectations.sentence([row for row in EXPECTED if row.metric == metric], args)

    return (
        f"{scores['coverage']} of 10 classes drawn{expected('coverage')}, "
        f"the rarest {scores['smallest_share']:.1%} of the time; "
        f"Fréchet distance {scores['frechet_distance']:.1f}{expected('frechet_distance')}, "
        f"of real test images {real['frechet_distance']:.1f}; diversity {scores['diversity']:.2f} (1 is real)"
    )


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) in [0, 1] that the generator makes of noise z (N, latent_dim)."""
    generator.eval()
    device = next(generator.parameters()).device
    return torch.cat([(generator(part.to(device)) + 1) / 2 for part in z.split(1000)])


def load_run(path: Path | None = None, device: torch.device | str = "cpu") -> runs.Loaded[HyperParams, nn.ModuleDict]:
    """A run's networks, ready to sample from, and its settings; the newest run's if none is named."""
    return runs.load(path, HyperParams, build_model, device=device)


def save_figures(run: Run, samples: Tensor, opinion: Opinion, data: Data) -> None:
    """The figures of a run besides the pictures that Watch has drawn; README.md says what to look for in each."""
    from labs.gan import pictures  # here, so that --help need not wait for matplotlib

    classes = data.images.classes
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(run.settings.seed))[:64]
    run.save_figure("real", pictures.plot_sheet((data.train[chosen.to(data.train.device)] + 1) / 2, 8, "real images"))
    run.save_figure("classes", pictures.plot_classes(samples, opinion.classes, opinion.shares, classes))
    if run.history:
        run.save_figure("training", pictures.plot_training(run.history))


def main() -> None:
    """The command `python -m labs.gan`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
