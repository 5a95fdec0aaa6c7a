"""Exam of January 2025 and its neighbours: a convolution by hand, and values in a grid world.

Task 1 of January 2025 (convolution with bias, ReLU, max pooling) and the grid worlds of the slides and of January 2026.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from assignments.exercise import Draw, exercise, tensor

LAB = ""
RUNS: dict[str, str] = {}


_IMAGE = tensor([1, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1])  # the exam's I
_MAP = tensor([1, 5, 2], [4, 1, 1], [3, 1, 3])  # the exam's O
_ACTIONS = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}


# --- January 2025, task 1 -------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=1.25,
    hints=(
        "Exam of January 2025, task 1; slides, convolution; lab sheet of labs/cnn.",
        "Two loops over where the window stands; in each place the sum of products of window and kernel, plus b.",
        "result[i, j] = (image[i : i + h, j : j + w] * kernel).sum() + bias, with H − h + 1 rows.",
    ),
    compare="labs/cnn/kernels.py",
    forbidden=("conv2d", "Conv2d", "convolve2d", "correlate2d", "convolution", "correlate", "convolve"),
)
def convolution(image: Tensor, kernel: Tensor, bias: float) -> Tensor:
    """The feature map of one channel: (H − h + 1, W − w + 1).

    The kernel (h, w) slides over the image (H, W) by one pixel a step, within the image (no padding). In each place the
    entries of image and kernel that lie on one another are multiplied and added, and the bias is added once. As in
    the exam, and in neural networks, the kernel is not turned round.
    """
    raise NotImplementedError


@convolution.example("the exam's I, K and b = 1")
def _():
    return (_IMAGE, tensor([1, -1], [0, 1]), 1.0), _MAP


@convolution.probes
def _(draw):
    h, w = draw.size(2, 3), draw.size(2, 3)
    return draw.normal(h + draw.size(1, 3), w + draw.size(1, 3)), draw.normal(h, w), draw.number(0.5, 2)


@convolution.expected
def _(image, kernel, bias):
    return F.conv2d(image[None, None], kernel[None, None], tensor(bias))[0, 0]


def _slid(image: Tensor, kernel: Tensor, bias: float) -> Tensor:
    return torch.einsum("ijab,ab->ij", image.unfold(0, len(kernel), 1).unfold(1, kernel.shape[1], 1), kernel) + bias


@convolution.mistake("K1", "leaving out the bias, which is added to every entry; the exam's text forgets it, too")
def _(image, kernel, bias):
    return _slid(image, kernel, 0.0)


@convolution.mistake("K2", "turning the kernel round, as mathematicians convolve: here it lies on the image as it is")
def _(image, kernel, bias):
    return _slid(image, kernel.flip(0, 1), bias)


@convolution.mistake("K3", "transposing the kernel: its rows lie on rows of the image")
def _(image, kernel, bias):
    return _slid(image, kernel.T, bias)


@convolution.mistake("K4", "adding the bias to every product: it is added once, to their sum")
def _(image, kernel, bias):
    return _slid(image, kernel, bias * kernel.numel())


@convolution.mistake("K5", "padding with zeros at the rim: the kernel stays within the image")
def _(image, kernel, bias):
    h, w = kernel.shape
    return _slid(F.pad(image, (w // 2, (w - 1) // 2, h // 2, (h - 1) // 2)), kernel, bias)


@convolution.mistake("K6", "a step of a whole kernel: it moves by one pixel")
def _(image, kernel, bias):
    return _slid(image, kernel, bias)[:: len(kernel), :: kernel.shape[1]]


@exercise(
    number=2,
    points=0.25,
    hints=(
        "Exam of January 2025, task 1; slides, activation functions.",
        "Entry by entry the larger one of two numbers, one of which is always the same.",
        "torch.where(x > 0, x, 0.0), or x * (x > 0).",
    ),
    compare="labs/foundations/activations.py",
    forbidden=("relu", "relu_", "ReLU", "relu6", "threshold", "leaky_relu"),
)
def rectify(x: Tensor) -> Tensor:
    """ReLU: the positive entries of x as they are, 0 for the others; the same shape. x itself stays as it is."""
    raise NotImplementedError


@rectify.example("the exam's feature map has no negative entry, and stays as it is")
def _():
    return (_MAP,), _MAP


@rectify.probes
def _(draw):
    return (draw.normal(2, draw.size(2, 5), std=2),)


@rectify.expected
def _(x):
    return F.relu(x)


@rectify.mistake("R1", "giving the absolute values: negative entries become 0")
def _(x):
    return x.abs()


@rectify.mistake("R2", "keeping the negative entries in place of the positive ones")
def _(x):
    return x.clamp(max=0)


@rectify.mistake("R3", "giving 1 for positive entries, which is ReLU's derivative: they stay as they are")
def _(x):
    return (x > 0).to(x.dtype)


@rectify.mistake("R4", "leaving the negative entries out: they become 0, and the shape stays")
def _(x):
    return x[x > 0]


@exercise(
    number=3,
    points=1,
    hints=(
        "Exam of January 2025, task 1; lab sheet of labs/cnn, ceil_mode.",
        "A window begins at 0, stride, 2 · stride, …; the last one is the first that reaches the rim.",
        "x[i : i + size, j : j + size].max(), as slices end at the rim; ceil((H − size) / stride) + 1 rows.",
    ),
    compare="labs/cnn/shapes.py, and nn.MaxPool2d(2, ceil_mode=True)",
    forbidden=("max_pool2d", "MaxPool2d", "adaptive_max_pool2d", "AdaptiveMaxPool2d", "max_pool2d_with_indices"),
)
def max_pool(x: Tensor, size: int, stride: int) -> Tensor:
    """Max pooling of one channel x (H, W), as in the exam: the largest entry of each window of size × size.

    Windows begin at 0, stride, 2 · stride, … in both directions. The last one is the first that reaches the rim; if it
    hangs over, it has the entries that there are (torch: ceil_mode=True). size ≤ H, W; stride ≤ size.
    """
    raise NotImplementedError


@max_pool.example("the exam's feature map, windows of 2 × 2: not torch's usual 1 × 1")
def _():
    return (_MAP, 2, 2), tensor([5, 2], [3, 3])


@max_pool.probes
def _(draw):
    return draw.normal(draw.size(3, 7), draw.size(3, 7), mean=-1.0), 2, 2


@max_pool.probes
def _(draw):
    return draw.normal(draw.integer(5, 8), draw.integer(5, 8), mean=-1.0), 3, draw.integer(1, 2)


@max_pool.expected
def _(x, size, stride):
    return F.max_pool2d(x[None], size, stride, ceil_mode=True)[0]


@max_pool.mistake("M1", "dropping windows that hang over the rim, as torch does unless told: they count here")
def _(x, size, stride):
    return F.max_pool2d(x[None], size, stride)[0]


@max_pool.mistake("M2", "the mean of a window: its largest entry is asked for")
def _(x, size, stride):
    return F.avg_pool2d(x[None], size, stride, ceil_mode=True)[0]


@max_pool.mistake("M3", "moving the window by 1: it moves by `stride`")
def _(x, size, stride):
    return F.max_pool2d(x[None], size, 1)[0]


@max_pool.mistake("M4", "filling up with zeros at the rim, which win where all entries are negative")
def _(x, size, stride):
    down, right = ((math.ceil((n - size) / stride) * stride + size - n) for n in x.shape)
    return F.max_pool2d(F.pad(x, (0, right, 0, down))[None], size, stride)[0]


@max_pool.mistake("M5", "the smallest entry of a window: the largest is asked for")
def _(x, size, stride):
    return -F.max_pool2d(-x[None], size, stride, ceil_mode=True)[0]


@max_pool.mistake("M6", "moving the window by its size: it moves by `stride`, which may be smaller")
def _(x, size, stride):
    return F.max_pool2d(x[None], size, size, ceil_mode=True)[0]


@max_pool.mistake("M7", "one window too many: when a window has reached the rim, no further one begins")
def _(x, size, stride):
    down, right = ((n - 1) // stride * stride + size - n for n in x.shape)
    return F.max_pool2d(F.pad(x, (0, right, 0, down), value=-math.inf)[None], size, stride)[0]


# --- A grid world ---------------------------------------------------------------------------------------------------


def _place(state: int, action: str, rows: int, columns: int, walls: list[int]) -> int:
    """Where a step leads."""
    row, column = (a + b for a, b in zip(divmod(state, columns), _ACTIONS[action], strict=True))
    there = row * columns + column
    return there if 0 <= row < rows and 0 <= column < columns and there not in walls else state


@exercise(
    number=4,
    points=0.75,
    hints=(
        "Exam of January 2026, task 2; slides, Markov decision process.",
        "Row and column from the number; the step; three questions: above or below, left or right of the grid, a wall?",
        "row, column = divmod(state, columns); …; there = row * columns + column; return there or state.",
    ),
    compare="labs/reinforcement_learning/worlds.py, World.table",
)
def move(state: int, action: str, rows: int, columns: int, walls: list[int]) -> int:
    """The state that a step leads to. States are numbered row by row from 0, at the top left.

    action is "up", "right", "down" or "left". Against the edge of the grid, and against a wall (walls: their states),
    the agent stays where it is.
    """
    raise NotImplementedError


@move.use
def _(mine, rows, columns, walls):
    states = [state for state in range(rows * columns) if state not in walls]
    steps = [(state, action) for state in states for action in ("up", "right", "down", "left")]
    return {f"from {state} {action}": mine(state, action, rows, columns, list(walls)) for state, action in steps}


@move.probes
def _(draw):
    if draw.first:
        return 3, 3, [4]  # the exam's
    rows, columns = draw.choice([(2, 3), (3, 2), (3, 4), (4, 3), (2, 4)])
    walls = torch.randperm(rows * columns, generator=draw.generator)[: draw.integer(1, 2)].tolist()
    return rows, columns, walls


@move.expected
def _(state, action, rows, columns, walls):
    padded = torch.full((rows + 2, columns + 2), -1)
    padded[1:-1, 1:-1] = torch.arange(rows * columns).reshape(rows, columns)
    for wall in walls:
        padded[padded == wall] = -1
    (row, column), (down, right) = divmod(state, columns), _ACTIONS[action]
    there = int(padded[row + 1 + down, column + 1 + right])
    return state if there < 0 else there


@move.mistake("W1", "walking through walls: against a wall the agent stays")
def _(state, action, rows, columns, walls):
    return _place(state, action, rows, columns, [])


@move.mistake("W2", "going on in the next row at the right edge, and back at the left: there the agent stays")
def _(state, action, rows, columns, walls):
    down, right = _ACTIONS[action]
    there = state + down * columns + right
    return there if 0 <= there < rows * columns and there not in walls else state


@move.mistake("W3", "coming in again at the other side of the grid: at the edge the agent stays")
def _(state, action, rows, columns, walls):
    row, column = (a + b for a, b in zip(divmod(state, columns), _ACTIONS[action], strict=True))
    there = row % rows * columns + column % columns
    return there if there not in walls else state


@move.mistake("W4", "exchanging up and down: row 0 is at the top, so up makes the row smaller")
def _(state, action, rows, columns, walls):
    return _place(state, {"up": "down", "down": "up"}.get(action, action), rows, columns, walls)


@move.mistake("W5", "dividing by the number of rows: state = row · columns + column")
def _(state, action, rows, columns, walls):
    row, column = divmod(state, rows)
    row, column = row + _ACTIONS[action][0], column + _ACTIONS[action][1]
    there = row * rows + column
    return there if 0 <= row < columns and 0 <= column < rows and there not in walls else state


@move.mistake("W6", "exchanging left and right: right makes the column larger")
def _(state, action, rows, columns, walls):
    return _place(state, {"left": "right", "right": "left"}.get(action, action), rows, columns, walls)


@exercise(
    number=5,
    points=1,
    hints=(
        "Exam of January 2026, task 2 a; slides, Bellman's equation; lab sheet of labs/reinforcement_learning.",
        "Begin with zeros; give each state the best of its four steps: what it pays plus γ times what follows. Repeat.",
        "max(reward if s == goal else gamma * V[s] for s in the four next states), in rows · columns sweeps.",
    ),
    compare="labs/reinforcement_learning/planning.py, value_iteration",
)
def best_values(rows: int, columns: int, walls: list[int], goal: int, reward: float, gamma: float) -> Tensor:
    """V*, the value of each state of a grid world for who acts best: (rows · columns,).

    Steps lead up, right, down, left without slipping; against the edge or a wall the agent stays. The step into the
    goal pays the reward, any other 0; γ discounts. In the goal the episode is over: its value is 0, and so is that of
    walls and of states from which there is no way to the goal.
    """
    raise NotImplementedError


@best_values.example("the exam's world of January 2026: V(0) = 4, V(1) = 5; V(3) is 3.2, not its 2.56")
def _():
    return (3, 3, [4], 2, 5.0, 0.8), tensor(4, 5, 0, 3.2, 0, 5, 2.56, 3.2, 4)


def _world(draw: Draw) -> tuple[Any, ...]:
    """A grid with walls that make a detour, and a goal to whose two free neighbours no wall lies in the way."""
    if draw.first:
        return 2, 3, [1], 2, 6.0, 0.5
    rows, columns = draw.choice([(3, 4), (4, 3), (3, 3), (4, 4)])
    walls, goal = [1, columns + 1], 2
    if draw.integer(0, 1):  # seen in a mirror, from below
        walls, goal = [rows * columns - 1 - wall for wall in walls], rows * columns - 1 - goal
    return rows, columns, walls, goal, draw.number(2, 9), draw.number(0.5, 0.9)


@best_values.probes
def _(draw):
    return _world(draw)


@best_values.expected
def _(rows, columns, walls, goal, reward, gamma):
    V, reached, steps = torch.zeros(rows * columns, dtype=torch.float64), {goal}, 0
    while True:  # the states that are 1, 2, 3, … steps from the goal
        free = set(range(rows * columns)) - reached - set(walls)
        found = {s for s in free if any(_place(s, action, rows, columns, walls) in reached for action in _ACTIONS)}
        if not found:
            return V
        V[list(found)] = reward * gamma**steps
        reached, steps = reached | found, steps + 1


def _swept(world: tuple[Any, ...], times: int = 16, paid: float = 0.0, first: float = 1.0) -> Tensor:
    """Value iteration; `paid` for every other step, `first` the factor of the goal's reward."""
    rows, columns, walls, goal, reward, gamma = world
    states = set(range(rows * columns)) - {goal} - set(walls)
    ways = {state: [_place(state, action, rows, columns, walls) for action in _ACTIONS] for state in states}
    V = [0.0] * (rows * columns)
    for _ in range(times):
        worth = [paid + gamma * value for value in V]
        worth[goal] = first * reward
        V = [max(worth[way] for way in ways[state]) if state in ways else 0.0 for state in range(rows * columns)]
    return tensor(*V)


