"""Widgets and output that work in a marimo notebook and in its Jupyter twin alike.

marimo runs a cell again when a control that it names has changed; Jupyter does not. `react` bridges that:

    zoom = notebook.slider("zoom", 1, 5)          # one cell shows the control …
    notebook.react(draw, zoom=zoom)               # … another draws draw(zoom=3), and anew when it moves

Needs the extra `notebooks`. In a plain script controls have the values they start with.
"""

import base64
import functools
import html
import inspect
import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from common.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

Result = TypeVar("Result")
HIGHEST = 590  # pixels: marimo cuts off what is higher
Control = Any  # a widget of marimo or of ipywidgets; what they share is the attribute `value`


def in_jupyter() -> bool:
    """Whether a Jupyter kernel runs this, rather than marimo or a script."""
    kernelapp = sys.modules.get("ipykernel.kernelapp")
    return kernelapp is not None and kernelapp.IPKernelApp.initialized()


def in_marimo() -> bool:
    """Whether a marimo page runs this, be it to edit or to show."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and marimo.running_in_notebook()


def work_in_suite() -> None:
    """Change to the suite's folder, if the notebook was opened where it lies in it: data/ and runs/ are there.

    Jupyter starts a notebook in the notebook's own folder. Elsewhere (a copy) nothing changes.
    """
    suite = Path(__file__).resolve().parents[1]
    if Path.cwd().is_relative_to(suite / "labs"):
        os.chdir(suite)


def slider(
    label: str, start: float, stop: float, value: float | None = None, step: float | None = None, live: bool = False
) -> Control:
    """A number from `start` to `stop`; whole numbers if all that is given is whole. It starts at `value` (`start`).

    With `live` what follows it is drawn while it moves, else when it is let go.
    """
    value = start if value is None else value
    whole = all(isinstance(number, int) for number in (start, stop, value, step or 1))
    step = step or (1 if whole else (stop - start) / 100)
    if in_jupyter():
        import ipywidgets

        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        shown = {} if whole else {"readout_format": ".4g"}
        where = {"min": start, "max": stop, "step": step, "value": value}
        return kind(description=label, continuous_update=live, **where, **shown, **_wide())
    import marimo

    return marimo.ui.slider(start, stop, step, value, label=label, show_value=True, debounce=not live)


def choice(label: str, options: Sequence[str], value: str | None = None) -> Control:
    """One of `options`; it starts at `value` (the first)."""
    value = options[0] if value is None else value
    if in_jupyter():
        import ipywidgets

        return ipywidgets.Dropdown(options=list(options), value=value, description=label, **_wide())
    import marimo

    return marimo.ui.dropdown(list(options), value, label=label)


def checkbox(label: str, value: bool = False) -> Control:
    """Yes or no."""
    if in_jupyter():
        import ipywidgets

        return ipywidgets.Checkbox(value, description=label, **_wide())
    import marimo

    return marimo.ui.checkbox(value, label=label)


def text(label: str, value: str = "", rows: int = 1) -> Control:
    """A line of text, or several; the value follows when the field is left or Enter is pressed."""
    if in_jupyter():
        import ipywidgets

        kind, size = (ipywidgets.Text, {}) if rows == 1 else (ipywidgets.Textarea, {"rows": rows})
        return kind(value, description=label, continuous_update=False, **size, **_wide("50em"))
    import marimo

    if rows == 1:
        return marimo.ui.text(value, label=label, full_width=True)
    return marimo.ui.text_area(value, label=label, rows=rows, full_width=True)


def upload(label: str, kinds: Sequence[str] = (".png", ".jpg", ".jpeg")) -> Control:
    """A file of the reader's own; `read` gives its bytes, or None."""
    if in_jupyter():
        import ipywidgets

        return ipywidgets.FileUpload(accept=",".join(kinds), description=label, **_wide())
    import marimo

    return marimo.ui.file(list(kinds), label=label)


def canvas(label: str, side: int = 280) -> Control:
    """A square to draw on with mouse, pen or finger, white on black; `read` gives it as a PNG file's bytes, or None."""
    import anywidget
    import traitlets

    class Canvas(anywidget.AnyWidget):
        _esm = Path(__file__).parent / "canvas.js"
        label = traitlets.Unicode().tag(sync=True)
        side = traitlets.Int().tag(sync=True)
        value = traitlets.Unicode().tag(sync=True)  # a data URL; "" is a canvas with nothing on it

    widget = Canvas(label=label, side=side)
    if in_jupyter():
        return widget
    import marimo

    return marimo.ui.anywidget(widget)


