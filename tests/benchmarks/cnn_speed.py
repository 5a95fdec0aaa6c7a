"""Samples per second of the CNN lab's training loop beside other ways to run the same network.

    python tests/benchmarks/cnn_speed.py [--data-dir DIR]

Not a test: times on a shared machine say nothing alone. All ways train cnn.jl's network on the same images,
batch 64, Adam, float32, taking turns in one process; the table shows each one's median and its ratio to the lab.
"""

import argparse
import logging
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from common.data import ArrayLoader
from common.datasets import load_images
from common.optimizers import make_optimizer
from common.trainer import fit
from labs.cnn.cnn import build_model, score

BATCH, LR = 64, 3e-3
Way = Callable[[Tensor, Tensor], None]  # trains one pass over (N, 1, 28, 28) in [0, 1] and labels (N,)


def usual_network() -> nn.Sequential:
    """The same function as it is usually written: ReLU, then pooling; torch's default layout."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)),
    )


def lab() -> Way:
    model = build_model()
    optimizer = make_optimizer("adam", model.parameters(), LR)

    def step(batch):
        logs = score(model, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def train(X, y):
        loader = ArrayLoader(X, y, batch_size=BATCH, shuffle=True)
        fit(step, loader, modules=[model], optimizers=[optimizer], epochs=1, quiet=True)

    return train


def bare(network: Callable[[], nn.Module], fused: bool) -> Way:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), LR, fused=fused)

    def train(X, y):
        order = torch.randperm(len(X))
        for i in range(0, len(X), BATCH):
            index = order[i : i + BATCH]
            loss = F.cross_entropy(model(X[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train


class Pictures(torch.utils.data.Dataset):
    """As torchvision's MNIST: a PIL image a sample, turned into a normalised tensor each time."""

    def __init__(self, X: Tensor, y: Tensor):
        from torchvision import transforms

        self.X, self.y = (X[:, 0] * 255).round().byte(), y
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.X[i].numpy())), int(self.y[i])


def examples_style() -> Way:
    model = usual_network()
    optimizer = torch.optim.Adam(model.parameters(), LR)

    def train(X, y):
        model.train()
        for data, target in torch.utils.data.DataLoader(Pictures(X, y), batch_size=BATCH, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(data), target).backward()
            optimizer.step()

    return train


def tensor_loader() -> Way:
    model = usual_network()
    optimizer = torch.optim.Adam(model.parameters(), LR)

    def train(X, y):
        data = torch.utils.data.TensorDataset(X, y)
        for x, target in torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), target).backward()
            optimizer.step()

    return train


def lightning() -> Way:
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = usual_network()

        def training_step(self, batch, _):
            X, y = batch
            return F.cross_entropy(self.model(X), y)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), LR)

    module = Module()

    def train(X, y):
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", enable_model_summary=False, **quiet)
        data = torch.utils.data.TensorDataset(X, y)
        trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True))

    return train


def skorch() -> Way:
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        usual_network, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=LR, batch_size=BATCH, max_epochs=1,
        iterator_train__shuffle=True, train_split=None, verbose=0,
    )  # fmt: skip
    net.initialize()
    return lambda X, y: net.partial_fit(X, y)


def keras() -> Way:
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(10)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LR), loss)
    return lambda X, y: model.fit(X.permute(0, 2, 3, 1).numpy(), y.numpy(), batch_size=BATCH, epochs=1, verbose=0)


WAYS: dict[str, Callable[[], Way]] = {
    "the lab (fit)": lab,
    "bare loop, same network": lambda: bare(build_model, fused=True),
    "bare loop, usual network": lambda: bare(usual_network, fused=False),
    "TensorDataset, DataLoader": tensor_loader,
    "per-sample transforms, DataLoader": examples_style,
    "Lightning": lightning,
    "skorch": skorch,
    "Keras on torch": keras,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="where MNIST lies; else the digits are used"
    )
    parser.add_argument("--samples", type=int, default=12_800, help="images per pass")
    parser.add_argument("--rounds", type=int, default=7, help="timed passes of each way, after one to warm up")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    data = load_images("auto", args.data_dir, offline=True)
    index = torch.arange(args.samples) % len(data.X_train)
    X, y = data.X_train[index], data.y_train[index]

    ways: dict[str, Way] = {}
    for name, make in WAYS.items():
        try:
            ways[name] = make()
            ways[name](X[: 2 * BATCH], y[: 2 * BATCH])
        except ImportError as error:
            print(f"{name}: not installed ({error.name})")
            ways.pop(name, None)
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, train in ways.items():
            started = time.perf_counter()
            train(X, y)
            speeds[name].append(args.samples / (time.perf_counter() - started))
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {args.rounds} rounds of {args.samples} images"
    )
    print(f"{'way':<36}{'samples/s':>10}{'lab / it':>10}   (median of the rounds' ratios)")
    for name, own in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds["the lab (fit)"], own, strict=True))
        print(f"{name:<36}{statistics.median(own):>10,.0f}{ratio:>10.2f}")


if __name__ == "__main__":
    main()
