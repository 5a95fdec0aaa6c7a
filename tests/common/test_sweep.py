import dataclasses
import math
import random
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from common import cli
from common.commands import settings_class
from common.compare import read_runs
from common.errors import InputError
from common.programs import Outcome
from common.runs import Run
from common.settings import TrainingFlags
from common.sweep import figures as sweep_figures
from common.sweep.metrics import choose_metric
from common.sweep.plan import Plan, check_jobs, draw_value, jobs_of, keep_plan, make_plan, read_plan, read_seeds
from common.sweep.statistics import Group, against_best, best_of, digits, holm, verdict, welch
from common.sweep.sweep import Sweep
from common.sweep.tables import report

WALK = "reinforcement_learning"  # the quickest command


def plan(over, seeds="0", draw=None, words=(), command="vae", seed=0):
    made = make_plan(command, [text.split() for text in over], seeds, draw, seed, list(words))
    jobs = jobs_of(made, Path("out"))
    check_jobs(made, jobs)
    return made, jobs


# --- The plan -------------------------------------------------------------------------------------------------------


def test_the_command_line_of_the_issue():
    line = "vae --over latent-dim 2 5 --over beta 1 4 --seeds 0-2 --jobs 2 --out runs/x -- --epochs 10"
    args = cli.parse(Sweep, line.split(), "labs sweep")
    assert (args["command"], args["over"]) == ("vae", (("latent-dim", "2", "5"), ("beta", "1", "4")))
    assert (args["words"], args["jobs"]) == (("--epochs", "10"), 2)
    made, jobs = plan(map(" ".join, args["over"]), args["seeds"], words=args["words"])
    assert made.combinations[1] == {"latent_dim": "2", "beta": "4"}
    assert len(jobs) == 2 * 2 * 3
    assert [job.name for job in jobs][3:5] == ["latent-dim-5_beta-4_seed-0", "latent-dim-2_beta-1_seed-1"]
    assert jobs[4].words == ("--latent-dim=2", "--beta=1", "--seed", "1", "--epochs", "10")


def test_lists_negative_numbers_and_switches_are_values():
    _, jobs = plan(["hidden 32,64 16", "compile True False"], words=["--preset", "examples"])
    assert [job.words[:2] for job in jobs[:2]] == [("--hidden=32,64", "--compile"), ("--hidden=32,64", "--seed")]
    assert jobs[0].name == "hidden-32,64_compile-True_seed-0"
    _, jobs = plan(["initial -1 -1e-3"], command=WALK)
    assert jobs[1].words[0] == "--initial=-1e-3"


