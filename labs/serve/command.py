"""`python -m labs.serve RUN…`: trained runs behind HTTP, until Ctrl-C. README.md has what they answer to whom."""

import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError, missing_extra
from common.settings import Count, OptionalCount, Positive, Range, Role, Settings

if TYPE_CHECKING:
    from labs.serve.guard import Guard

LOOPBACK = ("127.0.0.1", "localhost", "::1")  # names of this machine to itself
CONNECTIONS = 500  # open at a time; more are answered 503 by uvicorn itself


@dataclass(frozen=True)
class Serve(Settings):
    """Serve trained networks over HTTP, with a page to draw on, until Ctrl-C (needs the extra `serve`)."""

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="RUN")]] = ()  # run directories; none: each lab's newest
    host: Annotated[str, Role.PLACE] = "127.0.0.1"  # who may ask; 0.0.0.0: all that reach this machine, with a token
    port: Annotated[int, Range(1, 65535), Role.PLACE] = 8000  # of the server
    threads: Annotated[OptionalCount, Role.PLACE] = None  # requests worked on at a time; none: as torch has threads
    places: Count = 32  # requests in hand, worked on or waiting; more are refused at once
    seconds: Positive = 10.0  # an answer may take
    megabytes: Positive = 10.0  # a request with a picture may have
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps


def require_server() -> Any:
    """The module uvicorn; InputError if the extra is not installed."""
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise missing_extra(f"{error.name} is", "serve") from None
    return uvicorn


def find_token(host: str) -> str:
    """What a request must carry: LABS_TOKEN, else beyond loopback a new one. LABS_TOKEN=none: nothing."""
    given = os.environ.get("LABS_TOKEN", "")
    if given:
        return "" if given == "none" else given
    return "" if host in LOOPBACK else secrets.token_urlsafe(18)


def build(args: Serve, token: str) -> "Guard":
    """The application that the settings ask for, its networks loaded."""
    import torch

    from common.device import pick_device
    from labs.serve.app import OPEN, build_app
    from labs.serve.guard import Rules
    from labs.serve.line import Line
    from labs.serve.networks import open_networks

    device = pick_device(args.device)
    threads = args.threads or torch.get_num_threads()
    served = open_networks(args.runs, device)
    picture = int(args.megabytes * 1e6)
    rules = Rules(
        hosts=LOOPBACK if args.host in LOOPBACK else (),
        token=token,
        open=OPEN,
        most_at_once=args.places,
        body={"/classify": picture, "/detect": picture},
    )
    for one in served:
        print(f"  {one.task:<9} {one.name:<20} {one.command}: {one.about}")

    def take_one_core() -> None:  # several requests at a time share the cores, not their parts; each thread has its own
        torch.set_num_threads(1)

    return build_app(served, Line(threads, args.places, take_one_core), rules, args.seconds)


def serve(runs: Sequence[Path] = (), **kws: Any) -> None:
    """Load the runs' networks and answer requests until Ctrl-C. Keyword arguments are the fields of Serve."""
    args = Serve(runs=tuple(map(Path, runs)), **kws)
    uvicorn = require_server()
    token = find_token(args.host)
    with listen(args.host, args.port) as listening:
        app = build(args, token)
        from labs.serve.patience import ImpatientProtocol

        place = f"http://{'localhost' if args.host == 'localhost' else '127.0.0.1'}:{args.port}/draw"
        print(f"\n  open {place}{f'#token={token}' if token else ''}\n", flush=True)
        config = uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            log_level="warning",  # no line per request
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=5,
        )
        with contextlib.suppress(KeyboardInterrupt):  # the usual end of a server
            uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; InputError if it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=1024)
        # Else the end of an answer waits 40 ms for the client to say that it has the beginning.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]  # the rest repeats the address
        raise InputError(f"--host {host} --port {port}: {why}; name another") from None


def main() -> None:
    """The command `python -m labs.serve`."""
    cli.run(serve, Serve)
