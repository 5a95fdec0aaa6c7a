"""The graph of a computation as a picture."""

from typing import TYPE_CHECKING

from labs.foundations.engine import Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_graph(result: Value) -> "Figure":
    """What a value was made of, from left to right: in each box its value and its gradient."""
    from matplotlib.figure import Figure

    nodes = list(result.ancestry())
    depth: dict[int, int] = {}
    for node in nodes:
        depth[id(node)] = 1 + max((depth[id(source)] for source, _ in node.inputs), default=-1)
    for node in nodes:  # what comes from nowhere stands just before where it is first used
        if not node.inputs:
            depth[id(node)] = min(depth[id(n)] for n in nodes if any(node is source for source, _ in n.inputs)) - 1
    columns = [[node for node in nodes if depth[id(node)] == d] for d in range(max(depth.values()) + 1)]
    place_of: dict[int, tuple[float, float]] = {}
    for d, column in enumerate(columns):
        place_of |= {id(node): (d, 1 - (i + 1) / (len(column) + 1)) for i, node in enumerate(column)}
    figure = Figure(figsize=(2.5 * len(columns), 1.6 + 1.4 * max(map(len, columns))), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(0, 1))
    axis.set_axis_off()
    for node in nodes:
        for source, derivative in node.inputs:
            (x0, y0), (x1, y1) = place_of[id(source)], place_of[id(node)]
            up = 1 if y0 >= 0.5 else -1
            bend = -0.3 * up if x1 - x0 > 1 else 0.0  # around the boxes between
            axis.annotate(
                "", (x1, y1), (x0, y0),
                arrowprops={
                    "arrowstyle": "->", "color": "grey", "shrinkA": 42, "shrinkB": 42,
                    "connectionstyle": f"arc3,rad={bend}",
                },
            )  # fmt: skip
            x, y = (x0 + x1) / 2, (y0 + y1) / 2 + (0.28 * up if bend else 0.04)
            axis.text(x, y, f"·{derivative:.3g}".replace("-", "−"), color="#b2182b", fontsize=12, ha="center")
        name = " = ".join(part for part in (node.label, node.operation) if part)
        text = f"{name}\n{node.data:.4g}\ngrad {node.grad:.4g}".replace("-", "−")
        box = {"boxstyle": "round", "facecolor": "#fff7bc" if not node.inputs else "#deebf7", "edgecolor": "black"}
        axis.text(*place_of[id(node)], text, ha="center", va="center", fontsize=12, bbox=box)
    axis.set_title("values forwards (black), derivatives along the arrows (red), gradients backwards", fontsize=13)
    return figure
