"""How fast the VAE trains: the lab's loop, the same model in a bare loop, and a loop as in pytorch/examples.

python tests/benchmarks/vae_speed.py --data-dir data

The three take turns, so that whatever else the machine does hits all of them; compare only the ratios.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from common.data import ArrayLoader
from common.datasets import load_images
from common.device import autocast, pick_device
from common.optimizers import make_optimizer
from common.trainer import fit
from labs.vae.vae import HyperParams, build_model, score


class Pictures(Dataset):
    """Images as torchvision's MNIST gives them: an array turned into a picture, transformed, one at a time."""

    def __init__(self, X: torch.Tensor):
        self.X, self.transform = (X[:, 0] * 255).byte(), ToTensor()

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.X[i].numpy(), mode="L")), 0


def lab_loop(X: torch.Tensor, args: HyperParams, device: torch.device):
    """One epoch as `python -m labs.vae` has it."""
    model = build_model(args).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    loader = ArrayLoader(X, batch_size=args.batch_size, shuffle=True)

    def step(batch):
        with autocast(device, args.precision):
            logs = score(model, batch[0], args)
        loss = logs.pop("loss")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return logs

    return lambda: fit(step, loader, modules=[model], optimizers=[optimizer], epochs=1, quiet=True)


def bare_loop(X: torch.Tensor, args: HyperParams, device: torch.device):
    """The same updates with nothing around them."""
    model = build_model(args).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)

    def epoch():
        for rows in torch.randperm(len(X)).to(device).split(args.batch_size):
            x = X[rows]
            logits, mu, log_sigma = model(x, torch.randn(len(x), args.latent_dim).to(device))
            cost = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = 0.5 * ((2 * log_sigma).exp() + mu.square() - 1 - 2 * log_sigma).sum()
            optimizer.zero_grad()
            ((cost + kl) / len(x)).backward()
            optimizer.step()

    return epoch


def examples_loop(X: torch.Tensor, args: HyperParams, device: torch.device):
    """As in pytorch/examples: a DataLoader of transformed pictures, the loss read in every step."""
    model = build_model(args).to(device)
    optimizer = torch.optim.Adam(model.parameters(), args.lr)
    loader = DataLoader(Pictures(X.cpu()), batch_size=args.batch_size, shuffle=True)

    def epoch():
        total = 0.0
        for x, _ in loader:
            x = x.to(device)
            logits, mu, log_sigma = model(x, torch.randn(len(x), args.latent_dim, device=device))
            cost = F.binary_cross_entropy(logits.sigmoid(), x, reduction="sum")
            kl = -0.5 * torch.sum(1 + 2 * log_sigma - mu.pow(2) - (2 * log_sigma).exp())
            optimizer.zero_grad()
            (cost + kl).backward()
            total += (cost + kl).item()
            optimizer.step()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where MNIST lies")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--images", type=int, default=12_800, help="images per epoch")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = pick_device(options.device)
    images = load_images("auto", options.data_dir, offline=True)
    X = images.X_train[: options.images].to(device)
    print(f"{len(X)} images of {images.name} on {device}, {options.threads} threads, torch {torch.__version__}")
    args = HyperParams(preset="examples")
    epochs = [make(X, args, device) for make in (lab_loop, bare_loop, examples_loop)]
    for epoch in epochs:
        epoch()  # warm up
    seconds: list[list[float]] = [[] for _ in epochs]
    for _ in range(options.repetitions):
        for epoch, taken in zip(epochs, seconds, strict=True):
            started = time.perf_counter()
            epoch()
            if device.type == "cuda":
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
    for name, taken in zip(("lab", "bare loop", "pytorch/examples' way"), seconds, strict=True):
        # The three epochs of a round are neighbours in time: the ratio of neighbours, then its median.
        ratio = statistics.median(other / own for own, other in zip(seconds[0], taken, strict=True))
        print(f"{name:24}{statistics.median(taken):8.2f} s an epoch{ratio:10.3f} × the lab's time")


if __name__ == "__main__":
    main()
