"""A network finds digits in a scene: where they are and which they are, in one pass over a grid.

After Redmon et al. 2016, "You Only Look Once", and Redmon & Farhadi 2017, "YOLO9000"; the course's last project
takes such a detector ready-made. scenes.py draws what it learns from, grid.py says which cell answers for what,
boxes.py has IoU and non-maximum suppression, average_precision.py the measure. README.md has what was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, expectations, runs
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.files import write_csv
from common.optimizers import OptimizerName, make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES, ScheduleName
from common.settings import Better, Count, NotNegative, Positive, Probability, TrainingFlags
from common.trainer import evaluate, fit, for_step
from labs.cnn.detection.average_precision import STRICT, curves, mean_average_precision
from labs.cnn.detection.boxes import Detection, nms_per_class
from labs.cnn.detection.grid import assign, decode, fit_anchors
from labs.cnn.detection.network import Detector
from labs.cnn.detection.scenes import Digits, SceneLoader, Scenes, draw_scenes

FAINT = 0.01  # scores from here on count for the mean average precision: the whole curve is wanted
TEST_SEED = 1 << 40  # the test scenes are the same for every seed of the training


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a single-shot detector on scenes of scattered handwritten digits."""

    COMMAND: ClassVar[str] = "labs.cnn.detection"
    BETTER: ClassVar[Mapping[str, Better]] = {"train_loss": "smaller"}

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    epochs: Count = 15  # passes over the scenes, which are others in each
    batch_size: Count = 16  # scenes per gradient step
    lr: Positive = 3e-3  # learning rate (η)
    optimizer: OptimizerName = "adam"  # update rule
    schedule: ScheduleName = "cosine"  # of η; cosine: falls to 0
    scenes: Count = 2000  # training scenes of an epoch
    test_scenes: Count = 300  # scenes of test digits on which it is measured
    digits: Count = 6  # a scene has 1 to so many digits
    overlap: Probability = 0.3  # share of the smaller of two digits' boxes that the other may cover
    anchors: Count = 3  # box shapes that each cell has to offer
    cell: Literal[8, 16] = 8  # side of the grid's cells in pixels
    box_weight: NotNegative = 5.0  # weight of the boxes in the loss (λ_coord)
    empty_weight: NotNegative = 0.5  # weight of the places without an object (λ_noobj)


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on: training digits and test digits are different ones."""

    name: str
    classes: tuple[str, ...]
    train: Digits
    test: Digits

    def to(self, device: torch.device) -> "Data":
        """The same on `device`."""
        train, test = (Digits(part.X.to(device), part.y.to(device)) for part in (self.train, self.test))
        return Data(self.name, self.classes, train, test)


def get_data(args: HyperParams, device: torch.device) -> Data:
    """The digits of which scenes are made, on `device`: images (K, 1, 28, 28) in [0, 1] and labels (K,)."""
    images: ImageData = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    generator = torch.Generator().manual_seed(derive_seed(args.seed))
    chosen = torch.randperm(len(images.y_train), generator=generator)[: args.limit]
    train, test = Digits(images.X_train[chosen], images.y_train[chosen]), Digits(images.X_test, images.y_test)
    return Data(images.name, images.classes, train, test).to(device)


def build_model(args: HyperParams | None = None, anchors: Tensor | None = None) -> Detector:
    """The detector that the settings ask for; without `anchors` they are 0, to be filled in from a file of weights."""
    args = args or HyperParams()
    model = Detector(torch.zeros(args.anchors, 2) if anchors is None else anchors, cell=args.cell)
    return model.to(memory_format=torch.channels_last)


def score(model: nn.Module, scenes: Scenes, detector: Detector, args: HyperParams) -> dict[str, Tensor]:
    """The loss and its three parts, each a sum divided by the number of digits in the batch.

    box     Σ (σ(t) − inner)² + (t − size)², over the digits: centre and size
    object  Σ −ln p at the places that answer for a digit, plus λ_noobj Σ −ln(1 − p) at all others
    class   Σ −ln p(label), over the digits
    """
    output = model(scenes.X).float()
    target = assign(scenes.boxes, scenes.labels, detector.anchors, detector.cell)
    digits = max(1, len(target.labels))
    scene, anchor, row, column = target.where
    answers = output[scene, anchor, :, row, column]  # (K, 5 + C)
    box = F.mse_loss(answers[:, :2].sigmoid(), target.inner, reduction="sum")
    box = box + F.mse_loss(answers[:, 2:4], target.size, reduction="sum")
    full = torch.zeros_like(output[:, :, 4])
    full[target.where] = 1.0
    weight = full + args.empty_weight * (1 - full)
    object_ = F.binary_cross_entropy_with_logits(output[:, :, 4], full, weight, reduction="sum")
    class_ = F.cross_entropy(answers[:, 5:], target.labels, reduction="sum")
    loss = (args.box_weight * box + object_ + class_) / digits
    return {"loss": loss, "box": box / digits, "object": object_ / digits, "class": class_ / digits}


def training_loader(data: Data, args: HyperParams) -> SceneLoader:
    """Scenes of training digits, others in each epoch."""
    return SceneLoader(data.train, args.scenes, args.batch_size, args.seed, args.digits, args.overlap)


def test_loader(data: Data, args: HyperParams) -> SceneLoader:
    """Scenes of test digits: the same in each epoch, and for each seed."""
    return SceneLoader(data.test, args.test_scenes, 100, TEST_SEED, args.digits, args.overlap, fixed=True)


def box_sizes(digits: Digits, args: HyperParams) -> Tensor:
    """Widths and heights (K, 2) of the boxes of 500 training scenes."""
    generator = torch.Generator().manual_seed(derive_seed(args.seed))
    scenes = draw_scenes(digits, 500, generator, args.digits, args.overlap)
    boxes = scenes.boxes[scenes.labels >= 0].cpu()
    return boxes[:, 2:] - boxes[:, :2]


def measure(model: Detector, loader: SceneLoader, classes: int) -> dict[str, float]:
    """mAP@0.5 and its mean over IoU thresholds from 0.5 to 0.95 on the loader's scenes."""
    found, boxes, labels = detect_all(model, loader)
    strict = [mean_average_precision(curves(found, boxes, labels, classes, iou)) for iou in STRICT]
    return {"map50": strict[0], "map50_95": sum(strict) / len(strict)}


