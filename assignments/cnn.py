"""Convolutional networks: sizes, parameters, training.

The lab manual's Task № 2, and the exercises of the exams that belong to it.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assignments.anticipation import anticipation
from assignments.evaluation import measured, settings_here
from assignments.exercise import Draw, exercise
from common.errors import InputError
from common.trainer import Means

LAB = "labs.cnn"
_TASK = "--model task2 --split 0.6,0.2,0.2 --epochs 20 --batch-size 32 --lr 1e-3"
RUNS = {
    "base": _TASK,
    "augmented": f"{_TASK} --degrees 10 --zoom 0.1",
    "regularised": f"{_TASK} --dropout 0.4 --batch-norm",
    "deep": f"{_TASK} --filters 32,64,128 --padding same",
    "large": f"{_TASK} --kernel-size 5",
}


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """The test metrics of a finished run, named as in its summary.json; a grader says where its data lie."""
    from labs.cnn.cnn import get_data, load_run, score

    run = load_run(path)
    data = get_data(settings_here(run.settings, data_dir), torch.device("cpu"))
    return measured(run.model, score, data.test, "test")


# --- 1 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.5,
    hints=(
        "The slide on convolution has the formula; the lab's sheet has it under “The idea”.",
        "How many steps of s pixels does the window have room for in the padded side? It also stands at the start.",
        "(n + 2p − k)/s rounded down, plus 1. Python's // rounds down.",
    ),
    compare="labs/cnn/shapes.py, formula",
    forbidden=("conv1d", "conv2d", "Conv1d", "Conv2d", "max_pool1d", "max_pool2d", "MaxPool1d", "MaxPool2d"),
)
def output_size(n: int, k: int, p: int, s: int) -> int:
    """How many places a window has along one side of an image: the pixels that leave a convolution or a pooling.

    n: pixels of the side; k: pixels of the window; p: pixels of padding, on each end of the side; s: pixels from one
    place to the next (stride). The window must lie wholly inside the padded side. The result is a whole number (int).
    """
    raise NotImplementedError


@output_size.example("a side of 28, window 5, padding 2, stride 2")
def _():
    return (28, 5, 2, 2), 14


@output_size.example("a side of 28, window 3, stride 2")
def _():
    return (28, 3, 0, 2), 13


@output_size.probes
def _(draw):
    k, s, p = draw.size(3, 7), draw.size(2, 4), draw.size(2, 4)
    return k - 2 * p + s * draw.integer(4, 9) + 1, k, p, s  # one pixel is left over


@output_size.probes
def _(draw):
    return draw.integer(10, 64), draw.integer(1, 7), draw.integer(0, 3), draw.integer(1, 4)


@output_size.expected
def _(n, k, p, s):
    return len(range(-p, n + p - k + 1, s))


@output_size.mistake(
    "S1", "rounding up: a window that is not wholly inside does not count; round down, ⌊ ⌋ and not ⌈ ⌉"
)
def _(n, k, p, s):
    return -((k - n - 2 * p) // s) + 1


@output_size.mistake("S2", "adding the padding once: p pixels are put on both ends")
def _(n, k, p, s):
    return (n + p - k) // s + 1


@output_size.mistake("S3", "leaving out the + 1: before its first step the window has a place already")
def _(n, k, p, s):
    return (n + 2 * p - k) // s


@output_size.mistake("S4", "dividing with /: there are no parts of a place, round down with //")
def _(n, k, p, s):
    return (n + 2 * p - k) / s + 1


# --- 2 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=2,
    points=0.75,
    hints=(
        "Midterm of November 2024, Task 1; lab manual, Task № 2 c; the lab's sheet, Exercise 1.",
        "Go through the layers with W, H and C of what enters; W and H shrink apart from each other.",
        'A "conv" adds (kw·kh·C + 1)·filters; a "dense" adds (inputs + 1)·outputs, where the first has W·H·C inputs.',
    ),
    compare="labs/cnn/shapes.py, list_layers",
    forbidden=("Conv2d", "LazyConv2d", "Linear", "LazyLinear"),
)
def parameters(image: list[int], layers: list[list]) -> int:
    """The number of parameters (weights and biases) of a whole network.

    image: [W, H, C], width, height and channels of the input, in the course's order. layers, from input to output:
    ["conv", filters, [kw, kh]]   window kw wide and kh high, no padding, stride 1; a bias for each filter
    ["pool", k]                   the greatest of every k×k pixels, stride k; pixels left over at the rim are dropped
    ["dense", outputs]            a bias for each output; what enters the first of them is flattened to W·H·C numbers
    """
    raise NotImplementedError


@parameters.example("a convolution alone")
def _():
    return ([7, 5, 2], [["conv", 4, [3, 2]]]), 52


@parameters.example("the midterm's network: 562 490")
def _():
    blocks = [["conv", 32, [5, 5]], ["pool", 2], ["conv", 32, [3, 3]], ["pool", 2], ["conv", 16, [3, 3]], ["pool", 2]]
    return ([320, 240, 3], [*blocks, ["dense", 32], ["dense", 32], ["dense", 10]]), 562490


@parameters.probes
def _(draw):
    image = [draw.size(7, 20), draw.size(5, 16), draw.size(2, 4)]
    return image, [["conv", draw.size(3, 6), [draw.size(3, 5), 2]], ["pool", 2], ["dense", draw.size(2, 9)]]


@parameters.probes
def _(draw):
    image = [draw.integer(16, 24), draw.integer(14, 20), draw.integer(1, 3)]
    first = ["conv", draw.integer(2, 8), [draw.integer(3, 5), draw.integer(1, 3)]]
    second = ["conv", draw.integer(2, 8), [draw.integer(1, 2), draw.integer(3, 4)]]
    return image, [first, ["pool", 2], second, ["dense", draw.integer(5, 9)], ["dense", draw.integer(2, 4)]]


def _count(image, layers, bias=1, turned=False, each=False, grey=False, flat=False, up=False):
    """The parameters, right or with one of the known mistakes."""
    (w, h, c), total, inputs = image, 0, 0
    for kind, size, *window in layers:
        if kind == "conv":
            kw, kh = reversed(window[0]) if turned else window[0]
            n = 1 if grey else c
            total += (kw * kh + 1) * n * size if each else (kw * kh * n + bias) * size
            w, h, c = w - kw + 1, h - kh + 1, size
        elif kind == "pool":
            w, h = (-(-w // size), -(-h // size)) if up else (w // size, h // size)
        else:
            inputs = inputs or (w * h if flat else w * h * c)
            total, inputs = total + (inputs + bias) * size, size
    return total


@parameters.expected
def _(image, layers):
    x, total = torch.zeros(1, *reversed(image), device="meta"), 0
    for kind, size, *window in layers:
        if kind == "pool":
            x = F.max_pool2d(x, size)
            continue
        x = x.flatten(1) if kind == "dense" else x
        layer = (
            nn.Linear(x.shape[1], size, device="meta")
            if kind == "dense"
            else nn.Conv2d(x.shape[1], size, (window[0][1], window[0][0]), device="meta")
        )
        x, total = layer(x), total + sum(weights.numel() for weights in layer.parameters())
    return total


@parameters.mistake("P1", "leaving out the biases: one for each filter, one for each output of a dense layer")
def _(image, layers):
    return _count(image, layers, bias=0)


@parameters.mistake("P2", "exchanging the window's width and height: here it is [kw, kh], in torch (kh, kw)")
def _(image, layers):
    return _count(image, layers, turned=True)


@parameters.mistake(
    "P3", "counting a bias for each channel that enters a filter: it has one bias, however many they are"
)
def _(image, layers):
    return _count(image, layers, each=True)


@parameters.mistake("P4", "giving a filter kw·kh weights: it has so many for each channel that enters, kw·kh·C")
def _(image, layers):
    return _count(image, layers, grey=True)


@parameters.mistake(
    "P5", "flattening one map only: W·H numbers of each of the C maps enter the first dense layer, W·H·C"
)
def _(image, layers):
    return _count(image, layers, flat=True)


@parameters.mistake("P6", "rounding up at a pooling: pixels left over at the rim are dropped")
def _(image, layers):
    return _count(image, layers, up=True)


# --- 3 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=3,
    points=1,
    hints=(
        "Exam of January 2025, Task 1; the lab's sheet, “The idea” and Exercise 3.",
        "Put the image into a frame of zeros. Two loops over the places; each cuts a window out of the framed image.",
        "O[i, j] = (X[i*stride : i*stride + k, j*stride : j*stride + k] * kernel).sum() + bias; X is the framed image.",
    ),
    compare="labs/cnn/kernels.py, convolve",
    forbidden=(
        *("conv1d", "conv2d", "conv3d", "Conv1d", "Conv2d", "Conv3d", "LazyConv2d"),
        *("conv_transpose2d", "ConvTranspose2d", "signal", "convolve2d", "correlate2d"),
    ),
)
def convolve(image: Tensor, kernel: Tensor, bias: float, stride: int, padding: int) -> Tensor:
    """One map of a convolutional layer, as the course's formula has it (the kernel is not turned over).

    O[i, j] = Σ_a Σ_b X[i·stride + a, j·stride + b] · kernel[a, b] + bias, indices from 0, where X is the image with
    `padding` rows and columns of zeros on each of its four sides. image: (H, W); kernel: (k, k); result:
    (⌊(H + 2·padding − k)/stride⌋ + 1, ⌊(W + 2·padding − k)/stride⌋ + 1).
    """
    raise NotImplementedError


@convolve.example("two places, bias 10")
def _():
    image, kernel = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[1, 0], [2, 3]])
    return (image.double(), kernel.double(), 10.0, 1, 0), torch.tensor([[34, 40]]).double()


@convolve.example("the exam's O (January 2025)")
def _():
    image = torch.tensor([[1, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1]], dtype=torch.float64)
    result = torch.tensor([[1, 5, 2], [4, 1, 1], [3, 1, 3]], dtype=torch.float64)
    return (image, torch.tensor([[1, -1], [0, 1]], dtype=torch.float64), 1.0, 1, 0), result


@convolve.probes
def _(draw):
    image, k = draw.normal(draw.size(3, 6), draw.size(4, 7)), draw.size(2, 3)
    return image, draw.normal(k, k), draw.number(0.5, 2), draw.size(2, 3), draw.size(1, 2)


@convolve.probes
def _(draw):
    k = draw.integer(2, 3)
    image = draw.normal(draw.integer(4, 6), draw.integer(4, 7))
    return image, draw.normal(k, k), draw.number(-2, -0.5), draw.integer(1, 3), draw.integer(0, 2)


def _convolved(image, kernel, bias, stride, padding):
    return F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0] + bias


@convolve.expected
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel, bias, stride, padding)


@convolve.mistake("K1", "leaving out the bias: add it to every number of the map")
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel, 0, stride, padding)


@convolve.mistake("K2", "turning the kernel over: kernel[0, 0] belongs to the window's first pixel, not to its last")
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel.flip(0, 1), bias, stride, padding)


@convolve.mistake("K3", "exchanging the kernel's rows and columns: its first index goes down, as the image's does")
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel.T, bias, stride, padding)


@convolve.mistake("K4", "adding the bias to each product: it is added once, to their sum")
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel, bias * kernel.numel(), stride, padding)


@convolve.mistake(
    "K5", "leaving out the frame of zeros: put `padding` rows and columns of zeros on each side of the image first"
)
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel, bias, stride, 0)


@convolve.mistake("K6", "going on by one pixel always: the next place is `stride` pixels away")
def _(image, kernel, bias, stride, padding):
    return _convolved(image, kernel, bias, 1, padding)


# --- 4 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=4,
    points=0.75,
    hints=(
        "Exam of January 2025, Task 1, last part; the lab's sheet, Exercise 3, has what PyTorch does with the rim.",
        "Count the places of both sides (rounded up if `ceil`), then take the greatest number of each window.",
        "x[i*s : i*s + k, j*s : j*s + k].max(): a slice that reaches beyond the rim is cut off there by itself.",
    ),
    compare="labs/cnn/kernels.py, convolve, whose last line pools",
    forbidden=(
        *("max_pool1d", "max_pool2d", "max_pool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "max_pool2d_with_indices"),
        *("adaptive_max_pool2d", "AdaptiveMaxPool2d", "maximum_filter", "block_reduce"),
    ),
)
def max_pool(x: Tensor, k: int, s: int, ceil: bool) -> Tensor:
    """The greatest number of each k×k window of a map x (H, W), the windows s pixels apart (s ≤ k); no padding.

    ceil False, as in PyTorch's MaxPool2d(k, s): windows that do not lie wholly inside the map are dropped, the sides of
    the result are ⌊(n − k)/s⌋ + 1. ceil True, as in the exam: at the right and lower rim there is one more window where
    pixels are left over, with the pixels that it has: ⌈(n − k)/s⌉ + 1.
    """
    raise NotImplementedError


_POOLED = [[1.0, 5, 2], [4, 1, 1], [3, 1, 3]]


@max_pool.example("the exam's [[5, 2], [3, 3]]")
def _():
    return (torch.tensor(_POOLED).double(), 2, 2, True), torch.tensor([[5.0, 2], [3, 3]]).double()


@max_pool.example("PyTorch's [[5]]")
def _():
    return (torch.tensor(_POOLED).double(), 2, 2, False), torch.tensor([[5.0]]).double()


@max_pool.probes
def _(draw):
    return -draw.uniform(draw.size(3, 8), 2 * draw.size(2, 4), low=0.1, high=4), 3, 2, True


@max_pool.probes
def _(draw):
    return draw.normal(draw.integer(4, 7), 2 * draw.integer(2, 4)), 3, 2, False


@max_pool.probes
def _(draw):
    k = draw.integer(2, 4)
    return draw.normal(draw.integer(4, 8), draw.integer(4, 8)), k, draw.integer(1, k), draw.choice([False, True])


def _pooled(x, k, s, ceil):
    return F.max_pool2d(x[None], k, s, ceil_mode=ceil)[0]


@max_pool.expected
def _(x, k, s, ceil):
    return _pooled(x, k, s, ceil)


@max_pool.mistake("M1", "rounding down always: with ceil the pixels left over at the rim have a window, too")
def _(x, k, s, ceil):
    return _pooled(x, k, s, False)


@max_pool.mistake("M2", "rounding up always, as the lab does: without ceil, windows that are not full are dropped")
def _(x, k, s, ceil):
    return _pooled(x, k, s, True)


@max_pool.mistake("M3", "taking the mean of a window: asked for is its greatest number")
def _(x, k, s, ceil):
    return F.avg_pool2d(x[None], k, s, ceil_mode=ceil)[0]


@max_pool.mistake("M4", "taking stride 1: the next window is s pixels away")
def _(x, k, s, ceil):
    return _pooled(x, k, 1, ceil)


@max_pool.mistake("M5", "taking stride k: the windows are s pixels apart, and overlap where s is less than k")
def _(x, k, s, ceil):
    return _pooled(x, k, k, ceil)


@max_pool.mistake(
    "M6",
    "filling windows at the rim up with zeros, which are greater than negative numbers: take the greatest of the "
    "pixels that are there, or pad with −∞",
)
def _(x, k, s, ceil):
    return _pooled(F.pad(x, (0, k, 0, k)), k, s, False)[tuple(slice(n) for n in _pooled(x, k, s, ceil).shape)]


# --- 5 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=5,
    points=0.5,
    hints=(
        "Lab manual, Task № 2 b; the lab's sheet, Exercise 5 (“The bug”): what came of dividing twice.",
        "Two cases. What tells them apart for certain is the type of the numbers, X.dtype, not their size.",
        "X / 255 if X.dtype == torch.uint8, else X as it is.",
    ),
    compare="common/datasets.py, and labs/cnn/cnn.py, get_data",
    forbidden=("ToTensor", "to_tensor", "convert_image_dtype", "to_dtype", "ToDtype"),
)
def scale_once(X: Tensor) -> Tensor:
    """Images with brightness from 0 (black) to 1 (white), scaled once however often it is called.

    X: (N, 1, H, W), either bytes (dtype torch.uint8), where 255 is white, or floats, which have been scaled already and
    come back as they are. One scale for all images: a grey one does not become brighter. The result is of floats.
    """
    raise NotImplementedError


@scale_once.example("black, grey and white bytes")
def _():
    return (torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8),), torch.tensor([[[[0, 0.2, 1]]]], dtype=torch.float64)


@scale_once.example("scaled already: as it was")
def _():
    scaled = torch.tensor([[[[0, 0.2, 1]]]], dtype=torch.float64)
    return (scaled,), scaled


@scale_once.probes
def _(draw):
    return (draw.integers(draw.size(1, 4), 1, draw.size(1, 3), draw.size(2, 3), low=20, high=230).to(torch.uint8),)


@scale_once.probes
def _(draw):
    return (draw.uniform(draw.integer(1, 4), 1, draw.integer(1, 3), 2, low=0.2, high=0.9),)


@scale_once.edge("bytes of an almost black image")
def _():
    return (torch.tensor([[[[0, 1, 1, 0]]]], dtype=torch.uint8),)


@scale_once.expected
def _(X):
    return torch.tensor([i / 255 for i in range(256)], dtype=torch.float64)[X.long()] if X.dtype == torch.uint8 else X


@scale_once.mistake("C1", "dividing by 255 always: floats have been divided already; leave them as they are")
def _(X):
    return X / 255


@scale_once.mistake(
    "C1a", "dividing by the greatest number found: divide bytes by 255, whatever is found, and leave floats as they are"
)
def _(X):
    return X / X.max()


@scale_once.mistake(
    "C1b",
    "keeping whole numbers, as // does, or writing into a tensor of bytes: all but white becomes 0; divide with /",
)
def _(X):
    return X // 255 if X.dtype == torch.uint8 else X


@scale_once.mistake("C1c", "judging by the greatest number: a dark image of bytes has none above 1 either; ask X.dtype")
def _(X):
    return X / 255 if X.max() > 1 else X.double()


# --- 6 --------------------------------------------------------------------------------------------------------------


def _for_the_lab(mine):
    """`confusion` as the lab calls it: there a row is a label. InputError for what is no table of all classes."""

    def confusion_matrix(y, predicted, classes):
        table = mine(y, predicted, classes)
        if not isinstance(table, Tensor) or table.shape != (classes, classes):
            raise InputError(
                f"your confusion gives no table ({classes}, {classes}) of counts; mend it, then train again"
            )
        return table.T.long().contiguous()

    return confusion_matrix


@exercise(
    number=6,
    points=0.75,
    hints=(
        "Lab manual, Task № 2 d; the lab's sheet, “Figures”: confusion.png (turned: there the labels are the rows).",
        "Start with K×K zeros and add 1 for each image, in the row of its prediction and the column of its label.",
        "for label, predicted in zip(y, p): counts[predicted, label] += 1",
    ),
    compare="common/metrics.py, confusion_matrix",
    forbidden=("metrics", "crosstab", "ConfusionMatrix"),
    slot=("common.metrics.confusion_matrix", _for_the_lab),
)
def confusion(y: Tensor, p: Tensor, K: int) -> Tensor:
    """How often each class was taken for each: a table (K, K) of counts.

    Row: what was predicted; column: the label (as in R's caret; the lab has it the other way round). y: (N,) labels,
    p: (N,) predictions, both whole numbers 0 to K − 1. A class that does not occur has zeros.
    """
    raise NotImplementedError


@confusion.example("one 0 taken for a 1")
def _():
    y, p = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 2, 2])
    return (y, p, 3), torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 2]])


@confusion.probes
def _(draw):
    n = draw.size(6, 40)
    return draw.integers(n, low=0, high=1), draw.integers(n, low=1, high=2), draw.size(4, 6)


@confusion.probes
def _(draw):
    n, K = draw.integer(20, 60), draw.integer(4, 6)
    y = draw.integers(n, low=0, high=K - 2)
    return y, torch.where(draw.uniform(n) < 0.6, y, draw.integers(n, low=0, high=K - 2)), K


@confusion.expected
def _(y, p, K):
    return F.one_hot(p, K).T @ F.one_hot(y, K)


@confusion.mistake("F1", "exchanging rows and columns, as the lab and scikit-learn have it: here a row is a prediction")
def _(y, p, K):
    return F.one_hot(y, K).T @ F.one_hot(p, K)


@confusion.mistake("F2", "dividing by the number of images: asked for are counts, not shares")
def _(y, p, K):
    return (F.one_hot(p, K).T @ F.one_hot(y, K)) / len(y)


@confusion.mistake("F3", "dividing by the images of each label: asked for are counts, not shares")
def _(y, p, K):
    counts = F.one_hot(p, K).T @ F.one_hot(y, K)
    return counts / counts.sum(0).clip(min=1)


@confusion.mistake("F4", "leaving out the last classes, which do not occur here: the table is K by K in any case")
def _(y, p, K):
    K = int(max(y.max(), p.max())) + 1
    return F.one_hot(p, K).T @ F.one_hot(y, K)


@confusion.mistake(
    "F5",
    "writing 1 where 1 is to be added, as counts[p, y] += 1 does: a pair may come often; go through the images "
    "one by one, counts[p[i], y[i]] += 1",
)
def _(y, p, K):
    return (F.one_hot(p, K).T @ F.one_hot(y, K)).clip(max=1)


# --- 7 --------------------------------------------------------------------------------------------------------------


def _for_the_means(mine):
    """The lab's Means, whose every mean is `epoch_mean` of the batches' means. InputError for what is no mean."""

    class MeansByStudent(Means):
        def __init__(self):
            super().__init__()
            self.rows, self.sizes = [], []

        def add(self, logs, n):
            super().add(logs, n)
            self.rows.append(torch.stack(list(logs.values())))
            self.sizes.append(n)

        def read(self):
            if not self.rows:
                return {}
            found, rows = {}, torch.stack(self.rows).cpu().double()
            for name, values in zip(self.names, rows.T, strict=True):
                mean = torch.as_tensor(mine(values.clone(), torch.tensor(self.sizes)))
                if mean.numel() != 1 or not values.min() - 1e-6 <= mean <= values.max() + 1e-6:
                    raise InputError("your epoch_mean gives no number between its values; mend it, then train again")
                found[name] = float(mean)
            return found

    return MeansByStudent


@exercise(
    number=7,
    points=0.5,
    hints=(
        "The course's notebook has one number per batch; the last of MNIST's 157 batches of 64 has 16 images.",
        "Go back to the sum over all images, then divide once, by all images.",
        "(values * sizes).sum() / sizes.sum()",
    ),
    compare="common/trainer.py, Means",
    slot=("common.trainer.Means", _for_the_means),
)
def epoch_mean(values: Tensor, sizes: Tensor) -> Tensor:
    """The mean over all images of an epoch, a number, from the means of its batches.

    values: (B,) each batch's mean loss (or accuracy) over its own images; sizes: (B,) the number of images in each
    batch, whole numbers. Every image counts the same, whatever batch it was in.
    """
    raise NotImplementedError


@epoch_mean.example("batches of 64 and 16")
def _():
    values, result = torch.tensor([0.5, 1.0]), torch.tensor(0.6, dtype=torch.float64)
    return (values.double(), torch.tensor([64, 16])), result


@epoch_mean.example("MNIST's 157 batches, the last of 16")
def _():
    values, sizes = torch.full((157,), 0.98, dtype=torch.float64), torch.full((157,), 64)
    values[-1], sizes[-1] = 0.5, 16
    return (values, sizes), torch.tensor(0.979232, dtype=torch.float64)


@epoch_mean.probes
def _(draw):
    n, size = draw.size(2, 6), draw.choice([8, 16, 32, 64])
    values = draw.uniform(n, low=0.1, high=1)
    values[-1] += 1.5
    sizes = torch.full((n,), size)
    sizes[-1] = draw.integer(1, size // 2)
    return values, sizes


@epoch_mean.expected
def _(values, sizes):
    return values.repeat_interleave(sizes).mean()


@epoch_mean.mistake(
    "C4", "taking the mean of the batches' means: multiply each mean by its batch's size, add up, divide by all images"
)
def _(values, sizes):
    return values.mean()


@epoch_mean.mistake("E1", "dividing by the number of batches: the sum is one over images, so divide by all images")
def _(values, sizes):
    return (values * sizes).sum() / len(sizes)


@epoch_mean.mistake(
    "E2", "returning the last batch's mean: weight each batch's mean by its size, add up, divide by all images"
)
def _(values, sizes):
    return values[-1]


@epoch_mean.mistake(
    "E3", "dividing as if all batches were as large as the largest: divide by all images, the sum of sizes"
)
def _(values, sizes):
    return (values * sizes).sum() / (len(sizes) * sizes[0])


# --- 8 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=8,
    points=1,
    hints=(
        "Lab manual, Task № 2 a; the lab's sheet, Task № 2 a, says what “stratified” means.",
        "Class by class: shuffle the places of its images, cut them where the shares end. Join the pieces.",
        "generator = torch.Generator().manual_seed(seed) once; a class's places[torch.randperm(len(places), "
        "generator=generator)]; part i ends at round(len(places) * sum(shares[: i + 1])), the last one at len(places).",
    ),
    compare="common/data.py, stratified_split",
    forbidden=("train_test_split", "StratifiedShuffleSplit", "StratifiedKFold", "random_split", "stratified_split"),
)
def split(y: Tensor, shares: list[float], seed: int) -> list[Tensor]:
    """Divide images into parts (training, validation, test, …) in which each class has its share.

    y: (N,) the images' labels, whole numbers from 0; shares: of each part, together 1, e.g. [0.6, 0.2, 0.2] makes
    42 000, 14 000 and 14 000 of 70 000 images, and 4 200, 1 400 and 1 400 of the 7 000 of a class. Returns for each
    part the places (indices into y, whole numbers) of its images, in any order. Every image is in exactly one part.
    Where share times class is no whole number, one image more or less is fine. Which images come into which part is
    left to chance: one seed always gives the same parts, another seed gives others.
    """
    raise NotImplementedError


@split.use
def _(mine, y, shares, seed):
    parts, again, other = (
        [torch.as_tensor(part).long().flatten() for part in mine(y, shares, seed + i)] for i in (0, 0, 1)
    )
    places = torch.cat(parts)
    counts = torch.stack([torch.bincount(y[part], minlength=int(y.max()) + 1) for part in parts])
    ideal = torch.tensor(shares)[:, None] * torch.bincount(y)
    fair = counts.shape == ideal.shape and bool(((counts - ideal).abs() < 2).all())
    together = [torch.cat([part.sort().values for part in found]).tolist() for found in (parts, again, other)]
    return {
        "number of parts": len(parts),
        "every image is in a part": len(places.unique()) == len(y),
        "no image is in it twice": len(places) == len(places.unique()),
        "each class has its share in each part": fair,
        "the same seed gives the same parts": together[0] == together[1],
        "another seed gives other parts": together[0] != together[2],
    }


@split.example("one class of 12 images")
def _():
    said = ["every image is in a part", "no image is in it twice", "each class has its share in each part"]
    said += ["the same seed gives the same parts", "another seed gives other parts"]
    return (torch.zeros(12).long(), [0.5, 0.25, 0.25], 1), {"number of parts": 3, **dict.fromkeys(said, True)}


@split.probes
def _(draw):
    labels = torch.cat([torch.full((draw.integer(150, 250),), k) for k in range(draw.size(3, 5))])
    shares = draw.choice([[0.6, 0.2, 0.2], [0.8, 0.1, 0.1], [0.7, 0.3], [0.5, 0.25, 0.25]])
    return labels[torch.randperm(len(labels), generator=draw.generator)], shares, draw.integer(0, 999)


def _cut(y, shares, seed, stratified=True, shuffled=True, lost=False, anew=False):
    """The parts, right or with one of the known mistakes."""
    generator = torch.Generator().manual_seed(seed)
    parts: list[list[Tensor]] = [[] for _ in shares]
    for label in y.unique() if stratified else [None]:
        places = (y == label).nonzero().flatten() if stratified else torch.arange(len(y))
        order = places[torch.randperm(len(places), generator=generator)] if shuffled else places
        start, before = 0, 0.0
        for part, share in zip(parts, shares, strict=True):
            before += share
            end = start + int(share * len(places)) if lost else round(before * len(places))
            part.append(order[start:end])
            start = end
            if anew:
                order = places[torch.randperm(len(places), generator=generator)]
    return [torch.cat(part) for part in parts]


@split.expected
def _(y, shares, seed):
    return _cut(y, shares, seed)


@split.mistake(
    "D1",
    "shuffling all images together, so that chance decides how many of a class a part has: go class by class, "
    "shuffle and cut each",
)
def _(y, shares, seed):
    return _cut(y, shares, seed, stratified=False)


@split.mistake("D2", "shuffling anew for each part: shuffle once, then cut, or images get into two parts")
def _(y, shares, seed):
    return _cut(y, shares, seed, anew=True)


@split.mistake("D3", "rounding each part down: what is left over at the end is in none; give it to the last part")
def _(y, shares, seed):
    return _cut(y, shares, seed, lost=True)


@split.mistake("D4", "cutting each class in the order in which it stands: shuffle it first, with the seed")
def _(y, shares, seed):
    return _cut(y, shares, seed, shuffled=False)


@split.mistake("D5", "cutting y where it stands: go class by class, and shuffle each with the seed")
def _(y, shares, seed):
    return _cut(y, shares, seed, stratified=False, shuffled=False)


@split.mistake("D6", "shuffling without the seed: give randperm a generator that starts from it")
def _(y, shares, seed):
    return _cut(y, shares, int(torch.randint(2**40, ())))


# --- 9 --------------------------------------------------------------------------------------------------------------


@exercise(
    number=9,
    points=1.25,
    hints=(
        "Lab manual, Task № 2 c; cnn.jl's training loop: withgradient(model) do m … end; update!(…).",
        "Training mode; logits; loss; old gradients away; new gradients; step. Return the loss.",
        "model.train(); loss = F.cross_entropy(model(X), y); optimizer.zero_grad(); loss.backward(); optimizer.step()",
    ),
    compare="labs/cnn/cnn.py, the function step in train",
)
def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor]) -> float:
    """One step of training on one batch: the weights of the model go a step, the batch's loss is returned.

    model gives logits (N, K), without softmax; it may be in evaluation mode when it comes and has to learn in training
    mode (batch norm, dropout). batch: images (N, 1, H, W) and labels (N,). The loss is the cross-entropy in nats, the
    mean over the batch, as it was before the step. The function is called again and again with the same model.
    """
    raise NotImplementedError


@step.use
def _(mine, images, labels, learning_rate, seed):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers).double().eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses = [mine(model, optimizer, batch) for batch in zip(images, labels, strict=True)]
    losses = [float(loss.detach() if isinstance(loss, torch.Tensor) else loss) for loss in losses]
    return {
        **{f"loss of batch {i}": loss for i, loss in enumerate(losses, 1)},
        "the last biases afterwards": layers[4].bias.float(),
        "the first kernels afterwards": layers[0].weight.float(),
        "the means that batch norm has seen": layers[1].running_mean.float(),
    }


def _batches(draw, count):
    n = draw.size(3, 6)
    images, labels = draw.normal(count, n, 1, 3, 3), draw.integers(count, n, low=0, high=2)
    return images, labels, draw.number(0.5, 1), draw.integer(0, 999)


@step.probes
def _(draw):
    return _batches(draw, 2)


@step.edge("a single step")
def _():
    return _batches(Draw("single", "step"), 1)


@step.expected
def _(model, optimizer, batch):
    model.train()
    chances = model(batch[0]).softmax(dim=1).gather(1, batch[1][:, None])
    loss = -chances.log().mean()
    weights = list(model.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight -= optimizer.param_groups[0]["lr"] * gradient
    return loss.item()


def _step(model, optimizer, batch, train=True, clear=True, move=True, loss=F.cross_entropy):
    """A step, right or with one of the known mistakes."""
    model.train(train)
    value = loss(model(batch[0]), batch[1])
    if clear:
        optimizer.zero_grad()
    value.backward()
    if move:
        optimizer.step()
    return value.item()


@step.mistake(
    "T1",
    "leaving out optimizer.zero_grad(), so that the gradients of the batch before are added: call it before backward()",
)
def _(model, optimizer, batch):
    return _step(model, optimizer, batch, clear=False)


@step.mistake("T2", "learning in evaluation mode: call model.train() before the logits are computed")
def _(model, optimizer, batch):
    return _step(model, optimizer, batch, train=False)


@step.mistake(
    "T3", "taking softmax before the cross-entropy, which takes logits and does it itself: leave the softmax out"
)
def _(model, optimizer, batch):
    return _step(model, optimizer, batch, loss=lambda logits, y: F.cross_entropy(logits.softmax(dim=1), y))


@step.mistake(
    "T4", "leaving the weights where they are: call optimizer.step() after backward(), with no zero_grad() in between"
)
def _(model, optimizer, batch):
    return _step(model, optimizer, batch, move=False)


@step.mistake("T5", "taking the sum over the batch: the loss is the mean, so that a step does not grow with the batch")
def _(model, optimizer, batch):
    return _step(model, optimizer, batch, loss=lambda logits, y: F.cross_entropy(logits, y, reduction="sum"))


# --- Questions to be answered by hand -------------------------------------------------------------------------------


def _rows(values):
    """Numbers as one writes a matrix by hand: [[1, 2], [3, −4]]."""
    return str([[int(x) for x in row] for row in values]).replace("-", "−")


@anticipation("A1")
def _a1(draw):
    n, k, s, p = draw.integer(60, 120), draw.choice([3, 5, 7]), draw.integer(2, 4), draw.integer(1, 2)
    side = (n + 2 * p - k) // s + 1
    text = (
        f"An image of {n}×{n} pixels goes through a convolution with windows of {k}×{k}, padding {p} and stride {s}, "
    )
    return text + "then through max pooling 2×2 with stride 2. How many pixels has a side of what comes out?", side // 2


@anticipation("A2")
def _a2(draw):
    side, n, k = draw.integer(24, 40), draw.integer(6, 20), draw.choice([3, 5])
    left = (side - k + 1) // 2
    text = f"RGB images of {side}×{side} pixels; a convolution with {n} filters of {k}×{k} (no padding, stride 1), max "
    text += "pooling 2×2, flatten, one dense layer with 10 outputs. How many parameters has this network?"
    return text, (3 * k * k + 1) * n + (left * left * n + 1) * 10


@anticipation("A3")
def _a3(draw):
    image, kernel = draw.integers(4, 4, low=0, high=3).double(), draw.integers(2, 2, low=1, high=2).double()
    kernel[0, 1], kernel[1, 0] = -draw.integer(1, 3), draw.integer(-1, 2)
    bias = draw.number(1.1, 1.9)
    pooled = F.max_pool2d(_convolved(image, kernel, bias, 1, 0).relu()[None], 2, ceil_mode=True)
    text = (
        f"As in the exam of January 2025: I = {_rows(image)}, K = {_rows(kernel)}, bias {bias}, stride 1, no padding; "
    )
    text += "then ReLU, then max pooling 2×2 with stride 2, where windows at the rim have the pixels that there are. "
    return text + "What is the sum of the four numbers that come out?", float(pooled.sum())


@anticipation("A4")
def _a4(draw):
    logits = [draw.number(-2, 2) for _ in range(3)]
    label = draw.integer(0, 2)
    shown = ", ".join(f"{z:g}" for z in logits).replace("-", "−")
    text = f"A network answers an image of class {label} (of 0, 1 and 2) with the logits {shown}. "
    answer = -float(torch.tensor(logits, dtype=torch.float64).log_softmax(0)[label])
    return text + "What is the cross-entropy of the image, in nats?", answer


@anticipation("A5")
def _a5(draw):
    right, missed, wrong = draw.integer(900, 1300), draw.integer(40, 300), draw.integer(40, 300)
    text = (
        f"Of the test images {right + missed} are shirts. The network calls {right + wrong} images a shirt; {right} of "
    )
    text += "them are shirts. What is the F1 score of the class shirt, the harmonic mean of precision and recall?"
    return text, 2 * right / (2 * right + missed + wrong)


@anticipation("A6")
def _a6(draw):
    size, n, last = draw.choice([32, 64, 128]), draw.integer(3, 9), draw.integer(2, 16)
    most, least = draw.number(0.8, 0.99), draw.number(0.1, 0.6)
    text = (
        f"An epoch has {n} batches of {size} images, each with an accuracy of {most}, and a last one of {last} images "
    )
    text += f"with {least}. What is the accuracy over all its images?"
    return text, (n * size * most + last * least) / (n * size + last)
