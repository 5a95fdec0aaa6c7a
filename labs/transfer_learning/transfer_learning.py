"""What a pretrained network is worth: its features frozen, fine-tuned, or the same network trained from scratch.

The core of both labs: transfer_learning_cifar.py and transfer_learning_mnist.py mirror the course's Julia files and
only choose settings. Before it come recipe.py (the settings), labelled_images.py (the data) and pretrained_network.py
(the network). After Yosinski et al. 2014, "How transferable are features in deep neural networks?". README.md has what
was measured.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import distributed, expectations, runs, shared_batches
from common.data import ArrayLoader
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.loop import Row, describe
from common.metrics import accuracy, confusion_matrix, describe_share, most_confused
from common.notebook import in_jupyter, in_marimo
from common.optimizers import make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES
from common.trainer import evaluate, fit, for_step
from labs.transfer_learning import backbones, features
from labs.transfer_learning.labelled_images import Data, augment, get_data
from labs.transfer_learning.pretrained_network import Network, build_model, count, layer_table
from labs.transfer_learning.recipe import HyperParams, resolve


def score(network: Callable[[Tensor], Tensor], batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy. `network` may be the head, X features."""
    X, y = batch
    logits = network(X)
    return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}


def train(data: Data | None = None, network: Network | None = None, **kws: Any) -> tuple[Network, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    return train_with(HyperParams.of(**kws), data, network)


def train_with(args: HyperParams, data: Data | None = None, network: Network | None = None) -> tuple[Network, Run]:
    """`train` with the settings as one object, of whichever of the two labs."""
    device = pick_device(args.device)
    args = resolve(args).but(device=str(device))
    data = data.to(device) if data else get_data(args, device)
    seed_everything(args.seed)
    model = network or build_model(args, len(data.classes))
    if args.start_from and not args.resume:
        put_trained(model, args.start_from, data.classes)
    model = model.to(device)
    if device.type == "cuda":
        model = model.to(memory_format=torch.channels_last)  # the layout in which a GPU's convolutions are fastest
    check_shared(model, args)
    with Run(args) as run:
        begun = f"the network of {args.start_from}" if args.start_from else f"{args.weights} weights"
        run.say(
            f"{args.backbone} ({begun}), {args.strategy}: {count(model):,} of "
            f"{sum(p.numel() for p in model.parameters()):,} parameters learn on {device}\n{layer_table(model)}\n"
            f"{data.describe()}; an image is {tuple(data.train[0].shape[1:])}, in a batch "
            f"{(args.batch_size, 3, args.image_size, args.image_size)}"
        )
        evaluation, seconds = learn(model, data, args, run)
        run.save_model(model, classes=list(data.classes))
        tested = evaluation("test")
        metrics = {f"test_{name}": value for name, value in tested.items()}
        if data.val:
            metrics["val_accuracy"] = evaluation("val")["accuracy"]
        metrics |= {
            "test_images": len(data.test[1]),
            "blocks": len(backbones.blocks(model.backbone)),
            "trainable_parameters": count(model),
            "feature_seconds": round(seconds, 3),
        }
        if distributed.is_main():
            save_figures(run, model, data)
        if args.baseline and not run.interrupted:
            metrics["scratch_accuracy"], baseline = train_baseline(data, args, run)
            run.interrupted = baseline.interrupted
            save_comparison(run, args.strategy, baseline)
        if args.start_from and runs.finished(args.start_from):
            metrics["start_accuracy"] = runs.read_summary(args.start_from).metrics["test_accuracy"]
        look = ("curves", "confusion", "against_scratch" if args.baseline else "predictions")
        said = verdict(args, metrics, len(data.test[1]))
        run.finish(metrics, said, look=look, then="python -m labs.transfer_learning.grad_cam")
    return model, run


def put_trained(model: Network, path: Path, classes: tuple[str, ...]) -> None:
    """Put the weights of the run in `path` into the model, backbone and head. InputError if its classes are others."""
    loaded = load_run(path)
    theirs = tuple(loaded.about["classes"])
    if theirs != classes:
        raise InputError(f"{path} tells {', '.join(theirs)} apart, and the images are of {', '.join(classes)}")
    model.load_state_dict(loaded.model.state_dict())


def check_shared(model: Network, args: HyperParams) -> None:
    """InputError for what several processes (torchrun) cannot train as one does; of the baseline all layers learn."""
    learning = [layer for layer in model.train().modules() if layer.training or args.baseline]
    cure = "with --strategy feature_extraction --baseline False and without --standardize"
    shared_batches.refuse_batch_norm(learning, cure)


def learn(
    model: Network, data: Data, args: HyperParams, run: Run | None = None
) -> tuple[Callable[[str], dict[str, float]], float]:
    """Train the network in place. Returns a function part → metrics, and the seconds the backbone took for features.

    Without a run nothing is written, and nothing evaluated after each epoch.
    """
    device = data.train[1].device
    parts = {"train": data.train, "test": data.test} | ({"val": data.val} if data.val else {})
    frozen = args.strategy == "feature_extraction"
    trained: nn.Module = model.head if frozen else model
    extract = nn.Sequential(model.prepare, model.backbone)
    keeps_features, seconds = frozen and not args.augments and not args.no_cache, 0.0
    if keeps_features:  # each image goes through the backbone once; from here on the features are the images
        for name, (X, y) in parts.items():
            if run:
                folder = args.data_dir / "features"
                found, took = features.cached(extract, X, folder, args.backbone, args.precision, quiet=args.quiet)
            else:
                found, took = features.compute(extract, X, args.precision, quiet=args.quiet), 0.0
            parts[name], seconds = (found, y), seconds + took
    optimizer = make_optimizer(args.optimizer, model.head.parameters(), args.lr)
    if not frozen:
        learning = [p for p in model.backbone.parameters() if p.requires_grad]
        optimizer.add_param_group({"params": learning, "lr": args.backbone_lr or args.lr})
    if run and not run.resumed and not args.standardize:
        warn_of_large_features(model if not keeps_features else model.head, *parts["train"])
    net = for_step(trained, compile=args.compile)

    def forward(X: Tensor) -> Tensor:
        if frozen and not keeps_features:
            with torch.no_grad():  # Julia computes the gradient through all of VGG, to throw it away
                X = extract(X)
        return net(X)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:  # Flux: withgradient(model) do m … end; update!(…)
        X, y = batch
        X = augment(X, args) if args.augments else X
        with autocast(device, args.precision):
            logs = score(forward, (X, y))
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def evaluation(name: str) -> dict[str, float]:
        network = model.head if keeps_features else model
        loader = ArrayLoader(*parts[name], batch_size=features.BATCH)
        return evaluate(lambda batch: score(network, batch), loader, [model])

    # Batches as alike in size as can be: BatchNorm's statistics of a last batch of two images would be noise.
    X, y = parts["train"]
    batches = math.ceil(len(y) / args.batch_size)
    loader = ArrayLoader(X, y, batch_size=math.ceil(len(y) / batches), shuffle=True, seed=args.seed)
    # Sixty lines that hardly differ are not read; a page of a notebook has a bar in their place.
    every = 1 if args.epochs <= 20 or in_marimo() or in_jupyter() else math.ceil(args.epochs / 10)

    def say_some(number: int, row: Row) -> None:
        if run and (number % every == 0 or number == args.epochs):
            run.say(f"epoch {number:>{len(str(args.epochs))}}/{args.epochs}  {describe(row)}")

    # With a validation part, it chooses the epoch and the test part is looked at once, at the end.
    watched = "val" if data.val else "test"
    model.eval()
    try:
        fit(
            step,
            loader,
            modules=[trained],
            optimizers=[optimizer],
            epochs=args.epochs,
            schedule=SCHEDULES[args.schedule],
            seed=args.seed,
            evaluations={watched: lambda: evaluation(watched)} if run else None,
            run=run,
            monitor="val_loss" if data.val else None,
            patience=args.patience,
            on_epoch=[say_some] if every > 1 else [],
            quiet=args.quiet or every > 1,
        )
    except ValueError as error:  # torch's own words, as there is no other way to tell it
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"--batch-size {args.batch_size} with {len(y)} training images leaves a batch of one image, from which "
            "BatchNorm can learn no variance; take another --batch-size, or more --train-images"
        ) from None
    if every > 1 and run and run.kept:
        run.say(f"kept the weights of epoch {run.kept}, the best val_loss")
    return evaluation, seconds


