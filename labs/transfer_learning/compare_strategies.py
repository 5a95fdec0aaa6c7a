"""Strategies and backbones side by side on the same images: table and curves, as Task № 3 asks for them.

`python -m labs.transfer_learning.compare_strategies --backbones resnet18 vgg16 mobilenet_v3_small --depths 2,5` trains
each backbone frozen, with its last 2, its last 5 and all its blocks fine-tuned, as the initial weights of a new model,
and from scratch; `--rates 1e-4,1e-3,1e-2` each of these at three learning rates. The validation images choose.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from common import cli
from common.device import pick_device
from common.errors import InputError
from common.files import write_atomically
from common.metrics import describe_share
from common.runs import Run, finished, read_history, read_summary
from common.settings import UNGIVEN, Count, Counts, Floats, OptionalCount, Role, Usual, Whole, of_record, read_record
from common.tables import markdown
from labs.transfer_learning.labelled_images import Data, get_data
from labs.transfer_learning.recipe import STRATEGIES, HyperParams, Recipe, Strategy, resolve, settings_of
from labs.transfer_learning.transfer_learning import train_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Backbones = Annotated[tuple[str, ...], arg(aliases=["--backbone"])]
HEADER = (
    *("backbone", "strategy", "frozen blocks", "learning rate"),
    *("trainable parameters", "seconds", "validation", "test (95 %)"),
)
MARKERS = "osD^vP*Xd<>"


@dataclass(frozen=True)
class Comparison(Recipe):
    """Train every backbone with every strategy on the same images; print the table, draw the curves."""

    COMMAND: ClassVar[str] = "labs.transfer_learning.compare_strategies"

    backbones: Backbones = ()  # torchvision's names, or characters; none: resnet18
    strategies: tuple[Strategy, ...] = STRATEGIES  # which of the three, and from_scratch, the control
    depths: Counts = ()  # fine-tune with only the last N blocks, too, for each of these numbers: 2,5
    rates: Floats = ()  # train each with all of these learning rates, instead of --lr (needs --split): 1e-4,1e-3,1e-2
    backbone_rates: Floats = ()  # fine-tune with all of these rates of the backbone, instead of --backbone-lr
    epochs: Annotated[Usual[Count], Role.LENGTH] = UNGIVEN  # passes over the training set; none: 8, embedded pair 60
    train_images: Usual[Whole] = UNGIVEN  # training images, evenly of all classes; 0: all. none: 512, with --split all
    limit: OptionalCount = None  # use only the first N training samples, after shuffling by the seed
    split: Floats = ()  # train,validation,test shares of all samples pooled: 0.7,0.15,0.15; none: as published
    patience: OptionalCount = None  # stop after N epochs without a better validation loss (needs --split)
    no_cache: bool = False  # feature_extraction: run the backbone in every epoch instead of once per image

    def check(self) -> None:
        self.require("strategies", bool(self.strategies), "at least one")
        for strategy in self.strategies:
            settings_of(self, strategy)  # what is wrong in a single training is wrong here
        tuned = "fine_tuning" in self.strategies
        heeded = {"unfreeze": tuned, "backbone_lr": tuned, "depths": tuned, "backbone_rates": tuned}
        heeded |= {"no_cache": "feature_extraction" in self.strategies}
        heeded |= {"weights": set(self.strategies) != {"from_scratch"}}
        self.refuse_unused(heeded, f"with --strategies {' '.join(self.strategies)}")
        self.refuse_unused({"lr": not self.rates}, "beside --rates")
        self.refuse_unused({"backbone_lr": not self.backbone_rates}, "beside --backbone-rates")
        for name in ("rates", "backbone_rates"):
            self.require(name, all(rate > 0 for rate in getattr(self, name)), "greater than 0")
        if (self.rates or self.backbone_rates) and not self.split:
            raise InputError("a rate is chosen by a validation part; add --split 0.7,0.15,0.15")


def trainings(args: Comparison) -> dict[str, HyperParams]:
    """Name → (resolved) settings of every training of the comparison."""
    found: dict[str, HyperParams] = {}
    heads: tuple[float | None, ...] = args.rates or (None,)
    for backbone, strategy in itertools.product(args.backbones, args.strategies):
        settings = resolve(settings_of(args, strategy, backbone=backbone))
        tuned = strategy == "fine_tuning"
        depths: tuple[int | None, ...] = (settings.unfreeze, *args.depths) if tuned else (None,)
        backbones: tuple[float | None, ...] = args.backbone_rates if tuned and args.backbone_rates else (None,)
        for depth, rate, own in itertools.product(depths, heads, backbones):
            name = f"{backbone}-{strategy}" + (f"-last-{depth}" if depth in args.depths else "")
            name += (f"-rate-{rate:g}" if rate else "") + (f"-backbone-rate-{own:g}" if own else "")
            rates = {"lr": rate or settings.lr, "backbone_lr": own or settings.backbone_lr}
            found[name] = settings.but(unfreeze=depth, **rates)
    return found


def compare(**kws: Any) -> Run:
    """Train what is not trained yet, then the table. `resume` goes on with a comparison that was interrupted."""
    args = Comparison.of(**kws)
    device = pick_device(args.device)
    backbone = args.backbones[0] if args.backbones else None
    first = resolve(settings_of(args, "feature_extraction", backbone=backbone, quiet=args.quiet))
    backbones = args.backbones or (first.backbone,)
    args = args.but(dataset=first.dataset, backbones=backbones, device=str(device))
    data: dict[int, Data] = {}  # pictures of a folder are read in the size that a backbone wants
    with Run(args) as run:
        run.begin()
        rows, histories = [], {}
        for name, settings in trainings(args).items():
            path = run.path / name
            if not (finished(path) and read_record(path).get("epochs") == settings.epochs):
                run.say(f"{name} …")
                where: dict[str, Any] = {"resume": path} if (path / "hyperparams.json").is_file() else {}
                settings = settings.but(out=path, **where)
                if settings.image_size not in data:
                    data[settings.image_size] = get_data(settings, device)
                    run.say(data[settings.image_size].describe())
                _, trained = train_with(settings, data[settings.image_size])
                if trained.interrupted:
                    run.interrupted = True
                    break
            rows.append(table_row(path))
            histories[name] = read_history(path)
        if rows:
            table = markdown([HEADER, *rows])
            write_atomically(run.path / "table.md", table)
            run.say(table.rstrip())
            save_curves(run, histories)
            if args.rates or args.backbone_rates:
                run.save_figure("rates", plot_rates([run.path / name for name in histories]))
        metrics, said = choose([run.path / name for name in histories])
        said = f"{len(rows)} trainings on the same images; the table is {run.path / 'table.md'}{said}"
        run.finish(metrics, said, look=("rates", "comparison"))
    return run


def choose(trained: list[Path]) -> tuple[dict[str, float], str]:
    """Metrics of the training that is best on the validation images, and a clause that names it; without such, none."""
    reached = {path: read_summary(path).metrics for path in trained}
    judged = {path: metrics["val_accuracy"] for path, metrics in reached.items() if "val_accuracy" in metrics}
    if not judged:
        return {}, ""
    best = max(judged, key=lambda path: judged[path])
    metrics = {name: reached[best][name] for name in ("val_accuracy", "test_accuracy")}
    test = describe_share(metrics["test_accuracy"], int(reached[best]["test_images"]))
    return metrics, f"; chosen by the validation images: {best.name} ({judged[best]:.1%} of them, test {test})"


def table_row(path: Path) -> tuple[str, ...]:
    """The table's row for one training, from its run directory."""
    settings, summary = of_record(HyperParams, read_record(path), path), read_summary(path)
    metrics = summary.metrics
    n, blocks = int(metrics["test_images"]), int(metrics["blocks"])
    frozen = {"feature_extraction": blocks, "fine_tuning": blocks - (settings.unfreeze or blocks)}
    rates = (settings.lr, settings.backbone_lr) if settings.strategy == "fine_tuning" else (settings.lr,)
    test = metrics["test_accuracy"]
    return (
        str(settings.backbone),
        settings.strategy.replace("_", " "),
        f"{frozen.get(settings.strategy, 0)} of {blocks}",
        ", backbone ".join(f"{rate:g}" for rate in rates),
        f"{int(metrics['trainable_parameters']):,}",
        f"{summary.seconds + metrics['feature_seconds']:.1f}",
        f"{metrics['val_accuracy']:.1%}" if "val_accuracy" in metrics else "–",
        describe_share(test, n),
    )


