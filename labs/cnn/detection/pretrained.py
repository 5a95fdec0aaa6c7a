"""torchvision's detectors, trained on COCO's photographs, look at pictures of one's own.

`python -m labs.cnn.detection.pretrained street.jpg --backbone ssdlite320_mobilenet_v3_large`
The weights are fetched by name and checked, or read from a file; what is found is told in words.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tyro.conf import Positional, arg

from common import cli, weights
from common.device import pick_device, seed_everything
from common.errors import InputError
from common.runs import place
from common.settings import DataDir, OptionalFolder, Probability, Role, Seed, Settings
from common.sources import data_dir_from_environment
from labs.cnn.detection.boxes import Detection
from labs.cnn.own_pictures import open_picture


@dataclass(frozen=True)
class Request(Settings):
    """Find things of COCO's 80 classes in photographs, with a detector of torchvision's."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]]  # image files
    backbone: str = "fasterrcnn_mobilenet_v3_large_fpn"  # torchvision's name: ssd300_vgg16, retinanet_resnet50_fpn, …
    weights: str = "published"  # published, none (drawn at random), or a file: .safetensors, .npz, .pth
    threshold: Probability = 0.5  # score from which on a box is told
    seed: Annotated[Seed, Role.CHANCE] = 0  # fixes the weights that are drawn with --weights none
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # weights are kept in its folder weights/
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figure; none: one under runs/cnn

    def check(self) -> None:
        if not self.pictures:
            raise InputError("no picture to look at; name an image file")
        self.refuse_unused({"seed": self.weights == "none"}, "unless weights are drawn; add --weights none")


def names() -> list[str]:
    """Every detector of torchvision that draws boxes only."""
    import torchvision  # here: it takes a second, which --help need not wait for

    found = torchvision.models.list_models(module=torchvision.models.detection)
    return [name for name in found if not name.startswith(("keypoint", "mask"))]


def load_detector(args: Request) -> tuple[nn.Module, list[str]]:
    """The detector in eval mode on the device, and the names of its classes; InputError for an unknown one."""
    import torchvision

    if args.backbone not in names():
        raise InputError(f"--backbone {args.backbone} is none of {', '.join(names())}")
    device = pick_device(args.device)
    seed_everything(args.seed)
    classes = list(weights.published(args.backbone).meta["categories"])  # known without the weights themselves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some announce that they initialise themselves in another way some day
        network = torchvision.models.get_model(
            args.backbone, weights=None, weights_backbone=None, num_classes=len(classes)
        )
    if args.weights != "none":
        given = Path(args.weights)
        published = args.weights == "published"
        file = weights.find_published(args.backbone, args.data_dir, offline=args.offline) if published else given
        weights.put(weights.read_tensors(file), network, file, args.backbone)
    return network.to(device).eval(), classes


@torch.inference_mode()
def detect(network: nn.Module, X: Tensor, threshold: float = 0.5) -> Detection:
    """What the network finds in a photograph X (3, H, W) in [0, 1]; scaling and normalising are part of the network."""
    (found,) = network([X.to(next(network.parameters()).device)])
    sure = found["scores"] >= threshold
    return Detection(*(found[name][sure].cpu() for name in ("boxes", "labels", "scores")))


def read_photograph(path: Path) -> Tensor:
    """The photograph (3, H, W) in [0, 1], at most 800 pixels a side; what is transparent is white."""
    picture = open_picture(path)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    return torch.from_numpy(np.array(flat)).permute(2, 0, 1) / 255


def describe(found: Detection, classes: Sequence[str]) -> list[str]:
    """A line for each thing that was found, the surest first."""
    rows = zip(found.labels.tolist(), found.scores.tolist(), found.boxes.round().int().tolist(), strict=True)
    return [f"  {classes[label]} ({score:.0%}) at {x1},{y1}–{x2},{y2}" for label, score, (x1, y1, x2, y2) in rows]


def look(pictures: tuple[Path, ...], **kws: Any) -> int:
    """Print what is found in each picture and draw it; returns how many could not be read.

    Keyword arguments are the fields of Request. A picture is brought to at most 800 pixels a side first.
    """
    from common import plots
    from labs.cnn.detection.figures import found_marks, plot_pictures

    args = Request(pictures, **kws)
    network, classes = load_detector(args)
    failures, seen = 0, []
    for path in args.pictures:
        try:
            X = read_photograph(path)
        except InputError as error:
            cli.print_error(error)
            failures += 1
            continue
        found = detect(network, X, args.threshold)
        print(f"{path}: {len(found.labels)} found")
        print(*describe(found, classes), sep="\n")
        seen.append((path.name, X, found_marks(found, classes)))
    if seen:
        shown, images, marks = zip(*seen, strict=True)
        figure = plot_pictures(images, marks, min(2, len(seen)), titles=shown)
        print(plots.write_figure((args.out or place(args)) / "pretrained.png", figure))
    return failures


def main() -> None:
    """The command `python -m labs.cnn.detection.pretrained street.jpg`."""
    raise SystemExit(2 if cli.run(look, Request) else 0)


if __name__ == "__main__":
    main()
