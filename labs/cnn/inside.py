"""What happens inside a network on its way from an image to an answer: every map, and the arithmetic of one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from common.layers import describe_layer
from labs.cnn.figures import SIGNED, write_numbers

SHOWN = 16  # maps of a layer, or inputs of a map, that are drawn


@torch.inference_mode()
def feature_maps(model: nn.Sequential, image: Tensor) -> dict[str, Tensor]:
    """What each layer with feature maps makes of one image (1, H, W): layer's name → (C, H, W), on the CPU."""
    return {step.name: step.left for step in steps(model, image) if step.left.ndim == 3}


@dataclass(frozen=True)
class Step:
    """A layer at work on one image: what enters and leaves it, (C, H, W) or (features,), on the CPU."""

    name: str
    layer: nn.Module
    entered: Tensor
    left: Tensor


@torch.inference_mode()
def steps(model: nn.Sequential, image: Tensor) -> list[Step]:
    """All layers of the network, in order, at work on one image (1, H, W)."""
    model.eval()
    found, x = [], image[None].to(next(model.parameters()).device)
    for i, layer in enumerate(model):
        left = layer(x)
        found.append(Step(f"{i} {describe_layer(layer)}", layer, x[0].cpu(), left[0].cpu()))
        x = left
    return found


def explain(model: nn.Sequential, image: Tensor, row: int, column: int) -> tuple[Figure, str]:
    """How the number `column` of the layer `row` comes about, drawn and in words, where it is largest.

    The rows count the layers with feature maps from 0; the row after them stands for the answer, a column a class.
    """
    with_maps = [step for step in steps(model, image) if step.left.ndim == 3]
    if row >= len(with_maps):
        return explain_answer(steps(model, image)[-1], column)
    step = with_maps[row]
    column = min(column, len(step.left) - 1)
    where = int(step.left[column].abs().argmax())
    i, j = divmod(where, step.left.shape[2])
    return explain_map(step, column, i, j)


def explain_map(step: Step, c: int, i: int, j: int) -> tuple[Figure, str]:
    """Pixel (i, j) of map `c` that leaves a layer: what it is made of."""
    value = float(step.left[c, i, j])
    said = f"{step.name}, map {c}, row {i}, column {j} (its largest number, signs aside): "
    layer: Any = step.layer
    match layer:
        case nn.Conv2d():
            k, s, p = (int(size[0]) for size in (layer.kernel_size, layer.stride, layer.padding))
            windows = F.pad(step.entered, (p, p, p, p))[:, i * s : i * s + k, j * s : j * s + k]
            kernels, bias = layer.weight[c].detach().cpu(), float(cast(Tensor, layer.bias)[c].detach())
            sums = (windows * kernels).sum(dim=(1, 2))
            terms = [f"{x:.2f}" for x in sums[:SHOWN].tolist()]
            more = f" + … ({len(sums)} maps)" if len(sums) > SHOWN else ""
            total = f"{' + '.join(terms)}{more} + bias {bias:.2f} = {value:.2f}".replace("+ -", "− ").replace("-", "−")
            of = (
                "each input map's window times its kernel, added up"
                if len(sums) > 1
                else "window times kernel, added up"
            )
            return draw_sum(step, c, windows, kernels, sums), f"{said}{of}: {total}"
        case nn.MaxPool2d() | nn.AvgPool2d():
            k = int(cast(int, layer.kernel_size))
            window = step.entered[c, i * k : i * k + k, j * k : j * k + k]
            numbers = ", ".join(f"{x:.2f}" for x in window.flatten().tolist())
            kind = "the greatest" if isinstance(layer, nn.MaxPool2d) else "the mean"
            said += f"{kind} of {numbers} = {value:.2f}"
        case nn.ReLU():
            before = float(step.entered[c, i, j])
            said += f"max(0, {before:.2f}) = {value:.2f}; of the map's {step.left[c].numel()} numbers "
            said += f"{int((step.entered[c] < 0).sum())} were below 0"
        case nn.BatchNorm2d():
            mean, var, gamma, beta = (
                float(cast(Tensor, x)[c].detach())
                for x in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
            )
            said += f"({float(step.entered[c, i, j]):.2f} − mean {mean:.2f}) / √(variance {var:.2f} + {layer.eps:g})"
            said += f" · γ {gamma:.2f} + β {beta:.2f} = {value:.2f}"
    return draw_pair(step, c, i, j), said.replace("-", "−")


