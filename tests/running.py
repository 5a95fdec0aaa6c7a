"""A training command without torch, for the tests of what starts such commands: it starts at once."""

from pathlib import Path

# --value V is its metric, --epochs N its length; it waits for --seconds, and keeps what it has when it is told to stop.
LINE = """
import json, os, pathlib, signal, sys, time
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
out = pathlib.Path(words.get("--out") or words["--resume"])
out.mkdir(parents=True, exist_ok=True)
(out / "pid").write_text(str(os.getpid()))
(out / "env").write_text(os.environ.get("OMP_NUM_THREADS", "") + " " + os.environ.get("LABS_DATA", ""))
record = json.loads((out / "hyperparams.json").read_text()) if "--resume" in words else {"lab": "line"}
record |= {name[2:]: float(words[name]) for name in ("--value", "--seconds", "--epochs") if name in words}
(out / "hyperparams.json").write_text(json.dumps(record))
rows = ["epoch,seconds,val_loss"] + [f"{i + 1},1,{record['value'] + 1 / (i + 1)}" for i in range(int(record["epochs"]))]
(out / "history.csv").write_text("\\n".join(rows))
def end(broken_off):
    (out / "summary.json").write_text(json.dumps({"lab": "line", "dataset": "", "device": "cpu", "seed": 0,
        "epochs": 1, "seconds": 1, "samples_per_second": 1, "metrics": {"size": record["value"]}, "versions": {},
        "interrupted": broken_off, "better": {"val_loss": "smaller"}}))
    raise SystemExit(130 if broken_off else 0)
signal.signal(signal.SIGINT, lambda *_: end(True))
print("begun")
if record["value"] < 0:
    print("error: no disk", file=sys.stderr)
    print("a last word", file=sys.stderr)
    raise SystemExit(2)
time.sleep(0 if "--resume" in words else record.get("seconds", 0))
end(False)
"""


def write_line(monkeypatch) -> None:
    """Put it into the current folder as `python -m line`, to be found from there beside the suite."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    Path("line.py").write_text(LINE)
