"""Who may ask the server, and how much: hosts, origins, the token, sizes, times, the line."""

import asyncio
import io
import struct
import threading
import time
import zlib

import pytest
from PIL import Image

from common.errors import InputError
from labs.serve import guard as module
from labs.serve.line import BusyError, Line
from labs.serve.networks import Served
from labs.serve.pictures import MOST, check_picture

FINE = {"json": {"text": "a"}}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:9", "[::1]:8000"])
def test_its_own_names_are_answered(ask, host):
    assert ask().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[::2]", ""])
def test_a_foreign_name_that_leads_here_is_not_answered(ask, host):
    answer = ask().get("/", headers={"host": host})
    assert answer.status_code == 421 and set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},  # another server of the same machine
        {"origin": "http://localhost:8000"},  # reached by another of its names
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_origin_makes_no_work(ask, headers):
    asked = []
    client = ask([Served("spy", "labs.nlp.classify", "predict", "", lambda text: asked.append(text) or {"a": 1.0})])
    assert client.post("/predict", **FINE, headers=headers).status_code == 403
    assert not asked
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    assert client.post("/predict", **FINE, headers=own).status_code == 200 and asked == ["a"]


def test_no_answer_may_be_read_by_or_framed_in_another_page(ask):
    for answer in (ask().get("/"), ask().get("/draw"), ask().get("/nowhere"), ask().get("/", headers={"host": "evil"})):
        assert "access-control-allow-origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_beyond_loopback_the_token_is_asked_for(ask):
    client = ask(hosts=(), token="sesame", address="http://192.168.0.7:8000")
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic sesame"},
        {"authorization": "Bearer é"},
    ):
        headers = {name: value.encode() for name, value in headers.items()}
        for path in ("/", "/metrics", "/openapi.json", "/nowhere", "/staticx"):
            assert client.get(path, headers=headers).status_code == 401, path
        assert client.post("/predict", **FINE, headers=headers).status_code == 401
    assert client.post("/predict", **FINE, headers={"authorization": "Bearer sesame"}).status_code == 200
    for path in ("/health", "/draw", "/api", "/static/draw.js"):  # they say nothing of what is served
        assert client.get(path).status_code == 200
        assert "sesame" not in client.get(path).text


def test_a_large_request_is_refused_before_it_is_read(ask, png):
    client = ask()
    assert client.post("/classify", files={"image": png(30, 20) + bytes(99_000)}).status_code == 200
    read = []

    def chunks():
        for _ in range(1000):
            read.append(1)
            yield bytes(10_000)

    for sent in ({"content": bytes(100_001)}, {"content": chunks()}):  # said beforehand, and not said
        answer = client.post("/classify", **sent, headers={"content-type": "application/json"})
        assert answer.status_code == 413, answer.text
        assert answer.json()["error"] == "the request is larger than 100000 bytes; send less"
    assert client.post("/predict", content=bytes(64_001)).status_code == 413


def test_a_request_that_does_not_come_to_its_end(monkeypatch):
    monkeypatch.setattr(module, "BODY_SECONDS", 0.05)

    async def never():
        await asyncio.sleep(10)

    async def read():
        await module.Body(never, 100)()

    with pytest.raises(module.HTTPException) as error:
        asyncio.run(read())
    assert error.value.status_code == 408


# --- Pictures that are not what they seem ---


