"""The three recurrent cells as their equations stand in the papers: one step in a few lines, no library layer inside.

x_t is the input (N, D), h_t what a cell says (N, H), σ the sigmoid, * the product number by number. tests/ hold each
against torch.nn.RNN, LSTM and GRU: the same numbers over a sequence, the same gradients.
"""

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]  # what a cell hands on to its next step: (h,), and the LSTM's (h, c)
Seen = dict[str, Tensor]  # what a step has worked out by the way, by its letter: gates and candidates (N, H)


class Affine(nn.Module):
    """W x + U h + b: what every gate begins with. W (H, D), U (H, H), b (H,), drawn from ±1/√H as torch draws them."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        bound = width**-0.5
        self.W = nn.Parameter(torch.empty(width, inputs).uniform_(-bound, bound))
        self.U = nn.Parameter(torch.empty(width, width).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return x @ self.W.T + h @ self.U.T + self.b


class Cell(nn.Module):
    """What the three have in common: they begin with zeros and read a sequence step by step."""

    states = 1  # how many tensors a state has

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def start(self, x: Tensor) -> State:
        """The state before the first step, zeros (N, H), where x is."""
        return tuple(x.new_zeros(len(x), self.width) for _ in range(self.states))

    def step(self, x: Tensor, state: State) -> tuple[State, Seen]:
        """One step: the next state and what was worked out on the way to it."""
        raise NotImplementedError

    def forward(self, X: Tensor) -> tuple[Tensor, State]:
        """A sequence X (N, T, D) → every h_t (N, T, H), and the last state."""
        state, said = self.start(X), []
        for x in X.unbind(dim=1):
            state, _ = self.step(x, state)
            said.append(state[0])
        return torch.stack(said, dim=1), state


class RNN(Cell):
    """Elman 1990, with tanh instead of his sigmoid, as it is used today."""

    def __init__(self, inputs: int, width: int):
        super().__init__(width)
        self.h = Affine(inputs, width)

    def step(self, x: Tensor, state: State) -> tuple[State, Seen]:
        (h,) = state
        h = torch.tanh(self.h(x, h))  # h_t = tanh(W x_t + U h_t−1 + b)
        return (h,), {"h": h}


class LSTM(Cell):
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000, without peepholes."""

    states = 2

    def __init__(self, inputs: int, width: int, forget_bias: float = 1.0):
        super().__init__(width)
        self.i, self.f, self.g, self.o = (Affine(inputs, width) for _ in range(4))
        nn.init.constant_(self.f.b, forget_bias)  # it remembers before it has learnt what for (Gers et al. 2000)

    def step(self, x: Tensor, state: State) -> tuple[State, Seen]:
        h, c = state
        i = torch.sigmoid(self.i(x, h))  # what to write
        f = torch.sigmoid(self.f(x, h))  # what to keep
        o = torch.sigmoid(self.o(x, h))  # what to say
        g = torch.tanh(self.g(x, h))  # what might be written
        c = f * c + i * g
        h = o * torch.tanh(c)
        return (h, c), {"i": i, "f": f, "o": o, "g": g, "c": c, "h": h}


class GRU(Cell):
    """Cho et al. 2014. `published`: the reset gate acts on h, as they print it; else on U h + b′, as torch has it.

    The second form is one product of matrices less to wait for, and has a bias b′ more.
    """

    def __init__(self, inputs: int, width: int, published: bool = False):
        super().__init__(width)
        self.published = published
        self.z, self.r, self.n = (Affine(inputs, width) for _ in range(3))
        self.b_n = nn.Parameter(torch.zeros(width), requires_grad=not published)  # b′

    def step(self, x: Tensor, state: State) -> tuple[State, Seen]:
        (h,) = state
        z = torch.sigmoid(self.z(x, h))  # what to keep
        r = torch.sigmoid(self.r(x, h))  # what of the past the candidate may see
        if self.published:
            n = torch.tanh(self.n(x, r * h))
        else:
            n = torch.tanh(x @ self.n.W.T + self.n.b + r * (h @ self.n.U.T + self.b_n))
        h = z * h + (1 - z) * n
        return (h,), {"z": z, "r": r, "n": n, "h": h}


ORDER = {"RNN": "h", "LSTM": "ifgo", "GRU": "rzn"}  # how torch piles the gates up in weight_ih_l0 and the others
CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


@torch.no_grad()
def of_torch(layer: nn.RNNBase) -> Cell:
    """The cell with the weights of a torch.nn.RNN (tanh), LSTM or GRU: of its first layer, in reading direction.

    torch has two biases where one would do, b_ih and b_hh; only in the GRU's candidate do they mean different things.
    """
    kind = layer.mode.removesuffix("_TANH")
    cell = CELLS[kind.lower()](layer.input_size, layer.hidden_size).to(layer.weight_ih_l0)
    parts = [getattr(layer, f"{name}_l0").chunk(len(ORDER[kind])) for name in ("weight_ih", "weight_hh")]
    biases = [getattr(layer, f"{name}_l0").chunk(len(ORDER[kind])) for name in ("bias_ih", "bias_hh")]
    for letter, W, U, b, b_h in zip(ORDER[kind], *parts, *biases, strict=True):
        gate = cell.get_submodule(letter)
        assert isinstance(gate, Affine)
        gate.W.copy_(W)
        gate.U.copy_(U)
        if isinstance(cell, GRU) and letter == "n":
            gate.b.copy_(b)
            cell.b_n.copy_(b_h)
        else:
            gate.b.copy_(b + b_h)
    return cell
