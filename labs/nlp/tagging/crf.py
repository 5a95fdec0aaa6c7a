"""A conditional random field over tags (Lafferty et al. 2001): whole sequences are scored, not each tag by itself."""

import torch
from torch import Tensor, nn

IGNORED = -100  # the tag of what is only padding; F.cross_entropy skips it


class CRF(nn.Module):
    """Scores of whole tag sequences: those of the tags plus those of which tag follows which."""

    def __init__(self, tags: int):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # from row to column

    def log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """log Σ exp(score) over all tag sequences (N,): the forward algorithm, a token at a time."""
        total = self.start + scores[:, 0]
        for t in range(1, scores.shape[1]):
            # logsumexp over the tag before: (N, K, 1) + (K, K) → (N, K)
            longer = (total[:, :, None] + self.transitions).logsumexp(dim=1) + scores[:, t]
            total = torch.where(mask[:, t, None], longer, total)
        return total.logsumexp(dim=1)

    def sequence_score(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Score (N,) of one tag sequence (N, T)."""
        own = scores.gather(2, tags[:, :, None])[:, :, 0]
        steps = self.transitions[tags[:, :-1], tags[:, 1:]]
        return self.start[tags[:, 0]] + (own * mask).sum(dim=1) + (steps * mask[:, 1:]).sum(dim=1)

    def loss(self, scores: Tensor, tags: Tensor) -> Tensor:
        """−log p(tags | sentence), nats per token."""
        mask = tags != IGNORED
        known = tags.clamp(min=0)
        nats = self.log_partition(scores, mask) - self.sequence_score(scores, known, mask)
        return nats.sum() / mask.sum()
