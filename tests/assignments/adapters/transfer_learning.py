"""The lab's functions as answers to the set transfer_learning."""

import torch
from torch import nn

from common import metrics
from common.optimizers import make_optimizer
from labs.transfer_learning.backbones import Preparation
from labs.transfer_learning.labelled_images import choose_evenly as drawn
from labs.transfer_learning.pretrained_network import Network, Prepare, build_model
from labs.transfer_learning.recipe import HyperParams


def normalise(X):
    facts = Preparation(X.shape[-1], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = Prepare(facts, X.shape[-1])
    return torch.cat(
        [prepare(X[:, :, i : i + 1].expand(-1, -1, X.shape[-1], -1))[:, :, :1] for i in range(X.shape[2])], 2
    )


def freeze(model):
    Network(nn.Identity(), model.backbone, model.head, [])
    model.head.requires_grad_(True)


def head(width, hidden, K, p):
    args = HyperParams(dataset="digits", backbone="characters", weights="none", hidden=hidden, dropout=p, image_size=32)
    layers = build_model(args, K).head
    layers[0] = nn.Linear(width, hidden)  # the backbone's features are 256
    return layers


def choose_evenly(y, n, seed):
    return drawn(y, n, seed).sort().values


def unfreeze_last(blocks, n):
    Network(nn.Identity(), nn.Sequential(*blocks), nn.Sequential(), blocks[len(blocks) - n :])


def parameter_groups(model, head_lr, backbone_lr):
    optimizer = make_optimizer("sgd", model.head.parameters(), head_lr)
    learning = [p for p in model.backbone.parameters() if p.requires_grad]
    optimizer.add_param_group({"params": learning, "lr": backbone_lr})
    return optimizer.param_groups


def half_width(p, n):
    z = 1.96  # Wilson's interval without its correction of the centre is the normal distribution's
    low, high = metrics.confidence_interval(p, n)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    inside = ((high if p < 1 else 2 * centre - low) - centre) * (1 + z**2 / n) / z
    return z * max(0.0, inside**2 - z**2 / (4 * n**2)) ** 0.5
