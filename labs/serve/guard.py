"""Who may ask, and how much: decided of every request before anything of the server looks at it.

A server on loopback is within reach of every page that the same browser has open. So a request must be addressed to
this server by a name of its own (a foreign name may lead here, too: DNS rebinding), and what makes work must not come
from a page of another origin. Beyond loopback a token is asked for instead of the name.
"""

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labs.serve.measures import Measures

BODY_SECONDS = 10.0  # in which a request's body must have come
SMALL_BODY = 64_000  # bytes; of requests that carry no picture
HEADERS = {  # a page of this server loads from this server only, and nobody puts it into a frame
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Rules:
    """What the guard holds requests to."""

    hosts: tuple[str, ...] = ()  # names by which the server may be addressed; none: any
    token: str = ""  # none: nobody is asked for one
    open: tuple[str, ...] = ()  # paths (or, with a / at the end, folders) that need no token: they say nothing
    most_at_once: int = 32  # requests with a body that are read, wait or are answered at a time
    body: Mapping[str, int] = field(default_factory=dict)  # path → bytes; the others: SMALL_BODY


class Guard:
    """An ASGI application around another: it refuses what breaks the rules, and records every answer in `measures`."""

    def __init__(self, app: ASGIApp, rules: Rules, measures: Measures):
        self.app, self.rules, self.measures = app, rules, measures
        self.in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self.answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks WebSocket

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or hand it on; count it."""
        begin, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in HEADERS.items():
                    MutableHeaders(scope=message).setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        works = scope["method"] not in ("GET", "HEAD")
        limit = self.rules.body.get(scope["path"], SMALL_BODY)
        refusal = self.refusal(scope, headers, works, limit)
        try:
            if refusal:
                code, why, more = refusal
                await JSONResponse({"error": why}, code, more)(scope, receive, sending)
                return
            self.in_hand += works
            try:
                await self.app(scope, Body(receive, limit), sending)
            finally:
                self.in_hand -= works
        finally:
            self.measures.record(scope["path"], status, time.perf_counter() - begin)

    def refusal(
        self, scope: Scope, headers: Headers, works: bool, limit: int
    ) -> tuple[int, str, dict[str, str] | None] | None:
        """Status, reason and headers if the request is refused unread."""
        rules = self.rules
        if rules.hosts and host_name(headers.get("host", "")) not in rules.hosts:
            return 421, f"this server answers to {', '.join(rules.hosts)} only", None
        if works and foreign(headers):
            return 403, "a page of another origin may not ask this server", None
        if rules.token and not self.is_open(scope["path"]) and not self.knows_token(headers):
            why = "the token is missing or wrong; send the header Authorization: Bearer TOKEN, as the link has it"
            return 401, why, {"www-authenticate": "Bearer"}
        if not works:
            return None
        if int(headers.get("content-length", 0)) > limit:  # h11 has let numbers through only
            return 413, too_large(limit), {"connection": "close"}
        if self.in_hand >= rules.most_at_once:
            return 503, f"{self.in_hand} requests are in hand already; try again", {"retry-after": "1"}
        return None

    def is_open(self, path: str) -> bool:
        """Whether anybody may see the path."""
        return any(path == known or known.endswith("/") and path.startswith(known) for known in self.rules.open)

    def knows_token(self, headers: Headers) -> bool:
        """Whether the request carries the token; the comparison takes as long for any wrong one."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self.rules.token.encode())


class Body:
    """A request's body as it comes in: no longer than it may be, and within its time."""

    def __init__(self, receive: Receive, limit: int):
        self.receive, self.limit = receive, limit
        self.end = time.monotonic() + BODY_SECONDS
        self.size, self.whole = 0, False

    async def __call__(self) -> Message:
        if self.whole:  # what comes now is the news that the client has gone, whenever it goes
            return await self.receive()
        try:
            message = await asyncio.wait_for(self.receive(), max(0.0, self.end - time.monotonic()))
        except TimeoutError:
            why = f"the request did not come within {BODY_SECONDS:g} s"
            raise HTTPException(408, why, {"connection": "close"}) from None
        self.size += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.size > self.limit:  # sent in chunks, it had not said how long it would be
            raise HTTPException(413, too_large(self.limit), {"connection": "close"})
        return message


def too_large(limit: int) -> str:
    """Why a body is refused."""
    shown = f"{limit / 1e6:g} million" if limit >= 1e6 else f"{limit}"
    return f"the request is larger than {shown} bytes; send less"


def host_name(host: str) -> str:
    """The name in a Host header, without the port: localhost of localhost:8000, ::1 of [::1]:8000."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def foreign(headers: Headers) -> bool:
    """Whether a browser says that the request comes from a page of another origin than this server's."""
    origin = headers.get("origin")
    host = headers.get("host", "")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return True
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
