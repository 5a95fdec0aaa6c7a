"""The server's paths: what each takes, which network answers, and what becomes of errors."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from common.errors import InputError
from labs.serve.bodies import (
    PICTURE_BODY,
    Classified,
    Drawing,
    Failure,
    Greeting,
    Network,
    Object,
    Objects,
    Read,
    Text,
    read_picture,
)
from labs.serve.guard import Guard, Rules
from labs.serve.line import BusyError, Line
from labs.serve.measures import Measures
from labs.serve.networks import Served, Task
from labs.serve.pictures import check_picture

T = TypeVar("T")
PAGES = Path(__file__).parent / "pages"
CANVAS = Path(__file__).parents[2] / "common" / "canvas.js"  # to draw on; the notebooks have it, too
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
OPEN = ("/health", "/draw", "/api", "/static/")  # without a token: they say nothing of what is served
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": why}
    for status, why in {
        400: "What was sent cannot be used.",
        404: "No such network is served.",
        413: "It is too large.",
        503: "Too many requests are in hand; none waits. Try again.",
        504: "It took too long.",
    }.items()
}
Model = Annotated[str | None, Query(description="the network's name, as / lists it; none: the first of its kind")]


def build_app(served: Sequence[Served], line: Line, rules: Rules, seconds: float) -> Guard:
    """The application. `seconds` is how long an answer may take.

    Pages are read now: no path that a request names is ever opened.
    """
    files = {file.name: file.read_bytes() for file in [*PAGES.iterdir(), CANVAS] if file.suffix in KINDS}

    @asynccontextmanager
    async def life(app: FastAPI):
        yield
        line.close()

    # The usual pages of documentation fetch their scripts from elsewhere; /api is ours.
    app = FastAPI(title="sorcery-labs", version="1", docs_url=None, redoc_url=None, lifespan=life)
    measures = Measures(["/", "/classify", "/detect", "/generate", "/predict", *OPEN[:3], "/metrics", "/openapi.json"])
    _answer_errors(app)

    def network(task: Task, name: str | None) -> Served:
        """The network of that name, or the first for the task."""
        of_task = [one for one in served if one.task == task]
        for one in of_task:
            if name in (None, one.name):
                return one
        if not of_task:
            raise HTTPException(404, f"no network is served that could {task}; / lists those that are")
        raise HTTPException(404, f"/{task} has no network {name}; there are: {', '.join(one.name for one in of_task)}")

    async def ask(work: Callable[[], T]) -> T:
        return await line.run(work, seconds)

    @app.get("/", responses={200: {"model": Greeting}}, summary="A greeting, and what is served")
    async def greet(request: Request) -> Response:
        """Browsers are sent on to the page."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/draw")
        networks = [Network(name=s.name, path=f"/{s.task}", command=s.command, about=s.about) for s in served]
        greeting = Greeting(
            message="Welcome to sorcery-labs. The page is /draw, how to ask is in /api.", served=networks
        )
        return JSONResponse(greeting.model_dump())

    @app.post("/classify", openapi_extra=PICTURE_BODY, responses=ERRORS, summary="Which class is the picture of?")
    async def classify(request: Request, model: Model = None) -> Classified:
        """One object, which is the whole picture, and the probabilities of all classes."""
        begin, one = time.perf_counter(), network("classify", model)
        unpack = await read_picture(request)

        def look() -> tuple[tuple[int, int], dict[str, float]]:
            content = unpack()
            return check_picture(content), one.answer(content)

        (width, height), probabilities = await ask(look)
        label = next(iter(probabilities))
        found = Object(box=(0, 0, width, height), label=label, confidence=probabilities[label])
        return Classified(objects=[found], probabilities=probabilities, processing_time=_since(begin))

    @app.post("/detect", openapi_extra=PICTURE_BODY, responses=ERRORS, summary="What is where in the picture?")
    async def detect(request: Request, model: Model = None) -> Objects:
        """An object for each that was found, the surest first."""
        begin, one = time.perf_counter(), network("detect", model)
        unpack = await read_picture(request)

        def look() -> list[Object]:
            content = unpack()
            found = one.answer(content, *check_picture(content))
            return [Object(box=f.box, label=f.label, confidence=f.confidence) for f in found]

        return Objects(objects=await ask(look), processing_time=_since(begin))

    png: dict[int | str, dict[str, Any]] = {
        200: {"content": {"image/png": {}}, "description": "The images side by side."}
    }

    @app.post("/generate", responses={**ERRORS, **png}, response_class=Response, summary="Draw new images")
    async def generate(drawing: Drawing, model: Model = None) -> Response:
        """A PNG; the header X-Processing-Time has the seconds it took."""
        begin, one = time.perf_counter(), network("generate", model)
        content = await ask(lambda: one.answer(drawing.count, drawing.seed))
        return Response(content, media_type="image/png", headers={"x-processing-time": str(_since(begin))})

    @app.post("/predict", responses=ERRORS, summary="Which class does the text belong to?")
    async def predict(text: Text, model: Model = None) -> Read:
        """The likeliest class, and the probabilities of all."""
        begin, one = time.perf_counter(), network("predict", model)
        found = await ask(lambda: one.answer(text.text))
        label = next(iter(found))
        return Read(label=label, confidence=found[label], probabilities=found, processing_time=_since(begin))

    @app.get("/health", summary="Does the server live?")
    async def health() -> Mapping[str, str]:
        """For whoever watches over it; needs no token."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse, summary="Counts and times in Prometheus's form")
    async def metrics() -> str:
        """Requests by path and status, a histogram of times, and places taken in the line."""
        gauges = {
            "labs_line_taken": ("Requests that are worked on or wait for it.", line.taken),
            "labs_line_places": ("How many may be.", line.places),
        }
        return measures.text(gauges)

    @app.get("/draw", include_in_schema=False)
    async def draw() -> Response:
        return Response(files["draw.html"], media_type=KINDS[".html"])

    @app.get("/api", include_in_schema=False)
    async def api() -> Response:
        return Response(files["api.html"], media_type=KINDS[".html"])

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "there is no such file")
        return Response(files[name], media_type=KINDS[Path(name).suffix])

    for methods in app.openapi()["paths"].values():
        for what in methods.values():
            what["responses"].pop("422", None)  # FastAPI's own form of errors: here it is 400, as all others are
    return Guard(app, rules, measures)


def _since(begin: float) -> float:
    return round(time.perf_counter() - begin, 6)


def _answer_errors(app: FastAPI) -> None:
    """Every error is JSON with a sentence; a traceback stays in the server's log."""

    def answer(status: int, why: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"error": why}, status, headers)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def wrong_form(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return answer(400, f"{where or 'the body'}: {first['msg']}")

    @app.exception_handler(InputError)
    async def unusable(request: Request, error: InputError) -> JSONResponse:
        return answer(400, str(error))

    @app.exception_handler(BusyError)
    async def busy(request: Request, error: BusyError) -> JSONResponse:
        return answer(503, "the line is full; try again", {"retry-after": "1"})

    @app.exception_handler(TimeoutError)
    async def late(request: Request, error: TimeoutError) -> JSONResponse:
        return answer(504, "it took too long; send a smaller picture, or try again later")

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        return answer(500, "the server has made a mistake; its log says which")
