"""ResNet-18 from ImageNet reads CIFAR-10 from 512 labelled images.

Mirrors transfer-learning-cifar.jl: the network without its last layer, frozen; a head 512→256→10 (133 898 parameters)
trained with Adam 3e-3 on batches of 16 for 8 epochs. The rest is in transfer_learning.py. Where no weights can be had,
`--dataset auto` is a smaller pair of tasks that comes with the lab.
"""

from common import cli
from labs.transfer_learning.recipe import HyperParams
from labs.transfer_learning.transfer_learning import train


def main() -> None:
    """The command `python -m labs.transfer_learning`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
