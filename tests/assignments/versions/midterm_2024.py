"""Right answers to the midterm of November 2024, as different students would write them."""

import math

import torch

EQUAL = {}


def layer_sizes__formula(width, height, batch):
    w, h = width, height
    sizes = []
    for k, filters in [(5, 32), (3, 32), (3, 16)]:
        w, h = w - k + 1, h - k + 1
        sizes.append([w, h, filters, batch])
        w, h = w // 2, h // 2
        sizes.append([w, h, filters, batch])
    sizes.append([w * h * 16, batch])
    for outputs in [32, 32, 10, 10]:
        sizes.append([outputs, batch])
    return sizes


def layer_sizes__tuples(width, height, batch):
    def conv(size, k, c):
        return size[0] - k + 1, size[1] - k + 1, c, size[3]

    def pool(size):
        return tuple(math.floor((n - 2) / 2) + 1 for n in size[:2]) + size[2:]

    first = conv((width, height, 3, batch), 5, 32)
    second = conv(pool(first), 3, 32)
    third = conv(pool(second), 3, 16)
    last = pool(third)
    flat = math.prod(last[:3])
    dense = [(n, batch) for n in (flat, 32, 32, 10)]
    return [first, pool(first), second, pool(second), third, last, *dense, (10, batch)]


def layer_sizes__tried(width, height, batch):
    x = torch.zeros(width, height)
    sizes = []
    for k, c in ((5, 32), (3, 32), (3, 16)):
        x = x[k - 1 :, k - 1 :]
        sizes.append([x.shape[0], x.shape[1], c, batch])
        x = x[1::2, 1::2]
        sizes.append([x.shape[0], x.shape[1], c, batch])
    return sizes + [[16 * x.numel(), batch], [32, batch], [32, batch], [10, batch], [10, batch]]


def layer_parameters__loop(width, height):
    counts = []
    w, h, c = width, height, 3
    for k, filters in [(5, 32), (3, 32), (3, 16)]:
        counts.append((k * k * c + 1) * filters)
        w, h, c = (w - k + 1) // 2, (h - k + 1) // 2, filters
    inputs = w * h * c
    for outputs in [32, 32, 10]:
        counts.append((inputs + 1) * outputs)
        inputs = outputs
    return counts


def layer_parameters__by_hand(width, height):
    for k in (4, 2, 2):
        width = (width - k) // 2
        height = (height - k) // 2
    return [2432, 9248, 4624, 32 * 16 * width * height + 32, 1056, 330]


def layer_parameters__arrays(width, height):
    w = (((width - 4) // 2 - 2) // 2 - 2) // 2
    h = (((height - 4) // 2 - 2) // 2 - 2) // 2
    arrays = [(5, 5, 3, 32), (32,), (3, 3, 32, 32), (32,), (3, 3, 32, 16), (16,)]
    arrays += [(32, w * h * 16), (32,), (32, 32), (32,), (10, 32), (10,)]
    counts = [math.prod(array) for array in arrays]
    return [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]


def mebibytes__formula(parameters):
    return sum(parameters) * 4 / 2**20


def mebibytes__loop(parameters):
    size = 0.0
    for n in parameters:
        size += n * 32 / 8 / 1024 / 1024
    return size


def mebibytes__float32(parameters):
    return torch.tensor(parameters).float().div(2**18).sum()


def to_torch__permute(photographs):
    return photographs.permute(3, 2, 1, 0)


def to_torch__loop(photographs):
    w, h, c, n = photographs.shape
    result = torch.zeros(n, c, h, w, dtype=photographs.dtype)
    for i in range(w):
        for j in range(h):
            result[:, :, j, i] = photographs[i, j].T
    return result


def to_torch__transposed(photographs):
    return photographs.transpose(0, 3).transpose(1, 2)


def to_torch__float32(photographs):
    return torch.einsum("whcn->nchw", photographs.float())


def build_model__sequential(width, height):
    layers, w, h, channels = [], width, height, 3
    for k, filters in ((5, 32), (3, 32), (3, 16)):
        layers += [torch.nn.Conv2d(channels, filters, k), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        w, h, channels = (w - k + 1) // 2, (h - k + 1) // 2, filters
    layers.append(torch.nn.Flatten())
    inputs = w * h * channels
    for outputs in (32, 32):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        inputs = outputs
    return torch.nn.Sequential(*layers, torch.nn.Linear(inputs, 10), torch.nn.Softmax(dim=1))


def build_model__class(width, height):
    F = torch.nn.functional

    class Exam(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolutions = torch.nn.ModuleList(
                [torch.nn.Conv2d(3, 32, (5, 5)), torch.nn.Conv2d(32, 32, (3, 3)), torch.nn.Conv2d(32, 16, (3, 3))]
            )
            x = torch.zeros(1, 3, height, width)
            self.inputs = self.maps(x).numel()
            self.dense1 = torch.nn.Linear(self.inputs, 32)
            self.dense2 = torch.nn.Linear(32, 32)
            self.dense3 = torch.nn.Linear(32, 10)

        def maps(self, x):
            for convolution in self.convolutions:
                x = F.max_pool2d(F.relu(convolution(x)), 2)
            return x

        def forward(self, x):
            x = self.maps(x).flatten(1)
            x = torch.relu(self.dense2(torch.relu(self.dense1(x))))
            return F.softmax(self.dense3(x), dim=-1)

    return Exam()


def build_model__lazy(width, height):
    nn = torch.nn
    layers = []
    for k, c in ((5, 32), (3, 32), (3, 16)):
        layers += [nn.LazyConv2d(c, k), nn.MaxPool2d(2, 2), nn.ReLU()]
    layers.append(nn.Flatten())
    for n in (32, 32):
        layers += [nn.LazyLinear(n), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(32, 10), nn.Softmax(-1))
    model(torch.zeros(1, 3, height, width))
    return model
