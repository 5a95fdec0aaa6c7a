"""Real or generated? Sixteen pictures, half of them drawn by the generator: `python -m labs.gan.quiz --run DIR`.

`--number 2` are sixteen others; `--generated 1,4,7,9,10,12,13,16` is your answer, and gets the truth. After
<https://www.whichfaceisreal.com>, which the slides send to.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor, nn

from common import cli
from common.datasets import load_images
from common.device import derive_seed
from common.errors import InputError
from common.settings import Count, Ints, OptionalFolder, PlaceOrNone, Role, Settings
from labs.gan.gan import generate, load_run, noise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = 16
COLUMNS = 8


@dataclass(frozen=True)
class Request(Settings):
    """Sixteen pictures, half of them generated: which? Without an answer they are drawn, with one it is marked."""

    run: OptionalFolder = None  # the run directory whose generator draws; none: the newest under runs/gan
    number: Count = 1  # of the quiz: another number, other pictures
    generated: Ints = ()  # your answer: the numbers of the generated pictures, e.g. 1,4,7,9,10,12,13,16
    data_dir: PlaceOrNone = None  # where data sets lie; none: where they lay in training
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network

    def check(self) -> None:
        check_numbers(self.generated)


@dataclass(frozen=True)
class Quiz:
    """Images (16, 1, 28, 28) in [0, 1]; `generated` (16,) is the truth, `d` (16,) is what the discriminator says."""

    X: Tensor
    generated: Tensor
    d: Tensor


def make_quiz(networks: nn.ModuleDict, latent_dim: int, X_real: Tensor, number: int) -> Quiz:
    """Eight of the real images X_real (N, 1, 28, 28) and eight generated ones in random order; `number` chooses."""
    drawn = torch.Generator().manual_seed(derive_seed(number))
    order = torch.randperm(PICTURES, generator=drawn)
    real = X_real[torch.randperm(len(X_real), generator=drawn)[: PICTURES // 2]].cpu()
    fake = generate(networks["generator"], noise(PICTURES // 2, latent_dim, seed=derive_seed(number, 1))).cpu()
    X = torch.cat([real, fake])[order]
    with torch.inference_mode():
        device = next(networks.parameters()).device
        d = networks["discriminator"].eval()((2 * X - 1).to(device)).sigmoid()[:, 0].cpu()
    return Quiz(X, order >= PICTURES // 2, d)


def read_numbers(words: str) -> list[int]:
    """The numbers in a text such as "1, 4 7", each once; InputError unless they are those of pictures."""
    numbers = sorted({int(word) for word in re.findall(r"-?\d+", words)})
    check_numbers(numbers)
    return numbers


def check_numbers(numbers: Collection[int]) -> None:
    """InputError unless all are numbers of pictures."""
    for number in numbers:
        if not 1 <= number <= PICTURES:
            raise InputError(f"there is no picture {number}; they are numbered from 1 to {PICTURES}")


def chance(hits: int, named: int) -> float:
    """The probability of at least so many hits when `named` of the 16 pictures are named blindly; 8 are generated."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(hits - 1, PICTURES, PICTURES // 2, named))


def mark(quiz: Quiz, answer: Collection[int]) -> tuple[Tensor, str]:
    """Which of the 16 pictures were judged rightly (16,), `answer` being those taken for generated; and a sentence."""
    check_numbers(answer)
    said = torch.zeros(PICTURES, dtype=torch.bool)
    said[torch.tensor([number - 1 for number in answer], dtype=torch.long)] = True
    right = said == quiz.generated
    hits = int((said & quiz.generated).sum())
    machine = int(((quiz.d < 0.5) == quiz.generated).sum())
    return right, (
        f"You named {int(said.sum())} pictures, {hits} of them generated: {int(right.sum())} of {PICTURES} judged "
        f"rightly. By chance one is as good or better with a probability of {chance(hits, int(said.sum())):.1%}. "
        f"The discriminator judges {machine} rightly."
    )


def plot_quiz(quiz: Quiz, right: Tensor | None = None) -> "Figure":
    """The pictures, numbered; with `right` (16,) also the truth, green where it was judged so, and D's value."""
    from matplotlib.figure import Figure

    from common.plots import BAD, GOOD

    figure = Figure(figsize=(9, 2.9 if right is None else 3.7), layout="constrained")
    for i, axis in enumerate(figure.subplots(PICTURES // COLUMNS, COLUMNS).flat):
        axis.imshow(quiz.X[i, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.set_title(str(i + 1), fontsize=11)
        if right is not None:
            colour = GOOD if right[i] else BAD
            axis.set_xlabel(f"{'generated' if quiz.generated[i] else 'real'}\nD = {quiz.d[i]:.2f}", color=colour)
            axis.spines[:].set(color=colour, linewidth=3)
    return figure


def draw_quiz(
    networks: nn.ModuleDict, latent_dim: int, X_real: Tensor, number: int, answer: str, show: bool
) -> "Figure | tuple[Figure, str]":
    """The notebook's quiz: the pictures, and once `show` is set the truth and the score of `answer`."""
    quiz = make_quiz(networks, latent_dim, X_real, number)
    numbers = read_numbers(answer)
    if not show:
        return plot_quiz(quiz), f"{len(numbers)} of 8 named: {', '.join(map(str, numbers)) or 'none yet'}"
    right, sentence = mark(quiz, numbers)
    return plot_quiz(quiz, right), sentence


def set_quiz(**kws: Any) -> Path:
    """Write the quiz, or with an answer the truth, into the run's samples/; returns the file's path.

    Keyword arguments are the fields of Request.
    """
    from common.plots import write_figure

    args = Request(**kws)
    loaded = load_run(args.run)
    trained, folder = loaded.settings, loaded.path / "samples"
    images = load_images(trained.dataset, args.data_dir or trained.data_dir, offline=args.offline or trained.offline)
    quiz = make_quiz(loaded.model, trained.latent_dim, images.X_test, args.number)
    if not args.generated:
        path = write_figure(folder / f"quiz_{args.number}.png", plot_quiz(quiz))
    else:
        right, sentence = mark(quiz, args.generated)
        print(sentence)
        path = write_figure(folder / f"quiz_{args.number}_truth.png", plot_quiz(quiz, right))
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.gan.quiz`."""
    cli.run(set_quiz, Request)


if __name__ == "__main__":
    main()
