"""How long is the gradient, many steps back? ∂h_T/∂h_t, the reason why the LSTM was invented (Hochreiter 1991)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from labs.nlp.cells.equations import Cell, State


def gradient_lengths(cell: Cell, X: Tensor) -> dict[str, Tensor]:
    """Per state of the cell (h; of the LSTM c, too) how long ∂h_T/∂h_t is for t = 1 to T, (T,), over X (B, T, D).

    Length: of the gradient that a gradient of length 1 at h_T becomes, as a root mean square over its directions (the
    Frobenius norm / √H) and over the sequences. At t = T it is 1 for h. What c_t changes by way of h_t counts for c_t.
    """
    # H copies of each sequence; copy j is asked for the gradient of unit j, so one pass backwards gives all of them.
    copies = X.repeat_interleave(cell.width, dim=0)
    state, passed = cell.start(copies), []
    for x in copies.unbind(dim=1):
        state, _ = cell.step(x, state)
        passed.append(state)
    units = torch.arange(cell.width).repeat(len(X))
    asked = state[0][torch.arange(len(copies)), units].sum()
    return {letter: _lengths(asked, [state[i] for state in passed]) for i, letter in enumerate("hc"[: cell.states])}


def _lengths(asked: Tensor, passed: list[Tensor]) -> Tensor:
    """Root mean square length of the gradients of `asked` with respect to each of the tensors, (T,)."""
    found = torch.autograd.grad(asked, passed, retain_graph=True)  # T times (B·H, H)
    return torch.stack([grad.square().sum() / len(grad) for grad in found]).sqrt()


def gradient_table(panels: Mapping[str, Mapping[str, Mapping[str, Tensor]]]) -> list[dict[str, float]]:
    """Title → cell → state → lengths (T,) as a row for each number of steps back."""
    columns = {
        f"{title}: {cell} {letter}": values.flip(0).tolist()
        for title, cells in panels.items()
        for cell, states in cells.items()
        for letter, values in states.items()
    }
    steps = len(next(iter(columns.values())))
    return [
        {"steps_back": back} | {name: float(f"{of[back]:.4g}") for name, of in columns.items()} for back in range(steps)
    ]


def decay(lengths: Tensor) -> float:
    """By what factor a gradient becomes shorter with each step back, in the mean over the earlier half of (T,).

    Near the end c's gradient has other reasons to change: only h_T is asked for, and tanh c lies between.
    """
    half = len(lengths) // 2
    return float((lengths[0] / lengths[half]) ** (1 / half))


def trace(cell: Cell, X: Tensor) -> dict[str, Tensor]:
    """What happens inside a cell while it reads one sequence X (T, D): by letter gates, candidates, states (T, H)."""
    state: State = cell.start(X[:1])
    steps = []
    with torch.inference_mode():
        for x in X.split(1):
            state, seen = cell.step(x, state)
            steps.append(seen)
    return {letter: torch.cat([seen[letter] for seen in steps]).cpu() for letter in steps[0]}
