"""Pairs from a file: a line each, source, tab, target, and perhaps a tab and who wrote it (Tatoeba's layout)."""

import random
from pathlib import Path

from common.device import derive_seed
from common.errors import InputError
from common.text.own_files import read_text
from labs.nlp.translate.dates import Pair

LEAST = 20  # pairs: fewer cannot be split into three parts


def read_tsv(name: str) -> list[Pair]:
    """The pairs that --dataset tsv:PATH (or tsv:PATH,encoding=cp1252) names; blank lines are passed over.

    Raises InputError, with the line's number, for one that is no pair.
    """
    place, _, encoding = name.partition(":")[2].partition(",encoding=")
    path = Path(place).expanduser()
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    pairs = []
    for number, line in enumerate(read_text(path, encoding or "utf-8").split("\n"), 1):
        columns = [column.strip() for column in line.rstrip("\r").split("\t")]
        if not any(columns):
            continue
        if len(columns) not in (2, 3):
            raise InputError(
                f"{path}, line {number}: {len(columns)} columns; a line is source, tab, target, "
                "and perhaps a tab and who wrote it"
            )
        if not columns[0] or not columns[1]:
            side = "target" if columns[0] else "source"
            raise InputError(f"{path}, line {number}: the {side} is empty; fill it in or take the line out")
        pairs.append(Pair(columns[0], columns[1], ""))
    if len(pairs) < LEAST:
        raise InputError(f"{path} has {len(pairs)} pairs; at least {LEAST} are needed, to train and to test")
    return pairs


def split_pairs(pairs: list[Pair], seed: int = 0) -> dict[str, list[Pair]]:
    """Parts train, val and test; a tenth of the sources each for val and test, drawn by `seed`.

    Many sources have several translations: of a source that is held out the first one counts, and nothing that is held
    out, neither a source nor a target, occurs in the part to train on.
    """
    first: dict[str, Pair] = {}
    for pair in pairs:
        first.setdefault(pair.source, pair)
    sources = sorted(first)
    random.Random(derive_seed(seed)).shuffle(sources)
    tenth = max(1, len(sources) // 10)
    test, val = ([first[source] for source in part] for part in (sources[:tenth], sources[tenth : 2 * tenth]))
    test_targets = {pair.target for pair in test}
    val = [pair for pair in val if pair.target not in test_targets]
    sources_held, held = set(sources[: 2 * tenth]), test_targets | {pair.target for pair in val}
    train = [pair for pair in pairs if pair.source not in sources_held and pair.target not in held]
    if not train or not val:
        raise InputError(f"{len(pairs)} pairs of which too few differ to be split into parts; give it more")
    return {"train": train, "val": val, "test": test}