@best_values.mistake("G1", "γ once more: the step into the goal pays the whole reward, so its neighbours have that")
def _(*world):
    return _swept(world, first=world[5])


@best_values.mistake("G2", "giving the goal the reward as its value: there the episode is over, its value is 0")
def _(rows, columns, walls, goal, reward, gamma):
    V = _swept((rows, columns, walls, goal, reward, gamma))
    V[goal] = reward
    return V


@best_values.mistake("G3", "walking through walls: the way goes round them, and each step more costs a γ")
def _(*world):
    V = _swept((*world[:2], [], *world[3:]))
    V[world[2]] = 0
    return V


@best_values.mistake("G4", "one sweep only: repeat until nothing moves, or states far from the goal stay at 0")
def _(*world):
    return _swept(world, times=1)


@best_values.mistake("G5", "no discount: each step before the last one multiplies by γ")
def _(*world):
    return _swept((*world[:5], 1.0))


@best_values.mistake("G6", "paying −1 for a step, as on the slides: here all steps but the last pay 0")
def _(*world):
    return _swept(world, paid=-1.0)


@best_values.mistake("G7", "dividing by γ: a reward that comes later is worth less")
def _(*world):
    V = _swept(world)
    return torch.where(V > 0, world[4] ** 2 / V.clamp(min=1e-12), 0.0)


