"""Requests a second and times of `python -m labs.serve` under load, beside plain FastAPI handlers of the same network.

    python tests/benchmarks/serve_speed.py load RUN        1, 8 and 64 clients, the servers taking turns
    python tests/benchmarks/serve_speed.py overload RUN    four times as many requests as it can answer
    python tests/benchmarks/serve_speed.py memory RUN      ten minutes of 8 clients, the server's memory each minute

Not a test: times on a shared machine say nothing alone. RUN is a run of labs.cnn. The load is made by `hey`
(<https://github.com/rakyll/hey>, a package of Debian's and others), on the same machine as the servers.
"""

import argparse
import base64
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

PORT = 8017
PLAIN = ("plain async", "plain def")


def plain_server(run: Path, way: str) -> None:
    """What one would write first: the network is called where the request arrives."""
    import torch
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    from labs.serve.networks import open_networks

    torch.set_num_threads(1)
    (network,) = open_networks([run], torch.device("cpu"))
    app = FastAPI()

    class Picture(BaseModel):
        image: str

    def classify(picture: Picture) -> dict:
        return {"probabilities": network.answer(base64.b64decode(picture.image))}

    async def classify_in_the_loop(picture: Picture) -> dict:
        return classify(picture)

    app.post("/classify")(classify if way == "plain def" else classify_in_the_loop)
    app.get("/health")(lambda: {"status": "ok"})
    uvicorn.run(app, port=PORT, log_level="warning")


@contextmanager
def server(run: Path, way: str):
    """The process of a server, once it answers."""
    words = [sys.executable, __file__, "plain", str(run), "--way", way]
    if way not in PLAIN:
        words = [sys.executable, "-m", "labs.serve", str(run), "--port", str(PORT)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def hey(body: Path, clients: int, seconds: float, rate: float | None = None) -> list[tuple[float, int]]:
    """(seconds, status) of every request that `clients` made, each after its last answer, or at `rate` together."""
    words = ["hey", "-z", f"{seconds:g}s", "-c", str(clients), "-m", "POST", "-T", "application/json", "-D", str(body)]
    words += ["-q", f"{rate / clients:g}"] if rate else []
    words += ["-t", "30", "-o", "csv", f"http://127.0.0.1:{PORT}/classify"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = csv.DictReader(io.StringIO(said))
    return [(float(row["response-time"]), int(row["status-code"])) for row in rows]


def processor_seconds(process: subprocess.Popen) -> float:
    """What the process has computed so far: on a shared machine this says more than the clock."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def describe(times: list[float]) -> str:
    """Median and 99th percentile in ms."""
    if not times:
        return "none"
    times = sorted(times)
    p50, p99 = (1000 * times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.99))
    return f"p50 {p50:7.1f} ms  p99 {p99:7.1f} ms"


def load(run: Path, body: Path, seconds: float) -> None:
    """Closed loops: each client asks again as soon as it is answered."""
    for clients in (1, 8, 64):
        for way in ("labs.serve", *PLAIN):
            with server(run, way) as process:
                hey(body, 2, 2)
                before = processor_seconds(process)
                asked = hey(body, clients, seconds)
                used = processor_seconds(process) - before
            fine = [t for t, status in asked if status == 200]
            print(
                f"{clients:3} clients  {way:12} {len(fine) / seconds:7.1f}/s  {describe(fine)}  "
                f"{1000 * used / max(1, len(fine)):6.1f} ms of processor each  "
                f"refused {len(asked) - len(fine)} of {len(asked)}",
                flush=True,
            )


def overload(run: Path, body: Path, seconds: float) -> None:
    """Four times the capacity, which is what 8 clients reach."""
    for way in ("labs.serve", *PLAIN):
        with server(run, way):
            hey(body, 2, 2)
            capacity = len(hey(body, 8, seconds)) / seconds
            asked = hey(body, 128, seconds, rate=4 * capacity)
        print(f"{way}: capacity {capacity:.1f}/s, asked {len(asked) / seconds:.1f}/s for {seconds:g} s")
        for status in sorted({status for _, status in asked}):
            times = [t for t, s in asked if s == status]
            print(f"   {status}: {len(times):6}  {len(times) / seconds:7.1f}/s  {describe(times)}", flush=True)


def memory(run: Path, body: Path, seconds: float) -> None:
    """Resident memory while 8 clients ask."""
    with server(run, "labs.serve") as process:
        begin, asked, failed = time.monotonic(), 0, 0
        while True:
            resident = next(
                int(line.split()[1]) / 1024
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if line.startswith("VmRSS")
            )
            print(
                f"{time.monotonic() - begin:5.0f} s  {resident:6.1f} MiB  {asked} answers, {failed} others", flush=True
            )
            if time.monotonic() - begin > seconds:
                return
            answers = hey(body, 8, 60)
            asked += sum(status == 200 for _, status in answers)
            failed += sum(status != 200 for _, status in answers)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("load", "overload", "memory", "plain"))
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, help="of each measurement; none: 10, for memory 600")
    parser.add_argument("--way", default="plain def", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part == "plain":
        plain_server(args.run, args.way)
        return
    from PIL import Image

    from labs.cnn.own_pictures import PICTURES

    with tempfile.TemporaryDirectory() as folder:
        content = io.BytesIO()
        with Image.open(PICTURES / "1.png") as picture:
            picture.resize((280, 280)).save(content, "PNG")
        body = Path(folder) / "body.json"
        body.write_text(json.dumps({"image": base64.b64encode(content.getvalue()).decode()}))
        print(f"{os.cpu_count()} cores; a picture of 280×280 pixels, {len(content.getvalue())} bytes")
        seconds = args.seconds or (600 if args.part == "memory" else 10)
        {"load": load, "overload": overload, "memory": memory}[args.part](args.run, body, seconds)


if __name__ == "__main__":
    main()
