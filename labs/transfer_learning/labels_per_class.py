"""How many labels is pretraining worth? Test accuracy against labels per class, for every strategy.

`python -m labs.transfer_learning.labels_per_class` needs no download: drawn characters → handwritten digits. Every
training takes the same number of gradient steps; every point is the mean of several draws of the labelled images.
"""

import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tqdm import tqdm

from common import cli
from common.device import derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.files import write_csv
from common.runs import Run
from common.settings import UNGIVEN, Count, Counts, OptionalCount, Role, Usual
from labs.transfer_learning.labelled_images import Data, get_pool
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import STRATEGIES, HyperParams, Recipe, Strategy, resolve, settings_of
from labs.transfer_learning.transfer_learning import learn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "labels_per_class.csv"
COLUMNS = ("labels", "strategy", "draw", "test_accuracy", "seconds")
LOOKS = {
    "from_scratch": ("tab:gray", "s"),
    "feature_extraction": ("tab:blue", "o"),
    "fine_tuning": ("tab:red", "^"),
    "initialisation": ("tab:green", "D"),
}


@dataclass(frozen=True)
class LabelsPerClass(Recipe):
    """Train with few labels and with more, by every strategy, several times; draw accuracy against labels."""

    COMMAND: ClassVar[str] = "labs.transfer_learning.labels_per_class"

    dataset: str = "digits"  # data set whose labels are counted; digits: the embedded pair, which needs no download
    backbone: Usual[str] = UNGIVEN  # torchvision's name of a classification model, or characters; none: resnet18
    labels: Counts = (1, 2, 5, 10, 20, 50)  # labelled images per class
    strategies: tuple[Strategy, ...] = STRATEGIES  # which of the three, and from_scratch, the control
    draws: Annotated[Count, Role.LENGTH] = 5  # trainings per point, each with other images, another head and order
    steps: Count = 150  # gradient steps of every training
    epochs: OptionalCount = None  # passes over the labelled images, instead of --steps

    def check(self) -> None:
        self.require("labels", bool(self.labels), "at least one number")
        self.require("strategies", bool(self.strategies), "at least one")
        for strategy in self.strategies:
            settings_of(self, strategy)  # what is wrong in a single training is wrong here
        tuned = "fine_tuning" in self.strategies
        heeded = {"unfreeze": tuned, "backbone_lr": tuned, "weights": set(self.strategies) != {"from_scratch"}}
        self.refuse_unused(heeded, f"with --strategies {' '.join(self.strategies)}")
        self.refuse_unused({"steps": self.epochs is None}, "beside --epochs")


def settings_of_draw(args: LabelsPerClass, strategy: Strategy, labels: int, draw: int, classes: int) -> HyperParams:
    """The (resolved) settings of one training. A draw's images are the same for every strategy."""
    samples = labels * classes
    epochs = args.epochs or max(1, round(args.steps / math.ceil(samples / args.batch_size)))
    seed = derive_seed(args.seed, draw)
    return resolve(settings_of(args, strategy, train_images=samples, epochs=epochs, seed=seed))


def accuracy_of(settings: HyperParams, data: Data) -> float:
    """Test accuracy of one training."""
    seed_everything(settings.seed)
    model = build_model(settings, len(data.classes)).to(data.train[1].device)
    evaluation, _ = learn(model, data, settings)
    return evaluation("test")["accuracy"]


def sweep(**kws: Any) -> tuple[list[dict[str, Any]], Run]:
    """Train what is not trained yet, then draw. Returns a row per training (COLUMNS) and the run.

    `resume` goes on with a sweep that was interrupted, and adds draws.
    """
    args = LabelsPerClass.of(**kws)
    device = pick_device(args.device)
    chosen = resolve(settings_of(args, "feature_extraction", quiet=args.quiet))
    args = args.but(dataset=chosen.dataset, backbone=chosen.backbone, device=str(device))
    # The split and the test images are drawn by the sweep's own seed, once: only the labelled images differ.
    pool = get_pool(chosen)
    classes = len(pool.classes)
    fewest = int(pool.parts[0][1].bincount(minlength=classes).min())
    args.require("labels", max(args.labels) <= fewest, f"at most {fewest}: that many training images has every class")
    test = pool.choose(1, chosen.test_images, derive_seed(args.seed, 1), device)
    with Run(args) as run:
        rows = read_rows(run.path / FILE)
        if rows and max(row["draw"] for row in rows) >= args.draws:
            raise InputError(f"the run has more draws already than --draws {args.draws}")
        run.begin()
        done = {(row["labels"], row["strategy"], row["draw"]) for row in rows}
        wanted = [(n, d, s) for n in args.labels for d in range(args.draws) for s in args.strategies]
        length = f"{args.epochs} epochs" if args.epochs else f"{args.steps} gradient steps"
        run.say(f"{args.backbone} → {args.dataset}: {len(wanted)} trainings of {length} on {device}")
        for labels, draw, strategy in tqdm(wanted, "trainings", leave=False, disable=args.quiet or None):
            if (labels, strategy, draw) in done:
                continue
            settings = settings_of_draw(args, strategy, labels, draw, classes)
            started = time.perf_counter()
            try:
                train = pool.choose(0, labels * classes, derive_seed(settings.seed, 0), device)
                reached = accuracy_of(settings, Data(pool.name, pool.classes, train, None, test))
            except KeyboardInterrupt:
                run.interrupted = True
                break
            seconds = time.perf_counter() - started
            rows.append(dict(zip(COLUMNS, (labels, strategy, draw, reached, seconds), strict=True)))
            # As text, so that all digits are kept: going on must give what one run gives.
            write_csv(run.path / FILE, [{name: str(value) for name, value in row.items()} for row in rows])
        metrics = {}
        if rows:
            table = summarize(rows)
            run.say(as_text(table))
            metrics = {f"{s}_{n}": means[0] for (n, s), means in table.items()}
            run.save_figure("labels_per_class", plot_labels_per_class(rows))
        run.finish(metrics, verdict(rows), look=("labels_per_class",))
    return rows, run


