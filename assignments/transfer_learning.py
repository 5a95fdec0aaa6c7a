"""Transfer learning: images as a backbone takes them, freezing, a new head, few labelled images, two rates.

Exercises of Task № 3. Where the lab has its own networks' mean and deviation, and rows in the order they were drawn,
these have ImageNet's and ascending rows.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assignments.anticipation import anticipation
from assignments.evaluation import measured, settings_here
from assignments.exercise import Draw, exercise, tensor

LAB = "labs.transfer_learning"
# The pair that comes with the lab: with photographs and ImageNet's networks a comparison takes hours on a laptop.
_TASK = "--dataset digits --split 0.7,0.15,0.15 --train-images 200 --lr 1e-3 --epochs 15"
RUNS: dict[str, str] = {
    "base": f"{_TASK} --baseline True --hidden 256 --dropout 0.4",
    "last_block": f"{_TASK} --baseline False --strategy fine_tuning --unfreeze 1 --backbone-lr 1e-4 --dropout 0.4",
    "last_two": f"{_TASK} --baseline False --strategy fine_tuning --unfreeze 2 --backbone-lr 1e-4 --dropout 0.4",
    "small_rate": f"{_TASK} --baseline False --strategy fine_tuning --unfreeze 1 --backbone-lr 1e-5 --dropout 0.4",
    "mobile": f"{_TASK} --baseline True --backbone characters_mobile --dropout 0.4",
    "augmented": f"{_TASK} --baseline False --degrees 15 --zoom 0.2 --brightness 0.2 --dropout 0.4",
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """The test metrics of a finished run, named as in its summary.json; a grader says where its data lie."""
    from common.sources import FetchError
    from labs.transfer_learning import labelled_images, pictures, transfer_learning

    run = transfer_learning.load_run(path)
    if data_dir and pictures.is_folder(run.settings.dataset):
        raise FetchError("they are pictures of the student's own")
    data = labelled_images.get_data(settings_here(run.settings, data_dir), torch.device("cpu"))
    found = measured(run.model, transfer_learning.score, data.test, "test")
    if data.val:
        found["val_accuracy"] = measured(run.model, transfer_learning.score, data.val, "val")["val_accuracy"]
    return found


# --- Images ---------------------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.75,
    hints=(
        "Manual, part b: model-specific preprocessing; lab sheet, T1, and `Prepare` in pretrained_network.py.",
        "Bytes to [0, 1]; then, for each colour, subtract its mean and divide by its standard deviation.",
        "mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), std likewise; (X / 255 - mean) / std",
    ),
    compare="labs/transfer_learning/pretrained_network.py, Prepare.forward",
    forbidden=("normalize", "Normalize", "batch_norm", "transforms"),
)
def normalise(X: Tensor) -> Tensor:
    """Images as ImageNet's networks were trained with them: (N, 3, H, W).

    X is (N, 3, H, W), bytes (uint8) from 0 to 255; the three colours are red, green, blue. Bring them to [0, 1] (once),
    then each colour to ImageNet's scale: subtract the mean, divide by the standard deviation. Means of red, green and
    blue: 0.485, 0.456, 0.406; standard deviations: 0.229, 0.224, 0.225.
    """
    raise NotImplementedError


@normalise.example("a black and a white pixel: red is −2.118 and 2.249")
def _():
    pixels = [[[-mean / std, (1 - mean) / std]] for mean, std in zip(MEAN, STD, strict=True)]
    return (torch.tensor([0, 255], dtype=torch.uint8).expand(1, 3, 1, 2).clone(),), tensor(pixels)


@normalise.probes
def _(draw):
    X = draw.integers(draw.size(1, 3), 3, draw.size(1, 3), draw.size(2, 4), low=1, high=255)
    return (X.to(torch.uint8),)


@normalise.expected
def _(X):
    return F.batch_norm(X.double() / 255, tensor(*MEAN), tensor(*STD).square(), eps=0)


def _normalised(X: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD, by: float = 255) -> Tensor:
    return (X.double() / by - tensor(*mean).view(3, 1, 1)) / tensor(*std).view(3, 1, 1)


@normalise.mistake(
    "T1", "dividing by 255 twice, and no mean and deviation, as the course's code: all is nearly black then"
)
def _(X):
    return X.double() / 255**2


@normalise.mistake("N9", "dividing by 255 twice: then all images are nearly black")
def _(X):
    return _normalised(X, by=255**2)


@normalise.mistake("N1", "leaving out mean and standard deviation: [0, 1] is only the first half")
def _(X):
    return X.double() / 255


@normalise.mistake("N2", "leaving out the division by 255: ImageNet's means are those of pixels in [0, 1]")
def _(X):
    return _normalised(X, by=1)


@normalise.mistake("N3", "blue, green, red: the colours come as red, green, blue, and so do means and deviations")
def _(X):
    return _normalised(X, MEAN[::-1], STD[::-1])


@normalise.mistake("N4", "multiplying by the standard deviation: divide by it")
def _(X):
    return (X.double() / 255 - tensor(*MEAN).view(3, 1, 1)) * tensor(*STD).view(3, 1, 1)


@normalise.mistake("N5", "the lab's own numbers, mean 0.5 and deviation 0.25: those are of its drawn characters")
def _(X):
    return _normalised(X, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@normalise.mistake("N6", "leaving out the standard deviation: divide by it after subtracting the mean")
def _(X):
    return _normalised(X, std=(1.0, 1.0, 1.0))


@normalise.mistake("N7", "dividing before subtracting: first minus the mean, then divided; mind the brackets")
def _(X):
    return X.double() / 255 - tensor(*MEAN).view(3, 1, 1) / tensor(*STD).view(3, 1, 1)


@normalise.mistake("N8", "the batch's own mean and deviation: take ImageNet's, whatever the images are")
def _(X):
    x = X.double() / 255
    return (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)


# --- The network ----------------------------------------------------------------------------------------------------


@exercise(
    number=2,
    points=1.25,
    hints=(
        "Manual, part c: freeze the base; lab sheet, T5 and exercise 1: which layers change without a gradient?",
        "Two things for the backbone: its parameters need no gradient, and it is in evaluation mode. The head learns.",
        "model.backbone.requires_grad_(False); model.backbone.eval(); and for the head requires_grad_(True), train()",
    ),
    compare="labs/transfer_learning/pretrained_network.py, Network.train",
)
def freeze(model: nn.Module) -> None:
    """Freeze model.backbone and let model.head learn; the model is changed in place, nothing is returned.

    It is called before every epoch, when model.train() has just put all of it into training mode, and whatever was
    frozen or not before. Afterwards, however many steps an optimizer makes, the backbone has to stay equal to the last
    bit: its parameters, and what its batch normalisation has seen (running mean and variance). The head learns and is
    in training mode.
    """
    raise NotImplementedError


def _network(draw: Draw, frozen: bool, normed: bool = True) -> tuple[dict[str, Any]]:
    given = {"features": draw.size(2, 4), "classes": 3, "seed": draw.integer(0, 999)}
    return (given | {"the head comes frozen": frozen, "batch norm": normed},)


@freeze.probes
def _(draw):
    return _network(draw, frozen=True)


@freeze.probes
def _(draw):
    return _network(draw, frozen=False)


@freeze.edge("the head comes unfrozen")
def _():
    return _network(Draw("unfrozen", "freeze"), frozen=False)


@freeze.edge("a backbone without batch norm")
def _():
    return _network(Draw("plain", "freeze"), frozen=True, normed=False)


@freeze.use
def _(mine, given):
    torch.default_generator.manual_seed(given["seed"])
    width = given["features"]
    norm = nn.BatchNorm1d(width) if given["batch norm"] else nn.Identity()
    backbone = nn.Sequential(nn.Linear(2, width), nn.Sequential(norm, nn.Tanh()))
    model = nn.Module()
    model.backbone, model.head = backbone, nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, given["classes"]))
    model.head.requires_grad_(not given["the head comes frozen"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(2):
        model.train()
        mine(model)
        for network in (model.backbone, model.head):
            network.zero_grad()
        loss = model.head(model.backbone(torch.randn(6, 2) + 1)).square().sum()
        if loss.requires_grad:
            loss.backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
    after = model.state_dict()
    moved = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
    learning = [name for name, _ in model.named_parameters() if name in moved]
    return {
        "parameters of the backbone moved": any(name.startswith("backbone") for name in learning),
        "its batch norm's running statistics moved": any(
            name.startswith("backbone") for name in moved if name not in learning
        ),
        "all parameters of the head learn": all(p.requires_grad for p in model.head.parameters()),
        "the head is in training mode": all(part.training for part in model.head.modules()),
    }


@freeze.expected
def _(model):
    for name, part in model.named_modules():
        part.training = not name.startswith("backbone")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("head")


@freeze.mistake(
    "T5", "freezing the parameters only: batch norm's running statistics move in training mode, so backbone.eval(), too"
)
def _(model):
    model.backbone.requires_grad_(False)
    model.head.requires_grad_(True)


@freeze.mistake("F1", "evaluation mode only: it stops no gradient, so backbone.requires_grad_(False), too")
def _(model):
    model.backbone.eval()
    model.head.requires_grad_(True)


@freeze.mistake("F2", "freezing the head, too: it has to learn, so requires_grad_ for model.backbone only")
def _(model):
    model.requires_grad_(False)
    model.backbone.eval()


@freeze.mistake("F3", "evaluation mode for all of the model: the head learns, so model.backbone.eval() only")
def _(model):
    model.backbone.requires_grad_(False)
    model.head.requires_grad_(True)
    model.eval()


@freeze.mistake("F4", "exchanging the two: the head learns, the backbone is frozen")
def _(model):
    model.head.requires_grad_(False)
    model.head.eval()


@freeze.mistake("F5", "leaving the head as it came: it may be frozen from before, so head.requires_grad_(True)")
def _(model):
    model.backbone.requires_grad_(False)
    model.backbone.eval()


@exercise(
    number=3,
    points=1,
    hints=(
        "Manual, part d: 1–2 dense layers, ReLU, dropout 0.3–0.5; transfer-learning-cifar.jl; lab sheet, T7.",
        "Four modules in a row: linear, ReLU, dropout, linear. Softmax is in the loss, not here.",
        "nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(p), nn.Linear(hidden, K))",
    ),
    compare="labs/transfer_learning/pretrained_network.py, build_model",
)
def head(width: int, hidden: int, K: int, p: float) -> nn.Module:
    """A new head for a backbone: features (N, width) → logits (N, K).

    A dense layer with `hidden` units, ReLU, dropout (nn.Dropout) of a share p of the hidden units, a dense layer with K
    logits, both with biases. 512 features, 256 units and 10 classes make the course's 133 898 parameters.
    """
    raise NotImplementedError


@head.example("the course's head: 133 898 parameters")
def _():
    zeros = torch.zeros(1, 10, dtype=torch.float64)  # all weights are 0 here
    said = {"parameters": 133_898, "share dropped": 0.5, "logits": zeros, "logits with all units dropped": zeros}
    return (512, 256, 10, 0.5, torch.zeros(1, 512, dtype=torch.float64), 0.0), said


@head.probes
def _(draw):
    width, hidden, K = draw.size(2, 5), draw.size(4, 9), draw.size(2, 4)
    return width, hidden, K, draw.choice([0.2, 0.3, 0.4]), draw.normal(draw.size(1, 4), width), 1.0


@head.use
def _(mine, width, hidden, K, p, X, scale):
    network = mine(width, hidden, K, p).double()
    parameters = list(network.parameters())
    for i, parameter in enumerate(parameters):  # given weights in place of drawn ones
        values = torch.arange(parameter.numel(), dtype=torch.float64)
        parameter.data = scale * torch.sin(1.7 * values + i + 1).reshape(parameter.shape)
    drops = [part for part in network.modules() if isinstance(part, nn.Dropout)]
    share = sum(part.p for part in drops)
    logits = network.eval()(X)
    for part in drops:
        part.p = 1.0
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "share dropped": share,
        "logits": logits,
        "logits with all units dropped": network.train()(X),
    }


class _Head(nn.Module):
    """Two layers, right or with one of the known mistakes."""

    def __init__(self, width, hidden, K, p, bend=torch.relu, last=lambda a: a, layers=2, bias=True, drops=(0, 1, 0)):
        super().__init__()
        shapes = [(hidden, width), (hidden,), (K, hidden), (K,)] if layers == 2 else [(K, width), (K,)]
        shapes = shapes if bias else shapes[::2]
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros(shape)) for shape in shapes])
        self.bend, self.last, self.bias = bend, last, bias
        self.drops = nn.ModuleList([nn.Dropout(p) if drop else nn.Identity() for drop in drops])

    def forward(self, X):
        step = 2 if self.bias else 1
        for i in range(0, len(self.weights), step):
            X = self.drops[1](self.bend(X)) if i else self.drops[0](X)
            X = torch.einsum("ni,oi->no", X, self.weights[i]) + (self.weights[i + 1] if self.bias else 0)
        return self.drops[2](self.last(X))


@head.expected
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p)


@head.mistake("T7", "no activation between the layers, as in the course's MNIST head: two linear maps in a row are one")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, bend=lambda a: a)


@head.mistake("H1", "a softmax at the end: the loss takes logits and does it itself")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, last=lambda a: a.softmax(dim=-1))


@head.mistake("H2", "a ReLU at the end: logits may be negative")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, last=torch.relu)


@head.mistake("H3", "a single layer: the hidden one is missing")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, layers=1, drops=(0, 0, 0))


@head.mistake("H4", "leaving out dropout: nn.Dropout(p) comes after the ReLU")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, drops=(0, 0, 0))


@head.mistake("H5", "dropping features: nn.Dropout(p) belongs between the two dense layers, after the ReLU")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, drops=(1, 0, 0))


@head.mistake("H6", "dropping logits: nn.Dropout(p) belongs between the two dense layers, not to the end")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, drops=(0, 0, 1))


@head.mistake("H7", "dropping the share 1 − p: nn.Dropout takes the share that it sets to 0")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, 1 - p)


@head.mistake("H8", "layers without biases (bias=False)")
def _(width, hidden, K, p):
    return _Head(width, hidden, K, p, bias=False)


# --- Few labelled images --------------------------------------------------------------------------------------------


@exercise(
    number=4,
    points=1.25,
    hints=(
        "Lab sheet, T6: the course takes the first 512 images; labelled_images.py, choose_evenly.",
        "Class by class: its rows in an order drawn from the seed; n // K of them, one more from n % K of the classes.",
        "rows = torch.where(y == label)[0]; rows[torch.randperm(len(rows), generator=generator)][:count]; cat, sort",
    ),
    compare="labs/transfer_learning/labelled_images.py, choose_evenly",
    slot=("labs.transfer_learning.labelled_images.choose_evenly", lambda mine: _unless_all(mine)),
)
def choose_evenly(y: Tensor, n: int, seed: int) -> Tensor:
    """The rows of n samples, drawn so that no class has two more than another: (n,), int64, ascending.

    y is (N,), the labels, whole numbers; each of the K classes that occur has at least n / K + 1 samples. No row comes
    twice. The rows are drawn at random, but the same seed gives the same rows, whatever was drawn elsewhere; another
    seed gives others. They are returned in ascending order.
    """
    raise NotImplementedError


def _unless_all(mine: Callable[[Tensor, int, int], Tensor]) -> Callable[[Tensor, int, int], Tensor]:
    """The lab's function may be asked for all samples, too, of which classes have as many as they have."""
    from labs.transfer_learning import labelled_images

    lab = labelled_images.choose_evenly

    def choose(y: Tensor, n: int, seed: int) -> Tensor:
        enough = n // len(y.unique()) + 1 <= int(y.unique(return_counts=True)[1].min())
        return mine(y, n, seed) if enough else lab(y, n, seed)

    return choose