@exercise(
    number=6,
    points=0.75,
    hints=(
        "Exam of January 2026, task 2 b; slides, the slippery 3×3 world.",
        "Three steps may come of an action: the meant one and the two at right angles; add up probability times worth.",
        "up, down slip left and right; right, left slip up and down; worth = reward if goal else gamma * V[there].",
    ),
    compare="labs/reinforcement_learning/slides.py, _answers_exam",
)
def slippery_q(
    V: Tensor, state: int, action: str, rows: int, columns: int, walls: list[int], goal: int, reward: float,
    gamma: float, slip: float,
) -> float:  # fmt: skip
    """Q(state, action) one step ahead of the values V (rows · columns,), where the agent may slip.

    With probability `slip` it goes to the one side, with `slip` to the other (at right angles to the action), and as
    meant otherwise. Wherever it goes: against the edge or a wall it stays; the step into the goal pays the reward and
    ends the episode, any other pays 0 and is worth γ times the V of where it leads.
    """
    raise NotImplementedError


@slippery_q.use
def _(mine, V, state, rows, columns, walls, goal, reward, gamma, slip):
    world = rows, columns, walls, goal, reward, gamma, slip
    actions = "right", "up", "down", "left"
    return {f"Q({state}, {action})": float(mine(V, state, action, *world)) for action in actions}


