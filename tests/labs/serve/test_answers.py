"""What the server answers: the project's JSON, pictures in either form, errors in a sentence."""

import base64
import json
import re
from pathlib import Path

import pytest

from labs.serve import app as module
from labs.serve.networks import Served

PAGES = Path(module.__file__).parent / "pages"


def test_a_greeting_says_what_is_served_and_browsers_get_the_page(ask):
    client = ask()
    greeting = client.get("/").json()
    assert "Welcome" in greeting["message"]
    assert [(one["name"], one["path"]) for one in greeting["served"]][:3] == [
        ("widths", "/classify"),
        ("always", "/classify"),
        ("corner", "/detect"),
    ]
    sent_on = client.get("/", headers={"accept": "text/html,*/*"}, follow_redirects=False)
    assert sent_on.is_redirect and sent_on.headers["location"] == "/draw"


@pytest.mark.parametrize("form", ["base64", "data URL", "lines", "multipart"])
def test_a_picture_in_each_form_is_classified(ask, png, form):
    content = png(30, 20)
    text = base64.b64encode(content).decode()
    sent = {
        "base64": {"json": {"image": text}},
        "data URL": {"json": {"image": f"data:image/png;base64,{text}"}},
        "lines": {"json": {"image": base64.encodebytes(content).decode()}},
        "multipart": {"files": {"image": ("../../etc/passwd", content)}},
    }[form]
    answer = ask().post("/classify", **sent)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert 0 < found.pop("processing_time") < 5
    assert found == {
        "objects": [{"box": [0, 0, 30, 20], "label": "wide", "confidence": 0.75}],
        "probabilities": {"wide": 0.75, "narrow": 0.25},
    }


def test_objects_have_boxes_in_the_upright_pictures_pixels(ask, png):
    from PIL import Image

    held = Image.Exif()
    held[0x0112] = 6  # a telephone held on its side: 40×20 as stored, 20×40 as seen
    content = png(40, 20, "JPEG", exif=held)
    answer = ask().post("/detect", files={"image": content})
    assert answer.json()["objects"] == [{"box": [0, 0, 10, 20], "label": "q", "confidence": 0.5}]


def test_a_network_is_chosen_by_its_name(ask, png):
    client, sent = ask(), {"files": {"image": png(30, 20)}}
    assert client.post("/classify?model=always", **sent).json()["objects"][0]["label"] == "always"
    missing = client.post("/classify?model=nobody", **sent)
    assert missing.status_code == 404
    assert missing.json() == {"error": "/classify has no network nobody; there are: widths, always"}
    none = ask(served=[]).post("/classify", **sent)
    assert none.status_code == 404 and "no network is served that could classify" in none.json()["error"]


def test_images_and_texts(ask):
    client = ask()
    drawn = client.post("/generate", json={"count": 9, "seed": 5})
    assert (drawn.content, drawn.headers["content-type"]) == (b"\x89PNG\x09\x05", "image/png")
    assert float(drawn.headers["x-processing-time"]) < 5
    assert client.post("/generate", json={}).content == b"\x89PNG\x10\x00"
    read = client.post("/predict", json={"text": "a long text"}).json()
    assert (read["label"], read["confidence"], read["probabilities"]) == ("long", 1.0, {"long": 1.0})


