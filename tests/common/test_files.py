import json
import os
from dataclasses import dataclass

import pytest

from common.errors import InputError
from common.files import read_json, validated, write_atomically, write_csv, write_json


@dataclass(frozen=True)
class Point:
    x: int
    names: list[str]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")
    monkeypatch.setattr(type(path), "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_rows_become_lines_and_columns_are_all_names_in_order(tmp_path):
    write_csv(tmp_path / "a.csv", [{"a": 1, "b": 1 / 3}, {"a": 2, "c": "x,y"}])
    assert (tmp_path / "a.csv").read_text() == 'a,b,c\n1,0.333333,\n2,,"x,y"\n'
    write_csv(tmp_path / "b.csv", [], columns=("a", "b"))
    assert (tmp_path / "b.csv").read_text() == "a,b\n"


def test_json_comes_back_as_what_it_was(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1, "names": ["η"], "path": tmp_path})
    assert read_json(tmp_path / "a.json", Point) == Point(1, ["η"])
    assert json.loads((tmp_path / "a.json").read_text())["path"] == str(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json", Point)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"x": ', "damaged: it is no JSON"),
        ("null", "its content: expected `object`, got `null`"),
        ("[1]", "its content: expected `object`, got `array`"),
        ('{"x": 1.5, "names": []}', "x: expected `int`, got `float`"),
        ('{"x": "1", "names": []}', "x: expected `int`, got `str`"),
        ('{"x": 1, "names": "ab"}', "names: expected `array`, got `str`"),
        ('{"x": 1, "names": [null]}', r"names\[0\]: expected `str`, got `null`"),
        ('{"x": 1}', "missing required field `names`"),
        ("\udcff", "damaged"),
    ],
)
def test_what_is_wrong_is_named_with_file_field_and_rule(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message) as error:
        read_json(path, Point)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_where_may_be_anything():
    with pytest.raises(InputError, match="the header: x: expected"):
        validated({"x": None, "names": []}, Point, "the header")


def test_a_device_or_pipe_is_not_replaced_by_a_file(tmp_path):
    """Root could: `--out /dev/null` would put an ordinary file in its place, and every program would suffer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe is a device or pipe; name a file"):
        write_atomically(pipe, b"content")
    assert pipe.is_fifo()
    with pytest.raises(InputError, match="is a folder"):
        write_atomically(tmp_path, b"content")
