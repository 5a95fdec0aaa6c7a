"""How long it takes to read 98, 98.5 and 99 % of MNIST's test images right: the CNN lab beside well-known examples.

    python tests/benchmarks/time_to_quality.py --data-dir data --rounds 3 --ways fast lenet

Not a test: times on a shared machine say nothing alone, so the ways take turns (round r has seed r) and ratios are
shown. Each way trains its own network with its own settings for its own number of epochs; one that is not the lab's
ends as soon as it has reached 99 %. The clock runs while a way trains, with all its loading of batches. The test images
are looked at after each epoch, in the same way for all, and that is not counted. With one thread the clock is the
processor's time, which other programs disturb least; with more it is the clock on the wall.
"""

import argparse
import dataclasses
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from cnn_speed import Pictures
from torch import Tensor, nn
from torch.utils.data import DataLoader

from common.data import ArrayLoader
from common.datasets import ImageData, load_images
from common.device import seed_everything
from common.optimizers import make_optimizer
from common.schedules import SCHEDULES, constant
from common.trainer import fit
from labs.cnn.cnn import HyperParams, augment, build_model, score
from labs.cnn.fast import OneCycle

LEVELS = (0.98, 0.985, 0.99)
Answer = Callable[[Tensor], Tensor]  # images (N, 1, 28, 28) in [0, 1] → scores (N, 10)


class Watch:
    """A clock that stands still while the test images are looked at; what was seen when."""

    def __init__(self, data: ImageData, threads: int, most: int | None = None):
        self.data, self.now = data, time.process_time if threads == 1 else time.perf_counter
        self.most = most
        self.seconds, self.seen = 0.0, list[tuple[float, float]]()  # (seconds of training, share right)
        self.started = self.now()

    @torch.inference_mode()
    def look(self, answer: Answer) -> bool:
        """Note how much is right now; whether that is the highest level, or `most` looks were taken."""
        self.seconds += self.now() - self.started
        found = torch.cat([answer(X).argmax(dim=1) for X in self.data.X_test.split(1000)])
        right = (found == self.data.y_test).float().mean().item()
        self.seen.append((self.seconds, right))
        self.started = self.now()
        return right >= LEVELS[-1] or len(self.seen) == self.most

    def until(self, level: float) -> float | None:
        """Seconds of training until the level was first seen."""
        return next((seconds for seconds, right in self.seen if right >= level), None)


Way = Callable[[ImageData, Watch, int], None]  # trains, and looks after each epoch; the last argument is the seed


def lab(**settings) -> Way:
    """The lab's step and loop with the settings of a command."""

    def train(data: ImageData, watch: Watch, seed: int) -> None:
        args = HyperParams(dataset="mnist", seed=seed, **settings)
        model = build_model(args)
        optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr, weight_decay=args.weight_decay)
        loader = ArrayLoader(data.X_train, data.y_train, batch_size=args.batch_size, shuffle=True, seed=seed)

        def step(batch):
            logs = score(model, (augment(batch[0], args), batch[1]), args.label_smoothing)
            optimizer.zero_grad()
            logs["loss"].backward()
            optimizer.step()
            return logs

        def look(*_) -> None:
            watch.look(model)

        fit(
            step,
            OneCycle(loader, optimizer, args.epochs) if args.schedule == "one_cycle" else loader,
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES.get(args.schedule, constant),
            epochs=args.epochs,
            seed=seed,
            on_epoch=[look],
            quiet=True,
        )

    return train


def pytorch_examples(data: ImageData, watch: Watch, seed: int) -> None:
    """As in pytorch/examples, mnist: 1 199 882 parameters, Adadelta 1.0 times 0.7 an epoch, batch 64, 14 epochs."""
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    falling = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    loader = DataLoader(Pictures(data.X_train, data.y_train), batch_size=64, shuffle=True)
    for _ in range(14):
        model.train()
        for X, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(X), y).backward()
            optimizer.step()
        falling.step()
        model.eval()
        if watch.look(lambda X: model((X - 0.1307) / 0.3081)):
            return


