"""Latent Dirichlet allocation by collapsed Gibbs sampling, as in nlp.jl, in blocks of tokens.

The model (Blei, Ng & Jordan 2003): each document mixes K topics, θ_d ~ Dirichlet(α); each topic is a distribution over
the V words, φ_k ~ Dirichlet(β); each token draws its topic z from θ_d and its word from φ_z. Collapsed (Griffiths &
Steyvers 2004): θ and φ are integrated out, only the topics of the tokens are sampled,

    p(z_i = k | all other z)  ∝  (n_dk + α) · (n_wk + β) / (n_k + Vβ)          counts without token i

nlp.jl does so one token after another. NumPy would spend its time between the tokens, so here a step takes a *block*:
tokens of which no two share a document or a word. Within a block n_dk and n_wk are then those of one token at a time;
the tokens meet in the K totals n_k alone. Drawing them all at once is a proposal, and Metropolis & Hastings' rule
accepts or refuses it as a whole, so that the samples are from the very same posterior: a test counts every state of a
tiny corpus. With blocks of one token this is Griffiths & Steyvers' sampler, and accepts always.
"""

from typing import Annotated

import numpy as np
from scipy.sparse import csr_array, sparray
from scipy.special import gammaln

from common.device import derive_seed
from common.errors import InputError
from common.settings import Range

Prior = Annotated[float, Range(1e-6, 1e6)]  # α or β; beyond, the counts or the prior would vanish beside the other


