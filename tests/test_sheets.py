"""The lab sheets: their pictures are there, small and described; answers are folded and come after hints."""

import re
from pathlib import Path

import pytest
from PIL import Image

from common.images import LARGEST_PICTURE

PROJECT = Path(__file__).parent.parent
SHEETS = sorted(PROJECT.glob("labs/**/README.md"))
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
TAG = re.compile(r'<img[^>]*\bsrc="([^"]+)"[^>]*\balt="([^"]+)"')


def pictures(page: Path) -> dict[Path, str]:
    """The pictures that a page shows, and what it says they show."""
    text = page.read_text(encoding="utf-8")
    found = [(target, alt) for alt, target in PICTURE.findall(text)] + TAG.findall(text)
    return {(page.parent / target).resolve(): alt for target, alt in found}


@pytest.mark.parametrize("page", [PROJECT / "README.md", *SHEETS], ids=lambda page: page.parent.name)
def test_pictures_are_there_small_and_described(page):
    shown = pictures(page)
    assert len(shown) >= 4
    for path, alt in shown.items():
        assert path.is_file(), path
        assert path.stat().st_size <= LARGEST_PICTURE, path
        with Image.open(path) as picture:
            assert picture.mode == "P" or picture.format == "GIF", path
        assert len(alt.split()) >= 4, f"{path.name}: {alt!r}"


def test_no_picture_lies_about_unused():
    shown = {path for page in [PROJECT / "README.md", *SHEETS] for path in pictures(page)}
    assert set(PROJECT.glob("labs/**/images/*")) <= shown


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.parent.name)
def test_a_sheet_has_its_parts(sheet):
    text = sheet.read_text(encoding="utf-8")
    headings = [line.strip("# ").lower() for line in text.splitlines() if line.startswith("## ")]
    for wanted in ("at a glance", "the idea", "commands", "exercises", "self-test"):
        assert any(wanted in heading for heading in headings), f"{wanted}: {headings}"
    assert text.count("<details>") == text.count("</details>") >= 5
    assert text.count("<summary>Hint</summary>") >= 3
    for block in re.findall(r"<summary>.*?</summary>(.*)", text):
        assert not block.strip(), "a blank line must follow a summary, or Markdown within is not read"
    assert len(re.findall(r"</summary>\n *\n", text)) == text.count("</summary>")
