"""Makes the weights of the lab's own backbones: a small network learns to read drawn letters and digits.

`python -m labs.transfer_learning.pretrain` keeps them under the data directory; those of `characters` that come with
the lab were made with `--epochs 60`, those of `characters_mobile` with `--epochs 40`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import checkpoint, cli
from common.data import ArrayLoader
from common.device import derive_seed, pick_device, seed_everything
from common.metrics import accuracy
from common.optimizers import make_optimizer
from common.settings import Count, DataDir, OptionalPath, Positive, Range, Role, Seed, Settings
from common.sources import data_dir_from_environment
from common.trainer import evaluate, fit
from labs.transfer_learning import backbones
from labs.transfer_learning.characters import CHARACTERS, SIDE, build_backbone, draw
from labs.transfer_learning.pretrained_network import Prepare

TESTED = 2000  # drawings of another seed
Drawings = Annotated[int, Range(1, 200_000)]


@dataclass(frozen=True)
class Pretraining(Settings):
    """Teach a small network to read drawn characters, and keep its weights without the last layer."""

    backbone: Literal["characters", "characters_mobile"] = "characters"  # residual, or of separable convolutions
    drawings: Drawings = 12_000  # characters per epoch; they are drawn anew for each, so none is seen twice
    epochs: Annotated[Count, Role.LENGTH] = 6  # how often so many
    batch_size: Count = 64  # drawings per gradient step
    lr: Positive = 3e-3  # learning rate (η) at its highest: it rises for a fifth of the steps, then falls to 0
    seed: Annotated[Seed, Role.CHANCE] = 0  # fixes every random draw
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # the weights go into its folder `weights`
    out: Annotated[OptionalPath, Role.PLACE] = None  # another file for the weights (.safetensors)
    quiet: Annotated[bool, Role.PLACE] = False  # print nothing but the file


class DrawingLoader:
    """Batches of drawings, other ones in each epoch."""

    def __init__(self, args: Pretraining, device: torch.device):
        self.args, self.device, self.epoch = args, device, 0

    def __len__(self) -> int:
        return math.ceil(self.args.drawings / self.args.batch_size)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        X, y = draw(self.args.drawings, derive_seed(self.args.seed, self.epoch))
        yield from ArrayLoader(X.to(self.device), y.to(self.device), batch_size=self.args.batch_size)


def pretrain(**kws) -> tuple[nn.Sequential, float]:
    """Train, keep the weights, and return the backbone and its test accuracy on characters of another seed."""
    args = Pretraining.of(**kws)
    device = pick_device(args.device)
    test = ArrayLoader(*(tensor.to(device) for tensor in draw(TESTED, args.seed + 1)), batch_size=500)
    loader = DrawingLoader(args, device)
    seed_everything(args.seed)
    backbone = build_backbone(args.backbone)
    preparation = Prepare(backbones.preparation(args.backbone), SIDE)
    model = nn.Sequential(preparation, backbone, nn.Linear(256, len(CHARACTERS))).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    steps = args.epochs * len(loader)
    # The lab's weights were made with torch's schedule, rates and momentum step by step: `fit` is to set none.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps, pct_start=0.2)

    def score(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        X, y = batch
        logits = model(X)
        return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        logs = score(batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        schedule.step()
        return logs

    def evaluation() -> dict[str, float]:
        return evaluate(score, test, [model])

    fit(
        step,
        loader,
        modules=[model],
        optimizers=[],
        epochs=args.epochs,
        seed=args.seed,
        evaluations={"test": evaluation},
        quiet=args.quiet,
    )
    reached = evaluation()["accuracy"]
    path = args.out or args.data_dir / "weights" / f"{args.backbone}.safetensors"
    halves = {name: t.half() if t.is_floating_point() else t for name, t in backbone.state_dict().items()}
    facts = {"seed": args.seed, "drawings": args.drawings, "epochs": args.epochs, "test_accuracy": round(reached, 4)}
    checkpoint.save(path, halves, facts)
    if not args.quiet:
        print(f"{reached:.2%} of the drawn characters of another seed are read right")
    print(path)
    return backbone, reached


def main() -> None:
    """The command `python -m labs.transfer_learning.pretrain`."""
    cli.run(pretrain, Pretraining)


if __name__ == "__main__":
    main()
