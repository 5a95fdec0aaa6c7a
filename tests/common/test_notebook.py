"""Widgets in a script, and in a Jupyter kernel: values, output, and what a moved control sets off."""

import base64
import io
import re
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from common import notebook
from common.errors import InputError

pytest.importorskip("marimo")


def png(colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (3, 2), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_controls_have_the_values_they_start_with():
    assert notebook.read(notebook.slider("epochs", 1, 9)) == 1
    assert notebook.read(notebook.slider("lr", 0.0, 1.0, 0.25)) == 0.25
    assert notebook.read(notebook.choice("data", ["digits", "mnist"])) == "digits"
    assert notebook.read(notebook.choice("data", ["digits", "mnist"], "mnist")) == "mnist"
    assert notebook.read(notebook.checkbox("more", True)) is True
    assert notebook.read(notebook.text("words", "a b")) == "a b"
    assert notebook.read(notebook.text("words", "a\nb", rows=3)) == "a\nb"
    assert notebook.read(notebook.upload("picture")) is None
    assert notebook.read(notebook.canvas("digit")) is None


def test_a_notebook_opened_in_its_lab_works_in_the_suite(tmp_path, monkeypatch):
    suite = Path(notebook.__file__).parents[1]
    notebook.work_in_suite()
    assert Path.cwd() == tmp_path
    monkeypatch.chdir(suite / "labs/cnn")
    notebook.work_in_suite()
    assert Path.cwd() == suite


def test_whole_numbers_stay_whole():
    slider = notebook.slider("epochs", 1, 3)
    assert slider.step == 1 and isinstance(notebook.read(slider), int)
    assert notebook.slider("lr", 0.0, 2.0).step == 0.02


def test_a_drawing_comes_as_the_bytes_of_a_picture():
    board = notebook.canvas("digit")
    board.widget.value = "data:image/png;base64," + base64.b64encode(png(255)).decode()
    read = notebook.read(board)
    assert Image.open(io.BytesIO(read)).size == (3, 2)


def test_a_form_in_a_script_has_been_submitted():
    form = notebook.form("Train", epochs=notebook.slider("epochs", 1, 9, 2), data=notebook.choice("data", ["a", "b"]))
    assert notebook.trained(lambda **given: given, form, lr=0.5) == {"epochs": 2, "data": "a", "lr": 0.5}


def test_training_that_is_refused_is_a_line_and_what_follows_waits(capsys):
    def train(**given):
        raise InputError("mnist is not there")

    assert notebook.trained(train, notebook.form("Train", epochs=notebook.slider("epochs", 1, 9))) is None
    assert "error: mnist is not there" in capsys.readouterr().out
    assert notebook.attempt(train) is None
    assert "waits for what is above" in notebook.after(None, train).html


def test_what_comes_of_training_is_drawn():
    n = notebook.slider("n", 3, 5)
    assert "ababab" in notebook.after(("ab", "cd"), lambda word, other, n: word * n + other, n=n).html
    assert "abcd" in notebook.after("ab", lambda word: word + "cd").html


def test_of_a_film_the_last_frame_stays():
    seen = []

    def frames(n):
        for i in range(n):
            seen.append(i)
            yield f"frame {i}", "of a film"
        if n == 4:
            raise InputError("diverged")

    assert "frame 2" in notebook.film(frames, notebook.form("Play", n=notebook.slider("n", 3, 5))).html
    assert seen == [0, 1, 2]
    assert "error: diverged" in notebook.film(frames, notebook.form("Play"), n=4).html


def test_a_point_in_a_picture():
    picture = notebook.pick(torch.rand(1, 8, 6), 4, 3)
    assert notebook.read(picture) is None
    picture.widget.value = [2, 1]
    assert notebook.read(picture) == (2, 1)
    shown = base64.b64decode(picture.widget.picture.split(",")[1])
    assert Image.open(io.BytesIO(shown)).size == (6, 8)


def test_code_is_shown_as_it_is():
    text = re.sub("<[^>]+>", "", notebook.source(png).html)
    assert "def png(colour: int)" in text and "buffer.getvalue()" in text


def test_shown_as_html(tmp_path):
    picture = tmp_path / "a.gif"
    picture.write_bytes(b"GIF89a")
    shown = notebook.show(Figure(figsize=(1, 1)), "a < b", picture)._repr_html_()
    figure, text, file = shown.split(">", 1)[1].removesuffix("</div>").split("\n")
    assert Image.open(io.BytesIO(base64.b64decode(figure.split("base64,")[1].split('"')[0]))).size == (100, 100)
    assert "a &lt; b" in text
    assert file.startswith('<img src="data:image/gif;base64,R0lGODlh"')


def test_react_draws_with_the_controls_values():
    draw = notebook.slider("draw", 1, 2)  # a control may have any name
    assert "draw is 1" in notebook.react(lambda draw: f"draw is {draw}", draw=draw).html
    shown = notebook.react(
        lambda n, word: (word * n, "second"), n=notebook.slider("n", 3, 5), word=notebook.text("w", "ab")
    )
    assert "ababab" in shown.html and "second" in shown.html


def test_bad_input_is_a_line_of_text():
    def draw(n):
        raise InputError(f"--n is {n}; it must be less")

    assert "--n is 3; it must be less" in notebook.react(draw, n=notebook.slider("n", 3, 5)).html


@pytest.fixture(scope="module")
def kernel():
    """Runs code in a Jupyter kernel; returns what was printed and shown."""
    manager = pytest.importorskip("jupyter_client.manager")
    manager, client = manager.start_new_kernel(kernel_name="python3")

    def run(code: str) -> list[dict]:
        found = []
        reply = client.execute_interactive(code, output_hook=found.append, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        return found

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(messages: list[dict]) -> str:
    return "".join(message["content"].get("text", "") for message in messages)


@pytest.mark.filterwarnings("default")  # zmq and asyncio warn of their own affairs
def test_in_jupyter_the_same_names_give_widgets(kernel):
    kernel("from common import notebook")
    kernel("numbers = [notebook.slider('n', 1, 9, 4), notebook.slider('x', 0.0, 1.0)]")
    kernel("others = [notebook.choice('c', ['a', 'b'], 'b'), notebook.checkbox('k'), notebook.text('t', 'u')]")
    assert (
        printed(kernel("print([notebook.read(control) for control in numbers + others])"))
        == "[4, 0.0, 'b', False, 'u']\n"
    )
    kernel("files = [notebook.upload('p'), notebook.canvas('d')]")
    assert printed(kernel("print([notebook.read(file) for file in files])")) == "[None, None]\n"
    kernel("form = notebook.form('Train', n=notebook.slider('n', 1, 9))")
    kernel("form.controls['n'].value = 3")
    assert printed(kernel("print(notebook.trained(dict, form))")) == "{'n': 3}\n"


@pytest.mark.filterwarnings("default")
def test_in_jupyter_a_moved_control_draws_anew_and_once(kernel):
    kernel("from common import notebook\nn = notebook.slider('n', 1, 9)\ndrawn = []")
    kernel("def draw(n):\n    drawn.append(n)\n    return f'n is {n}'")
    (first,) = (m for m in kernel("notebook.react(draw, n=n)") if m["msg_type"] == "display_data")
    assert "n is 1" in first["content"]["data"]["text/html"]
    kernel("notebook.react(draw, n=n)")  # the cell is run again: what it drew before is forgotten
    moved = [m for m in kernel("n.value = 7\nprint(drawn)") if m["msg_type"] in ("update_display_data", "stream")]
    assert [m["msg_type"] for m in moved] == ["update_display_data", "stream"]
    assert "n is 7" in moved[0]["content"]["data"]["text/html"]
    assert moved[1]["content"]["text"] == "[1, 1, 7]\n"
