"""How fast the GAN trains: the lab's own training, the same updates in a bare loop, and a loop as in pytorch/examples.

python tests/benchmarks/gan_speed.py --data-dir data

The three take turns, so that whatever else the machine does hits all of them; compare only the ratios. The lab's
speed is the one it writes into summary.json, which counts the training and not the judging of samples in between.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, ToTensor

from common.datasets import ImageData, load_images
from common.device import pick_device
from labs.gan import gan


class Pictures(Dataset):
    """Images as torchvision's MNIST gives them: an array turned into a picture, transformed, one at a time."""

    def __init__(self, X: torch.Tensor):
        self.X, self.transform = (X[:, 0] * 255).byte(), Compose([ToTensor(), Normalize(0.5, 0.5)])

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.X[i].numpy(), mode="L")), 0


def lab_speed(images: ImageData, X: torch.Tensor, args: gan.HyperParams) -> float:
    """Images per second of `python -m labs.gan`."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        settings = {"model": args.model, "device": args.device, "data_dir": args.data_dir, "quiet": True, "epochs": 1}
        _, run = gan.train(gan.Data(images, 2 * X - 1), out=Path(folder) / "run", **settings)
    return run.samples_per_second


def adam(network: nn.Module, lr: float, args: gan.HyperParams, **settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr, betas=(args.beta1, 0.999), **settings)


def bare_loop(X: torch.Tensor, args: gan.HyperParams, device: torch.device) -> None:
    """The same updates with nothing around them."""
    generator, discriminator = gan.build_model(args).to(device, memory_format=torch.channels_last).values()
    g_optimizer = adam(generator, args.lr, args, fused=True)
    d_optimizer = adam(discriminator, args.discriminator_lr, args, fused=True)
    real = 2 * X - 1
    for rows in torch.randperm(len(real)).to(device).split(args.batch_size):
        x = real[rows]
        fake = generator(torch.randn(len(x), args.latent_dim).to(device))
        logits = discriminator(torch.cat([x, fake.detach()]))
        # The mean over both halves is half of the sum of their means.
        labels = torch.cat([torch.ones(len(x), 1, device=device), torch.zeros(len(x), 1, device=device)])
        loss = 2 * F.binary_cross_entropy_with_logits(logits, labels)
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        discriminator.requires_grad_(False)
        logits = discriminator(fake)
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        g_optimizer.zero_grad()
        loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)


def examples_loop(X: torch.Tensor, args: gan.HyperParams, device: torch.device) -> None:
    """As in pytorch/examples: a DataLoader of transformed pictures, a pass per role, numbers read in every step."""
    generator, discriminator = gan.build_model(args).to(device).values()
    g_optimizer = adam(generator, args.lr, args)
    d_optimizer = adam(discriminator, args.discriminator_lr, args)
    criterion = nn.BCELoss()
    total = 0.0
    for x, _ in DataLoader(Pictures(X.cpu()), batch_size=args.batch_size, shuffle=True):
        x = x.to(device)
        ones, zeros = torch.ones(len(x), 1, device=device), torch.zeros(len(x), 1, device=device)
        discriminator.zero_grad()
        real_loss = criterion(discriminator(x).sigmoid(), ones)
        real_loss.backward()
        fake = generator(torch.randn(len(x), args.latent_dim, device=device))
        fake_loss = criterion(discriminator(fake.detach()).sigmoid(), zeros)
        fake_loss.backward()
        d_optimizer.step()
        generator.zero_grad()
        g_loss = criterion(discriminator(fake).sigmoid(), ones)
        g_loss.backward()
        g_optimizer.step()
        total += real_loss.item() + fake_loss.item() + g_loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where MNIST lies")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--images", type=int, default=12_800, help="images per epoch")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    gan.SAMPLES = 500  # this is not about the quality of the images
    device = pick_device(options.device)
    images = load_images("auto", options.data_dir, offline=True)
    X = images.X_train[: options.images].to(device)
    print(f"{len(X)} images of {images.name} on {device}, {options.threads} threads, torch {torch.__version__}")
    print(f"{'':12}{'lab':>10}{'bare loop':>12}{'examples':>12}   images/s{'lab/bare':>12}{'lab/examples':>14}")
    for model in ("task4", "dcgan"):
        args = gan.HyperParams(model=model, device=options.device, data_dir=options.data_dir)

        def timed(epoch, args=args) -> float:
            started = time.perf_counter()
            epoch(X, args, device)
            if device.type == "cuda":
                torch.cuda.synchronize()
            return len(X) / (time.perf_counter() - started)

        speeds = []
        for _ in range(options.repetitions + 1):  # the first one warms up
            speeds.append((lab_speed(images, X, args), timed(bare_loop), timed(examples_loop)))
        lab, bare, examples = (statistics.median(column) for column in zip(*speeds[1:], strict=True))
        # Each round's three epochs are neighbours in time: the ratio of neighbours, then its median.
        ratios = [statistics.median(row[0] / row[i] for row in speeds[1:]) for i in (1, 2)]
        print(f"{model:12}{lab:10.0f}{bare:12.0f}{examples:12.0f}{'':11}{ratios[0]:12.3f}{ratios[1]:14.2f}")


if __name__ == "__main__":
    main()