@pytest.mark.parametrize(
    ("path", "sent", "status", "part"),
    [
        ("/classify", {"json": {"picture": ""}}, 400, "missing required field `image`"),
        ("/classify", {"json": {"image": 3}}, 400, "Expected `str`, got `int`"),
        ("/classify", {"json": {"image": "*"}}, 400, "not base64"),
        ("/classify", {"json": {"image": "aGVsbG8="}}, 400, "no picture that can be read; send one of PNG"),
        ("/classify", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "must be JSON"),
        ("/classify", {"content": b"[" * 50_000, "headers": {"content-type": "application/json"}}, 400, "must be JSON"),
        (
            "/classify",
            {"content": b"x", "headers": {"content-type": "text/plain"}},
            415,
            "application/json or multipart",
        ),
        ("/classify", {"files": {"picture": b"x"}}, 400, "no file called image"),
        ("/classify", {"data": {"image": "x"}, "files": {"other": b"x"}}, 400, "no file called image"),
        ("/classify", {"files": [("image", b"x"), ("image", b"y")]}, 400, "Too many files"),
        ("/generate", {"json": {"count": 65}}, 400, "count: Input should be less than or equal to 64"),
        ("/generate", {"json": {"count": 1, "path": "/etc"}}, 400, "path: Extra inputs are not permitted"),
        ("/predict", {"json": {"text": ""}}, 400, "text: String should have at least 1 character"),
        ("/predict", {"json": {"text": "a" * 10_001}}, 400, "at most 10000 characters"),
        ("/nowhere", {"json": {}}, 404, "Not Found"),
        ("/health", {"json": {}}, 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(ask, path, sent, status, part):
    answer = ask().post(path, **sent)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"} and part in answer.json()["error"]


def test_a_mistake_of_the_server_shows_no_traceback(ask):
    def fails(text):
        raise ZeroDivisionError("the secret")

    client = ask([Served("fails", "labs.nlp.classify", "predict", "", fails)])
    answer = client.post("/predict", json={"text": "a"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server has made a mistake; its log says which"}
    assert "secret" not in answer.text and answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_but_the_pages_own_files_is_sent_whatever_is_asked_for(ask):
    client = ask()
    for name in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "%2fetc%2fpasswd", "", "draw.js%00"):
        assert client.get(f"/static/{name}").status_code == 404, name
    for name in ("draw.js", "ask.js", "canvas.js", "style.css"):
        assert client.get(f"/static/{name}").status_code == 200


def test_the_pages_name_no_other_server_and_need_only_what_is_served(ask):
    client = ask()
    for path in ("/draw", "/api"):
        page = client.get(path).text
        assert "<title>" in page and "onclick" not in page and "<style" not in page  # the policy allows files only
        wanted = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert wanted and all(link.startswith(("/", "data:,")) for link in wanted), wanted
        for link in wanted:
            assert link == "data:," or client.get(link).status_code == 200, link
    for file in PAGES.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}
        assert "innerHTML" not in text and "eval(" not in text  # a label is never markup
        for link in re.findall(r'from "([^"]+)"', text):
            assert client.get(link).status_code == 200


def test_openapi_describes_every_path_as_it_is(ask):
    schema = ask().get("/openapi.json").json()
    assert set(schema["paths"]) == {"/", "/classify", "/detect", "/generate", "/predict", "/health", "/metrics"}
    body = schema["paths"]["/detect"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
    answers = schema["paths"]["/detect"]["post"]["responses"]
    assert {"200", "400", "404", "413", "503", "504"} == set(answers)
    assert "422" not in json.dumps(schema["paths"])


def test_metrics_count_answers_and_times(ask):
    client = ask()
    for text in ("a", "b", ""):
        client.post("/predict", json={"text": text})
    for path in ("/nowhere", "/elsewhere", '/"injected{}'):
        client.get(path)
    lines = client.get("/metrics").text.splitlines()
    assert 'labs_requests_total{path="/predict",status="200"} 2' in lines
    assert 'labs_requests_total{path="/predict",status="400"} 1' in lines
    assert 'labs_requests_total{path="other",status="404"} 3' in lines
    assert 'labs_request_seconds_count{path="/predict"} 3' in lines
    assert 'labs_request_seconds_bucket{path="/predict",le="+Inf"} 3' in lines
    assert "labs_line_taken 0" in lines and "labs_line_places 4" in lines


def test_the_histogram_holds_each_time_in_all_larger_bounds():
    from labs.serve.measures import Measures

    measures = Measures(["/a"])
    for seconds in (0.001, 0.3, 0.3, 99):
        measures.record("/a", 200, seconds)
    lines = measures.text({}).splitlines()
    for bound, count in (("0.005", 1), ("0.25", 1), ("0.5", 3), ("10", 3), ("+Inf", 4)):
        assert f'labs_request_seconds_bucket{{path="/a",le="{bound}"}} {count}' in lines
    assert 'labs_request_seconds_sum{path="/a"} 99.601000' in lines
