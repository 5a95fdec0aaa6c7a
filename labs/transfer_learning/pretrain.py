"""Makes the weights of `--backbone characters`: a small residual network learns to read drawn letters and digits.

`python -m labs.transfer_learning.pretrain` keeps them under the data directory; those that come with the lab were made
with its default settings.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import checkpoint, cli
from common.data import ArrayLoader
from common.device import pick_device, seed_everything
from common.metrics import accuracy
from common.optimizers import make_optimizer
from common.trainer import evaluate, fit
from labs.transfer_learning.characters import CHARACTERS, build_backbone, draw


@dataclass(frozen=True)
class Settings:
    """Teach the small network to read drawn characters, and keep its weights without the last layer."""

    drawings: int = 12_000  # characters to learn from; another sixth of that number is for testing
    epochs: int = 10  # passes over them
    batch_size: int = 64  # drawings per gradient step
    lr: float = 1e-3  # learning rate (η) at the start; it falls to 0
    seed: int = 0  # fixes every random draw
    device: str = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    data_dir: Path = field(default_factory=cli.data_dir_from_environment)  # the weights go into its folder `weights`
    out: cli.OptionalPath = None  # another file for the weights (.safetensors)
    quiet: bool = False  # print nothing but the file


def pretrain(**kws) -> tuple[nn.Sequential, float]:
    """Train, keep the weights, and return the backbone and its test accuracy on characters of another seed."""
    args = Settings(**kws)
    device = pick_device(args.device)
    X, y = (tensor.to(device) for tensor in draw(args.drawings, args.seed))
    tested = tuple(tensor.to(device) for tensor in draw(args.drawings // 6, args.seed + 1))
    seed_everything(args.seed)
    backbone = build_backbone()
    model = nn.Sequential(backbone, nn.Linear(256, len(CHARACTERS))).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)

    def score(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        logits = model(batch[0].float() / 255)
        return {"loss": F.cross_entropy(logits, batch[1]), "accuracy": accuracy(logits, batch[1])}

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        logs = score(batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def evaluation() -> dict[str, float]:
        return evaluate(score, ArrayLoader(*tested, batch_size=500), [model])

    fit(
        step,
        ArrayLoader(X, y, batch_size=args.batch_size, shuffle=True, seed=args.seed),
        modules=[model],
        optimizers=[optimizer],
        schedulers=[schedule],
        epochs=args.epochs,
        seed=args.seed,
        evaluations={"test": evaluation},
        quiet=args.quiet,
    )
    reached = evaluation()["accuracy"]
    path = args.out or args.data_dir / "weights" / "characters.safetensors"
    halves = {name: t.half() if t.is_floating_point() else t for name, t in backbone.state_dict().items()}
    facts = {"seed": args.seed, "drawings": args.drawings, "epochs": args.epochs, "test_accuracy": round(reached, 4)}
    checkpoint.save(path, halves, facts)
    if not args.quiet:
        print(f"{reached:.2%} of the drawn characters of another seed are read right")
    print(path)
    return backbone, reached


def main() -> None:
    """The command `python -m labs.transfer_learning.pretrain`."""
    cli.run(pretrain, Settings)


if __name__ == "__main__":
    main()
