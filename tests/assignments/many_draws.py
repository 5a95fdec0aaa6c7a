"""Prints how every correct version of every exercise fares on 200 draws: python tests/assignments/many_draws.py [SET…]

The tests have fewer draws, for the sake of time. Exit status 1 if a right answer failed.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from judging import load, versions

from assignments.check import check_here
from assignments.exercise import exercises, load_set, sets

KEYS = 25  # of eight draws each


def main(names: list[str]) -> int:
    """Judge all versions; returns how many judgements were wrong."""
    failures = 0
    for name in names or sets():
        started, judgements, found = time.monotonic(), 0, load("versions", name)
        for exercise in exercises(load_set(name)):
            for how, version in versions(found, exercise).items():
                for number in range(KEYS):
                    result = check_here(exercise, version, f"draws {number}")
                    judgements += 1
                    if result.points != exercise.points:
                        failures += 1
                        print(f"{name} {exercise.name} {how}, key {number}: {result.said}")
        print(f"{name}: {judgements} judgements of 8 draws each, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{failures} right answers failed")
    return failures


if __name__ == "__main__":
    raise SystemExit(1 if main(sys.argv[1:]) else 0)
