"""A line of bounded length before a few threads: work that finds no place in it is refused at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class BusyError(Exception):
    """All places are taken."""


class Line:
    """`threads` pieces of work at a time, and at most `places` that are under way or wait for their turn."""

    def __init__(self, threads: int, places: int, prepare: Callable[[], None] = lambda: None):
        """`prepare` is called in each thread before its first work."""
        self.places = places
        self.taken = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="network", initializer=prepare)

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns, called in one of the threads, so that the server goes on listening meanwhile.

        Raises BusyError at once if there is no place, and TimeoutError after `seconds`. Work that nobody waits for any
        more is not begun, but keeps its place until its turn: a thread cannot be stopped, and so the line stays short.
        """
        with self._lock:
            if self.taken >= self.places:
                raise BusyError
            self.taken += 1
        given_up = threading.Event()

        def take_turn() -> T:
            try:
                if given_up.is_set():
                    raise TimeoutError
                return work()
            finally:
                with self._lock:
                    self.taken -= 1

        turn = asyncio.wrap_future(self._pool.submit(take_turn))
        try:
            return await asyncio.wait_for(asyncio.shield(turn), seconds)
        finally:
            given_up.set()
            turn.add_done_callback(_look_at)

    def close(self) -> None:
        """No more is to come; what is under way ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_at(turn: asyncio.Future) -> None:
    """An error that nobody waits for any more is no news for the log."""
    if not turn.cancelled():
        turn.exception()
