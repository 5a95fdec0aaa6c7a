"""Where does a network look? `python -m labs.transfer_learning.grad_cam`, or with pictures of your own behind it.

After Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based localization".
A feature map speaks for a class if the class's logit grows with it; the maps, weighted so and added, show which places
of the image speak for the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import OptionalFolder, OptionalName, Range, Settings
from labs.transfer_learning import backbones
from labs.transfer_learning.labelled_images import get_data
from labs.transfer_learning.pictures import open_picture
from labs.transfer_learning.pretrained_network import Network
from labs.transfer_learning.recipe import HyperParams
from labs.transfer_learning.transfer_learning import load_run, predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 7  # least places a side of the maps that are taken: ResNet-18's last ones at 224 pixels


@dataclass(frozen=True)
class Request(Settings):
    """Draw which places of an image speak for the class that a network predicts, and which for the runner-up."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]] = ()  # image files; none: test images
    run: OptionalFolder = None  # the run directory whose network looks; none: the newest
    images: Annotated[int, Range(1, 100)] = 6  # how many test images, if no pictures are given: half of them mistakes
    layer: OptionalName = None  # block whose maps are weighed; none: the last of at least 7×7
    data_dir: OptionalFolder = None  # where data sets lie; none: where they lay in training

    def check(self) -> None:
        self.refuse_unused({"images": not self.pictures, "data_dir": not self.pictures}, "on pictures that are named")


def grad_cam(model: nn.Module, X: Tensor, classes: Tensor, layer: nn.Module) -> Tensor:
    """How much each place of the images X (N, C, H, W) speaks for `classes` (N,): (N, H, W), at least 0; on the CPU.

    X is bytes, or in [0, 1]. With the feature maps A_k that leave `layer` and the logit y of the class (eq. 1 and 2):
        alpha_k = mean over the places of dy/dA_k;   L = relu(sum_k alpha_k A_k), enlarged to the image's size
    """
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        maps.append(output)
        return output.clone()  # an activation that follows may write into what it is given

    handle = layer.register_forward_hook(keep)
    try:
        X = X / 255 if X.dtype == torch.uint8 else X.clone()
        # Frozen weights ask for no gradient; that the image asks makes torch remember the way to the logits.
        logits = model.eval()(X.to(next(model.parameters()).device).requires_grad_())
    finally:
        handle.remove()
    y = logits.gather(1, classes[:, None].to(logits.device)).sum()
    (gradient,) = torch.autograd.grad(y, maps[-1])
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    heat = (alpha * maps[-1].detach()).sum(dim=1, keepdim=True).relu()
    return F.interpolate(heat, X.shape[-2:], mode="bilinear")[:, 0].cpu()


def map_layers(model: Network, X: Tensor) -> dict[str, tuple[nn.Module, int]]:
    """The backbone's blocks that leave feature maps, in order: name → the layer to look at, and the maps' side.

    The layer is the block's last one, or the ReLU behind it: what the next block sees. Raises InputError for a network
    that does not end in feature maps, as a transformer does not.
    """
    layers: dict[str, list[nn.Module]] = {}
    for name, block in backbones.blocks(model.backbone):
        parent = model.backbone.get_submodule(name.rpartition(".")[0])
        siblings = list(parent.children())
        following = siblings[siblings.index(block[0]) + len(block) :][:1]
        layers[name] = block + [layer for layer in following if isinstance(layer, nn.ReLU)]
    shapes: dict[nn.Module, torch.Size] = {}
    handles = [
        layer.register_forward_hook(lambda module, inputs, output: shapes.update({module: output.shape}))
        for block in layers.values()
        for layer in block
    ]
    predict(model, X[:1])
    for handle in handles:
        handle.remove()
    found = {}
    for name, block in layers.items():
        sides = {layer: shapes[layer][-1] for layer in block if len(shapes[layer]) == 4}
        square = [(layer, side) for layer, side in sides.items() if shapes[layer][-2] == side > 1]
        if square:
            found[name] = square[-1]
        elif not isinstance(block[0], nn.Linear):  # a transformer's tokens: (N, tokens, K) or (N, h, w, K)
            found.clear()
            break
    if not found:
        raise InputError("this backbone leaves no feature maps (N, K, h, w) to weigh; take a convolutional one")
    return found


