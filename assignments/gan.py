"""Generative adversarial networks: pixels, the two losses, a step of each network, what was drawn.

Exercises of Task № 4 and of the slides' one-dimensional GAN. Where the lab has pixels in [0, 1] and shares of classes,
these have bytes and counts.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assignments.anticipation import anticipation
from assignments.evaluation import settings_here
from assignments.exercise import Draw, exercise, number, tensor

LAB = "labs.gan"
RUNS: dict[str, str] = {
    "base": "--epochs 50",
    "batch_256": "--epochs 50 --batch-size 256",
    "convolutional": "--model dcgan",
    "course": "--model course",
    "course_beta": "--model course --beta1 0.5",
}
ROUGH = ("coverage", "smallest_share", "class_kl", "confidence", "frechet_distance", "diversity")  # the judge's


@functools.cache
def _judge(dataset: str, data_dir: Path) -> Any:
    """The judge of a data set and its opinion of the real images: once, where it cannot be kept in `data_dir`."""
    from common.datasets import load_images
    from labs.gan import judge

    images = load_images(dataset, data_dir, offline=True, quiet=True)
    network = judge.get_judge(images, data_dir, torch.device("cpu"), quiet=True)
    return network, judge.ask(network, images.X_train[:10_000])


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """What the judge says of a finished run's generator, and how its networks stand to one another.

    The judge's numbers are named as in the run's summary.json. A judge is trained where there is none yet, and comes
    out a little different on another machine: ROUGH. The discriminator's mean answers do not need one.
    """
    from labs.gan import gan, judge

    run = gan.load_run(path)
    args = settings_here(run.settings, data_dir)
    data = gan.get_data(args, torch.device("cpu"))
    network, reference = _judge(args.dataset, args.data_dir)
    samples = gan.generate(run.model.get_submodule("generator"), gan.noise(gan.SAMPLES, args.latent_dim, args.seed))
    with torch.inference_mode():
        discriminator = run.model.get_submodule("discriminator").eval()
        answers = {
            f"answer_to_{kind}": float(discriminator(X[:1000]).sigmoid().mean())
            for kind, X in (("real", data.train), ("samples", 2 * samples - 1))
        }
    return judge.assess(judge.ask(network, samples), reference) | answers


# --- Pixels ---------------------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.5,
    hints=(
        "Manual, part a: the range of the generator's tanh; lab sheet, exercise 8 and G4.",
        "From 0…255 to 0…2, then to −1…1; and an axis for the one channel.",
        "(X.float() / 127.5 - 1)[:, None]: a byte becomes a float first, for bytes wrap round at 256.",
    ),
    compare="labs/gan/gan.py, get_data",
)
def to_tanh_range(X: Tensor) -> Tensor:
    """Real images as the discriminator sees them: numbers in [−1, 1], the range of tanh, (N, 1, H, W).

    X is (N, H, W), bytes (uint8) as in MNIST's files: 0 is black and becomes −1, 255 is white and becomes 1, in between
    it is a straight line. The second dimension of the result is the one channel.
    """
    raise NotImplementedError


@to_tanh_range.example("black is −1, white is 1")
def _():
    return (torch.tensor([[[0, 255]]], dtype=torch.uint8),), tensor([[[-1.0, 1.0]]])


@to_tanh_range.probes
def _(draw):
    shape = draw.size(1, 3), draw.size(2, 4), draw.size(2, 5)
    X = draw.integers(*shape, low=150, high=254)
    X[:, 0, 0] = draw.integer(1, 100)
    return (X.to(torch.uint8),)


@to_tanh_range.expected
def _(X):
    return torch.linspace(-1, 1, 256, dtype=torch.float64)[X.long()].unsqueeze(1)


@to_tanh_range.mistake("G4", "dividing by 255 only: that is [0, 1], and tanh's range goes down to −1")
def _(X):
    return (X.double() / 255)[:, None]


@to_tanh_range.mistake("T1", "the lab's own line: its pixels are in [0, 1] already, yours are bytes from 0 to 255")
def _(X):
    return (2 * X - 1)[:, None]


@to_tanh_range.mistake("T2", "2x − 1 without dividing: that belongs to pixels in [0, 1], so divide by 255 first")
def _(X):
    return (2 * X.double() - 1)[:, None]


@to_tanh_range.mistake("T3", "dividing by 128: white is 255 and must become 1, so half of the range is 127.5")
def _(X):
    return (X.double() / 128 - 1)[:, None]


@to_tanh_range.mistake("T4", "subtracting ½ from [0, 1]: that is [−½, ½], half as wide as tanh's range")
def _(X):
    return (X.double() / 255 - 0.5)[:, None]


@to_tanh_range.mistake("T5", "leaving out the channel: the result is (N, 1, H, W), so add an axis with [:, None]")
def _(X):
    return X.double() / 127.5 - 1


@exercise(
    number=2,
    points=0.5,
    hints=(
        "Lab sheet, G8: how gan.jl draws what comes out of tanh; gan.py, generate.",
        "The way of exercise 1 back: add 1, stretch to 0…255, round, then a byte; and one axis less.",
        "((x[:, 0] + 1) * 127.5).round().to(torch.uint8)",
    ),
    compare="labs/gan/gan.py, generate",
)
def to_bytes(x: Tensor) -> Tensor:
    """Generated images as bytes that can be drawn: the way of `to_tanh_range` back, (N, H, W), uint8.

    x is (N, 1, H, W) in [−1, 1]: −1 becomes 0, 1 becomes 255, in between it is a straight line, rounded to the nearest
    whole number.
    """
    raise NotImplementedError


@to_bytes.example("−1 is black, 1 is white, −0.5 is rounded to 64")
def _():
    return (tensor([[[-1.0, 1.0, -0.5]]]),), torch.tensor([[[0, 255, 64]]], dtype=torch.uint8)


@to_bytes.probes
def _(draw):
    shape = draw.size(1, 3), 1, draw.size(2, 4), draw.size(2, 5)
    bytes = draw.integers(*shape, low=2, high=254)
    bytes[:, :, 0] = draw.integer(10, 100)
    bytes[:, :, 1] = draw.integer(180, 254)
    return ((bytes.double() - 0.3 + 0.6 * draw.integers(*shape, low=0, high=1)) / 127.5 - 1,)  # never near a half


@to_bytes.expected
def _(x):
    return torch.bucketize(x.squeeze(1), (torch.arange(255, dtype=torch.float64) + 0.5) / 127.5 - 1).to(torch.uint8)


@to_bytes.mistake("G8", "clipping what is below 0, as gan.jl's picture does: −1 is black, so add 1 first")
def _(x):
    return (255 * x[:, 0].clamp(min=0)).round().to(torch.uint8)


@to_bytes.mistake("P1", "cutting off instead of rounding: call .round() before it becomes a byte")
def _(x):
    return ((x[:, 0] + 1) * 127.5).to(torch.uint8)


@to_bytes.mistake("P2", "the lab's own line, (x + 1) / 2: that is in [0, 1], a byte goes up to 255")
def _(x):
    return (x[:, 0] + 1) / 2


@to_bytes.mistake("P3", "the right (x + 1) / 2, made a byte before it was multiplied by 255: all but white is 0 then")
def _(x):
    return ((x[:, 0] + 1) / 2).to(torch.uint8)


@to_bytes.mistake("P4", "adding 1 and multiplying by 255: x + 1 goes up to 2 already, so multiply by 127.5")
def _(x):
    return ((x[:, 0] + 1) * 255).round()


@to_bytes.mistake("P5", "the absolute value: −1 is black and 1 white, so shift by 1, do not fold")
def _(x):
    return (255 * x[:, 0].abs()).round().to(torch.uint8)


@to_bytes.mistake("P6", "keeping the channel: the result is (N, H, W), so take x[:, 0]")
def _(x):
    return ((x + 1) * 127.5).round().to(torch.uint8)


# --- The two losses -------------------------------------------------------------------------------------------------

BCE = ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", "binary_cross_entropy", "BCELoss", "soft_margin_loss")


@exercise(
    number=3,
    points=1.25,
    hints=(
        "Slides, 1-D GAN, and “The idea” of the lab sheet: L_D; its exact value is 0.948, not the slide's 0.96.",
        "With D = σ(a) there are two parts: −ln σ(a) of real logits and −ln(1 − σ(a)) of fake ones, a mean of each.",
        "−ln σ(a) is softplus(−a) and −ln(1 − σ(a)) is softplus(a): F.softplus(…).mean() twice, and their sum.",
    ),
    compare="labs/gan/gan.py, discriminator_loss",
    forbidden=BCE,
    gradient=("real_logits", "fake_logits"),
    slot=("labs.gan.gan.discriminator_loss", lambda mine: _unless_smoothed(mine)),
)
def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The discriminator's loss −ln D(x) − ln(1 − D(G(z))) in nats: a number.

    real_logits, fake_logits are (N, 1): what the discriminator gives for N real images x and N generated ones G(z),
    before the sigmoid, so that D = σ(logit). Each of the two parts is a mean over its N images; the loss is their sum.
    Finite for logits of ±1000, too. (Goodfellow et al. 2014, eq. 1; slides.)
    """
    raise NotImplementedError


