"""The optimisers the courses teach, by name."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn

OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta"]

# name → torch's class, and the settings that differ from torch's defaults
_OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {}),  # Kingma & Ba 2015; β 0.9 and 0.999
    "adamw": (torch.optim.AdamW, {}),  # Loshchilov & Hutter 2019; weight decay 0.01 apart from the gradient
    "sgd": (torch.optim.SGD, {}),  # θ ← θ − ηg
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9}),  # Hinton 2012 (and Flux): ρ 0.9, where torch has 0.99
    "adagrad": (torch.optim.Adagrad, {}),  # Duchi et al. 2011
    "adadelta": (torch.optim.Adadelta, {}),  # Zeiler 2012; ρ 0.9, usual η 1
}


def make_optimizer(
    name: OptimizerName, parameters: Iterable[nn.Parameter], lr: float, **settings: Any
) -> torch.optim.Optimizer:
    """The optimiser called `name` with learning rate `lr` (η); `settings` are torch's own (weight_decay, betas, …).

    Takes the fused kernel, one pass over all parameters, where this torch has one for their device.
    """
    optimizer, defaults = _OPTIMIZERS[name]
    settings = {"lr": lr, **defaults, **settings}
    parameters = list(parameters)
    on_cpu = any(p.device.type == "cpu" for p in parameters)
    # Several releases have Adagrad's for CPUs only, and say so not before the first step.
    fused = torch.__version__ >= "2.4" if on_cpu else name != "adagrad"
    try:
        return optimizer(parameters, **settings, fused=fused)
    except (RuntimeError, TypeError):  # no fused kernel for this optimiser or this device
        return optimizer(parameters, **settings)
