"""`python -m common.tether labs.vae …`: the command, which ends as soon as the program that started it has ended.

Whoever starts a run so holds the other end of its standard input. A sweep or a cluster's worker that is killed cannot
tell its runs any more; the closed pipe does. Otherwise a run that is done again elsewhere would be written by two.
"""

import os
import runpy
import sys
import threading


def end_with(pipe: int) -> None:
    """Wait until nobody holds the pipe's other end any more, then end this program at once, as a kill would."""
    os.read(pipe, 1)
    os._exit(1)


def main() -> None:
    """Run the module named first, with the words behind it."""
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the run itself has nobody to ask
    os.close(nothing)
    threading.Thread(target=end_with, args=(pipe,), daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