@slippery_q.example("the exam's Q(0, →) = 3.5872, and the other three")
def _():
    Q = {"Q(0, right)": 3.5872, "Q(0, up)": 3.32, "Q(0, down)": 2.5136, "Q(0, left)": 3.0272}
    return (tensor(4, 5, 0, 2.56, 0, 0, 0, 0, 0), 0, 3, 3, [4], 2, 5.0, 0.8, 0.15), Q


@slippery_q.probes
def _(draw):
    rows, columns, walls, goal, reward, gamma = _world(draw)
    V = draw.uniform(rows * columns, low=1, high=6)
    V[[goal, *walls]] = 0
    free = [s for s in range(rows * columns) if s != goal and s not in walls]
    beside = [s for s in free if goal in [_place(s, action, rows, columns, walls) for action in _ACTIONS]]
    state = draw.choice(beside if draw.integer(0, 1) else free)
    return V, state, rows, columns, walls, goal, reward, gamma, draw.number(0.05, 0.2)


def _sides(action: str) -> tuple[str, str]:
    return ("left", "right") if action in ("up", "down") else ("up", "down")


def _ahead(V: Tensor, state: int, steps: dict[str, float], *world: Any, own: float = 1.0) -> float:
    """The mean worth of steps with these probabilities; `own`: a factor of the goal's reward."""
    rows, columns, walls, goal, reward, gamma = world
    total = 0.0
    for action, probability in steps.items():
        there = _place(state, action, rows, columns, walls)
        total += probability * (own * reward if there == goal else gamma * float(V[there]))
    return total