def pick(image: "Tensor | bytes", rows: int, columns: int, hover: bool = False, width: int = 560) -> Control:
    """A picture of rows × columns equal parts to point at; `read` gives (row, column) of the last click, or None.

    image   (C, H, W) or (H, W) with values in [0, 1], or a PNG file's bytes
    hover   follow the pointer, rather than clicks
    """
    import anywidget
    import traitlets

    class Picture(anywidget.AnyWidget):
        _esm = Path(__file__).parent / "pick.js"
        picture = traitlets.Unicode().tag(sync=True)
        rows = traitlets.Int().tag(sync=True)
        columns = traitlets.Int().tag(sync=True)
        hover = traitlets.Bool().tag(sync=True)
        width = traitlets.Int().tag(sync=True)
        value: Any = traitlets.List().tag(sync=True)  # row and column; empty: nothing yet

    content = image if isinstance(image, bytes) else _as_png(image)
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    widget = Picture(picture=source, rows=rows, columns=columns, hover=hover, width=width)
    if in_jupyter():
        return widget
    import marimo

    return marimo.ui.anywidget(widget)


def _as_png(image: "Tensor") -> bytes:
    from PIL import Image

    pixels = (image.detach().cpu().clip(0, 1) * 255).round().byte()
    if pixels.ndim == 3:
        pixels = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)
    content = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(content, "PNG")
    return content.getvalue()


def form(button: str, /, **controls: Control) -> Control:
    """Controls whose values count only once `button` is pressed (marimo) or the next cell is run (Jupyter)."""
    if in_jupyter():
        return Form(controls)
    import marimo

    if not marimo.running_in_notebook():  # a script has nobody to press it
        return Form(controls)
    lines = "\n\n".join(f"{{{name}}}" for name in controls)
    return marimo.md(lines).batch(**controls).form(submit_button_label=button)


@dataclass
class Form:
    """Controls one above the other; who asks for their values gets what they are then."""

    controls: dict[str, Control]

    @property
    def value(self) -> dict[str, Any]:
        return {name: read(control) for name, control in self.controls.items()}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(column(*self.controls.values()))


def trained(train: Callable[..., Result], form: Control, /, **fixed: Any) -> Result | None:
    """What train(**fixed, **values of the form) returns; None until the form's button has been pressed.

    What training prints stands in the cell's output, with a bar while it goes on. None, too, if it ends with an
    InputError, which is shown as a line. `after` shows what comes of it.
    """
    if form.value is None:
        _say("Waits for the button above.")
        return None
    return attempt(train, **fixed, **form.value)


def attempt(function: Callable[..., Result], /, *args: Any, **kws: Any) -> Result | None:
    """What function(*args, **kws) returns; None if it ends with an InputError, which is shown as a line."""
    if not in_marimo():
        try:
            return function(*args, **kws)
        except InputError as error:
            _say(f"error: {error}")
            return None
    import marimo

    # What is printed belongs into the page: where the code is hidden, marimo shows no other output.
    with marimo.status.spinner(title="Working …"), marimo.capture_stdout() as said:
        try:
            result = function(*args, **kws)
        except InputError as error:
            result = None
            print(f"error: {error}")
    if text := said.getvalue().strip():
        _say(text)
    return result


def _say(text: str) -> None:
    """A line in the cell's output."""
    if in_marimo():
        import marimo

        marimo.output.append(marimo.Html(Shown(text).html))
    elif in_jupyter():
        from IPython.display import display

        display(Shown(text))
    else:
        print(text)


def row(*controls: Control) -> Any:
    """Controls side by side."""
    if in_jupyter():
        import ipywidgets

        return ipywidgets.HBox(controls, layout={"flex_flow": "row wrap"})
    import marimo

    return marimo.hstack(controls, justify="start", wrap=True)


def column(*controls: Control) -> Any:
    """Controls one above the other."""
    if in_jupyter():
        import ipywidgets

        return ipywidgets.VBox(controls)
    import marimo

    return marimo.vstack(controls)


def read(control: Control) -> Any:
    """A control's value: a number, text, yes or no; of `upload` and `canvas` the bytes of the file, or None."""
    value = control.value
    if isinstance(value, dict):  # marimo gives all of a drawn widget's traits
        value = value["value"]
    if isinstance(value, list) and all(isinstance(number, int) for number in value):  # where a picture was clicked
        return tuple(value) or None
    if isinstance(value, str) and value.startswith("data:image/png;base64,"):
        return base64.b64decode(value.split(",", 1)[1])
    if hasattr(control, "_esm") or hasattr(control, "widget"):
        return None  # an empty canvas
    if isinstance(value, (tuple, list)):  # uploaded files
        if not value:
            return None
        return bytes(value[0]["content"]) if isinstance(value[0], dict) else value[0].contents
    return value


