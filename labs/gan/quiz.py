"""Real or generated? Sixteen pictures, half of them drawn by the generator: `python -m labs.gan.quiz --run DIR`.

`--number 2` are sixteen others; `--generated 1,4,7,9,10,12,13,16` is your answer, and gets the truth. After
<https://www.whichfaceisreal.com>, which the slides send to.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
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
    blindly = chance(hits, int(said.sum()))
    share = f"{blindly:.1%}" if blindly >= 0.001 else "less than 0.1%"
    return right, (
        f"You named {int(said.sum())} pictures, {hits} of them generated: {int(right.sum())} of {PICTURES} judged "
        f"rightly. By chance one is as good or better {share} of the time. "
        f"The discriminator judges {machine} rightly."
    )


def plot_quiz(quiz: Quiz, right: Tensor | None = None, shown: Tensor | None = None) -> "Figure":
    """The numbered pictures; with `right` (16,) also the truth (word, frame), D's value, and ✓ where it was seen.

    shown   of which pictures (16,) the truth is told; none: of all
    """
    from matplotlib.figure import Figure

    from labs.gan.pictures import FAKE, REAL

    figure = Figure(figsize=(9.5, 3.2 if right is None else 4.3), layout="constrained")
    for i, axis in enumerate(figure.subplots(PICTURES // COLUMNS, COLUMNS).flat):
        axis.imshow(quiz.X[i, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.set_title(str(i + 1), fontsize=13)
        if right is not None and (shown is None or shown[i]):
            axis.set_title(f"{i + 1} {'✓' if right[i] else '✗'}", fontsize=13)
            axis.set_xlabel(f"{'generated' if quiz.generated[i] else 'real'}\nD = {quiz.d[i]:.2f}", fontsize=12)
            axis.spines[:].set(color=FAKE if quiz.generated[i] else REAL, linewidth=4)
    return figure


@dataclass
class Game:
    """A quiz that is played by clicks: whoever clicks on a picture says that it is generated, and is told the truth."""

    quiz: Quiz
    clicked: list[int] = field(default_factory=list)  # numbers of the pictures, in the order of the clicks

    def picture(self) -> Tensor:
        """The sixteen pictures as one image (1, 2 · 28, 8 · 28), to be clicked on."""
        from common.plots import mosaic

        return mosaic(self.quiz.X, COLUMNS)

    def play(self, place: tuple[int, int] | None) -> "tuple[Figure, str]":
        """Count a click on (row, column), if there is one; the pictures with what has been told, and the score.

        The same picture counts once, a click after the eighth no more: then the truth is told of all.
        """
        if place is not None and len(self.clicked) < PICTURES // 2:
            number = place[0] * COLUMNS + place[1] + 1
            if number not in self.clicked:
                self.clicked.append(number)
        right, sentence = mark(self.quiz, self.clicked)
        left = PICTURES // 2 - len(self.clicked)
        if not left:
            return plot_quiz(self.quiz, right), sentence
        told = torch.zeros(PICTURES, dtype=torch.bool)
        told[torch.tensor([number - 1 for number in self.clicked], dtype=torch.long)] = True
        hits = int((told & self.quiz.generated).sum())
        return plot_quiz(self.quiz, right, told), f"{hits} of {len(self.clicked)} clicks right; {left} clicks left"


def new_game(run: Path, number: int) -> Game:
    """A game with a run's generator and real images that neither of its networks has seen."""
    _, quiz = open_quiz(Request(run=run, number=number))
    return Game(quiz)


def open_quiz(args: Request) -> tuple[Path, Quiz]:
    """The run's directory and the quiz."""
    loaded = load_run(args.run)
    trained = loaded.settings
    data_dir, offline = args.data_dir or trained.data_dir, args.offline or trained.offline
    images = load_images(trained.dataset, data_dir, offline=offline)
    return loaded.path, make_quiz(loaded.model, trained.latent_dim, images.X_test, args.number)


def set_quiz(**kws: Any) -> Path:
    """Write the quiz, or with an answer the truth, into the run's samples/; returns the file's path.

    Keyword arguments are the fields of Request.
    """
    from common.plots import write_figure

    args = Request(**kws)
    run, quiz = open_quiz(args)
    if not args.generated:
        path = write_figure(run / "samples" / f"quiz_{args.number}.png", plot_quiz(quiz))
    else:
        right, sentence = mark(quiz, args.generated)
        print(sentence)
        path = write_figure(run / "samples" / f"quiz_{args.number}_truth.png", plot_quiz(quiz, right))
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.gan.quiz`."""
    cli.run(set_quiz, Request)


if __name__ == "__main__":
    main()