@choose_evenly.probes
def _(draw):
    K, each = draw.size(3, 6), draw.integer(6, 9)
    n = K * each + draw.integer(1, K - 1)
    y = torch.cat([torch.zeros(600, dtype=torch.int64), torch.arange(K).repeat(each + draw.integer(1, 2))])
    return y[torch.randperm(len(y), generator=draw.generator)], n, draw.integer(0, 999)


@choose_evenly.use
def _(mine, y, n, seed):
    torch.default_generator.manual_seed(seed + 1)
    rows = torch.as_tensor(mine(y, n, seed))
    torch.default_generator.manual_seed(seed + 2)
    again, other = torch.as_tensor(mine(y, n, seed)), torch.as_tensor(mine(y, n, seed + 1))
    counts = torch.bincount(y[rows.long().clamp(0, len(y) - 1)], minlength=int(y.max()) + 1)
    return {
        "number of rows": len(rows),
        "no class has two more than another": bool(counts.max() - counts.min() <= 1),
        "no row comes twice": len(rows.unique()) == len(rows),
        "the same seed gives the same rows": torch.equal(rows, again),
        "another seed gives other rows": not torch.equal(rows.sort().values, other.sort().values),
        "the rows ascend": bool((rows.diff() >= 0).all()),
    }


@choose_evenly.edge("as many as there are classes: one of each")
def _():
    return torch.arange(400) % 40, 40, 5


