"""The network of the course's notebook, cnn.ipynb. After LeCun et al. 1998."""

from typing import cast

from torch import Tensor, nn


def lenet() -> nn.Sequential:
    """The notebook's variant of LeNet-5: 44 426 parameters."""
    network = nn.Sequential(  # (N,  1, 28, 28)
        nn.Conv2d(1, 6, kernel_size=5),  # (N,  6, 24, 24)
        nn.MaxPool2d(2),  # (N,  6, 12, 12)
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel_size=5),  # (N, 16,  8,  8)
        nn.MaxPool2d(2),  # (N, 16,  4,  4)
        nn.ReLU(),
        nn.Flatten(),  # (N, 256)
        nn.Linear(256, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),  # (N, 10) logits
    )
    for layer in network:  # as Flux does it; torch's own start is smaller, which suits tanh less (Glorot & Bengio 2010)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))
    return network
