import dataclasses
import json

import pytest
import torch

from common import plots
from common.compare import compare, comparison_table, curves_to_draw, figure_path, read_runs
from common.errors import InputError
from common.runs import Run
from common.settings import TrainingFlags


def make_run(path, lab="cnn", losses=(0.5, 0.4), accuracy=0.9, better=(("val_loss", "smaller"),), part="test", **kws):
    body = {"COMMAND": f"labs.{lab}", "BETTER": dict(better)}
    kind = dataclasses.dataclass(frozen=True)(type("Flags", (TrainingFlags,), body))
    run = Run(kind(quiet=True, dataset="digits", device="cpu", out=path, **kws))
    run.history = [{"epoch": i, "seconds": 1.5, f"{part}_loss": loss} for i, loss in enumerate(losses, 1)]
    run.write_history()
    run.kept = 1 + losses.index(min(losses)) if part == "val" else None
    run.finish({"test_accuracy": accuracy}, "")
    return path


def table(*paths):
    header, *rows = comparison_table(read_runs(paths))
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_settings_that_differ_metrics_and_time(tmp_path):
    a = make_run(tmp_path / "a", lr=0.1, accuracy=0.91)
    b = make_run(tmp_path / "b", lr=0.2, accuracy=0.93, losses=(0.5, 0.45, 0.41), epochs=3)
    assert table(a, b) == [
        {"run": str(a), "lr": "0.1", "test accuracy": "0.9100", "epochs": "2", "seconds": "3.0"},
        {"run": str(b), "lr": "0.2", "test accuracy": "0.9300", "epochs": "3", "seconds": "4.5"},
    ]


def test_the_validation_metric_of_the_kept_epoch_chooses(tmp_path, capsys):
    """a ends better, but b's kept epoch is better; the test metric stays without a mark."""
    a = make_run(tmp_path / "a", losses=(0.5, 0.4, 0.35), part="val", accuracy=0.99)
    b = make_run(tmp_path / "b", losses=(0.5, 0.3, 0.9), part="val", accuracy=0.91)
    assert [row["val loss"] for row in table(a, b)] == ["0.3500", "0.3000 *"]
    assert [row["test accuracy"] for row in table(a, b)] == ["0.9900", "0.9100"]
    compare([a, b])
    assert "no run is marked" not in capsys.readouterr().out


def test_what_is_better_is_the_labs_own_saying(tmp_path, capsys):
    paths = [make_run(tmp_path / name, part="val", losses=(x,), better=()) for name, x in (("a", 0.1), ("b", 2.0))]
    assert "*" not in str(table(*paths))
    compare(paths)
    assert "no run is marked as the best" in capsys.readouterr().out
    larger = (("val_loss", "larger"),)
    paths = [make_run(tmp_path / name, part="val", losses=(x,), better=larger) for name, x in (("c", 0.1), ("d", 2.0))]
    assert [row["val loss"] for row in table(*paths)] == ["0.1000", "2.0000 *"]


def test_runs_that_look_equal_are_equally_good(tmp_path):
    values = (("a", 0.9914285668), ("b", 0.9914285711), ("c", 1.0))
    paths = [make_run(tmp_path / name, losses=(loss,), part="val") for name, loss in values]
    assert [row["val loss"] for row in table(*paths)] == ["0.9914 *", "0.9914 *", "1.0000"]
    assert "*" not in str(table(*paths[:2]))  # nothing to choose between


def test_parameters_are_counted(tmp_path):
    make_run(tmp_path / "a")
    kind = dataclasses.dataclass(frozen=True)(type("Flags", (TrainingFlags,), {"COMMAND": "labs.cnn"}))
    run = Run(kind(quiet=True, device="cpu", out=tmp_path / "b"))
    run.save_model(torch.nn.Linear(99, 11))
    run.finish({"samples": 133898.0}, "")
    rows = table(tmp_path / "a", tmp_path / "b")
    assert [row["parameters"] for row in rows] == ["", "1,100"]
    assert rows[1]["samples"] == "133,898"


def test_episodes_are_called_episodes(tmp_path):
    path = make_run(tmp_path / "a")
    (path / "history.csv").write_text("epoch,seconds,episodes,val_return\n1,1.5,100,3.0\n2,1.5,200,4.0\n")
    assert table(path)[0]["episodes"] == "200"
    assert curves_to_draw(read_runs([path])) == ["val_return"]


def test_the_legend_names_every_run():
    histories = {name: [{"epoch": 1, "val_loss": 1.0, "val_accuracy": 0.5}] for name in ("a", "$b$")}
    figure = plots.plot_runs(histories, ["val_loss", "val_accuracy"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", r"\$b\$"]


def test_the_figure_is_named_after_the_runs(tmp_path):
    assert figure_path([tmp_path / "base", tmp_path / "deep"]) == tmp_path / "comparison_base_deep.png"
    many = [tmp_path / f"a-rather-long-name-{i}" for i in range(9)]
    assert figure_path(many).name == "comparison_a-rather-long-name-0_to_a-rather-long-name-8_9_runs.png"


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
    assert table(a, b)[1]["run"] == f"{b} (interrupted)"


def test_what_cannot_be_compared_is_named(tmp_path):
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b", lab="vae")
    with pytest.raises(InputError, match=r"different labs \(cnn, vae\)"):
        read_runs([a, b])
    with pytest.raises(InputError, match="no runs to compare"):
        read_runs([])
    with pytest.raises(InputError, match="nowhere is no run"):
        read_runs([tmp_path / "nowhere"])
    (a / "hyperparams.json").write_text(json.dumps({"lab": "cnn"})[:-3])
    with pytest.raises(InputError, match="damaged"):
        read_runs([a])


def test_a_runs_name_is_no_formula(tmp_path, capsys):
    paths = [make_run(tmp_path / name) for name in (r"$\frac$", "$x$")]
    compare(paths, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_of_long_names_the_ends_are_shown_within_the_figure():
    histories = {f"{'a/folder/' * 8}run{i}": [{"epoch": 1, "val_loss": 1.0}] for i in range(15)}
    figure = plots.plot_runs(histories, ["val_loss"])
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text().rpartition("/")[2] for text in legend.get_texts()] == [f"run{i}" for i in range(15)]
    assert legend.get_window_extent().x1 <= figure.bbox.x1