def _chosen(y: Tensor, n: int, seed: int | None, even: bool = True, rest: bool = True, again: bool = False) -> Tensor:
    """Rows in the order drawn, right but for that or with one of the known mistakes."""
    generator = torch.Generator()
    generator.manual_seed(seed) if seed is not None else generator.seed()
    if not even:
        return torch.randperm(len(y), generator=generator)[:n]
    labels = y.unique().tolist()
    chosen = []
    for i, label in enumerate(labels):
        rows = torch.where(y == label)[0]
        count = n // len(labels) + (rest and i < n % len(labels))
        drawn = torch.randint(len(rows), (count,), generator=generator)
        chosen.append(rows[drawn if again else torch.randperm(len(rows), generator=generator)[:count]])
    return torch.cat(chosen)


@choose_evenly.expected
def _(y, n, seed):
    # Dealt out: of the shuffled samples take the first of each class, then the second of each, until there are n.
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    labels = nn.functional.one_hot(y[order])
    turn = (labels.cumsum(dim=0) * labels).sum(dim=1)
    return order[turn.argsort(stable=True)[:n]].sort().values


@choose_evenly.mistake("T6", "the first n as they come, as the course takes them: draw, and as many of each class")
def _(y, n, seed):
    return torch.arange(n)


@choose_evenly.mistake("C1", "drawing from all at once: classes come as often as in y then; draw class by class")
def _(y, n, seed):
    return _chosen(y, n, seed, even=False).sort().values


