"""The target a network finds likeliest: token by token (greedy), or with several hypotheses side by side (a beam)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from common.text.vocabulary import END, START
from labs.nlp.translate.networks import Translator


@dataclass(frozen=True)
class Hypothesis:
    """A target, or the beginning of one; without [CLS], with [SEP] at its end once it is complete."""

    source: int  # which of the batch's sources it translates
    tokens: list[int] = field(default_factory=list)
    log_p: float = 0.0  # nats
    weights: list[Tensor] = field(default_factory=list)  # of each token: where the network looked (T,)

    def score(self, length_penalty: float) -> float:
        """log p / ((5 + length) / 6)^α (Wu et al. 2016, eq. 14): α = 0: each token costs, short wins."""
        return self.log_p / ((5 + len(self.tokens)) / 6) ** length_penalty


@torch.inference_mode()
def search(
    model: Translator, X: Tensor, lengths: Tensor, *, beam: int = 1, length_penalty: float = 0.0, longest: int = 100
) -> list[list[Hypothesis]]:
    """For each source in X (N, T) the hypotheses found, that with the best score first.

    At each step the `beam` likeliest continuations of a source's hypotheses live on; one that is complete is put aside,
    and leaves the beam one place smaller (Sutskever et al. 2014). A beam of 1 is greedy. What has `longest` tokens
    without an end counts as it is. The model is used in the mode it is in: put it in eval mode before.
    """
    source, state = model.read(X, lengths)
    alive = [Hypothesis(i) for i in range(len(X))]
    rows = torch.arange(len(X), device=X.device)  # which state belongs to which hypothesis
    done: list[list[Hypothesis]] = [[] for _ in alive]
    for _ in range(longest):
        last = torch.tensor([h.tokens[-1] if h.tokens else START for h in alive], device=X.device)
        own = torch.tensor([h.source for h in alive], device=X.device)
        logits, weights, state = model.step(source.rows(own), state[rows], last)
        log_p = logits.float().log_softmax(dim=1)
        best = log_p.topk(min(beam, log_p.shape[1]), dim=1)
        values, tokens, looks = best.values.tolist(), best.indices.tolist(), weights.float().cpu()

        following: list[list[tuple[float, int, int]]] = [[] for _ in done]  # of each source: log p, row, token
        for row, h in enumerate(alive):
            following[h.source] += [(h.log_p + p, row, y) for p, y in zip(values[row], tokens[row], strict=True)]
        kept: list[tuple[int, Hypothesis]] = []
        for i, candidates in enumerate(following):
            for p, row, token in sorted(candidates, key=lambda each: -each[0])[: beam - len(done[i])]:
                h = Hypothesis(i, [*alive[row].tokens, token], p, [*alive[row].weights, looks[row]])
                if token == END:
                    done[i].append(h)
                else:
                    kept.append((row, h))
        alive = [h for _, h in kept]
        if not alive:
            break
        rows = torch.tensor([row for row, _ in kept], device=X.device)
    for h in alive:
        done[h.source].append(h)
    return [sorted(found, key=lambda h: -h.score(length_penalty)) for found in done]
