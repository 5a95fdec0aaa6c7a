"""How the next token is drawn from what a language model says."""

from typing import Annotated

import torch
from torch import Tensor, nn
from tyro.conf import arg

from common.device import derive_seed
from common.settings import Range

Temperature = Annotated[float, Range(1e-3, 100)]  # nearer to 0, logits would leave the numbers that there are
TopP = Annotated[float | None, arg(metavar="P"), Range(1e-6, 1)]


def probabilities(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Probabilities (V,) from which the next token is drawn, from logits (V,).

    temperature divides the logits; `top_k` keeps the K likeliest tokens; `top_p` the fewest likeliest whose
    probabilities reach P (nucleus sampling, Holtzman et al. 2020). What is left is scaled to sum to 1.
    """
    p, order = (logits / temperature).softmax(dim=0).sort(descending=True)
    if top_k is not None:
        p[top_k:] = 0
    if top_p is not None:
        p[p.cumsum(0) - p >= top_p * p.sum()] = 0  # those before it suffice already
    return torch.zeros_like(p).scatter_(0, order, p / p.sum())


@torch.inference_mode()
def draw_tokens(
    model: nn.Module,
    tokens: list[int],
    length: int,
    *,
    context: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> list[int]:
    """`tokens` and `length` more, each drawn from what the model says after the last `context` ones."""
    generator = torch.Generator().manual_seed(derive_seed(seed))
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    tokens = list(tokens)
    for _ in range(length):
        logits = model(torch.tensor([tokens[-context:]], device=device))[0, -1].float().cpu()
        tokens.append(int(torch.multinomial(probabilities(logits, temperature, top_k, top_p), 1, generator=generator)))
    model.train(was_training)
    return tokens
