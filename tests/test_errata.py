"""ERRATA.md: its rows have four cells, its commands parse, and its numbers follow from formulas written anew here.

What a row's Python expression prints stands in the row; expressions that train are only compiled.
"""

import contextlib
import io
import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch.distributions import Normal, kl_divergence

from common import cli
from tests.test_structure import readme_commands, settings_of

PAGE = Path(__file__).parent.parent / "ERRATA.md"
EXPRESSION = re.compile(r'`python -c "([^"]*)"`')


def tables() -> list[list[list[str]]]:
    """The page's tables: lists of rows, each a list of cells, the heading first and the line below it left out."""
    found: list[list[list[str]]] = [[]]
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            found += [[]] if found[-1] else []
        elif not set(line) <= set("|- "):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return [table for table in found if table]


ROWS = [row for table in tables() for row in table[1:]]


def row_of(*words: str) -> str:
    """The one row that begins with the first of the words and has the others in it."""
    found = [" | ".join(row) for row in ROWS if row[0].startswith(words[0])]
    found = [row for row in found if all(word in row for word in words)]
    assert len(found) == 1, (words, found)
    return found[0]


def numbers(text: str) -> set[str | float]:
    """The numbers of a text, with a minus sign of either kind; nan and True as they stand."""
    found = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e\+\d+)?|nan|True", text.replace("−", "-"))
    return {word if word.isalpha() else float(word) for word in found}


def test_every_row_has_its_four_cells():
    parts = tables()
    assert [len(table[0]) for table in parts] == [4] * 4  # introductions, slides, exams, manual and code
    assert len(ROWS) == len({" | ".join(row) for row in ROWS}) > 80
    for row in ROWS:
        assert len(row) == 4, row
        assert row[0] and row[2] and re.match("`python|nothing to compute", row[3]), row


def test_every_bug_of_the_code_is_there():
    bugs = {word for row in ROWS for word in re.findall(r"\b[CTGVRN]\d+\b", f"{row[0]} {row[1]}")}
    last = {"C": 9, "T": 12, "G": 11, "V": 8, "R": 7, "N": 9}
    assert bugs == {f"{letter}{n}" for letter, most in last.items() for n in range(1, most + 1)}


def test_every_command_is_understood():
    found = set(readme_commands(PAGE))  # those of `python -m`
    assert len(found) > 20
    for command in found:
        words = command.split()
        assert cli._parse(settings_of(words[2], words[3:]), words[3:], None) is not None, command


def test_files_and_headings_that_it_names_are_there():
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"`python (\S+\.py)", text):
        assert (PAGE.parent / name).is_file()
    for file, heading in re.findall(r"\]\(([^)#]+)#([^)]+)\)", text):
        headings = re.findall(r"^#+ (.*)", (PAGE.parent / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}


@pytest.mark.parametrize("row", [row for row in ROWS if EXPRESSION.search(row[3])], ids=lambda row: row[0][:40])
def test_what_an_expression_prints_stands_in_its_row(row):
    (source,) = EXPRESSION.findall(row[3])
    code = compile(source, "ERRATA.md", "exec")
    if "train(" in source or "load_images" in source or "lda(" in source:
        return  # a second or more: compiled only
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "errata"})
    assert printed.getvalue().strip()
    assert numbers(printed.getvalue()) <= numbers(row[2])


def test_information():
    def kl(P, Q):
        return sum(p * math.log(p / q) for p, q in zip(P, Q, strict=True))

    P1, P2 = (0.6, 0.3, 0.1), (1 / 3,) * 3
    M = [(p + q) / 2 for p, q in zip(P1, P2, strict=True)]
    assert f"{-(math.log2(0.9) + math.log2(0.1)) / 2:.7f}" in row_of("VAE, H(P, Q)")
    assert f"{kl(P1, M):.7f}" in row_of("VAE, KL(P1")
    assert f"{kl(P2, M):.7f}" in row_of("VAE, KL(P2", f"{(kl(P1, M) + kl(P2, M)) / 2:.7f}")
    right = kl_divergence(Normal(1.0, 0.5), Normal(0.0, 1.0)).item()
    mixed = 0.25**2 / 2 + 0.5 - 0.5 - math.log(0.25)  # σ² = ¼ in the place of σ
    assert f"{mixed:.6f} for {right:.6f}" in row_of("V1")
    assert f"{2 * right:.6f} and not {right:.6f}" in row_of("the same, code's KL")
    X = torch.tensor([[0.5, 0.6, 0.1, 0.7], [0.3, 0.4, 0.2, 0.8]])
    printed, code = X.square().sum() / 4, X.square().mean()
    assert f"as printed {printed:.3f}, by the code {code:.3f}" in row_of("November 2025, task 1, printed MSE")
    assert f"{0.5 * (0 + 2 - 0 - 1):.3f} for N(0, 1)" in row_of("the same, printed KL")


