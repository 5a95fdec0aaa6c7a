"""Training a text classifier: the lab's loop against a bare one over the same batches, in turns in one process.

python tests/benchmarks/classify_speed.py --rounds 7
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from common.device import seed_everything
from common.trainer import fit
from labs.nlp.classify import HyperParams, build_model, get_data, score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="reviews", help="as labs.nlp.classify takes it")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--models", default="bag,cnn,gru,transformer")
    parser.add_argument("--rounds", type=int, default=7, help="of each way; the medians are compared")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | texts per second, lab | bare loop | lab / bare |\n| --- | --- | --- | --- |")
    for name in args.models.split(","):
        settings = HyperParams(dataset=args.dataset, data_dir=args.data_dir, model=name, quiet=True)
        data = get_data(settings, torch.device("cpu"))
        times: dict[str, list[float]] = {"lab": [], "bare": []}
        for _ in range(args.rounds):
            for way in times:
                seed_everything(0)
                model = build_model(settings, len(data.vocabulary), len(data.texts.classes))
                optimizer = torch.optim.Adam(model.parameters(), settings.lr, fused=True)
                started = time.perf_counter()
                {"lab": with_the_lab, "bare": bare}[way](model, optimizer, data.train)
                times[way].append(time.perf_counter() - started)
        lab, plain = (len(data.train.y) / statistics.median(times[way]) for way in ("lab", "bare"))
        print(f"| {name} | {lab:,.0f} | {plain:,.0f} | {lab / plain:.2f} |")


def with_the_lab(model, optimizer, batches) -> None:
    """One epoch by common.trainer.fit."""

    def step(batch):
        logs = score(model, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    fit(step, batches, modules=[model], optimizers=[optimizer], epochs=1, quiet=True)


def bare(model, optimizer, batches) -> None:
    """One epoch by hand."""
    batches.set_epoch(1)
    model.train()
    for X, lengths, y in batches:
        loss = F.cross_entropy(model(X, lengths), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