def choose_layer(layers: dict[str, tuple[nn.Module, int]], name: str | None = None) -> tuple[str, nn.Module]:
    """The block called `name`; without a name the last one whose maps have 7×7 places, or those with the most."""
    if name is None:
        enough = min(SIDE, max(side for _, side in layers.values()))
        name = [name for name, (_, side) in layers.items() if side >= enough][-1]
    if name not in layers:
        raise InputError(f"--layer {name} is none of {', '.join(layers)}")
    return name, layers[name][0]


def explain(model: Network, X: Tensor, layer: str | None = None) -> tuple[Tensor, Tensor, str]:
    """Probabilities (N, K), the heat (N, 2, H, W) of each image's best and second best class, and the block's name."""
    p = predict(model, X)
    name, chosen = choose_layer(map_layers(model, X), layer)
    return p, torch.stack([grad_cam(model, X, label, chosen) for label in p.topk(2).indices.T], dim=1), name


def plot_heat(X: Tensor, y: Tensor | None, p: Tensor, heat: Tensor, classes: Sequence[str]) -> "Figure":
    """Two images in a row, each alone and under what speaks for the best and for the second best class.

    X is (N, C, H, W) in [0, 1], y the labels if known, p (N, K), heat (N, 2, H, W). Each map has its own scale: it says
    where the network looks, not how sure it is.
    """
    from matplotlib.figure import Figure

    from common.plots import plain  # a class may be called anything

    across = min(2, len(X))
    rows = -(-len(X) // across)
    figure = Figure(figsize=(5 * across, 2.15 * rows), layout="constrained")
    axes = figure.subplots(rows, 3 * across, squeeze=False).reshape(-1, 3)
    for axis in axes.flat:
        axis.set_axis_off()
    for i, (likeliest, shares) in enumerate(zip(*reversed(p.topk(2)), strict=True)):
        image = X[i].expand(3, -1, -1).permute(1, 2, 0).numpy()
        for axis in axes[i]:
            axis.imshow(image, interpolation="nearest")
        axes[i, 0].set_title("" if y is None else f"label: {plain(classes[int(y[i])])}", fontsize=11)
        for axis, label, share, shown in zip(axes[i, 1:], likeliest, shares, heat[i], strict=True):
            axis.imshow(shown.numpy(), cmap="inferno", alpha=0.6, vmin=0, vmax=max(float(shown.max()), 1e-9))
            said = f"{share:.1%}" if share >= 0.0005 else "below 0.1%"
            axis.set_title(f"for {plain(classes[label])}\n({said})", fontsize=11)
    return figure


def choose_images(model: Network, args: HyperParams, n: int) -> tuple[Tensor, Tensor]:
    """n of the run's test images in [0, 1], with their labels: half of them mistakes, if there are so many."""
    X, y = get_data(args, torch.device("cpu")).test
    wrong = predict(model, X).argmax(dim=1) != y
    mistakes = wrong.nonzero()[: n // 2, 0]
    chosen = torch.cat([mistakes, (~wrong).nonzero()[: n - len(mistakes), 0]])
    return X[chosen].float() / 255, y[chosen]


def draw(
    pictures: tuple[Path, ...] = (),
    run: Path | None = None,
    images: int = 6,
    layer: str | None = None,
    data_dir: Path | None = None,
) -> Path:
    """Draw figures/grad_cam.png of the run, print its path and return it."""
    from common.plots import write_figure

    loaded = load_run(run)
    model, args = loaded.model, loaded.settings
    if pictures:
        opened = [open_picture(path, args.image_size)[None] / 255 for path in pictures]
        X, y = torch.cat([F.interpolate(x, (args.image_size,) * 2, mode="bilinear") for x in opened]), None
    else:
        X, y = choose_images(model, args.but(data_dir=data_dir or args.data_dir), images)
    p, heat, name = explain(model, X, layer)
    path = write_figure(loaded.path / "figures" / "grad_cam.png", plot_heat(X, y, p, heat, loaded.about["classes"]))
    print(f"the feature maps of {args.backbone}'s block {name}, weighed")
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.transfer_learning.grad_cam`."""
    cli.run(draw, Request)


if __name__ == "__main__":
    main()