def detect_all(model: Detector, loader: SceneLoader) -> tuple[list[Detection], list[Tensor], list[Tensor]]:
    """What is found in each of the loader's scenes, however faint, and their true boxes and labels; on the CPU."""
    found: list[Detection] = []
    boxes: list[Tensor] = []
    labels: list[Tensor] = []
    for scenes in loader:
        found += predict(model, scenes.X, threshold=FAINT)
        for b, y in zip(scenes.boxes.cpu(), scenes.labels.cpu(), strict=True):
            boxes.append(b[y >= 0])
            labels.append(y[y >= 0])
    return found, boxes, labels


def train(data: Data | None = None, **kws: Any) -> tuple[Detector, Run]:
    """Train a detector; keyword arguments are the fields of HyperParams. Returns the model and its run."""
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data.to(device) if data else get_data(args, device)
    args = args.but(dataset=data.name, device=str(device))
    loader, tests = training_loader(data, args), test_loader(data, args)
    seed_everything(args.seed)
    model = build_model(args, fit_anchors(box_sizes(data.train, args), args.anchors)).to(device)
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)

    def step(batch: Scenes) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch, model, args)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def evaluation() -> dict[str, float]:
        losses = evaluate(lambda batch: score(model, batch, model, args), tests, [model])
        return losses | measure(model, tests, len(data.classes))

    with Run(args) as run:
        parameters = sum(p.numel() for p in model.parameters())
        shapes = ", ".join(f"{w:.0f}×{h:.0f}" for w, h in model.anchors.tolist())
        run.say(
            f"{parameters:,} parameters; {data.name}: scenes of {len(data.train.y)} training "
            f"and {len(data.test.y)} test digits; cells of {args.cell} pixels, anchors {shapes}; "
            f"{len(loader)} steps an epoch on {device}"
        )
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES[args.schedule],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": evaluation},
            run=run,
            say=brief,
            quiet=args.quiet,
        )
        run.save_model(model, classes=list(data.classes))
        reached = measure(model, tests, len(data.classes))
        save_figures(run, model, data)
        run.finish(
            {f"test_{name}": value for name, value in reached.items()},
            f"test mAP@0.5 {reached['map50']:.3f} on {args.test_scenes} scenes{expectations.sentence(EXPECTED, args)}",
            look=("detections", "mistakes", "precision_recall"),
            then="python -m labs.cnn.detection.load_predict",
        )
    return model, run