def summarize(rows: list[dict[str, Any]]) -> dict[tuple[int, str], tuple[float, float]]:
    """(labels, strategy) → mean and standard deviation (0 of a single draw) of the test accuracy."""
    found: dict[tuple[int, str], list[float]] = {}
    for row in rows:
        found.setdefault((row["labels"], row["strategy"]), []).append(row["test_accuracy"])
    return {key: (mean(values), stdev(values) if len(values) > 1 else 0.0) for key, values in found.items()}


def as_text(table: dict[tuple[int, str], tuple[float, float]]) -> str:
    """A line per number of labels, a column per strategy: mean ± standard deviation in percent."""
    strategies = list(dict.fromkeys(strategy for _, strategy in table))
    lines = [f"{'labels per class':>16}" + "".join(f"{strategy.replace('_', ' '):>22}" for strategy in strategies)]
    for labels in dict.fromkeys(labels for labels, _ in table):
        found = [table.get((labels, strategy)) for strategy in strategies]
        cells = [f"{100 * cell[0]:.1f} ± {100 * cell[1]:.1f} %" if cell else "–" for cell in found]
        lines.append(f"{labels:>16}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)


def verdict(rows: list[dict[str, Any]]) -> str:
    """Where pretraining gains the most, in a sentence."""
    table = summarize(rows)
    gains = {
        (strategy, labels): reached - table[labels, "from_scratch"][0]
        for (labels, strategy), (reached, _) in table.items()
        if strategy != "from_scratch" and (labels, "from_scratch") in table
    }
    if not gains:
        return f"{len(rows)} trainings"
    strategy, labels = max(gains, key=lambda point: gains[point])
    counted = "1 label" if labels == 1 else f"{labels} labels"
    return (
        f"{len(rows)} trainings; pretraining gains the most with {counted} per class: "
        f"{strategy.replace('_', ' ')} {100 * gains[strategy, labels]:+.1f} points over scratch"
    )


def plot_labels_per_class(rows: list[dict[str, Any]]) -> "Figure":
    """Test accuracy against labels per class: mean of the draws, shaded from least to most."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        points: dict[int, list[float]] = {}
        for row in rows:
            if row["strategy"] == strategy:
                points.setdefault(row["labels"], []).append(100 * row["test_accuracy"])
        labels = sorted(points)
        colour, marker = LOOKS[strategy]
        means = [mean(points[n]) for n in labels]
        axis.plot(labels, means, color=colour, marker=marker, label=strategy.replace("_", " "))
        bounds = [min(points[n]) for n in labels], [max(points[n]) for n in labels]
        axis.fill_between(labels, *bounds, color=colour, alpha=0.15, linewidth=0)
    every = sorted({row["labels"] for row in rows})
    axis.set_xscale("log")
    axis.set_xticks(every, [str(n) for n in every])
    axis.minorticks_off()
    axis.set(xlabel="labelled images per class", ylabel="test accuracy in %")
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The trainings that are done, from the file; none if there is no such file. InputError if it is damaged."""
    if not path.is_file():
        return []
    kinds = dict(zip(COLUMNS, (int, str, int, float, float), strict=True))
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [{name: kind(row[name]) for name, kind in kinds.items()} for row in csv.DictReader(lines)]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def main() -> None:
    """The command `python -m labs.transfer_learning.labels_per_class`."""
    raise SystemExit(cli.run(sweep, LabelsPerClass)[1].exit_status)


if __name__ == "__main__":
    main()