@slippery_q.expected
def _(V, state, action, rows, columns, walls, goal, reward, gamma, slip):
    P = torch.zeros(rows * columns, dtype=torch.float64)
    for way, share in zip((action, *_sides(action)), (1 - 2 * slip, slip, slip), strict=True):
        P[_place(state, way, rows, columns, walls)] += share
    worth = gamma * V
    worth[goal] = reward
    return float(P @ worth)


@slippery_q.mistake("Q1", "leaving out the slipping: with probability `slip` it goes to either side")
def _(V, state, action, *world):
    return _ahead(V, state, {action: 1.0}, *world[:-1])


@slippery_q.mistake("Q2", "taking `slip` for both sides together: it is the probability of each side")
def _(V, state, action, *world):
    slip = world[-1]
    return _ahead(V, state, {action: 1 - slip, **dict.fromkeys(_sides(action), slip / 2)}, *world[:-1])


@slippery_q.mistake("Q3", "slipping backwards: it slips to the two sides, at right angles to the action")
def _(V, state, action, *world):
    back = {"up": "down", "down": "up", "left": "right", "right": "left"}[action]
    return _ahead(V, state, {action: 1 - 2 * world[-1], back: 2 * world[-1]}, *world[:-1])


@slippery_q.mistake("Q4", "leaving out γ: the V of where a step leads counts γ times")
def _(V, state, action, *world):
    slip = world[-1]
    steps = {action: 1 - 2 * slip, **dict.fromkeys(_sides(action), slip)}
    return _ahead(V, state, steps, *world[:-2], 1.0)


@slippery_q.mistake("Q5", "multiplying the goal's reward by γ: it is paid by this very step")
def _(V, state, action, *world):
    slip = world[-1]
    return _ahead(V, state, {action: 1 - 2 * slip, **dict.fromkeys(_sides(action), slip)}, *world[:-1], own=world[-2])


@slippery_q.mistake("Q6", "staying whenever it slips, the slide's slip in V(2,2): where no wall is, a slip leads on")
def _(V, state, action, *world):
    meant = _ahead(V, state, {action: 1 - 2 * world[-1]}, *world[:-1])
    return meant + 2 * world[-1] * world[-2] * float(V[state])


@slippery_q.mistake("Q7", "shares that sum to more than 1: as meant it goes with 1 − 2 · slip")
def _(V, state, action, *world):
    slip = world[-1]
    return _ahead(V, state, {action: 1.0, **dict.fromkeys(_sides(action), slip)}, *world[:-1])


@slippery_q.mistake("Q8", "leaving out the reward: the step into the goal pays it")
def _(V, state, action, *world):
    slip = world[-1]
    return _ahead(V, state, {action: 1 - 2 * slip, **dict.fromkeys(_sides(action), slip)}, *world[:-1], own=0.0)
