"""The suite's own functions as answers to the set cnn."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from common.data import stratified_split
from common.layers import layer_table
from common.metrics import confusion_matrix
from common.trainer import Means
from labs.cnn import cnn, kernels, shapes


def output_size(n, k, p, s):
    (layer,) = layer_table(nn.Sequential(nn.Conv2d(1, 1, k, s, p)).to("meta"), torch.zeros(1, 1, n, n, device="meta"))
    return int(shapes.formula(layer).split(";")[0].split("= ")[1])


def parameters(image, layers):
    dense = partial(nn.Linear, 1)
    kinds = {"conv": lambda n, k: nn.Conv2d(1, n, (k[1], k[0])), "pool": nn.MaxPool2d, "dense": dense}
    built = [part for kind, *size in layers for part in [nn.Flatten()] * (kind == "dense") + [kinds[kind](*size)]]
    return sum(p.numel() for p in shapes.fit_to(nn.Sequential(*built), (1, *image[::-1])).parameters())


def convolve(image, kernel, bias, stride, padding):
    return kernels.convolve(F.pad(image, [padding] * 4), kernel, bias)[::stride, ::stride]


def max_pool(x, k, s, ceil):
    if s == k and ceil:
        return kernels.convolve(x, torch.ones(1, 1, dtype=x.dtype), pool=k)
    return nn.MaxPool2d(k, s, ceil_mode=ceil)(x[None])[0]


def scale_once(X):
    return X / 255 if X.dtype == torch.uint8 else X


def confusion(y, p, K):
    return confusion_matrix(y, p, K).T


def epoch_mean(values, sizes):
    means = Means()
    for value, n in zip(values, sizes, strict=True):
        means.add({"loss": value}, n)
    return torch.as_tensor(means.read()["loss"])


def split(y, shares, seed):
    return stratified_split(y, shares, seed=seed)


def step(model, optimizer, batch):
    model.train()
    loss = cnn.score(model, batch)["loss"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