def bomb(width: int, height: int) -> bytes:
    """A PNG's head that promises so many pixels, in a few bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(5001, 5000), (20_000, 10_000), (2**30, 2**30)])
def test_a_small_file_with_a_huge_picture_is_not_unpacked(ask, size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it is unpacked"))
    answer = ask().post("/classify", files={"image": bomb(*size)})
    assert answer.status_code == 400 and "million" in answer.json()["error"], answer.text


def test_the_largest_picture_is_taken():
    assert MOST == 25 and check_picture(bomb(5000, 5000)) == (5000, 5000)


def test_a_jpeg_of_many_scans_is_not_unpacked(png):
    content = png(64, 64, "JPEG", progressive=True)
    assert check_picture(content) == (64, 64)
    with pytest.raises(InputError, match="more than 100 scans"):
        check_picture(content[:-2] + b"\xff\xda\x00\x02" * 100 + b"\xff\xd9")


def test_formats_are_told_by_content(ask, png):
    client = ask()
    for form in ("PNG", "JPEG", "GIF", "WEBP"):
        sent = {"image": ("notes.txt", png(30, 20, form), "text/plain")}
        assert client.post("/classify", files=sent).status_code == 200, form
    for form in ("TIFF", "BMP", "PPM", "ICO"):  # PIL reads them, too: each of its readers is code to be attacked
        sent = {"image": ("picture.png", png(30, 20, form), "image/png")}
        assert client.post("/classify", files=sent).status_code == 400, form
    for content in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ):
        assert client.post("/classify", files={"image": ("a.png", content)}).status_code == 400


def test_a_text_that_unpacks_to_much_is_no_picture(png):
    """A PNG may carry packed text: PIL unpacks no more than a megabyte of it, and that is an error here."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "a" * 5_000_000, zip=True)
    content = png(8, 8, pnginfo=info)
    assert len(content) < 10_000
    with pytest.raises(InputError, match="no picture that can be read"):
        check_picture(content)


# --- The line ---


def test_a_full_line_answers_503_at_once_and_nobody_who_was_taken_in_is_lost(ask):
    go = threading.Event()
    served = [Served("slow", "labs.nlp.classify", "predict", "", lambda text: go.wait(5) and {text: 1.0})]
    client = ask(served, places=3)
    answers = {}

    def post(name):
        answers[name] = client.post("/predict", json={"text": name})

    waiting = [threading.Thread(target=post, args=(name,)) for name in "abc"]
    for thread in waiting:
        thread.start()
    until(lambda: "labs_line_taken 3" in client.get("/metrics").text)
    begin = time.perf_counter()
    refused = client.post("/predict", json={"text": "d"})
    assert time.perf_counter() - begin < 1
    assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
    assert client.get("/health").status_code == 200  # who watches is answered
    go.set()
    for thread in waiting:
        thread.join()
    assert {name: answer.json()["label"] for name, answer in answers.items()} == {"a": "a", "b": "b", "c": "c"}
    assert client.post("/predict", json={"text": "e"}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(ask):
    go = threading.Event()
    served = [Served("slow", "labs.nlp.classify", "predict", "", lambda text: go.wait(5) and {"a": 1.0})]
    client = ask(served, seconds=0.05)
    answer = client.post("/predict", **FINE)
    assert answer.status_code == 504 and "too long" in answer.json()["error"]
    go.set()


def test_a_place_is_free_when_its_work_is_over_not_when_nobody_waits_any_more():
    go, begun = threading.Event(), []

    def work(name):
        begun.append(name)
        go.wait(5)
        return name

    async def use():
        line = Line(threads=1, places=2)
        results = await asyncio.gather(
            line.run(lambda: work("a"), 0.05), line.run(lambda: work("b"), 0.05), return_exceptions=True
        )
        assert [type(result) for result in results] == [TimeoutError, TimeoutError]
        with pytest.raises(BusyError):  # the thread is at work still
            await line.run(lambda: work("c"), 1)
        go.set()
        await asyncio.to_thread(until, lambda: line.taken == 0)
        assert begun == ["a"]  # b's turn came when nobody waited
        assert await line.run(lambda: work("d"), 1) == "d"
        with pytest.raises(ValueError, match="wrong"):  # an error reaches who asked, and frees the place
            await line.run(lambda: int("wrong"), 1)
        assert line.taken == 0
        line.close()

    asyncio.run(use())


def until(true, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_picture_cut_off_is_no_servers_mistake(ask):
    """The labs' own reader is used here, as by a run of labs.cnn."""
    from labs.serve.networks import _open_upright

    content = io.BytesIO()
    Image.effect_noise((60, 60), 50).save(content, "PNG")
    served = [Served("size", "labs.cnn", "classify", "", lambda content: {str(_open_upright(content).size): 1.0})]
    client = ask(served)
    whole = content.getvalue()
    assert client.post("/classify", files={"image": whole}).json()["objects"][0]["label"] == "(60, 60)"
    answer = client.post("/classify", files={"image": whole[:-1000]})
    assert answer.status_code == 400 and "damaged" in answer.json()["error"]