def save_curves(run: Run, histories: dict[str, list[dict[str, float]]]) -> None:
    """Accuracy and loss of every training over the epochs."""
    from common import plots

    watched = [name for name in next(iter(histories.values()))[-1] if name.startswith(("val_", "test_"))]
    run.save_figure("comparison", plots.plot_runs(histories, watched))


def plot_rates(trained: list[Path]) -> "Figure":
    """Accuracy on the validation images against the learning rate: that of the backbone where several were tried."""
    from matplotlib.figure import Figure

    from common.plots import plain

    lines: dict[str, list[tuple[float, float]]] = {}
    for path in trained:
        settings = of_record(HyperParams, read_record(path), path)
        name, _, own = path.name.partition("-backbone-rate-")
        name, _, rate = name.partition("-rate-")
        if own and rate:
            name += f", head {rate}"
        x = float(own or settings.lr)
        lines.setdefault(name, []).append((x, 100 * read_summary(path).metrics["val_accuracy"]))
    figure = Figure(figsize=(8, 4 + 0.25 * len(lines)), layout="constrained")
    axis = figure.subplots()
    for number, (name, points) in enumerate(lines.items()):
        marker = MARKERS[number % len(MARKERS)]
        axis.plot(
            *zip(*sorted(points), strict=True), marker=marker, label=plain(name.replace("-", ", ", 1).replace("_", " "))
        )
    axis.set_xscale("log")
    rates = sorted({x for points in lines.values() for x, _ in points})
    axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axis.minorticks_off()
    axis.set(xlabel="learning rate", ylabel="accuracy on the validation images in %")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def main() -> None:
    """The command `python -m labs.transfer_learning.compare_strategies`."""
    raise SystemExit(cli.run(compare, Comparison).exit_status)


if __name__ == "__main__":
    main()