def test_gan_in_one_dimension():
    w, b = torch.tensor(0.5, requires_grad=True), torch.tensor(-1.0, requires_grad=True)
    real, fake = -torch.log(torch.sigmoid(3 * w + b)), -torch.log(1 - torch.sigmoid(1 * w + b))
    parts = [torch.autograd.grad(loss, w, retain_graph=True)[0].item() for loss in (real, fake)]
    assert f"{(real + fake).item():.7f}" in row_of("GAN in one dimension, L_D", f"; {(real + fake).item():.3f} by")
    assert f"{real.item():.7f}" in row_of("the same, L_G", f"; {real.item():.3f} ")
    said = f"{parts[0]:.4f} + {parts[1]:.4f} = {sum(parts):.4f}".replace("-", "−")
    assert said in row_of("the same, direction of w")
    assert torch.autograd.grad(real + fake, b)[0].abs() < 1e-6
    row = row_of("G2", f"{math.log(1 + math.exp(-1)):.4f}", f"{math.log(2):.4f}")
    z = torch.tensor(-8.0, requires_grad=True)
    for loss in (-torch.log(torch.sigmoid(torch.sigmoid(z))), -torch.log(torch.sigmoid(z))):
        assert f"{torch.autograd.grad(loss, z)[0]:.6f}" in row
    assert f"{math.log(4):.3f} and {math.log(2):.3f}" in row_of("January 2026, task 1")


def values(
    places: str, walls: str, slip: float, gamma: float, enter: dict[str, float], policy=None, ends="G", worth=0.0
):
    """V of a world whose rows are parted by /: of a policy {state: (row, column) move}, else the best; by iteration."""
    world = places.split("/")
    cells = [(r, c) for r, line in enumerate(world) for c in range(len(line))]
    V = {cell: worth if world[cell[0]][cell[1]] in ends else 0.0 for cell in cells}

    def q(r: int, c: int, move: tuple[int, int]) -> float:
        dr, dc = move
        total = 0.0
        for p, (a, e) in ((1 - 2 * slip, move), (slip, (dc, dr)), (slip, (-dc, -dr))):
            there = (r + a, c + e) if (r + a, c + e) in V and world[r + a][c + e] not in walls else (r, c)
            entered = world[there[0]][there[1]] if there != (r, c) else "."
            total += p * (enter.get(entered, enter["."]) + gamma * V[there])
        return total

    moves = ((0, 1), (1, 0), (0, -1), (-1, 0))
    for _ in range(200):
        for r, c in cells:
            if world[r][c] not in ends + walls:
                V[r, c] = q(r, c, policy[r, c]) if policy else max(q(r, c, move) for move in moves)
    return V


RIGHT, DOWN, UP = (0, 1), (1, 0), (-1, 0)