@choose_evenly.mistake("C2", "the first of each class: draw them, torch.randperm with the seed's generator")
def _(y, n, seed):
    labels = y.unique()
    rows = [torch.where(y == label)[0][: n // len(labels) + (i < n % len(labels))] for i, label in enumerate(labels)]
    return torch.cat(rows).sort().values


@choose_evenly.mistake("C3", "n // K of each class and no more: the n % K that are left belong to some of the classes")
def _(y, n, seed):
    return _chosen(y, n, seed, rest=False).sort().values


@choose_evenly.mistake("C4", "the order in which they were drawn, as the lab's function has it: sort the rows")
def _(y, n, seed):
    return _chosen(y, n, seed)


@choose_evenly.mistake("C5", "drawing without the seed: give randperm a generator, torch.Generator().manual_seed(seed)")
def _(y, n, seed):
    return _chosen(y, n, None).sort().values


@choose_evenly.mistake("C6", "drawing with replacement (randint): a row may come twice; take the first of a randperm")
def _(y, n, seed):
    rows = _chosen(y, n, seed, again=True)
    rows[1] = rows[0]
    return rows.sort().values


# --- Fine-tuning ----------------------------------------------------------------------------------------------------


@exercise(
    number=5,
    points=1,
    hints=(
        "Manual, part f: unfreeze the last block; pretrained_network.py, build_model and Network.",
        "A block that learns has gradients and is in training mode; another has neither. Which are the last n?",
        "for i, block in enumerate(blocks): learns = i >= len(blocks) - n; block.requires_grad_(learns).train(learns)",
    ),
    compare="labs/transfer_learning/pretrained_network.py, Network.train",
)
def unfreeze_last(blocks: list[nn.Module], n: int) -> None:
    """Let the last n of a backbone's blocks learn and freeze the others, in place; nothing is returned.

    blocks are in the order of the computation, frozen or not, in whatever mode. Afterwards all parameters of the last n
    need gradients and these blocks are in training mode, batch normalisation included; the others have no gradients and
    are in evaluation mode. n is from 0 (all frozen) to len(blocks).
    """
    raise NotImplementedError


@unfreeze_last.probes
def _(draw):
    count = draw.size(3, 7)
    return {"how many": count, "of these the first learns": draw.choice([True, False])}, draw.integer(
        1, (count - 1) // 2
    )


@unfreeze_last.edge("n = 0: all frozen")
def _():
    return {"how many": 3, "of these the first learns": True}, 0


@unfreeze_last.edge("n = all: none frozen")
def _():
    return {"how many": 4, "of these the first learns": False}, 4


@unfreeze_last.use
def _(mine, given, n):
    blocks = [nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) for _ in range(given["how many"])]
    for i, block in enumerate(blocks, 0 if given["of these the first learns"] else 1):
        block.requires_grad_(i % 2 == 0).train(i % 3 == 0)
    mine(blocks, n)
    learns = [i for i, block in enumerate(blocks, 1) if all(p.requires_grad for p in block.parameters())]
    frozen = [i for i, block in enumerate(blocks, 1) if not any(p.requires_grad for p in block.parameters())]
    training = [i for i, block in enumerate(blocks, 1) if all(part.training for part in block.modules())]
    said = {"learning": learns, "frozen": frozen, "in training mode": training}
    return {f"blocks {name}": ", ".join(map(str, found)) or "none" for name, found in said.items()}


@unfreeze_last.expected
def _(blocks, n):
    rest = list(blocks)
    for learns in [True] * n + [False] * (len(blocks) - n):
        block = rest.pop()
        for part in block.modules():
            part.training = learns
        for parameter in block.parameters():
            parameter.requires_grad = learns


def _unfreeze(blocks: list[nn.Module], learn: list[bool], train: list[bool] | None = None) -> None:
    for block, learns, trains in zip(blocks, learn, train or learn, strict=True):
        block.requires_grad_(learns).train(trains)


@unfreeze_last.mistake(
    "U1", "unfreezing the first n: they see edges and colours, which serve all tasks; the last ones learn"
)
def _(blocks, n):
    _unfreeze(blocks, [i < n for i in range(len(blocks))])


@unfreeze_last.mistake("U2", "blocks[-n:] with n = 0, which is blocks[0:], all of them: write blocks[len(blocks) - n:]")
def _(blocks, n):
    _unfreeze(blocks, [block in blocks[-n:] for block in blocks])


@unfreeze_last.mistake(
    "U3", "evaluation mode for the blocks that learn, too: their batch norm is to learn, so .train()"
)
def _(blocks, n):
    _unfreeze(blocks, [i >= len(blocks) - n for i in range(len(blocks))], [False] * len(blocks))


@unfreeze_last.mistake(
    "U4", "training mode for the frozen blocks, too: their running statistics would move, so .eval()"
)
def _(blocks, n):
    _unfreeze(blocks, [i >= len(blocks) - n for i in range(len(blocks))], [True] * len(blocks))


@unfreeze_last.mistake("U5", "leaving the others as they came: freeze them first, some of them may still learn")
def _(blocks, n):
    for block in blocks[len(blocks) - n :]:
        block.requires_grad_(True).train()


@unfreeze_last.mistake("U6", "freezing the last n: those learn, the others are frozen")
def _(blocks, n):
    _unfreeze(blocks, [i < len(blocks) - n for i in range(len(blocks))])


@unfreeze_last.mistake("U7", "leaving the mode as it came: .train() for the blocks that learn, .eval() for the others")
def _(blocks, n):
    for i, block in enumerate(blocks):
        block.requires_grad_(i >= len(blocks) - n)


@exercise(
    number=6,
    points=1,
    hints=(
        "Manual, part f: the fine-tuned part at a lower rate; torch.optim's page, “Per-parameter options”.",
        "Two dictionaries, each with the keys params and lr. What needs no gradient is left out.",
        "{'params': [p for p in model.backbone.parameters() if p.requires_grad], 'lr': backbone_lr}, and the head's",
    ),
    compare="labs/transfer_learning/transfer_learning.py, learn",
)
def parameter_groups(model: nn.Module, head_lr: float, backbone_lr: float) -> list[dict]:
    """Groups for an optimizer, as in torch.optim.Adam(parameter_groups(model, 1e-3, 1e-4)): a list of dictionaries.

    Each dictionary has "params", a list of parameters, and "lr", their learning rate: head_lr for those of model.head,
    backbone_lr for those of model.backbone. Parameters that are frozen (need no gradient) are in no group; every other
    one is in exactly one.
    """
    raise NotImplementedError


@parameter_groups.probes
def _(draw):
    given = {"blocks": draw.size(2, 4), "of which frozen": 1}
    head_lr = draw.number(0.2, 0.9)
    return given, head_lr, round(head_lr / 10, 3)


@parameter_groups.edge("all of the backbone learns")
def _():
    return {"blocks": 2, "of which frozen": 0}, 0.001, 0.0001


@parameter_groups.use
def _(mine, given, head_lr, backbone_lr):
    blocks = [nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)) for _ in range(given["blocks"])]
    for block in blocks[: given["of which frozen"]]:
        block.requires_grad_(False)
    model = nn.Module()
    model.backbone, model.head = nn.Sequential(*blocks), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    groups = [(list(group["params"]), group.get("lr")) for group in mine(model, head_lr, backbone_lr)]
    said = {}
    for name, parameter in model.named_parameters():
        rates = [lr for parameters, lr in groups for p in parameters if p is parameter]
        found = f"in {len(rates)} groups" if rates else "in no group"
        said[name] = f"rate {rates[0]}" if len(rates) == 1 else found
    return said