def _unless_smoothed(mine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The lab's function takes a smoothed label, too; the student's knows 1 only."""
    from labs.gan import gan

    lab = gan.discriminator_loss

    def loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
        return mine(real_logits, fake_logits) if real_label == 1 else lab(real_logits, fake_logits, real_label)

    return loss


@discriminator_loss.example("the slide's D(3) and D(G(0)): 0.948")
def _():
    return (tensor([0.5]), tensor([-0.5])), number(2 * math.log(1 + math.exp(-0.5)))


@discriminator_loss.example("D can only guess: ln 4")
def _():
    return (torch.zeros(2, 1, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64)), number(math.log(4))


@discriminator_loss.probes
def _(draw):
    n = draw.size(2, 6)
    return draw.normal(n, 1, mean=1, std=2), draw.normal(n, 1, mean=-1, std=2)


@discriminator_loss.edge("finite at ±1000")
def _():
    return tensor([-1000.0], [1000.0]), tensor([1000.0], [-1000.0])


@discriminator_loss.expected
def _(real_logits, fake_logits):
    real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    return real + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


@discriminator_loss.mistake("L1", "exchanging real and fake: D should say 1 to real images and 0 to generated ones")
def _(real_logits, fake_logits):
    return F.softplus(real_logits).mean() + F.softplus(-fake_logits).mean()


@discriminator_loss.mistake("L2", "taking the sigmoid twice: once gives D, the loss must not take it again")
def _(real_logits, fake_logits):
    return F.softplus(-real_logits.sigmoid()).mean() + F.softplus(fake_logits.sigmoid()).mean()


@discriminator_loss.mistake("L3", "halving: the loss is the sum of the two parts, not their mean")
def _(real_logits, fake_logits):
    return (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()) / 2


@discriminator_loss.mistake("L4", "leaving out the generated images: −ln(1 − D(G(z))) belongs to it")
def _(real_logits, fake_logits):
    return F.softplus(-real_logits).mean()


@discriminator_loss.mistake("L5", "−ln D for the generated images, too: for them it is −ln(1 − D)")
def _(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() + F.softplus(-fake_logits).mean()


@discriminator_loss.mistake("L6", "adding up the images: each part is a mean over its images")
def _(real_logits, fake_logits):
    return F.softplus(-real_logits).sum() + F.softplus(fake_logits).sum()


@discriminator_loss.mistake("L7", "leaving out the minus: this is what the slides maximise; a loss is minimised")
def _(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


@discriminator_loss.mistake(
    "L8", "the logarithm of a sigmoid that has become 0, or e^1000 = ∞: write −ln σ(a) as softplus(−a)"
)
def _(real_logits, fake_logits):
    return -real_logits.sigmoid().log().mean() - (1 - fake_logits.sigmoid()).log().mean()


@exercise(
    number=4,
    points=1,
    hints=(
        "Slides: max ln D(G(z)); lab sheet, “The idea” and exercise 1, why it is not ln(1 − D).",
        "One part of exercise 3, for the generated images, as if they were real.",
        "F.softplus(-fake_logits).mean(): no sigmoid before it, it is in the softplus.",
    ),
    compare="labs/gan/gan.py, generator_loss",
    forbidden=BCE,
    gradient=("fake_logits",),
    slot=("labs.gan.gan.generator_loss", lambda mine: mine),
)
def generator_loss(fake_logits: Tensor) -> Tensor:
    """The generator's loss −ln D(G(z)) in nats, a mean over the images: a number.

    fake_logits is (N, 1): what the discriminator gives for N generated images, before the sigmoid: D = σ(logit). Of a
    single image, its derivative is −½ at logit 0 and −0.9997 at −8, where D has seen through it. Finite for logits of
    ±1000, too. (Goodfellow et al. 2014, section 3: not the ln(1 − D) of eq. 1.)
    """
    raise NotImplementedError


@generator_loss.example("D can only guess: ln 2")
def _():
    return (tensor([0.0]),), number(math.log(2))


@generator_loss.example("the slide's D(3): 0.474")
def _():
    return (tensor([0.5]),), number(math.log(1 + math.exp(-0.5)))


@generator_loss.probes
def _(draw):
    return (draw.uniform(draw.size(2, 6), 1, low=-9, high=2),)


@generator_loss.edge("finite at ±1000")
def _():
    return (tensor([-1000.0], [1000.0]),)


@generator_loss.expected
def _(fake_logits):
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


@generator_loss.mistake(
    "G2", "taking the sigmoid twice, as gan.jl: the loss never falls below 0.313 then; leave one of the two away"
)
def _(fake_logits):
    return F.softplus(-fake_logits.sigmoid()).mean()


@generator_loss.mistake(
    "S1", "taking ln(1 − D): it is flat where D has seen through the images (slope −0.0003 at −8); minimise −ln D"
)
def _(fake_logits):
    return -F.softplus(fake_logits).mean()


@generator_loss.mistake("S2", "−ln(1 − D), which the discriminator wants small: the generator wants D near 1, so −ln D")
def _(fake_logits):
    return F.softplus(fake_logits).mean()


@generator_loss.mistake("S3", "leaving out the minus: ln D is to be large, a loss is to be small")
def _(fake_logits):
    return F.logsigmoid(fake_logits).mean()


@generator_loss.mistake("S4", "adding up the images: it is their mean")
def _(fake_logits):
    return F.softplus(-fake_logits).sum()


@generator_loss.mistake("S5", "the logarithm of the mean of D: it is the mean of the logarithms")
def _(fake_logits):
    return -fake_logits.sigmoid().mean().log()


@generator_loss.mistake(
    "S6", "the logarithm of a sigmoid that has become 0, or e^1000 = ∞: write −ln σ(a) as softplus(−a)"
)
def _(fake_logits):
    return -fake_logits.sigmoid().log().mean()


# --- A step of each -------------------------------------------------------------------------------------------------


@exercise(
    number=5,
    points=1.25,
    hints=(
        "Manual, part d: two-phase updates; gan.py, the first half of `step`; lab sheet, exercise 5 on detaching.",
        "Make fakes and cut them off from G; logits of real and fake; the loss; old gradients away; backward; step.",
        "fake = generator(z).detach(); …; optimizer.zero_grad(); loss.backward(); optimizer.step(); return loss.item()",
    ),
    compare="labs/gan/gan.py, the function step in train, 1.",
)
def discriminator_step(
    generator: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, z: Tensor
) -> float:
    """One step of the discriminator: its weights go a step, the loss before the step is returned as a number.

    real is (N, D), N real samples; z is (N, latents), the noise of which the generator makes N fakes. discriminator
    gives logits (N, 1), without sigmoid; optimizer has its weights. The loss is that of exercise 3 (here torch's
    binary_cross_entropy_with_logits may be used). The generator stays as it is and gets no gradients. Gradients which
    the discriminator still has from before, the generator's step leaves some, must not count.
    """
    raise NotImplementedError


def _case(draw: Draw, steps: int) -> tuple[dict[str, Any]]:
    numbers = {"seed": draw.integer(0, 999), "samples": draw.size(3, 6), "steps": steps, "η": draw.number(0.5, 1)}
    return (numbers | {"old gradients": steps > 1},)


@discriminator_step.use
def _(mine, given):
    torch.default_generator.manual_seed(given["seed"])
    generator = nn.Sequential(nn.Linear(2, 3), nn.Tanh()).double()
    discriminator = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1)).double()
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=given["η"])
    before = [p.detach().clone() for p in generator.parameters()]
    losses = []
    for _ in range(given["steps"]):
        z = torch.randn(given["samples"], 2, dtype=torch.float64)
        real = torch.randn(given["samples"], 3, dtype=torch.float64) + 1
        if given["old gradients"]:  # as a generator's step leaves them
            discriminator(generator(z).detach()).mean().backward()
        loss = mine(generator, discriminator, optimizer, real, z)
        losses.append(float(loss.detach() if isinstance(loss, torch.Tensor) else loss))
    weights = list(generator.parameters())
    return {
        "the generator has gradients": any(p.grad is not None and bool(p.grad.any()) for p in weights),
        "the generator has moved": not all(torch.equal(p, q) for p, q in zip(weights, before, strict=True)),
        **{f"loss of step {i}": loss for i, loss in enumerate(losses, 1)},
        "the discriminator's last bias afterwards": discriminator[2].bias.float(),
        "its first weights afterwards": discriminator[0].weight.float(),
    }


@discriminator_step.probes
def _(draw):
    return _case(draw, 2)


@discriminator_step.edge("a single step, no old gradients")
def _():
    return _case(Draw("single", "discriminator_step"), 1)


@discriminator_step.expected
def _(generator, discriminator, optimizer, real, z):
    with torch.no_grad():
        fake = generator(z)
    loss = -discriminator(real).sigmoid().log().mean() - (1 - discriminator(fake).sigmoid()).log().mean()
    return _descend(discriminator, optimizer, loss)


def _descend(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """A step of plain gradient descent by hand."""
    weights = list(network.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.sub_(optimizer.param_groups[0]["lr"] * gradient)
    return loss.item()


def _bce(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, clear: bool = True, move: bool = True) -> float:
    """The usual end of a step, right or with one of the known mistakes."""
    if clear:
        optimizer.zero_grad()
    loss.backward()
    if move:
        optimizer.step()
    return loss.item()


@discriminator_step.mistake(
    "G11", "fakes that are not cut off from the generator: backward() fills its gradients, too; generator(z).detach()"
)
def _(generator, discriminator, optimizer, real, z):
    return _update(optimizer, _bce(discriminator(real), 1) + _bce(discriminator(generator(z)), 0))


@discriminator_step.mistake(
    "D1", "leaving out optimizer.zero_grad(), or calling it only after the step: old gradients count"
)
def _(generator, discriminator, optimizer, real, z):
    fake = generator(z).detach()
    return _update(optimizer, _bce(discriminator(real), 1) + _bce(discriminator(fake), 0), clear=False)


@discriminator_step.mistake(
    "D2", "weights that never move: no optimizer.step(), or zero_grad() between backward() and step()"
)
def _(generator, discriminator, optimizer, real, z):
    fake = generator(z).detach()
    return _update(optimizer, _bce(discriminator(real), 1) + _bce(discriminator(fake), 0), move=False)


@discriminator_step.mistake("D3", "exchanging the labels: 1 is for real, 0 for generated")
def _(generator, discriminator, optimizer, real, z):
    fake = generator(z).detach()
    return _update(optimizer, _bce(discriminator(real), 0) + _bce(discriminator(fake), 1))


@discriminator_step.mistake(
    "D4", "one mean over real and fake together, which is half the loss: take a mean of each, and their sum"
)
def _(generator, discriminator, optimizer, real, z):
    fake = generator(z).detach()
    return _update(optimizer, (_bce(discriminator(real), 1) + _bce(discriminator(fake), 0)) / 2)


@discriminator_step.mistake("D5", "learning from real samples only: the fakes, with label 0, belong to the loss")
def _(generator, discriminator, optimizer, real, z):
    return _update(optimizer, _bce(discriminator(real), 1))


@discriminator_step.mistake("D6", "a sigmoid before a loss that takes logits and has a sigmoid of its own")
def _(generator, discriminator, optimizer, real, z):
    fake = generator(z).detach()
    return _update(optimizer, _bce(discriminator(real).sigmoid(), 1) + _bce(discriminator(fake).sigmoid(), 0))


@exercise(
    number=6,
    points=1.25,
    hints=(
        "Manual, part d: two-phase updates; gan.py, the second half of `step`; lab sheet, G6.",
        "Fakes; the discriminator's logits of them; the loss of exercise 4; old gradients away; backward; step.",
        "loss = generator_loss(discriminator(generator(z))), without detach; zero_grad; backward; step; loss.item()",
    ),
    compare="labs/gan/gan.py, the function step in train, 2.",
)
def generator_step(
    generator: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, z: Tensor
) -> float:
    """One step of the generator: its weights go a step, the loss before the step is returned as a number.

    z is (N, latents), noise. discriminator gives logits (N, 1), without sigmoid; optimizer has the generator's weights.
    The loss is that of exercise 4 (here torch's binary_cross_entropy_with_logits may be used). The discriminator's
    weights stay as they are: the gradient only goes through it. Gradients which the generator still has from before
    must not count.
    """
    raise NotImplementedError


@generator_step.use
def _(mine, given):
    torch.default_generator.manual_seed(given["seed"])
    generator = nn.Sequential(nn.Linear(2, 3), nn.Tanh()).double()
    last = nn.Linear(4, 1)
    last.weight.data *= 8
    discriminator = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), last).double()
    optimizer = torch.optim.SGD(generator.parameters(), lr=given["η"])
    before = [[p.detach().clone() for p in network.parameters()] for network in (generator, discriminator)]
    losses = []
    for _ in range(given["steps"]):
        z = torch.randn(given["samples"], 2, dtype=torch.float64)
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
        "the generator's bias afterwards": generator[0].bias.float(),
        "its weights afterwards": generator[0].weight.float(),
    }


@generator_step.probes
def _(draw):
    return _case(draw, 2)


@generator_step.edge("a single step, no old gradients")
def _():
    return _case(Draw("single", "generator_step"), 1)


@generator_step.expected
def _(generator, discriminator, optimizer, z):
    return _descend(generator, optimizer, -discriminator(generator(z)).sigmoid().log().mean())


@generator_step.mistake(
    "G6", "fakes cut off from the generator (detach, no_grad): no gradient reaches it here, so it does not move"
)
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, _bce(discriminator(generator(z).detach()), 1))


@generator_step.mistake(
    "E1", "leaving out optimizer.zero_grad(), or calling it only after the step: old gradients count"
)
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, _bce(discriminator(generator(z)), 1), clear=False)


@generator_step.mistake(
    "E2", "label 0 for the fakes: that makes the generator worse; it wants them taken for real, label 1"
)
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, _bce(discriminator(generator(z)), 0))


@generator_step.mistake("E3", "minimising ln(1 − D), which is flat where D has seen through the fakes; minimise −ln D")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, -_bce(discriminator(generator(z)), 0))


@generator_step.mistake("E4", "a sigmoid before a loss that takes logits and has a sigmoid of its own")
def _(generator, discriminator, optimizer, z):
    return _update(optimizer, _bce(discriminator(generator(z)).sigmoid(), 1))


@generator_step.mistake("E5", "a step of the discriminator as well: only the weights in optimizer may move")
def _(generator, discriminator, optimizer, z):
    discriminator.zero_grad()
    loss = _update(optimizer, _bce(discriminator(generator(z)), 1))
    torch.optim.SGD(discriminator.parameters(), lr=optimizer.param_groups[0]["lr"]).step()
    return loss


# --- By hand --------------------------------------------------------------------------------------------------------


@exercise(
    number=7,
    points=0.5,
    hints=(
        "Slides, 1-D GAN: the direction in which w goes; lab sheet, the table of gan_1d.",
        "−ln σ(u) has the derivative σ(u) − 1 in u, −ln(1 − σ(u)) has σ(u); by the chain rule · x for w, · 1 for b.",
        "dw = (D(x) − 1) · x + D(G(z)) · G(z), and db is the same without the factors x and G(z).",
    ),
    compare="labs/gan/gan_1d.py, answers",
    forbidden=("backward", "grad", "autograd", "func", "jacobian", "jacrev", "jacfwd"),
)
def slide_gradients(w: float, b: float, x: float, z: float) -> tuple[float, float]:
    """The slides' one-dimensional GAN: (∂L_D/∂w, ∂L_D/∂b), two numbers.

    D(x) = σ(wx + b) and G(z) = 2z + 1. L_D = −ln D(x) − ln(1 − D(G(z))) for one real x and one noise z. With the
    slide's w = 0.5, b = −1, x = 3, z = 0 it is −0.7551 and 0: descent, which goes against the gradient, raises w.
    Derive it by hand; autograd is not to be used.
    """
    raise NotImplementedError


@slide_gradients.example("the slide's numbers: −0.7551 and 0")
def _():
    return (0.5, -1.0, 3.0, 0.0), {"∂L_D/∂w": number(-0.7550813375962907), "∂L_D/∂b": number(0)}


@slide_gradients.use
def _(mine, w, b, x, z):
    found = zip(("∂L_D/∂w", "∂L_D/∂b"), mine(w, b, x, z), strict=True)
    return {name: g if isinstance(g, Tensor) else torch.tensor(float(g), dtype=torch.float64) for name, g in found}


@slide_gradients.probes
def _(draw):
    return draw.number(0.2, 1.5), draw.number(-1.5, -0.2), draw.number(2, 4), draw.number(0.3, 1.2)


@slide_gradients.expected
def _(w, b, x, z):
    weights = tensor(w, b).requires_grad_()
    loss = _bce(weights @ tensor(x, 1), 1) + _bce(weights @ tensor(2 * z + 1, 1), 0)
    return torch.autograd.grad(loss, weights)[0]


def _by_hand(w: float, b: float, x: float, fake: float) -> tuple[float, float, float, float]:
    """Derivatives of the real and of the fake part, in w and in b."""
    real, fooled = 1 / (1 + math.exp(-w * x - b)) - 1, 1 / (1 + math.exp(-w * fake - b))
    return real * x, fooled * fake, real, fooled


@slide_gradients.mistake("A1", "the direction of ascent: the gradient of the loss itself is the negative of it")
def _(w, b, x, z):
    dw_real, dw_fake, db_real, db_fake = _by_hand(w, b, x, 2 * z + 1)
    return -dw_real - dw_fake, -db_real - db_fake


@slide_gradients.mistake("A2", "leaving out the factors x and G(z) in ∂/∂w: wx + b has the derivative x in w")
def _(w, b, x, z):
    _, _, db_real, db_fake = _by_hand(w, b, x, 2 * z + 1)
    return db_real + db_fake, db_real + db_fake


@slide_gradients.mistake("A3", "the wrong sign of the fake part: −ln(1 − σ(u)) has the derivative +σ(u) in u")
def _(w, b, x, z):
    dw_real, dw_fake, db_real, db_fake = _by_hand(w, b, x, 2 * z + 1)
    return dw_real - dw_fake, db_real - db_fake


@slide_gradients.mistake("A4", "taking z for the generated number: D sees G(z) = 2z + 1")
def _(w, b, x, z):
    dw_real, dw_fake, db_real, db_fake = _by_hand(w, b, x, z)
    return dw_real + dw_fake, db_real + db_fake


@slide_gradients.mistake("A5", "leaving out the generated number: −ln(1 − D(G(z))) is a part of L_D, too")
def _(w, b, x, z):
    dw_real, _, db_real, _ = _by_hand(w, b, x, 2 * z + 1)
    return dw_real, db_real


@slide_gradients.mistake("A6", "the derivative of σ alone, σ(1 − σ): −ln σ(u) has σ(u) − 1, and −ln(1 − σ(u)) has σ(u)")
def _(w, b, x, z):
    dw_real, dw_fake, db_real, db_fake = _by_hand(w, b, x, 2 * z + 1)
    D, fooled = 1 + db_real, db_fake
    return dw_real * D + dw_fake * (1 - fooled), db_real * D + db_fake * (1 - fooled)


@slide_gradients.mistake("A7", "exchanging the two: ∂L_D/∂w comes first")
def _(w, b, x, z):
    dw_real, dw_fake, db_real, db_fake = _by_hand(w, b, x, 2 * z + 1)
    return db_real + db_fake, dw_real + dw_fake


# --- What was drawn -------------------------------------------------------------------------------------------------


@exercise(
    number=8,
    points=0.75,
    hints=(
        "Lab sheet, What they reach: “KL to uniform”; judge.py, assess.",
        "Shares first: a count divided by all of them. Then Σ p ln(p / (1/K)), where a class with p = 0 adds nothing.",
        "p = counts / counts.sum(); (p * (p * len(p)).log()) where p > 0, else 0 (torch.where or a mask); their sum.",
    ),
    compare="labs/gan/judge.py, assess",
    forbidden=("kl_div", "kl_divergence", "rel_entr", "Categorical"),
)
def class_kl(counts: Tensor) -> Tensor:
    """How far from even the generated classes are: KL(shares ‖ uniform) in nats, a number.

    counts is (K,), whole numbers: how often the judge saw each of K classes among the samples; a class's share is its
    part of all samples, uniform has 1/K everywhere. 0 if all classes came equally often; ln 10 if only one of 10 came
    at all (mode collapse). A class that never came adds nothing: 0 · ln 0 counts 0.
    """
    raise NotImplementedError


@class_kl.example("all classes equally often: 0")
def _():
    return (torch.tensor([25, 25, 25, 25]),), number(0)


@class_kl.example("one class of ten: ln 10")
def _():
    return (torch.tensor([0, 0, 0, 40, 0, 0, 0, 0, 0, 0]),), number(math.log(10))


@class_kl.probes
def _(draw):
    counts = draw.integers(draw.size(3, 10), low=1, high=40)
    counts[0] = draw.integer(60, 90)
    return (counts,)


@class_kl.expected
def _(counts):
    shares = counts.double() / counts.sum()
    return math.log(len(counts)) - torch.special.entr(shares).sum()


@class_kl.mistake("C1", "counts where shares belong, as in the lab's own line: divide by counts.sum() first")
def _(counts):
    return torch.special.xlogy(counts, counts.double()).sum() + math.log(len(counts))


@class_kl.mistake("C2", "exchanging the two: shares weigh, Σ p ln(p / (1/K)); this is KL(uniform ‖ shares)")
def _(counts):
    shares = counts.double() / counts.sum()
    return -(shares * len(counts)).log().mean()


@class_kl.mistake("C3", "the entropy of the shares: KL to uniform is ln K minus it")
def _(counts):
    return torch.special.entr(counts.double() / counts.sum()).sum()


@class_kl.mistake("C4", "a logarithm to base 2, which gives bits; nats have the natural one, torch.log")
def _(counts):
    shares = counts.double() / counts.sum()
    return (shares * (shares * len(counts)).log2()).sum()


@class_kl.mistake("C5", "leaving out the 1/K: this is −entropy, Σ p ln p; asked for is Σ p ln(p / (1/K))")
def _(counts):
    return -torch.special.entr(counts.double() / counts.sum()).sum()


@class_kl.mistake("C6", "a mean over the classes: the p are weights already, so add up")
def _(counts):
    shares = counts.double() / counts.sum()
    return torch.special.xlogy(shares, shares * len(counts)).mean()


@class_kl.mistake(
    "C7", "0 · ln 0, which is nan for a computer: where a share is 0, put 0 (torch.where, or leave it out)"
)
def _(counts):
    shares = counts.double() / counts.sum()
    return (shares * (shares * len(counts)).log()).sum()


# --- Anticipation ---------------------------------------------------------------------------------------------------


def _sigmoid(u: float) -> float:
    return 1 / (1 + math.exp(-u))


@anticipation("A1")
def _a1(draw: Draw) -> tuple[str, float]:
    w, b, x, z = draw.number(0.3, 0.9), -draw.number(0.5, 1.5), draw.number(2, 4), draw.number(0.1, 0.6)
    said = (
        f"G(z) = 2z + 1 and D(x) = σ({w:g}x − {-b:g}). A real x = {x:g} and the noise z = {z:g}: what is L_D, in nats?"
    )
    return said, -math.log(_sigmoid(w * x + b)) - math.log(1 - _sigmoid(w * (2 * z + 1) + b))


@anticipation("A2")
def _a2(draw: Draw) -> tuple[str, float]:
    w, b, x, z = draw.number(0.3, 0.9), -draw.number(0.5, 1.5), draw.number(2, 4), draw.number(0.1, 0.6)
    said = f"Other numbers: D(x) = σ({w:g}x − {-b:g}), x = {x:g}, z = {z:g}, G(z) = 2z + 1. What is ∂L_D/∂w?"
    dw_real, dw_fake, _, _ = _by_hand(w, b, x, 2 * z + 1)
    return said, dw_real + dw_fake


@anticipation("A3")
def _a3(draw: Draw) -> tuple[str, float]:
    logit = -draw.number(1.5, 4)
    said = (
        f"D has the logit −{-logit:g} for a generated image. What is the derivative of the generator's loss −ln D in "
        "the logit? (And how large would that of ln(1 − D) be?)"
    )
    return said, _sigmoid(logit) - 1


@anticipation("A4")
def _a4(draw: Draw) -> tuple[str, float]:
    real, fake = draw.number(0.55, 0.95), draw.number(0.05, 0.45)
    said = (
        f"The exam's GAN of January 2026, whose D ends in a sigmoid: D(x) = {real:g} for the real point and "
        f"D(G(z)) = {fake:g} for the generated one. What is loss_disc + loss_gen (the 1e-8 do not show)?"
    )
    return said, -math.log(real) - math.log(1 - fake) - math.log(fake)


@anticipation("A5")
def _a5(draw: Draw) -> tuple[str, float]:
    a = draw.integer(30, 60)
    b = draw.integer(10, 25)
    said = (
        f"Of 100 samples the judge sees {a} ones, {b} sevens and {100 - a - b} nines, and none of the other digits. "
        "What is KL(shares ‖ uniform), in nats?"
    )
    return said, sum(n / 100 * math.log(n / 10) for n in (a, b, 100 - a - b))


@anticipation("A6")
def _a6(draw: Draw) -> tuple[str, float]:
    latents, first, second = draw.integer(10, 120), 16 * draw.integer(4, 12), 16 * draw.integer(13, 20)
    said = (
        f"A generator has dense layers {latents} → {first} → {second} → 784, with biases: how many parameters does it "
        "have?"
    )
    return said, (latents + 1) * first + (first + 1) * second + (second + 1) * 784
