"""Which hand-ins resemble one another: winnowing over normalised syntax trees. A hint for a talk, never a mark.

Schleimer, Wilkerson & Aiken 2003, “Winnowing: local algorithms for document fingerprinting”. Names, numbers and texts
do not count, so that renaming hides nothing; what the stub and most of the class have in common does not either.
"""

import ast
import zlib
from itertools import combinations

from assignments.answers import parse_answers

LENGTH = 12  # nodes of the syntax tree in a fingerprint
WINDOW = 6  # of so many neighbouring fingerprints the smallest is kept
COMMON = 0.25  # what more than this share of a class has (and at least four) is nobody's


def shape(tree: ast.AST) -> list[str]:
    """The kinds of a syntax tree's nodes, from top to bottom, with operators and the attributes that are called."""
    kinds = []
    for node in ast.walk(tree):
        kind = type(node).__name__
        kinds.append(f"{kind}.{node.attr}" if isinstance(node, ast.Attribute) else kind)
    return kinds


def fingerprints(data: bytes, names: set[str]) -> set[tuple[str, int]]:
    """The fingerprints of the functions `names` in an answers.py, each with its function's name."""
    answers = parse_answers(data)
    found = set()
    for name in sorted(names):
        for node in answers.part(name):
            if isinstance(node, ast.FunctionDef):
                body = [
                    part
                    for part in node.body
                    if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                ]
                kinds = [kind for part in body for kind in shape(part)]
                grams = [zlib.crc32(" ".join(kinds[i : i + LENGTH]).encode()) for i in range(len(kinds) - LENGTH + 1)]
                windows = [grams[i : i + WINDOW] for i in range(max(1, len(grams) - WINDOW + 1))]
                found |= {(name, min(window)) for window in windows if window}
    return found


def similar(hand_ins: dict[str, bytes], names: set[str], known: bytes = b"") -> list[tuple[str, str, float, int]]:
    """Pairs of students whose answers share fingerprints that few others have: (a, b, share, number), most first.

    The share is of the smaller of the two. `known` is source that everybody may have: stub and labs.
    """
    prints = {student: fingerprints(data, names) for student, data in hand_ins.items()}
    count: dict[tuple[str, int], int] = {}
    for found in prints.values():
        for each in found:
            count[each] = count.get(each, 0) + 1
    allowed = max(3, COMMON * len(prints))
    everybodys = {each for each, n in count.items() if n > allowed} | fingerprints(known, names)
    rare = {student: found - everybodys for student, found in prints.items()}
    pairs = []
    for a, b in combinations(sorted(rare), 2):
        both, smaller = len(rare[a] & rare[b]), min(len(rare[a]), len(rare[b]))
        if both >= 5 and both / smaller >= 0.5:
            pairs.append((a, b, round(both / smaller, 3), both))
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[3], pair[:2]))