@parameter_groups.expected
def _(model, head_lr, backbone_lr):
    return [
        {"params": [parameter], "lr": head_lr if name.startswith("head") else backbone_lr}
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]


def _groups(model, head_lr, backbone_lr, all_of_it=False):
    backbone = [p for p in model.backbone.parameters() if p.requires_grad or all_of_it]
    return [{"params": list(model.head.parameters()), "lr": head_lr}, {"params": backbone, "lr": backbone_lr}]


@parameter_groups.mistake("T10", "the head only: what learns of the backbone needs a group of its own")
def _(model, head_lr, backbone_lr):
    return _groups(model, head_lr, backbone_lr)[:1]


@parameter_groups.mistake("O1", "frozen parameters in a group: take those with p.requires_grad only")
def _(model, head_lr, backbone_lr):
    return _groups(model, head_lr, backbone_lr, all_of_it=True)


@parameter_groups.mistake("O2", "exchanging the rates: the pretrained backbone has the lower one")
def _(model, head_lr, backbone_lr):
    return _groups(model, backbone_lr, head_lr)


@parameter_groups.mistake("O3", "one rate for all: two dictionaries, each with its own lr")
def _(model, head_lr, backbone_lr):
    return _groups(model, head_lr, head_lr)


@parameter_groups.mistake(
    "O4", "the head in two groups: model.parameters() has it, too; take model.backbone.parameters()"
)
def _(model, head_lr, backbone_lr):
    head, backbone = _groups(model, head_lr, backbone_lr)
    return [head, {"params": head["params"] + backbone["params"], "lr": backbone_lr}]


