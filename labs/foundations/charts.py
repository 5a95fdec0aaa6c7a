"""Two charts of the introductions, drawn: how a network learns, and how the field came here.

`python -m labs.foundations.charts`
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from common import cli
from common.runs import place
from common.settings import OptionalFolder, Role, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOP = (  # the slides' loop: each box leads to the next, the last to the first
    ("batch", "X, y"),
    ("forward pass", "ŷ = f(X; θ)"),
    ("loss", "J(ŷ, y)"),
    ("backward pass", "g = ∂J/∂θ"),
    ("update", "θ ← θ − η g"),
)
TIMELINE = (
    (1943, "McCulloch & Pitts: a neuron as a threshold"),
    (1958, "Rosenblatt: the perceptron learns"),
    (1969, "Minsky & Papert: one layer cannot do XOR"),
    (1986, "Rumelhart, Hinton & Williams: backpropagation"),
    (1989, "LeCun et al.: convolutions read postcodes"),
    (1997, "Hochreiter & Schmidhuber: LSTM"),
    (2009, "ImageNet: a million labelled photographs"),
    (2012, "AlexNet: deep networks win ImageNet"),
    (2013, "Kingma & Welling: VAE; Mikolov et al.: word2vec"),
    (2014, "Goodfellow et al.: GAN; Bahdanau et al.: attention"),
    (2015, "He et al.: ResNet; Mnih et al.: DQN plays Atari"),
    (2016, "AlphaGo beats Lee Sedol"),
    (2017, "Vaswani et al.: the Transformer"),
    (2020, "Ho et al.: diffusion; Brown et al.: GPT-3"),
    (2022, "ChatGPT"),
)


@dataclass(frozen=True)
class Request(Settings):
    """Draw the learning loop and the timeline."""

    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: runs/foundations/charts


def draw(**kws) -> None:
    """Write learning_loop.png and timeline.png."""
    from common.plots import write_figure

    args = Request.of(**kws)
    folder = args.out or place(args)
    write_figure(folder / "learning_loop.png", draw_loop())
    write_figure(folder / "timeline.png", draw_timeline())
    print(folder)


def draw_loop() -> "Figure":
    """One turn for each batch; when all samples have been seen, an epoch is over."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 6.8), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-1.5, 1.5), ylim=(-1.25, 1.25), aspect="equal")
    axis.set_axis_off()
    n = len(LOOP)
    places = [(math.sin(2 * math.pi * i / n), math.cos(2 * math.pi * i / n)) for i in range(n)]
    for i, ((name, formula), place_of) in enumerate(zip(LOOP, places, strict=True)):
        arrow = {"arrowstyle": "-|>", "linewidth": 2, "connectionstyle": "arc3,rad=-0.2", "shrinkA": 62, "shrinkB": 62}
        axis.annotate("", places[(i + 1) % n], place_of, arrowprops=arrow)
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#deebf7", "edgecolor": "black"}
        axis.text(*place_of, f"{name}\n{formula}", ha="center", va="center", fontsize=14, bbox=box)
    axis.text(0, 0, "⌈N/B⌉ turns: an epoch", ha="center", va="center", fontsize=14)
    return figure


def draw_timeline() -> "Figure":
    """What was new, and when; the years are evenly spread, for most of it is young."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 7.5), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.2, 1), ylim=(len(TIMELINE) - 0.5, -0.5))
    axis.set_axis_off()
    axis.plot([0, 0], [0, len(TIMELINE) - 1], color="black", linewidth=2)
    for i, (year, what) in enumerate(TIMELINE):
        axis.plot(0, i, "o", color="C0", markersize=11)
        axis.text(-0.03, i, str(year), ha="right", va="center", fontsize=14, weight="bold")
        axis.text(0.04, i, what, ha="left", va="center", fontsize=14)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.charts`."""
    cli.run(draw, Request)


if __name__ == "__main__":
    main()