@torch.no_grad()
def warn_of_large_features(network: nn.Module, X: Tensor, y: Tensor) -> None:
    """Warn if the untrained network is far more wrong than one that guesses, whose loss is ln K."""
    logits = network.eval()(X[: features.BATCH]).float()
    loss, k = float(F.cross_entropy(logits, y[: features.BATCH])), logits.shape[1]
    if loss > 2 * math.log(k):
        warnings.warn(
            f"before training the loss is {loss:.1f}, far above that of guessing (ln {k} = {math.log(k):.1f}): the "
            "backbone's features are too large for a fresh head. Add --standardize",
            stacklevel=2,
        )


def train_baseline(data: Data, args: HyperParams, run: Run) -> tuple[float, Run]:
    """The same network trained in full, from random weights, on the same images: test accuracy and its run."""
    run.say("and the same network from scratch, for comparison …")
    path = run.path / "from_scratch"
    begun = distributed.any_process(path.is_dir())
    own: dict[str, Any] = {"resume": path} if begun else {"out": path, "resume": None}
    own |= {"strategy": "from_scratch", "weights": "none", "unfreeze": None, "backbone_lr": None, "no_cache": False}
    own["start_from"] = None
    args = args.but(**own, baseline=False, quiet=True)
    seed_everything(args.seed)
    model = build_model(args, len(data.classes)).to(data.train[1].device)
    with Run(args) as baseline:
        evaluation, _ = learn(model, data, args, baseline)
        baseline.save_model(model, classes=list(data.classes))
    return evaluation("test")["accuracy"], baseline