@parameter_groups.mistake("O5", "the backbone only: the head learns, too")
def _(model, head_lr, backbone_lr):
    return _groups(model, head_lr, backbone_lr)[1:]


@parameter_groups.mistake("O6", "leaving out the batch norm's parameters: scale and shift learn as weights do")
def _(model, head_lr, backbone_lr):
    head, _ = _groups(model, head_lr, backbone_lr)
    layers = [layer for layer in model.backbone.modules() if isinstance(layer, nn.Linear)]
    return [head, {"params": [p for layer in layers for p in layer.parameters() if p.requires_grad], "lr": backbone_lr}]


# --- How sure -------------------------------------------------------------------------------------------------------


@exercise(
    number=7,
    points=0.75,
    hints=(
        "Lab sheet, T6: what 128 test images are worth; common/metrics.py has a finer interval (Wilson's).",
        "The variance of a share p measured on n is p(1 − p)/n; 1.96 standard deviations to either side hold 95 %.",
        "1.96 * (p * (1 - p) / n) ** 0.5",
    ),
    compare="common/metrics.py, confidence_interval",
    slot=("common.metrics.confidence_interval", lambda mine: lambda share, n: _around(share, float(mine(share, n)))),
)
def half_width(p: float, n: int) -> float:
    """How far the 95 % interval of a test accuracy reaches to either side: p ± half_width(p, n).

    p is the share of n test images that were right, from 0 to 1; the result is a share, too, no percentage. Take the
    normal distribution: 1.96 standard deviations of a mean of n images, each of which is right with probability p.
    An accuracy of 0.75 on the course's 128 images is good to ±0.0750.
    """
    raise NotImplementedError