@pytest.mark.parametrize(
    ("over", "kws", "parts"),
    [
        (["latent-dim"], {}, ["--over latent-dim", "NAME VALUE"]),
        (["beta 1", "beta 2"], {}, ["beta", "given twice"]),
        (["beta 1 1"], {}, ["beta", "a value twice"]),
        (["beta 1 1.0"], {}, ["beta-1_seed-0", "the same settings"]),
        (["seed 1 2"], {}, ["--over seed", "--seeds"]),
        (["latent-dims 2"], {}, ["latent-dims", "--latent-dim"]),
        (["beta 1 -4"], {}, ["beta -4", "at least 0"]),
        (["beta 1"], {"words": ["--beta", "2"]}, ["--beta"]),
        (["beta 1"], {"words": ["--out=x"]}, ["--out"]),
        (["beta 1"], {"words": ["--epoch", "2"]}, ["--epoch", "--epochs"]),
        (["beta 1..4"], {}, ["--beta 1..4", "--random"]),
        (["beta 4..1"], {"draw": 2}, ["4..1", "less than"]),
        (["beta 1..4 5"], {"draw": 2}, ["one range, or values"]),
        (["latent-dim 2..4"], {"draw": 5}, ["--random 5", "about 3"]),
        (["compile 3 4"], {}, ["--compile", "True and False"]),
        (["beta 1"], {"seeds": "4-0"}, ["--seeds is 4-0"]),
        (["beta 1"], {"seeds": "0,x"}, ["--seeds is 0,x"]),
        (["beta 1"], {"seeds": "0-2,1"}, ["a seed twice"]),
        (["beta 1"], {"seeds": "0-99999999"}, ["--seeds"]),
        (["beta 1 2"], {"seeds": "0-9998"}, ["more than 10000 runs"]),
        (["n 1"], {"command": "vae.sample"}, ["labs.vae.sample", "no run directory"]),
        (["n 1"], {"command": "nothing"}, ["no python -m labs.nothing"]),
        (["n 1"], {"command": "../x"}, ["no command of a lab"]),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(over, kws, parts):
    with pytest.raises(InputError) as error:
        plan(over, **kws)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value), error.value


def test_flags_that_exclude_each_other():
    for given, part in (
        ({}, "no command"),
        ({"goes_on": Path("x"), "over": (("a", "1"),)}, "leave --over away"),
        ({"goes_on": Path("x"), "seeds": "0-3"}, "--seeds has no effect"),
        ({"command": "vae", "seed": 3}, "--seed has no effect"),
    ):
        with pytest.raises(InputError, match=part):
            Sweep(**given)


def test_seeds():
    assert read_seeds("0-4") == [0, 1, 2, 3, 4]
    assert read_seeds("7,0-1") == [7, 0, 1]


def test_a_wide_range_is_drawn_by_its_logarithm():
    rng = random.Random(0)
    rates = [float(draw_value(["1e-4..1e-1"], rng)) for _ in range(3000)]
    assert min(rates) >= 1e-4
    assert max(rates) <= 1e-1
    assert 0.30 < np.mean(np.array(rates) < 1e-3) < 0.37  # a third of the powers of ten
    even = [float(draw_value(["0.5..0.9"], rng)) for _ in range(3000)]
    assert 0.47 < np.mean(np.array(even) < 0.7) < 0.53
    whole = [draw_value(["2..5"], rng) for _ in range(3000)]
    assert sorted(set(whole)) == ["2", "3", "4", "5"]
    assert all(0.21 < whole.count(value) / 3000 < 0.29 for value in set(whole))  # the ends as often as the others


def test_more_draws_begin_with_the_same():
    few, _ = plan(["lr 1e-4..1e-1", "hidden 16 32"], draw=3)
    many, _ = plan(["lr 1e-4..1e-1", "hidden 16 32"], draw=6)
    other, _ = plan(["lr 1e-4..1e-1", "hidden 16 32"], draw=3, seed=1)
    assert many.combinations[:3] == few.combinations != other.combinations


def test_a_plan_may_grow_and_not_change(tmp_path):
    small, _ = plan(["beta 1 4"])
    keep_plan(small, tmp_path / "s")
    grown, _ = plan(["beta 1 4 9"], seeds="0-2")
    keep_plan(grown, tmp_path / "s")
    assert read_plan(tmp_path / "s") == grown
    changed, _ = plan(["beta 1 4"], words=["--epochs", "3"])
    with pytest.raises(InputError, match=r"another sweep \(labs.vae over beta\)"):
        keep_plan(changed, tmp_path / "s")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(InputError, match="not empty"):
        keep_plan(small, tmp_path / "full")
    with pytest.raises(InputError, match="no sweep.json"):
        read_plan(tmp_path / "full")
    (tmp_path / "s" / "sweep.json").write_text('{"command": "labs.vae"}')
    with pytest.raises(InputError, match=r"sweep.json: .*settings"):
        read_plan(tmp_path / "s")


def test_every_training_command_is_found():
    for command in ("labs.vae", "labs.nlp.topics", "labs.nlp.classify", "labs.reinforcement_learning.dqn"):
        assert command == settings_class(command).COMMAND


# --- The statistics -------------------------------------------------------------------------------------------------


def test_welch_is_scipys_and_knows_when_there_is_nothing_to_test():
    a, b = [0.91, 0.93, 0.90], [0.95, 0.99, 0.97, 0.96]
    assert welch(a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert welch([0.5], b) is None
    assert welch([0.81, 0.81, 0.81], [0.81, 0.81, 0.81]) == 1
    assert welch([0.9801] * 3, [0.9, 0.9]) is None  # without any spread t is infinite
    assert np.std([0.9801] * 3, ddof=1) > 0  # the rounding that must not pass for a spread


def test_holm_by_hand():
    """4 · 0.01, 3 · 0.013 < 0.04 (never less than the one before), 2 · 0.03, 1 · 0.2."""
    assert holm([0.03, 0.01, 0.2, 0.013]) == pytest.approx([0.06, 0.04, 0.2, 0.04])
    assert holm([0.8, 0.9]) == [1, 1]


def groups(*values, metric="val_loss"):
    return [Group({"beta": str(i)}, [{metric: value} for value in own]) for i, own in enumerate(values)]


def said(*values, better="smaller"):
    own = groups(*values)
    best = best_of(own, "val_loss", better)
    p = {} if best is None else against_best(own, "val_loss", best)
    return verdict(own, "val_loss", better, p, ["val_loss", "size"])


def test_the_last_sentence():
    clear = said((1.0, 1.1, 1.2), (5.0, 5.1, 5.2), (9.0, 9.1, 9.2))
    assert clear.startswith("best: beta 0, val_loss 1.1 ± 0.1 (n = 3); its lead over all 2 others is larger")
    assert "Welch" in clear
    close = said((1.0, 1.1, 1.2), (5.0, 5.1, 5.2), (1.1, 1.2, 1.3))
    assert "not sure: 1 of 2 others could be as good: beta 2 (p = 0.29)" in close
    assert said((1.0, 1.1), (5.0, 5.1), better="larger").startswith("best: beta 1")
    assert "n = 1" in said((1.0,), (2.0,))
    assert "--seeds" in said((1.0,), (2.0,))
    assert said((1.0,) * 3, (1.0,) * 3).startswith("none is best: val_loss is 1 ± 0 in all")
    assert "nothing to choose between" in said((1.0,), ())
    assert said((1.0, 1.2), better=None) == "val_loss 1.1 ± 0.14 (n = 2)"
    assert said((1.0,), (2.0,), better=None).endswith("name one: --by val_loss, size")


# --- Tables and figures of runs -------------------------------------------------------------------------------------


def make_run(path, value, better=(("val_loss", "smaller"),), seed=0, metric="val_loss"):
    body = {"COMMAND": "labs.vae", "BETTER": dict(better)}
    kind = dataclasses.dataclass(frozen=True)(type("Flags", (TrainingFlags,), body))
    run = Run(kind(quiet=True, dataset="digits", device="cpu", out=path, seed=seed))
    run.history = [{"epoch": i, "seconds": 1.5, metric: value + 1 / i} for i in (1, 2, 1000)]
    run.write_history()
    run.finish({"test_accuracy": 1 - value / 10}, "")


def make_sweep(out, settings, value, seeds=2, drawn=False, **kws):
    """A sweep whose runs have the metric value(combination, seed)."""
    combinations = [{}]
    for name, values in settings.items():
        combinations = [{**c, name: v} for c in combinations for v in values]
    made = Plan("labs.vae", list(settings), combinations, list(range(seeds)), [], drawn)
    jobs = jobs_of(made, out)
    for job in jobs:
        make_run(job.path, value(job.combination, job.seed), seed=job.seed, **kws)
    return made, jobs, {job.name: Outcome("done") for job in jobs}


def rows(path):
    return [line.split(",") for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("value", "n", "shown"),
    [(0.00414, 2, "0.0041"), (99.96, 2, "100"), (123.4, 2, "123"), (12345.6, 4, "12346"), (2e12, 4, "2e+12")],
)
def test_numbers_as_a_reader_wants_them(value, n, shown):
    assert digits(value, n) == shown


def test_tables(tmp_path, capsys):
    made, jobs, states = make_sweep(
        tmp_path, {"beta": ["1", "4"], "latent_dim": ["2", "50"]}, lambda c, seed: int(c["beta"]) + 0.2 * seed
    )
    states[jobs[-1].name] = Outcome("failed", "val_loss is nan")
    report(made, jobs, states, tmp_path, None)
    header, *body = rows(tmp_path / "sweep.csv")
    assert header[:7] == ["run", "beta", "latent_dim", "seed", "state", "seconds", "error"]
    assert body[0] == [jobs[0].name, "1", "2", "0", "done", "4.5", "", "1.001", "0.9"]
    assert body[-1][4:7] == ["failed", "", "val_loss is nan"]
    table = {tuple(row[:2]): row for row in rows(tmp_path / "table.csv")}
    assert table["beta", "latent_dim"][2:5] == ["n", "val_loss", "val_loss_sd"]
    assert table["1", "2"][2:5] == ["2", "1.101", f"{0.2 / math.sqrt(2):.6g}"]
    assert table["4", "50"][2] == "1"
    shown = (tmp_path / "table.md").read_text()
    assert "| 1.101 ± 0.14 |" in shown
    assert "Welch's t-test" in shown
    assert "| n = 1 " in shown
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == shown.splitlines()[-1]
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "val_loss_over_beta.png",
        "val_loss_over_latent_dim.png",
        "val_loss_heat_map.png",
        "curves.png",
    }


def test_a_test_metric_chooses_only_if_it_is_named(tmp_path, capsys):
    made, jobs, states = make_sweep(
        tmp_path, {"beta": ["1", "4"]}, lambda c, seed: int(c["beta"]) + seed / 9, better=(), metric="test_loss"
    )
    report(made, jobs, states, tmp_path, None)
    assert "no metric here is fit to choose" in capsys.readouterr().out.splitlines()[-1]
    report(made, jobs, states, tmp_path, "test_accuracy")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("best: beta 1")
    assert "test_accuracy is of the test set" in last


def test_what_is_better_is_known_or_asked_for(tmp_path):
    make_run(tmp_path / "a", 0.5)
    runs = read_runs([tmp_path / "a"])
    assert choose_metric(runs, None) == ("val_loss", "smaller")
    assert choose_metric(runs, "test_accuracy") == ("test_accuracy", "larger")
    assert choose_metric(runs, "test_accuracy:smaller") == ("test_accuracy", "smaller")
    with pytest.raises(InputError, match="--by one of val_loss, test_accuracy"):
        choose_metric(runs, "nothing")
    with pytest.raises(InputError, match="test_accuracy:larger"):
        choose_metric(runs, "test_accuracy:up")


def test_an_axis_is_logarithmic_where_values_span_a_factor_over_20():
    def axis(values):
        own = [Group({"lr": value}, [{"val_loss": 1.0}]) for value in values]
        return sweep_figures.plot_setting(own, "val_loss", "lr", ["lr"], False).axes[0]

    assert axis(["1e-3", "1e-2", "1e-1"]).get_xscale() == "log"
    assert axis(["1", "2", "20"]).get_xscale() == "linear"
    assert axis(["0", "1", "100"]).get_xscale() == "linear"
    assert [label.get_text() for label in axis(["adam", "$sgd$"]).get_xticklabels()] == ["adam", r"\$sgd\$"]


def test_the_heat_map_has_means_and_frames_the_best():
    own = [
        Group({"a": a, "b": b}, [{"val_loss": int(a) * int(b) + x} for x in (-1, 1)])
        for a in ("2", "1")
        for b in ("3", "5")
    ]
    axis = sweep_figures.plot_heat_map(own, "val_loss", "larger", ["a", "b"]).axes[0]
    assert [text.get_text() for text in axis.texts] == [f"{mean}\n± 1.4" for mean in (6, 10, 3, 5)]
    (frame,) = axis.patches
    assert (round(frame.get_x()), round(frame.get_y())) == (1, 0)


def test_of_many_combinations_the_best_have_colours_in_the_curves(tmp_path):
    made, jobs, _ = make_sweep(tmp_path, {"beta": [str(i) for i in range(1, 13)]}, lambda c, s: int(c["beta"]), seeds=1)
    done = {job.name: read_runs([job.path])[0] for job in jobs}
    own = [Group(c, [{"val_loss": int(c["beta"])}]) for c in made.combinations]
    figure = sweep_figures.plot_all_curves(own, "val_loss", "smaller", "val_loss", jobs, done)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [*(f"beta {i}" for i in range(1, 8)), "5 others"]
