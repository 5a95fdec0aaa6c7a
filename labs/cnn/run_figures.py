"""What a run of `python -m labs.cnn` leaves to look at: its figures, and precision and recall as a table."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from common import plots
from common.files import write_csv
from common.metrics import confusion_matrix, most_confused
from common.runs import Run
from labs.cnn import figures, inside, per_class


def save(
    run: Run,
    model: nn.Sequential,
    parts: Mapping[str, tuple[Tensor, Tensor]],
    classes: Sequence[str],
    probabilities: Tensor,
    shown: Callable[[Tensor], Tensor] | None,
) -> None:
    """Write them into the run.

    parts          train, validation (if there is one), test: images (N, 1, 28, 28) and labels (N,), on the CPU
    probabilities  (N, classes): what the network says of the test images
    shown          what augmentation makes of images, if there is any
    """
    (X_train, y_train), (X, y) = parts["train"], parts["test"]
    sureness, predicted = probabilities.max(dim=1)
    matrix = confusion_matrix(y, predicted, len(classes))
    counted = {name: labels for name, (_, labels) in parts.items()}
    doubtful = sureness.argsort()[:16]
    table = per_class.rates(matrix, classes)
    write_csv(run.path / "per_class.csv", map(dataclasses.asdict, table))
    run.say(per_class.hardest(table))
    run.save_figure("samples", figures.plot_samples(X_train, y_train, classes, shown, run.settings.seed))
    run.save_figure("class_counts", plots.plot_class_counts(counted, classes))
    run.save_figure("curves", plots.plot_curves(run.history))
    run.save_figure("confusion", plots.plot_confusion(matrix, classes))
    run.save_figure("per_class", per_class.plot_rates(table))
    run.save_figure("confused_pairs", plots.plot_confused_pairs(most_confused(matrix, 5), X, y, predicted, classes))
    run.save_figure("predictions", plots.plot_predictions(X[doubtful], y[doubtful], probabilities[doubtful], classes))
    first = next(layer for layer in model if isinstance(layer, nn.Conv2d))
    run.save_figure("filters", figures.plot_filters(first.weight))
    run.save_figure("feature_maps", figures.plot_feature_maps(X[0], inside.feature_maps(model, X[0])))
