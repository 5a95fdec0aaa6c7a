"""Files written whole or not at all, and read with a check of what they hold."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from common.errors import InputError

T = TypeVar("T")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never half of it.

    Raises InputError for a path without a file's name, and for what is there and no file: who may do so would put a
    file in the place of /dev/null.
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"{str(path)!r} is no file's name; name a file to write to")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a {'folder' if path.is_dir() else 'device or pipe'}; name a file to write to")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """A line of names and a line per row, floats with six digits. `columns`: what there is without any row."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_atomically(path, text.getvalue())


def write_json(path: Path, values: Any) -> None:
    """`values` as JSON that a person can read; paths become strings."""
    write_atomically(path, json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: Path, kind: type[T]) -> T:
    """What a JSON file holds, as `kind`: a dataclass, dict[str, int], ….

    Raises FileNotFoundError, and InputError, naming the file and the field, for what is damaged or not of that kind.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged: it is no JSON ({error})") from error
    return validated(values, kind, path)


def validated(values: Any, kind: type[T], where: object) -> T:
    """`values`, as they come out of JSON, as `kind`. Raises InputError that names `where`, the field and the rule."""
    try:
        return msgspec.convert(values, kind, dec_hook=lambda of, value: of(value))
    except msgspec.ValidationError as error:
        rule, _, field = str(error).partition(" - at `$.")
        raise InputError(f"{where}: {field.rstrip('`') or 'its content'}: {rule[0].lower()}{rule[1:]}") from error
