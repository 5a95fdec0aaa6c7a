"""Strategies and backbones side by side on the same images: table and curves, as Task № 3 asks for them.

`python -m labs.transfer_learning.compare_strategies --backbones resnet18 vgg16 mobilenet_v3_small --depths 2,5` trains
each backbone frozen, with its last 2, its last 5 and all its blocks fine-tuned, and from scratch.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import cli, distributed
from common.device import pick_device
from common.files import write_atomically
from common.metrics import confidence_half_width
from common.runs import Run, read_history, read_json
from labs.transfer_learning.transfer_learning import Data, HyperParams, Strategy, get_data, resolve, train_with

HEADER = ("backbone", "strategy", "frozen blocks", "trainable parameters", "seconds", "validation", "test (95 %)")


@dataclass(frozen=True)
class Comparison(HyperParams):
    """Train every backbone with every strategy on the same images; print the table, draw the curves."""

    backbones: tuple[str, ...] = ()  # torchvision's names, or characters; none: --backbone
    strategies: tuple[Strategy, ...] = ("from_scratch", "feature_extraction", "fine_tuning")  # which of the three
    depths: cli.Ints = ()  # fine-tune with only the last N blocks, too, for each of these numbers: 2,5


def settings_of(args: HyperParams, strategy: Strategy, **own: Any) -> HyperParams:
    """The (resolved) settings of one training among several: those of `args` that mean anything to its strategy."""
    shared = {field.name: getattr(args, field.name) for field in dataclasses.fields(HyperParams)}
    shared |= {"strategy": strategy, "out": None, "resume": None, "baseline": False, "quiet": True}
    if strategy == "from_scratch":
        shared["weights"] = "auto"
    if strategy != "fine_tuning":
        shared |= {"backbone_lr": None, "unfreeze": None}
    return resolve(HyperParams(**{**shared, **own}))


def trainings(args: Comparison) -> dict[str, HyperParams]:
    """Name → (resolved) settings of every training of the comparison."""
    found = {}
    for backbone in args.backbones or (args.backbone,):
        for strategy in args.strategies:
            settings = settings_of(args, strategy, backbone=backbone)
            found[f"{settings.backbone}-{strategy}"] = settings
            for depth in args.depths if strategy == "fine_tuning" else ():
                name = f"{settings.backbone}-{strategy}-last-{depth}"
                found[name] = dataclasses.replace(settings, unfreeze=depth)
    return found


def compare(**kws: Any) -> Run:
    """Train what is not trained yet, then the table. `resume` goes on with a comparison that was interrupted."""
    args = cli.settings(Comparison, kws)
    device = pick_device(args.device)
    first = settings_of(args, "feature_extraction", quiet=args.quiet)
    args = dataclasses.replace(args, dataset=first.dataset, backbone=first.backbone, device=str(device))
    data: dict[int, Data] = {}  # pictures of a folder are read in the size that a backbone wants
    with Run("transfer_learning", args) as run:
        rows, histories = [], {}
        for name, settings in trainings(args).items():
            path = run.path / name
            if not finished(path):
                run.say(f"{name} …")
                where = {"resume": path} if (path / "hyperparams.json").is_file() else {}
                settings = dataclasses.replace(settings, out=path, **where)
                if settings.image_size not in data:
                    data[settings.image_size] = get_data(settings, device)
                _, trained = train_with(settings, data[settings.image_size])
                if trained.interrupted:
                    run.interrupted = True
                    break
            rows.append(table_row(path))
            histories[name] = read_history(path)
        if rows and distributed.is_main():
            table = markdown([HEADER, *rows])
            write_atomically(run.path / "table.md", table + "\n")
            run.say(table)
            save_curves(run, histories)
        run.finish({}, f"{len(rows)} trainings on the same images; the table is {run.path / 'table.md'}")
    return run


def finished(path: Path) -> bool:
    """Whether the training there has come to its end."""
    return (path / "summary.json").is_file() and not read_json(path / "summary.json")["interrupted"]


def table_row(path: Path) -> tuple[str, ...]:
    """The table's row for one training, from its run directory."""
    settings, summary = read_json(path / "hyperparams.json"), read_json(path / "summary.json")
    metrics = summary["metrics"]
    n, blocks = int(metrics["test_images"]), int(metrics["blocks"])
    frozen = {"feature_extraction": blocks, "from_scratch": 0}.get(settings["strategy"])
    if frozen is None:
        frozen = blocks - (settings["unfreeze"] or blocks)
    test = metrics["test_accuracy"]
    return (
        settings["backbone"],
        settings["strategy"].replace("_", " "),
        f"{frozen} of {blocks}",
        f"{int(metrics['trainable_parameters']):,}",
        f"{summary['seconds'] + metrics['feature_seconds']:.1f}",
        f"{metrics['val_accuracy']:.1%}" if "val_accuracy" in metrics else "–",
        f"{test:.1%} ± {confidence_half_width(test, n):.1%}",
    )


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table whose first row is its header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("-" * w for w in widths) + " |", *lines[1:]])


def save_curves(run: Run, histories: dict[str, list[dict[str, float]]]) -> None:
    """Accuracy and loss of every training over the epochs."""
    from common import plots

    watched = [name for name in next(iter(histories.values()))[-1] if name.startswith(("val_", "test_"))]
    run.save_figure("comparison", plots.plot_runs(histories, watched))


def main() -> None:
    """The command `python -m labs.transfer_learning.compare_strategies`."""
    raise SystemExit(cli.run(compare, Comparison).exit_status)


if __name__ == "__main__":
    main()
