import dataclasses
import json

import pytest

from common.compare import compare, comparison_table
from common.errors import InputError
from common.runs import Run
from common.settings import TrainingFlags


def make_run(path, lab="cnn", losses=(0.5, 0.4), accuracy=0.9, **kws):
    kind = dataclasses.dataclass(frozen=True)(type("Flags", (TrainingFlags,), {"COMMAND": f"labs.{lab}"}))
    run = Run(kind(quiet=True, dataset="digits", device="cpu", out=path, **kws))
    run.history = [{"epoch": i, "seconds": 1.5, "test_loss": loss} for i, loss in enumerate(losses, 1)]
    run.write_history()
    run.finish({"test_loss": losses[-1], "test_accuracy": accuracy}, "")
    return path


def test_settings_that_differ_metrics_time_and_the_best(tmp_path):
    a = make_run(tmp_path / "a", lr=0.1, accuracy=0.91)
    b = make_run(tmp_path / "b", lr=0.2, accuracy=0.93, losses=(0.5, 0.45, 0.41), epochs=3)
    header, first, second = comparison_table([a, b])
    assert header == ["run", "lr", "test loss", "test accuracy", "epochs", "seconds"]
    assert first == [str(a), "0.1", "0.4000 *", "0.9100", "2", "3.0"]
    assert second == [str(b), "0.2", "0.4100", "0.9300 *", "3", "4.5"]


def test_runs_that_look_equal_are_equally_good(tmp_path):
    paths = [make_run(tmp_path / name, accuracy=a) for name, a in (("a", 0.9914285668), ("b", 0.9914285711))]
    header, *rows = comparison_table(paths)
    assert [row[header.index("test accuracy")] for row in rows] == ["0.9914 *", "0.9914 *"]


def test_one_run_has_no_best(tmp_path):
    assert "*" not in " ".join(comparison_table([make_run(tmp_path / "a")])[1])


def test_the_table_is_markdown_and_the_curves_are_drawn(tmp_path, capsys):
    paths = [make_run(tmp_path / name, lr=lr) for name, lr in (("a", 0.1), ("b", 0.2))]
    capsys.readouterr()
    compare(paths, tmp_path / "curves.png")
    lines = capsys.readouterr().out.splitlines()
    assert set(lines[1]) <= set("|- ")
    assert all(line.count("|") == lines[0].count("|") for line in lines[:4])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_killed_run_has_what_there_is(tmp_path):
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    (b / "summary.json").unlink()
    assert comparison_table([a, b])[2][0] == f"{b} (interrupted)"


def test_what_cannot_be_compared_is_named(tmp_path):
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b", lab="vae")
    with pytest.raises(InputError, match=r"different labs \(cnn, vae\)"):
        comparison_table([a, b])
    with pytest.raises(InputError, match="no runs to compare"):
        comparison_table([])
    with pytest.raises(InputError, match="nowhere is no run"):
        comparison_table([tmp_path / "nowhere"])
    (a / "hyperparams.json").write_text(json.dumps({"lab": "cnn"})[:-3])
    with pytest.raises(InputError, match="damaged"):
        comparison_table([a])


def test_a_runs_name_is_no_formula(tmp_path, capsys):
    paths = [make_run(tmp_path / name) for name in (r"$\frac$", "$x$")]
    compare(paths, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000