# What was measured with the embedded pairs (README.md says how): ten seeds.
EXPECTED = tuple(
    Expected(
        "test_accuracy",
        least,
        most,
        {"dataset": "digits", "backbone": name, "weights": name, "image_size": 32},
    )
    for name, least, most in (("characters", 0.925, 0.955), ("characters_mobile", 0.86, 0.94))
)


def verdict(args: HyperParams, metrics: dict[str, float], n: int) -> str:
    """What was reached and what to expect, in a sentence."""
    reached = metrics["test_accuracy"]
    said = f"test accuracy {describe_share(reached, n)} on {n} images"
    said += expectations.sentence(EXPECTED, args)
    if "start_accuracy" in metrics:
        said += f"; the network it began with has {metrics['start_accuracy']:.2%}"
    if "scratch_accuracy" in metrics:
        scratch = metrics["scratch_accuracy"]
        said += f"; from scratch {scratch:.2%}: pretraining is worth {100 * (reached - scratch):+.1f} points here"
    return said


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, Network]:
    """A run's network, ready to predict, its settings, and its classes' names; the newest run's if none is named."""

    def build(args: HyperParams, classes: list[str]) -> Network:
        # The file holds the backbone, too: the pretrained one need not be there any more.
        return build_model(args.but(weights="none"), len(classes))

    return runs.load(path, HyperParams, build, classes=list[str])


@torch.inference_mode()
def predict(model: Network, X: Tensor) -> Tensor:
    """Probabilities (N, K) of the classes for images (N, C, H, W), bytes or in [0, 1]; on the CPU, wherever X is."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(x.to(device)).softmax(dim=1).cpu() for x in X.split(features.BATCH)])


def save_figures(run: Run, model: Network, data: Data) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib

    data = data.to(torch.device("cpu"))
    X, y = data.test
    probabilities = predict(model, X)
    predicted, X = probabilities.argmax(dim=1), X.float() / 255
    # A folder's name may be anything.
    classes = [plots.plain(name if len(name) <= 16 else f"{name[:15]}…") for name in data.classes]
    matrix = confusion_matrix(y, predicted, len(classes))
    labels = {"train": data.train[1]} | ({"validation": data.val[1]} if data.val else {}) | {"test": y}
    chosen = torch.randperm(len(X), generator=torch.Generator().manual_seed(run.settings.seed))[:16]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # class names in letters that the font lacks
        run.save_figure("samples", plots.plot_samples(data.train[0].float() / 255, data.train[1], classes))
        run.save_figure("class_counts", plots.plot_class_counts(labels, classes))
        run.save_figure("curves", plots.plot_curves(run.history))
        run.save_figure("confusion", plots.plot_confusion(matrix, classes))
        run.save_figure("confused_pairs", plots.plot_confused_pairs(most_confused(matrix, 5), X, y, predicted, classes))
        run.save_figure("predictions", plots.plot_predictions(X[chosen], y[chosen], probabilities[chosen], classes))


def save_comparison(run: Run, strategy: str, baseline: Run) -> None:
    """The run's curves and those of its baseline in one figure."""
    from common import plots

    if distributed.is_main():
        histories = {strategy: run.history, "from_scratch": baseline.history}
        watched = [name for name in run.history[-1] if name.startswith(("val_", "test_"))]
        run.save_figure("against_scratch", plots.plot_runs(histories, watched))
