"""VGG-16 from ImageNet reads MNIST, its images enlarged to 224×224 and made RGB batch by batch.

Mirrors transfer-learning-mnist.jl: the network without its last layer, frozen; a head 4096→256→10 (1 051 402
parameters) trained with Adam 3e-3 on batches of 64 for 3 epochs. The rest is in transfer_learning.py. All of MNIST
(`--train-images 0 --test-images 0`) is a matter of hours on a CPU, so a part of it is the default.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common import cli
from common.runs import Run
from common.settings import UNGIVEN, Count, Usual
from labs.transfer_learning.labelled_images import Data
from labs.transfer_learning.pretrained_network import Network
from labs.transfer_learning.recipe import HyperParams
from labs.transfer_learning.transfer_learning import train_with


@dataclass(frozen=True)
class MnistHyperParams(HyperParams):
    """Teach VGG-16, pretrained on ImageNet, to read handwritten digits."""

    COURSE: ClassVar[tuple[str, str]] = ("mnist", "vgg16")
    EPOCHS: ClassVar[int] = 3

    dataset: str = "auto"  # mnist, fashion_mnist, kmnist, cifar10, digits, folder:PATH (one a class); auto: mnist
    backbone: Usual[str] = UNGIVEN  # torchvision's name of a classification model, or characters; none: vgg16
    epochs: Usual[Count] = UNGIVEN  # passes over the training set; none: 3, with the embedded pair 60
    batch_size: Count = 64  # samples per gradient step


def train(data: Data | None = None, network: Network | None = None, **kws: Any) -> tuple[Network, Run]:
    """`train` of transfer_learning.py with this lab's settings."""
    return train_with(MnistHyperParams.of(**kws), data, network)


def main() -> None:
    """The command `python -m labs.transfer_learning.transfer_learning_mnist`."""
    _, run = cli.run(train, MnistHyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
