import dataclasses
import json
import os
import time

import pytest

from common import run_list
from common.errors import InputError
from common.records import DIFFERING
from common.run_list import Line, describe_time, differing, layout, list_runs, shorten
from common.runs import Run
from common.settings import UNGIVEN, Count, TrainingFlags, Usual


@dataclasses.dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND = "labs.vae"
    BETTER = {"val_loss": "smaller"}

    hidden: tuple[int, ...] = (8,)
    width: Usual[Count] = UNGIVEN

    def usual(self):
        return {"width": 32 if self.dataset == "digits" else 64}


@dataclasses.dataclass(frozen=True)
class OtherFlags(Flags):
    COMMAND = "labs.cnn.other"


def make_run(path, kind=Flags, finish=True, **kws):
    run = Run(kind(**{"quiet": True, "dataset": "digits", "device": "cpu", "out": path, **kws}))
    run.history = [{"epoch": 1, "seconds": 90.0, "val_loss": 0.25}, {"epoch": 2, "seconds": 95.0, "val_loss": 0.125}]
    run.write_history()
    if finish:
        run.finish({"test_accuracy": 0.9}, "")
    return path


def age(path, minutes):
    """As if everything in the run had been written so long ago, the summary last."""
    for file in sorted(path.rglob("*"), key=lambda file: file.name == "summary.json"):
        then = time.time() - 60 * minutes + (file.name == "summary.json")
        os.utime(file, (then, then))


def listed(capsys, *words, **kws):
    capsys.readouterr()
    list_runs(*words, **kws)
    return capsys.readouterr().out.splitlines()


def test_a_line_per_run_the_newest_last(tmp_path, capsys):
    for name, minutes in (("b", 30), ("a", 5)):
        age(make_run(tmp_path / "deep" / name, lr=0.5, hidden=(32, 16)), minutes)
    age(make_run(tmp_path / "plain"), 60)
    header, *lines = listed(capsys, folder=tmp_path)
    assert [line.split()[0].rpartition("/")[2] for line in lines] == ["plain", "b", "a"]
    assert header.split()[:4] == ["run", "command", "dataset", "not"]
    for part in ("vae", "digits", "lr 0.5, hidden 32,16", "val_loss 0.125", "3:05 min", "done"):
        assert part in lines[2]
    assert "width" not in lines[2]  # what `usual` fills in is a default, too
    assert "lr" not in lines[0]


def test_running_interrupted_done(tmp_path, capsys):
    for name, minutes, kws in (
        ("killed", 40, {"finish": False}),
        ("going", 2, {"finish": False}),
        ("ended", 2, {}),
        ("stopped", 2, {}),
    ):
        age(make_run(tmp_path / name, **kws), minutes)
    summary = tmp_path / "stopped" / "summary.json"
    summary.write_text(summary.read_text().replace('"interrupted": false', '"interrupted": true'))
    states = {line.split()[0].rpartition("/")[2]: line.split()[-1] for line in listed(capsys, folder=tmp_path)[1:5]}
    assert states == {"killed": "interrupted", "going": "running", "ended": "done", "stopped": "interrupted"}
    (tmp_path / "stopped" / "history.csv").touch()  # resumed
    os.utime(tmp_path / "stopped" / "history.csv", (time.time() + 9, time.time() + 9))
    (tmp_path / "ended" / "figures").mkdir()  # another command's
    (tmp_path / "ended" / "figures" / "samples.png").touch()
    lines = listed(capsys, folder=tmp_path)
    states = {line.split()[0].rpartition("/")[2]: line.split()[-1] for line in lines[1:5]}
    assert (states["stopped"], states["ended"]) == ("running", "done")
    assert lines[-1] == run_list.RULE


def test_only_of_one_lab(tmp_path, capsys):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", kind=OtherFlags)
    assert [line.split()[1] for line in listed(capsys, "cnn", folder=tmp_path)[1:]] == ["cnn.other"]
    assert [line.split()[1] for line in listed(capsys, "labs.vae", folder=tmp_path)[1:]] == ["vae"]
    with pytest.raises(InputError, match=r"no run of gan below .*python -m labs.gan"):
        list_runs("gan", folder=tmp_path)
    with pytest.raises(InputError, match="no run below nowhere"):
        list_runs(folder="nowhere")
    with pytest.raises(InputError, match="no lab's name"):
        list_runs("../x", folder=tmp_path)


def test_a_damaged_run_and_one_of_another_release_have_a_line(tmp_path, capsys):
    make_run(tmp_path / "damaged")
    (tmp_path / "damaged" / "hyperparams.json").write_text('{"lab": ')
    make_run(tmp_path / "old")
    record = json.loads((tmp_path / "old" / "hyperparams.json").read_text())
    del record[DIFFERING]
    (tmp_path / "old" / "hyperparams.json").write_text(json.dumps(record))
    age(tmp_path / "old", 3)
    lines = listed(capsys, folder=tmp_path)[1:]
    assert any(line.endswith("damaged") and "hyperparams" in line for line in lines)
    assert any("(of another release)" in line and line.endswith("done") for line in lines)


@pytest.mark.parametrize("names", [3, "lr", ["no_such"], [["lr"]], [{}]])
def test_names_that_a_damaged_record_has_not_are_no_traceback(names):
    assert differing({DIFFERING: names, "lr": 0.5}) == "(of another release)"


def test_a_command_that_is_not_installed_is_listed_all_the_same(tmp_path, capsys):
    """The list imports no lab: what differs is what the run has written down."""
    kind = dataclasses.dataclass(frozen=True)(type("Gone", (Flags,), {"COMMAND": "labs.gone"}))
    make_run(tmp_path / "a", kind=kind, lr=0.5)
    assert "lr 0.5" in listed(capsys, folder=tmp_path)[1]


def test_every_line_fits_120_columns():
    long = Line(
        "runs/" + "x" * 90 + "/end", "nlp." + "y" * 40, "z" * 60, "lr 1, " * 40, "m" * 50 + " 0.5", "9 s", "running"
    )
    short = Line("runs/vae/a", "vae", "digits", "lr 0.1, beta 4", "val_loss 0.3", "12 s", "done")
    lines = layout([long, short])
    assert max(map(len, lines)) == 120
    assert "/end" in lines[1]
    assert "m 0.5" in lines[1]
    assert max(map(len, layout([short]))) < 90
    assert "lr 0.1, beta 4" in layout([short])[1]


def test_times_and_long_words():
    assert [describe_time(s) for s in (12.4, 185, 7800)] == ["12 s", "3:05 min", "2:10 h"]
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcdef", 4, keep_end=True) == "…def"