def lightning_example(data: ImageData, watch: Watch, seed: int) -> None:
    """As Lightning's image classifier: dense 128, ReLU at the end too, Adam 1e-4, batch 32, 11/12 of all, 50 epochs."""
    import lightning
    from torchvision import transforms

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Classifier(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.ReLU())

        def training_step(self, batch, _):
            loss = F.cross_entropy(self.network(batch[0]), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-4)

    class Look(lightning.Callback):
        def on_train_epoch_end(self, trainer, module):
            trainer.should_stop = watch.look(module.network)

    pictures = Pictures(data.X_train, data.y_train)
    pictures.transform = transforms.ToTensor()
    n = len(pictures) * 11 // 12
    kept, _ = torch.utils.data.random_split(pictures, [n, len(pictures) - n])
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        max_epochs=50, accelerator="cpu", callbacks=[Look()], enable_model_summary=False, **quiet
    )
    trainer.fit(Classifier(), DataLoader(kept, batch_size=32))


def keras_example(data: ImageData, watch: Watch, seed: int) -> None:
    """As Keras' "Simple MNIST convnet": filters 32 and 64, dropout 0.5, Adam, batch 128, nine tenths, 15 epochs."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    n = len(data.y_train) * 9 // 10
    X, y = data.X_train[:n].permute(0, 2, 3, 1).numpy(), F.one_hot(data.y_train[:n], 10).numpy()
    for _ in range(15):
        model.fit(X, y, batch_size=128, epochs=1, verbose=0)
        if watch.look(lambda X: model(X.permute(0, 2, 3, 1))):
            return


WAYS: dict[str, Way] = {
    "fast": lab(preset="fast"),
    "lenet": lab(model="lenet", lr=1e-3),
    "course": lab(),
    "pytorch": pytorch_examples,
    "lightning": lightning_example,
    "keras": keras_example,
}
BASE = "lenet"  # whose time the others' is compared with


def show(watches: dict[str, list[Watch]]) -> None:
    """The table: a row a way."""

    def seconds(times: list[float | None]) -> str:
        reached = [t for t in times if t is not None]
        return f"{statistics.median(reached):.1f} s ({len(reached)}/{len(times)})" if reached else f"0/{len(times)}"

    levels = "".join(f"{f'{100 * level:g} %':>16}" for level in LEVELS)
    print(f"{'way':<12}{levels}{'all epochs':>12}{f'{BASE} / it':>12}{'right at the end':>24}")
    for name, own in watches.items():
        columns = "".join(f"{seconds([watch.until(level) for watch in own]):>16}" for level in LEVELS)
        rights = [100 * watch.seen[-1][1] for watch in own]
        spread = f" ± {statistics.stdev(rights):.2f}" if len(own) > 1 else ""
        ratio = "–"
        if BASE in watches and len(watches[BASE]) >= len(own):
            ratio = f"{statistics.median(b.seconds / w.seconds for b, w in zip(watches[BASE], own, strict=False)):.2f}"
        total = f"{statistics.median(watch.seconds for watch in own):.1f} s"
        ending = f"{statistics.mean(rights):.2f}{spread} % ({len(own[0].seen)} ep.)"
        print(f"{name:<12}{columns}{total:>12}{ratio:>12}{ending:>24}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where MNIST lies")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way trains; round r has seed r")
    parser.add_argument("--most-epochs", type=int, help="end the ways that are not the lab's after so many")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="which of them")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    data = load_images("mnist", args.data_dir, offline=True)
    print(f"torch {torch.__version__}, {args.threads} threads; medians of {args.rounds} rounds, in brackets: how often")
    first = {name: getattr(data, name)[:640] for name in ("X_train", "y_train", "X_test", "y_test")}
    few = dataclasses.replace(data, **first)
    watches: dict[str, list[Watch]] = {}
    for seed in range(args.rounds):
        for name in args.ways:
            try:
                if seed == 0:  # what a library does once, at its first steps, is not counted
                    WAYS[name](few, Watch(few, args.threads, most=1), 0)
                seed_everything(seed)
                watch = Watch(data, args.threads, args.most_epochs)
                WAYS[name](data, watch, seed)
            except ImportError as error:
                print(f"{name}: not installed ({error.name})")
                continue
            watches.setdefault(name, []).append(watch)
            course = ", ".join(f"{100 * right:.2f} % at {seconds:.1f} s" for seconds, right in watch.seen)
            print(f"round {seed}, {name}: {course}", flush=True)
    show(watches)


if __name__ == "__main__":
    main()
