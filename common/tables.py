"""Tables as text: in columns for the terminal, as Markdown for a report, too."""

from collections.abc import Sequence


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of them the header, as a table whose columns stand under one another."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * width for width in widths])
    return "".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |\n" for row in cells
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose cells stand under one another, two blanks apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