def test_grid_worlds():
    small = {(0, 0): RIGHT, (1, 0): RIGHT, (1, 1): UP}
    V = values(".G/..", "", 0.1, 0.9, {".": -1}, small, worth=10)
    assert f"{V[1, 0]:.6f}" in row_of("RL, 2×2, slippery", f"{(0.8 * 6.2 + 0.1 * 6.2 - 0.1) / 0.91:.6f}")
    assert f"{V[0, 0]:.6f}" in row_of("the same, V(s1)") and math.isclose(V[0, 0], V[1, 1])
    other = values(".G/..", "", 0, 0.9, {".": -1, "G": 10}, small)
    assert f"V(s2) is {other[1, 0]:.0f}, not 6.2" in row_of("RL, 2×2 beside 3×3")

    large = {(r, c): RIGHT if c < 2 else DOWN for r in range(3) for c in range(3)}
    V = values(".../.../..G", "", 0.1, 0.9, {".": -1, "G": 10}, large)
    assert f"{V[1, 1]:.6f}, so {8 - V[1, 1]:.6f}" in row_of("RL, 3×3, slippery", "7.658")
    assert math.isclose(0.8 * (-1 + 0.9 * 10) + 0.1 * (-1 + 0.9 * 6.2) + 0.1 * (-1 + 0.9 * 10), 7.658)
    other = values(".../.../..G", "", 0, 0.9, {".": -1}, large, worth=10)
    assert f"V(1,1) is {other[0, 0]:.3f}, not 4.58" in row_of("the same", "3×3 by the other rule")

    rewards = {".": -1, "G": 10, "X": -5}
    row = row_of("RL, MDP with X")
    for walls, ends in (("", "G"), ("", "GX"), ("X", "G")):
        assert f"{values('..G/.X./...', walls, 0.1, 0.9, rewards, ends=ends)[2, 0]:.6f}" in row

    flat, slippery = (values("..G/.X./...", "X", slip, 0.8, {".": 0, "G": 5}) for slip in (0, 0.15))
    assert f"{flat[1, 0]:.1f}; 2.56 is" in row_of("January 2026, task 2b") and math.isclose(flat[2, 0], 2.56)
    three = ", ".join(f"{slippery[cell]:.6f}" for cell in ((0, 0), (0, 1), (1, 0)))
    assert three in row_of("the same, V(0), V(1), V(3)")
    assert f"{0.8 * (3.5 + 0.6 + 0.15 * flat[1, 0]):.3f}" in row_of("the same, Q(0, →)")


def test_convolution_by_hand():
    image = torch.tensor([[1.0, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1]])[None, None]
    kernel = torch.tensor([[1.0, -1], [0, 1]])[None, None]

    def shown(x: torch.Tensor) -> str:
        return str(x[0, 0].int().tolist()).replace(" ", "")

    for bias, row in ((1.0, row_of("January 2025")), (0.0, row_of("the same, done as"))):
        maps = F.conv2d(image, kernel, torch.tensor([bias])).relu()
        assert shown(maps) in row
        pooled = row if bias == 0 else row_of("the same, pooling", shown(F.max_pool2d(maps, 2)))
        assert shown(F.max_pool2d(maps, 2, ceil_mode=True)) in pooled
    assert F.max_pool2d(torch.zeros(1, 3, 3), 2).shape[-1] == (3 - 2) // 2 + 1
    side = F.conv2d(torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 3, 3), stride=2).shape[-1]
    assert f"give {side}, not {math.ceil(25 / 2) + 1}" in row_of("CNN, output size")


def test_first_steps_of_the_optimisers():
    g, lr = 2.0, 0.1
    a = (1 - 0.9) * g**2  # the mean of g² after one step
    steps = {
        "AdaGrad": lr * g / math.sqrt(g**2),
        "RMSProp": lr * g / math.sqrt(a),
        "AdaDelta": math.sqrt(1e-6) / math.sqrt(a + 1e-6) * g,
        "Adam": lr * (0.1 * g / (1 - 0.9)) / math.sqrt(0.001 * g**2 / (1 - 0.999)),
    }
    for name, step in steps.items():
        assert re.search(rf": (the first step has the length η, )?{round(1 - step, 4)}\b", row_of(f"003, {name}"))


def test_random_walk():
    for epsilon, row in ((0.0, row_of("R6")), (0.0, row_of("R4")), (0.1, row_of("R4"))):
        V = [0.0] * 7  # of an agent that steps right, but left in half of its random steps; ends pay −1 and 1
        for _ in range(500):
            right = [(1.0 if s == 5 else 0.99 * V[s + 1]) if s < 6 else 0.0 for s in range(7)]
            left = [(-1.0 if s == 1 else 0.99 * V[s - 1]) if s else 0.0 for s in range(7)]
            V = [0.0, *((1 - epsilon / 2) * right[s] + epsilon / 2 * left[s] for s in range(1, 6)), 0.0]
        assert f"{right[3]:.4f}" in row


def test_parameters_of_the_architectures():
    row = row_of("Transfer learning, architectures")
    with torch.device("meta"):  # shapes without numbers
        networks = [getattr(torchvision.models, name)() for name in ("alexnet", "vgg16", "vgg19")]
        networks += [torchvision.models.googlenet(aux_logits=False, init_weights=False)]
    for network in networks:
        assert f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M" in row