class Upload(io.BytesIO):
    """The bytes that `read` gives of an upload or a canvas, to be opened as a file; messages call it by a name."""

    def __str__(self) -> str:
        return "the picture"


class Shown:
    """Figures and text one below the other, as HTML that both notebooks show."""

    def __init__(self, *items: "Figure | Path | str"):
        # One column, no higher than the page's box: pictures give way to text.
        style = f"display: flex; flex-direction: column; align-items: flex-start; max-height: {HIGHEST}px"
        self.html = f'<div style="{style}">' + "\n".join(map(_as_html, items)) + "</div>"

    def _repr_html_(self) -> str:
        return self.html

    def _mime_(self) -> tuple[str, str]:  # marimo's: as it is, without a frame that scrolls
        return "text/html", self.html


def show(*items: "Figure | Path | str") -> Shown:
    """What a cell ends with: figures, files of pictures (PNG, GIF) and lines of text, one below the other."""
    return Shown(*items)


def react(draw: Callable[..., Any], /, **controls: Control) -> Shown | None:
    """What draw(**values of the controls) returns (a figure, a picture's path, text, or a tuple of them), shown.

    In Jupyter the output is drawn anew when a control moves; in marimo the cell runs anew. One a cell. An InputError
    becomes a line of text.
    """

    def shown() -> Shown:
        try:
            drawn = draw(**{name: read(control) for name, control in controls.items()})
        except InputError as error:
            drawn = str(error)
        return Shown(*(drawn if isinstance(drawn, tuple) else (drawn,)))

    if not in_jupyter():
        return shown()
    from IPython import get_ipython
    from IPython.display import display

    output = display(shown(), display_id=True)

    def update(change: object) -> None:
        output.update(shown())

    cell = get_ipython().get_parent().get("metadata", {}).get("cellId")
    for control, watcher in _watchers.pop(cell, []):  # the same cell, run before
        control.unobserve(watcher, "value")
    _watchers[cell] = [(control, update) for control in controls.values()]
    for control in controls.values():
        control.observe(update, "value")
    return None


_watchers: dict[str | None, list[tuple[Control, Callable]]] = {}  # Jupyter: what watches a control, by its cell


def after(result: Any, draw: Callable[..., Any], /, **controls: Control) -> Shown | None:
    """`react` to controls with draw(*result, **values), where `result` is what `trained` or `attempt` gave.

    While that is None: a line that says so. A result that is no tuple is one argument.
    """
    if result is None:
        return Shown("Nothing to show yet: it waits for what is above.")
    return react(functools.partial(draw, *(result if isinstance(result, tuple) else (result,))), **controls)


def film(frames: Callable[..., Iterable[Any]], form: Control, /, **fixed: Any) -> Shown | None:
    """Each frame of frames(**fixed, **values of the form) in the place of the one before, as soon as it comes.

    A frame is what `react` draws. Nothing before the form's button has been pressed.
    """
    if form.value is None:
        return Shown("Press the button above first.")
    shown, handle = Shown(), None
    try:
        for frame in frames(**fixed, **form.value):
            shown = Shown(*(frame if isinstance(frame, tuple) else (frame,)))
            if in_marimo():
                import marimo

                marimo.output.replace(marimo.Html(shown.html))
            elif in_jupyter():
                from IPython.display import display

                handle = display(shown, display_id=True) if handle is None else handle.update(shown) or handle
    except InputError as error:
        return Shown(f"error: {error}")
    return None if handle else shown


def source(*objects: Callable[..., Any] | type) -> Shown:
    """The lab's own code of functions or classes, to be read, not changed."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    code = "\n\n".join(textwrap.dedent(inspect.getsource(one)) for one in objects)
    shown = Shown()
    shown.html = highlight(code, PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True))
    shown.html = f'<div style="overflow-x: auto; font-size: 0.85em">{shown.html}</div>'  # long lines scroll
    return shown


def _as_html(item: "Figure | Path | str") -> str:
    if isinstance(item, str):
        style = "flex: none; margin: 0.3em 0; white-space: pre-wrap; word-break: normal"
        return f'<pre style="{style}">{html.escape(item)}</pre>'
    if isinstance(item, Path):
        kind, content = item.suffix.lstrip("."), item.read_bytes()
    else:
        buffer = io.BytesIO()
        item.savefig(buffer, format="png", dpi=100)
        kind, content = "png", buffer.getvalue()
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img src="{source}" style="max-width: 100%; min-height: 0; flex: 0 1 auto; object-fit: contain">'


def _wide(width: str = "26em") -> dict[str, dict[str, str]]:
    """Room for a label beside a widget of Jupyter."""
    return {"style": {"description_width": "initial"}, "layout": {"width": width}}