def _around(share: float, half: float) -> tuple[float, float]:
    return max(0.0, share - half), min(1.0, share + half)


@half_width.example("75 % of 128 images: ±0.0750")
def _():
    return (0.75, 128), 0.07501562337336298


@half_width.example("none wrong: 0, which is too good to be true")
def _():
    return (1.0, 50), 0.0


@half_width.probes
def _(draw):
    return draw.number(0.55, 0.95), draw.integer(20, 60)


@half_width.use
def _(mine, p, n):
    return float(mine(p, n))


@half_width.expected
def _(p, n):
    deviation = torch.distributions.Binomial(n, torch.tensor(p, dtype=torch.float64)).stddev / n
    return float(1.96 * deviation)


@half_width.mistake("W1", "leaving out the root: p(1 − p)/n is the variance, the standard deviation is its root")
def _(p, n):
    return 1.96 * p * (1 - p) / n


@half_width.mistake("W2", "per cent: asked for is a share, between 0 and 1")
def _(p, n):
    return 196 * (p * (1 - p) / n) ** 0.5


@half_width.mistake("W3", "one standard deviation, which holds 68 %: multiply it by 1.96")
def _(p, n):
    return (p * (1 - p) / n) ** 0.5


@half_width.mistake("W4", "the whole width: asked for is how far it reaches to one side")
def _(p, n):
    return 2 * 1.96 * (p * (1 - p) / n) ** 0.5