class GibbsLDA:
    """The state of the sampler: a topic for each token, and the counts that follow from it.

    `counts` is a document–term matrix (D, V) of whole numbers. `alpha` (α) and `beta` (β) are the Dirichlet
    parameters. Sweep number n draws from random numbers derived from (seed, n), so that a chain can be continued
    from `topics_of_tokens` and `sweeps` alone. `block` limits the tokens of a block (none: by the corpus).
    """

    def __init__(
        self,
        counts: sparray | np.ndarray,
        topics: int,
        alpha: float = 0.1,
        beta: float = 0.1,
        seed: int = 0,
        block: int | None = None,
    ):
        counts = csr_array(counts)
        if topics < 1 or not (alpha > 0 and beta > 0):
            raise InputError(f"{topics} topics, α {alpha}, β {beta}: at least 1 topic, and α and β greater than 0")
        if counts.sum() == 0:
            raise InputError("the corpus has no tokens to give topics to")
        self.alpha, self.beta, self.seed, self.sweeps = alpha, beta, seed, 0
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        times = counts.data.astype(np.int64)
        self.documents, self.words = np.repeat(rows, times), np.repeat(counts.indices, times)  # (N,) of each token
        self.blocks = schedule(self.documents, self.words, block or block_size(len(self.words)))
        self.document_counts = np.zeros((counts.shape[0], topics))  # n_dk
        self.word_counts = np.zeros((counts.shape[1], topics))  # n_wk
        self.one_hot = np.eye(topics)
        self.accepted = 0
        random = np.random.default_rng(derive_seed(seed))
        self.set_topics(random.integers(topics, size=len(self.words)))

    def set_topics(self, topics_of_tokens: np.ndarray) -> None:
        """Give every token its topic (N,), and count."""
        self.topics_of_tokens = np.array(topics_of_tokens)
        self.document_counts[:], self.word_counts[:] = 0, 0
        np.add.at(self.document_counts, (self.documents, self.topics_of_tokens), 1)
        np.add.at(self.word_counts, (self.words, self.topics_of_tokens), 1)
        self.totals = self.word_counts.sum(axis=0)  # n_k

    def sweep(self) -> None:
        """Draw every token's topic anew, a block at a time."""
        self.sweeps += 1
        random = np.random.default_rng(derive_seed(self.seed, self.sweeps))
        thresholds = random.random(len(self.words))
        chances = np.log(random.random(len(self.blocks)))
        self.accepted, start = 0, 0
        for tokens, chance in zip(self.blocks, chances, strict=True):
            self.accepted += self._draw(tokens, thresholds[start : start + len(tokens)], chance)
            start += len(tokens)

    def _draw(self, tokens: np.ndarray, thresholds: np.ndarray, chance: float) -> int:
        """New topics for the tokens of a block; how many tokens got them (all or none)."""
        documents, words, old = self.documents[tokens], self.words[tokens], self.topics_of_tokens[tokens]
        topics = len(self.totals)
        was = self.one_hot.take(old, axis=0)  # (B, K)
        in_documents = self.document_counts.take(documents, axis=0) - was
        in_words = self.word_counts.take(words, axis=0) - was
        old_totals = np.bincount(old, minlength=topics)
        rest = self.totals - old_totals + len(self.word_counts) * self.beta
        p = (in_documents + self.alpha) * (in_words + self.beta)
        p /= rest
        p = p.cumsum(axis=1)
        new = (p < (thresholds * p[:, -1])[:, None]).argmin(axis=1)  # the first that is not below its threshold

        # The tokens' true probability has n_k (n_k + 1) … below, one factor for each token of topic k; the proposal,
        # which takes each for the only one, has n_k^(number of tokens).
        new_totals = np.bincount(new, minlength=topics)
        gained = new_totals - old_totals
        log_ratio = gained @ np.log(rest) + (gammaln(rest + old_totals) - gammaln(rest + new_totals)).sum()
        if chance >= log_ratio and len(tokens) > 1:
            return 0
        becomes = self.one_hot.take(new, axis=0)
        self.document_counts[documents] = in_documents + becomes
        self.word_counts[words] = in_words + becomes
        self.totals += gained
        self.topics_of_tokens[tokens] = new
        return len(tokens)

    @property
    def acceptance(self) -> float:
        """Share of the tokens whose block was accepted in the last sweep."""
        return self.accepted / len(self.words)

    @property
    def document_topics(self) -> np.ndarray:
        """θ (D, K): the mixture of each document; rows sum to 1. Julia: (K, D)."""
        theta = self.document_counts + self.alpha
        return theta / theta.sum(axis=1, keepdims=True)

    @property
    def topic_words(self) -> np.ndarray:
        """φ (K, V): the words of each topic; rows sum to 1."""
        phi = self.word_counts.T + self.beta
        return phi / phi.sum(axis=1, keepdims=True)

    def log_likelihood(self) -> float:
        """Mean of log Σ_k θ_dk φ_kw over the tokens, in nats."""
        p = np.einsum("nk,nk->n", self.document_topics[self.documents], self.topic_words.T[self.words])
        return float(np.log(p).mean())


def block_size(tokens: int) -> int:
    """The most tokens in a block. A block of B among N tokens moves the log ratio by some B^1.5 / N: here an eighth."""
    return max(1, round((tokens / 8) ** (2 / 3)))


def schedule(documents: np.ndarray, words: np.ndarray, size: int) -> list[np.ndarray]:
    """The tokens in blocks of at most `size`, no two of a block with the same document or word.

    Each token goes to the first block that has room for it (an edge colouring of the graph that links documents and
    words). A set of blocks is a whole number, bit b for block b.
    """
    blocks: list[list[int]] = []
    full = 0
    of_document, of_word = [0] * (int(documents.max()) + 1), [0] * (int(words.max()) + 1)
    for token, (document, word) in enumerate(zip(documents.tolist(), words.tolist(), strict=True)):
        taken = of_document[document] | of_word[word] | full
        bit = ~taken & (taken + 1)  # the lowest bit that is 0
        block = bit.bit_length() - 1
        if block == len(blocks):
            blocks.append([])
        blocks[block].append(token)
        of_document[document] |= bit
        of_word[word] |= bit
        if len(blocks[block]) == size:
            full |= bit
    return [np.array(block) for block in blocks]
