"""A playground in the plane: a tiny network separates two kinds of points. `python -m labs.cnn.classify_2d`

What it does is in `common/playground.py`, for the warm-up's notebook has it, too.
"""

from common import cli
from common.playground import Playground, play


def main() -> None:
    """The command `python -m labs.cnn.classify_2d`."""
    cli.run(play, Playground)


if __name__ == "__main__":
    main()
