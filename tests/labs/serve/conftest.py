"""Servers to ask: around functions made for the test, which take no time to train."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from labs.serve.app import OPEN, build_app
from labs.serve.guard import Rules
from labs.serve.line import Line
from labs.serve.networks import Found, Served


def reads_width(content: bytes) -> dict[str, float]:
    """A classifier whose classes are wide and narrow pictures."""
    with Image.open(io.BytesIO(content)) as picture:
        return {"wide": 0.75, "narrow": 0.25} if picture.width > 20 else {"narrow": 0.875, "wide": 0.125}


SERVED = [
    Served("widths", "labs.cnn", "classify", "wide or narrow", reads_width),
    Served("always", "labs.cnn", "classify", "one answer", lambda content: {"always": 1.0}),
    Served(
        "corner",
        "labs.cnn.detection",
        "detect",
        "a corner",
        lambda content, w, h: [Found((0, 0, w / 2, h / 2), "q", 0.5)],
    ),
    Served(
        "length",
        "labs.nlp.classify",
        "predict",
        "long or short",
        lambda text: {"long": 1.0} if len(text) > 9 else {"short": 1.0},
    ),
    Served("grey", "labs.vae", "generate", "grey", lambda count, seed: b"\x89PNG" + bytes([count, seed])),
]


@pytest.fixture
def ask() -> Callable[..., TestClient]:
    """ask(served=…, places=…, seconds=…, **rules): a client of a server of that kind."""
    clients = []

    def start(
        served=SERVED, *, places: int = 4, seconds: float = 5.0, address="http://127.0.0.1:8000", **rules
    ) -> TestClient:
        rules = {"hosts": ("127.0.0.1", "localhost", "::1"), "open": OPEN, "most_at_once": places} | rules
        app = build_app(
            served, Line(2, places), Rules(body={"/classify": 100_000, "/detect": 100_000}, **rules), seconds
        )
        client = TestClient(app, base_url=address, raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def png() -> Callable[..., bytes]:
    """png(30, 20): a picture's bytes."""

    def make(width: int, height: int, form: str = "PNG", **how) -> bytes:
        content = io.BytesIO()
        Image.new("RGB", (width, height), "white").save(content, form, **how)
        return content.getvalue()

    return make