def brief(row: Mapping[str, float]) -> str:
    """An epoch in a line."""
    names = ("train_loss", "test_loss", "test_map50")
    return "  ".join(f"{name.replace('_', ' ')} {row[name]:.3f}" for name in names if name in row)


EXPECTED = (
    Expected("test_map50", 0.90, settings={"dataset": "mnist"}),
    Expected("test_map50", 0.90, settings={"dataset": "digits"}),
)


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, Detector]:
    """A run's detector, ready to predict, its settings, and about["classes"]; the newest run's if none is named."""
    return runs.load(path, HyperParams, lambda settings, classes: build_model(settings), classes=list[str])


@torch.inference_mode()
def predict(model: Detector, X: Tensor, threshold: float = 0.5, overlap: float = 0.5) -> list[Detection]:
    """What is found in each of the images X (N, 1, H, W) in [0, 1], of any size, wherever they are; on the CPU.

    threshold   of the score p(object) · p(class): what is fainter is not told
    overlap     IoU above which the fainter of two boxes of a class is dropped; 1: all stay
    """
    model.eval()
    device, cell = model.anchors.device, model.cell
    if X.ndim != 4 or X.shape[1] != 1:
        raise InputError(f"images of shape {tuple(X.shape)}; the detector takes (N, 1, height, width)")
    margin = (0, -X.shape[3] % cell, 0, -X.shape[2] % cell)  # right and below, up to whole cells
    found = []
    for x in X.split(100):
        output = model(F.pad(x.to(device), margin)).float()
        boxes = decode(output, model.anchors, cell).cpu()
        p, labels = output[:, :, 5:].softmax(dim=2).max(dim=2)
        scores, labels = (output[:, :, 4].sigmoid() * p).cpu(), labels.cpu()
        for own_boxes, own_labels, own_scores in zip(boxes, labels, scores, strict=True):
            sure = own_scores >= threshold
            all_there = Detection(own_boxes[sure], own_labels[sure], own_scores[sure])
            found.append(nms_per_class(all_there, overlap))
    return found


def save_figures(run: Run, model: Detector, data: Data) -> None:
    """The figures of a run, and per_class.csv; README.md says what to look for in each."""
    from labs.cnn.detection import figures  # here, so that --help need not wait for matplotlib

    args = cast(HyperParams, run.settings)
    data, classes = data.to(torch.device("cpu")), data.classes
    shown = next(iter(training_loader(data, args)))
    first = next(iter(test_loader(data, args)))
    found, boxes, labels = detect_all(model, test_loader(data, args))
    of_class = curves(found, boxes, labels, len(classes))
    write_csv(
        run.path / "per_class.csv",
        [
            {"class": name, "boxes": curve.boxes, "average_precision": round(curve.average_precision, 4)}
            for name, curve in zip(classes, of_class, strict=True)
        ],
    )
    sure = predict(model, first.X)
    many = predict(model, first.X, threshold=0.2, overlap=1.0)
    most = max(range(len(many)), key=lambda i: len(many[i].labels) - len(sure[i].labels))
    full = int((first.labels >= 0).sum(dim=1).argmax())
    run.save_figure("scenes", figures.plot_scenes(shown, classes))
    scene = (first.X[full], first.boxes[full], first.labels[full])
    run.save_figure("cells", figures.plot_cells(*scene, model.anchors.cpu(), model.cell))
    run.save_figure("learning", figures.plot_learning(run.history))
    run.save_figure("detections", figures.plot_detections(first, sure, classes))
    run.save_figure("mistakes", figures.plot_mistakes(first, sure, classes))
    run.save_figure("precision_recall", figures.plot_precision_recall(of_class, classes))
    run.save_figure("suppressed", figures.plot_suppressed(first.X[most], many[most], classes))


def main() -> None:
    """The command `python -m labs.cnn.detection`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
