"""Connections on which nothing comes are closed: uvicorn alone waits for ever for the first line of a request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 15.0  # without a request under way


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that looks every so often whether a request has begun since, and closes the connection if not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.next_look = self.loop.call_later(SECONDS, self.look, None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.next_look.cancel()
        super().connection_lost(exc)

    def look(self, seen: Any) -> None:
        """Close unless a request is under way, or one came after the last look, when `seen` was the latest."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is seen:
            self.transport.close()
        else:
            self.next_look = self.loop.call_later(SECONDS, self.look, self.cycle)