@half_width.mistake("W5", "leaving out n: the more images, the narrower, by the root of n")
def _(p, n):
    return 1.96 * (p * (1 - p)) ** 0.5


@half_width.mistake("W6", "dividing by n outside the root: it is p(1 − p)/n inside")
def _(p, n):
    return 1.96 * (p * (1 - p)) ** 0.5 / n


@half_width.mistake("W7", "half of Wilson's interval, which is the lab's: asked for is 1.96 √(p(1 − p)/n)")
def _(p, n):
    z = 1.96
    return z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5


@half_width.mistake("W8", "√(p/n): a share that is nearly 1 is known better, so the variance is p(1 − p)/n")
def _(p, n):
    return 1.96 * (p / n) ** 0.5


# --- Anticipation ---------------------------------------------------------------------------------------------------


@anticipation("A1")
def _a1(draw: Draw) -> tuple[str, float]:
    width, hidden, K = draw.choice([512, 1024, 1280, 2048]), draw.choice([64, 128, 192, 320]), draw.integer(3, 40)
    said = f"A head {width} → {hidden} → {K} with biases and ReLU between: how many parameters does it have?"
    return said, (width + 1) * hidden + (hidden + 1) * K


@anticipation("A2")
def _a2(draw: Draw) -> tuple[str, float]:
    p, n = draw.number(0.6, 0.95), draw.integer(80, 400)
    said = (
        f"{p:.0%} of {n} test images are right. How many percentage points does the 95 % interval reach to either side?"
    )
    return said, 196 * (p * (1 - p) / n) ** 0.5


@anticipation("A3")
def _a3(draw: Draw) -> tuple[str, float]:
    byte, i = draw.integer(20, 230), draw.integer(0, 2)
    said = (
        f"The {('red', 'green', 'blue')[i]} byte of a pixel is {byte}. What does ImageNet's ResNet-18 get to see of it "
        f"(mean {MEAN[i]:g}, standard deviation {STD[i]:g} of pixels in [0, 1])?"
    )
    return said, (byte / 255 - MEAN[i]) / STD[i]


@anticipation("A4")
def _a4(draw: Draw) -> tuple[str, float]:
    seen, batch = draw.number(-0.5, 0.5), draw.number(1, 3)
    said = (
        f"A batch norm's running mean is {seen:g}; it moves by a tenth of the way to each batch's mean (momentum 0.1). "
        f"The new images have the mean {batch:g} in all batches. Nobody called eval(): what is the running mean after "
        "three batches?"
    )
    return said.replace("is -", "is −"), batch + 0.9**3 * (seen - batch)


@anticipation("A5")
def _a5(draw: Draw) -> tuple[str, float]:
    K, L = 16 * draw.integer(1, 8), 16 * draw.integer(3, 16)
    said = (
        f"A 3×3 convolution from {K} to {L} channels, and the same separated: 3×3 over each channel, then 1×1 over "
        "all. Without biases, how many times as many weights has the first?"
    )
    return said, 9 * K * L / (9 * K + K * L)


@anticipation("A6")
def _a6(draw: Draw) -> tuple[str, float]:
    K, loss = draw.integer(3, 40), draw.number(4, 9)
    said = (
        f"A fresh head for {K} classes is put on a backbone, and before any training the loss is {loss:g} nats. How "
        "many nats is that above the loss of guessing?"
    )
    return said, loss - math.log(K)