def explain_answer(last: Step, column: int) -> tuple[Figure, str]:
    """The last layer's number for one class: what speaks for it and against it, and the probability."""
    layer: Any = last.layer
    column = min(column, len(last.left) - 1)
    parts = (layer.weight[column].detach().cpu() * last.entered).numpy()
    bias, logit, p = float(layer.bias[column].detach()), float(last.left[column]), last.left.softmax(dim=0)
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(range(len(parts)), parts, color=["#b2182b" if x > 0 else "#2166ac" for x in parts])
    left.axhline(0, color="black", linewidth=0.8)
    left.set_title(f"class {column}: input · weight", fontsize=12)
    left.set_xlabel(f"the {len(parts)} inputs of the last dense layer", fontsize=11)
    left.set_ylabel("what it adds to the logit", fontsize=11)
    right.bar(range(len(p)), p.numpy(), color=["#b2182b" if k == column else "#bbbbbb" for k in range(len(p))])
    right.set_xticks(range(len(p)))
    right.set_ylim(0, 1)
    right.set_title("softmax: exp(logit) / sum of all exp(logit)", fontsize=12)
    right.set_xlabel("class", fontsize=11)
    right.set_ylabel("probability", fontsize=11)
    total = float(last.left.exp().sum())
    said = f"class {column}: {parts.sum():.2f} + bias {bias:.2f} = logit {logit:.2f}; "
    said += f"exp({logit:.2f}) / sum of all ten = {last.left[column].exp():.3g} / {total:.3g} = {float(p[column]):.2%}"
    return figure, said.replace("-", "−")


def draw_sum(step: Step, c: int, windows: Tensor, kernels: Tensor, sums: Tensor) -> Figure:
    """Windows, kernels and products of up to SHOWN input maps, one below the other, the numbers in them if few."""
    windows, kernels, sums = windows[:SHOWN], kernels[:SHOWN], sums[:SHOWN]
    n = len(windows)
    figure = Figure(figsize=(10.5, min(3.7, 0.7 + 32 / n)), layout="constrained")
    rows = (("window", windows), ("kernel", kernels), ("product", windows * kernels))
    if n == 1:
        for axis, (name, parts) in zip(figure.subplots(1, 3), rows, strict=True):
            draw_numbers(axis, parts[0], f"{name}, sum {float(parts.sum()):.2f}" if name == "product" else name)
        return figure
    for axes, (name, parts) in zip(figure.subplots(3, n, squeeze=False), rows, strict=True):
        limit = max(float(parts.abs().max()), 1e-9)
        for k, axis in enumerate(axes):
            axis.imshow(parts[k].numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
            axis.set(xticks=[], yticks=[])
            if name == "window":
                axis.set_title(f"map {k}", fontsize=10)
            if name == "product":
                axis.set_xlabel(f"{sums[k]:.2f}".replace("-", "−"), fontsize=11)
        axes[0].set_ylabel(name, fontsize=11)
    return figure


def draw_pair(step: Step, c: int, i: int, j: int) -> Figure:
    """A map before and after a layer, on one scale, the pixel (i, j) framed."""
    from matplotlib.patches import Rectangle

    before, after = step.entered[c], step.left[c]
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    limit = max(float(before.abs().max()), float(after.abs().max()), 1e-9)
    times = before.shape[0] // after.shape[0] or 1
    axes = figure.subplots(1, 2)
    for axis, values, side, title in zip(
        axes, (before, after), (times, 1), ("what enters", "what leaves"), strict=True
    ):
        drawn = axis.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        frame = (j * side - 0.5, i * side - 0.5)
        axis.add_patch(Rectangle(frame, side, side, fill=False, edgecolor="black", linewidth=2))
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"{title}: map {c}, {values.shape[0]} × {values.shape[1]}", fontsize=12)
    figure.colorbar(drawn, ax=axes).ax.tick_params(labelsize=10)
    return figure


def draw_numbers(axis: Any, values: Tensor, title: str) -> None:
    """Numbers (k, k) as coloured fields with the numbers in them: red above 0, blue below."""
    limit = max(float(values.abs().max()), 1e-9)
    axis.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
    write_numbers(axis, values, values.abs() > 0.6 * limit)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title.replace("-", "−"), fontsize=13)


def draw_all(model: nn.Sequential, image: Tensor, write: Callable[[Figure], bytes]) -> tuple[bytes, int, int]:
    """A picture of equal tiles to point at: a row of up to SHOWN maps per layer, then the ten probabilities."""
    maps, p = feature_maps(model, image), steps(model, image)[-1].left.softmax(dim=0)
    rows, columns = len(maps) + 1, SHOWN
    figure = Figure(figsize=(columns * 0.7, rows * 0.7))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set(xlim=(0, columns), ylim=(rows, 0))
    for row, channels in enumerate(maps.values()):
        limit = max(float(channels.abs().max()), 1e-9)
        for column, values in enumerate(channels[:columns]):
            place = (column + 0.04, column + 0.96, row + 0.96, row + 0.04)
            axis.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, extent=place, aspect="auto")
    for column, share in enumerate(p.tolist()):
        axis.bar(column + 0.5, 0.9, 0.9, bottom=rows - 0.95, color="#b2182b" if share > 0.5 else "#dddddd")
        axis.text(
            column + 0.5,
            rows - 0.5,
            f"{column}",
            fontsize=20,
            ha="center",
            va="center",
            color="white" if share > 0.5 else "black",
        )
    axis.set(xlim=(0, columns), ylim=(rows, 0))
    return write(figure), rows, columns
