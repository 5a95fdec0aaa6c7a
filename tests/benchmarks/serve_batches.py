"""Does it help to answer requests that wait together in one batch? Three ways to serve a network, in one process.

    python tests/benchmarks/serve_batches.py CLASSIFIER DETECTOR      (runs of labs.cnn and labs.cnn.detection)

one by one   each request is prepared and answered in one of two threads
together     prepared in one of two threads; then another answers all that wait, up to 32
… +3 ms      the same, but it waits 3 ms for more to come

Each on whole requests, and on the network alone, with the pictures prepared before. Not a test: times on a shared
machine say nothing alone.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from labs.cnn import load_run, predict
from labs.cnn.detection import load_run as load_detector
from labs.cnn.detection import predict as detect
from labs.cnn.detection.own_scenes import to_scene
from labs.cnn.own_pictures import PICTURES, find_digit, open_picture

SECONDS, MOST, THREADS = 3.0, 32, 2


async def measure(
    prepare: Callable[[], Tensor] | Tensor, answer: Callable[[Tensor], object], clients: int, wait: float | None
) -> tuple[float, float]:
    """Requests a second and their median time in ms. wait: seconds; None: one by one."""
    pool, one = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(1)
    loop, line, times = asyncio.get_running_loop(), asyncio.Queue(), []

    def ready() -> Tensor:
        return prepare if isinstance(prepare, Tensor) else prepare()

    async def answer_together() -> None:
        while True:
            waiting = [await line.get()]
            if wait:
                await asyncio.sleep(wait)
            while len(waiting) < MOST and not line.empty():
                waiting.append(line.get_nowait())
            X = torch.stack([X for X, _ in waiting])
            await loop.run_in_executor(one, answer, X)
            for _, done in waiting:
                done.set_result(None)

    async def ask() -> None:
        if wait is None:
            await loop.run_in_executor(pool, lambda: answer(ready()[None]))
            return
        X = prepare if isinstance(prepare, Tensor) else await loop.run_in_executor(pool, ready)
        done = loop.create_future()
        line.put_nowait((X, done))
        await done

    end = time.perf_counter() + SECONDS

    async def client() -> None:
        while (begin := time.perf_counter()) < end:
            await ask()
            times.append(time.perf_counter() - begin)

    together = asyncio.create_task(answer_together())
    await asyncio.gather(*(client() for _ in range(clients)))
    together.cancel()
    pool.shutdown()
    one.shutdown()
    return len(times) / SECONDS, 1000 * sorted(times)[len(times) // 2]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    classifier, detector = load_run(Path(sys.argv[1])).model, load_detector(Path(sys.argv[2])).model
    picture = open_picture(PICTURES / "1.png").resize((280, 280))

    def scene() -> Tensor:
        return to_scene(picture)[0]

    def digit() -> Tensor:
        return find_digit(picture)

    kinds = {
        "classify": (digit, lambda X: predict(classifier, X)),
        "classify, network alone": (digit(), lambda X: predict(classifier, X)),
        "detect": (scene, lambda X: detect(detector, X)),
        "detect, network alone": (scene(), lambda X: detect(detector, X)),
    }
    for name, (prepare, answer) in kinds.items():
        for clients in (1, 8, 64):
            found = [asyncio.run(measure(prepare, answer, clients, wait)) for wait in (None, 0.0, 0.003)]
            shown = "   ".join(f"{rate:7.0f}/s {ms:7.1f} ms" for rate, ms in found)
            print(f"{name:24} {clients:2} clients   one by one, together, +3 ms: {shown}", flush=True)


if __name__ == "__main__":
    main()
