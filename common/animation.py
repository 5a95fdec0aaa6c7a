"""Pictures that move, and pictures side by side."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from common.files import write_atomically


def as_image(figure: Figure) -> Image.Image:
    """A figure as a picture."""
    content = io.BytesIO()
    figure.savefig(content, dpi=100)
    return Image.open(content).convert("RGB")


def write_picture(picture: Image.Image, path: Path) -> Path:
    """A picture in the format of the file's name, atomically; returns its path."""
    content = io.BytesIO()
    picture.save(content, path.suffix.removeprefix("."))
    write_atomically(path, content.getvalue())
    return path


def write_gif(pictures: Sequence[Image.Image], path: Path, milliseconds: int = 400, last: int = 3000) -> Path:
    """An animation that stays `last` milliseconds on its last picture, then begins again; returns its path."""
    # One palette for all, so that unchanged pixels cost nothing; of the whole film's colours, the rare ones too.
    some = [pictures[0], pictures[len(pictures) // 2], pictures[-1]]
    palette = side_by_side(some).quantize(224, method=Image.Quantize.MAXCOVERAGE)
    greys = [round(255 * i / 31) for i in range(32) for _ in range(3)]  # else a grey ground is drawn in pale colours
    colours = (255 if value > 247 else value for value in (palette.getpalette() or [])[: 3 * 224])  # white is white
    palette.putpalette([*colours, *greys])
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = [milliseconds] * (len(frames) - 1) + [last]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    write_atomically(path, content.getvalue())
    return path


def side_by_side(pictures: Sequence[Image.Image], gap: int = 0) -> Image.Image:
    """Pictures in a row, their tops aligned, with `gap` grey pixels between two."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), "grey")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + gap
    return row
