"""Correct answers to the set transfer_learning, as students write them."""

import math
import random

import torch
from torch import nn

EQUAL = {}


def normalise__vectorised(X):
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)
    return (X.double() / 255 - mean) / std


def normalise__loop(X):
    out = torch.empty(X.shape, dtype=torch.float64)
    for i, (m, s) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        out[:, i] = (X[:, i].to(torch.float64) / 255.0 - m) / s
    return out


def normalise__scaled(X):
    mean = 255 * torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)[None, :, None, None]
    std = 255 * torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)[None, :, None, None]
    return (X - mean) / std


def normalise__float32(X):
    mean = torch.tensor([0.485, 0.456, 0.406])
    std = torch.tensor([0.229, 0.224, 0.225])
    return ((X.permute(0, 2, 3, 1) / 255 - mean) / std).permute(0, 3, 1, 2)


def freeze__usual(model):
    model.backbone.requires_grad_(False)
    model.backbone.eval()
    model.head.requires_grad_(True)


def freeze__loop(model):
    for p in model.backbone.parameters():
        p.requires_grad = False
    for p in model.head.parameters():
        p.requires_grad = True
    for layer in model.backbone.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.eval()
    model.head.train()


def freeze__all_then_head(model):
    model.eval()
    for p in model.parameters():
        p.requires_grad = False
    model.head.train()
    for p in model.head.parameters():
        p.requires_grad = True
    return model


def head__sequential(width, hidden, K, p):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(p), nn.Linear(hidden, K))


class Head(nn.Module):
    def __init__(self, width, hidden, K, p):
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, K)
        self.drop = nn.Dropout(p)

    def forward(self, X):
        return self.second(self.drop(torch.relu(self.first(X))))


def head__class(width, hidden, K, p):
    return Head(width, hidden, K, p)


def head__drop_before_relu(width, hidden, K, p):
    layers = [nn.Linear(width, hidden), nn.Dropout(p=p), nn.ReLU()]
    layers.append(nn.Linear(hidden, K))
    return nn.Sequential(*layers)


def choose_evenly__vectorised(y, n, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = y.unique()
    chosen = []
    for i, label in enumerate(labels):
        rows = torch.where(y == label)[0]
        count = n // len(labels) + (i < n % len(labels))
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:count]])
    return torch.cat(chosen).sort().values


def choose_evenly__lists(y, n, seed):
    chance = random.Random(seed)
    rows = {}
    for i, label in enumerate(y.tolist()):
        rows.setdefault(label, []).append(i)
    for found in rows.values():
        chance.shuffle(found)
    chosen = []
    while len(chosen) < n:
        for found in rows.values():
            if len(chosen) < n:
                chosen.append(found.pop())
    return torch.tensor(sorted(chosen))


def choose_evenly__greedy(y, n, seed):
    torch.manual_seed(seed)
    most = math.ceil(n / len(y.unique()))
    counts = dict.fromkeys(y.tolist(), 0)
    full, kept = n - (most - 1) * len(counts), []
    for i in torch.randperm(len(y)).tolist():
        label = int(y[i])
        if counts[label] < most - 1 or (counts[label] == most - 1 and full > 0):
            full -= counts[label] == most - 1
            counts[label] += 1
            kept.append(i)
    return torch.tensor(kept).sort()[0]


def unfreeze_last__loop(blocks, n):
    for i, block in enumerate(blocks):
        learns = i >= len(blocks) - n
        block.requires_grad_(learns)
        block.train(learns)


def unfreeze_last__slices(blocks, n):
    cut = len(blocks) - n
    for block in blocks[:cut]:
        block.eval()
        for p in block.parameters():
            p.requires_grad = False
    for block in blocks[cut:]:
        block.train()
        for p in block.parameters():
            p.requires_grad = True


def unfreeze_last__first_all(blocks, n):
    for block in blocks:
        block.requires_grad_(False).eval()
    for block in list(reversed(blocks))[:n]:
        block.requires_grad_(True).train()


def parameter_groups__usual(model, head_lr, backbone_lr):
    learning = [p for p in model.backbone.parameters() if p.requires_grad]
    return [{"params": learning, "lr": backbone_lr}, {"params": list(model.head.parameters()), "lr": head_lr}]


def parameter_groups__filter(model, head_lr, backbone_lr):
    return [
        {"params": filter(lambda p: p.requires_grad, model.head.parameters()), "lr": head_lr},
        {"params": filter(lambda p: p.requires_grad, model.backbone.parameters()), "lr": backbone_lr},
    ]


def parameter_groups__names(model, head_lr, backbone_lr):
    groups = {"head": [], "backbone": []}
    for name, p in model.named_parameters():
        if p.requires_grad:
            groups[name.split(".")[0]].append(p)
    return [{"lr": lr, "params": groups[part]} for part, lr in (("head", head_lr), ("backbone", backbone_lr))]


def half_width__formula(p, n):
    return 1.96 * math.sqrt(p * (1 - p) / n)


def half_width__tensor(p, n):
    p = torch.tensor(p, dtype=torch.float64)
    return 1.96 * torch.sqrt(p * (1 - p)) / n**0.5


def half_width__counted(p, n):
    right = p * n
    variance = (right * (1 - p) ** 2 + (n - right) * p**2) / n
    return 1.96 * (variance / n) ** 0.5


def half_width__float32(p, n):
    p = torch.tensor(p)
    return (1.96 * (p * (1 - p) / n).sqrt()).item()
