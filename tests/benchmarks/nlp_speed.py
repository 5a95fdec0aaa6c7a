"""How fast LDA samples: the lab's blocks, the compiled `lda` package, and a loop over tokens in NumPy.

python tests/benchmarks/nlp_speed.py --dataset topics

All three are collapsed Gibbs sampling of the same matrix; a sweep draws each token's topic once. They take turns, so
that whatever else the machine does hits all of them; compare only the ratios. Needs `pip install lda`.
"""

import argparse
import logging
import statistics
import time
from pathlib import Path

import lda
import numpy as np

from common.text.corpora import load_texts
from labs.nlp.lda import GibbsLDA
from labs.nlp.topics.preparation import Cleaning, count_terms


def token_loop(counts, topics: int, alpha: float, beta: float):
    """One token after another, each with a few NumPy calls: the sampler as it is written down."""
    state = GibbsLDA(counts, topics, alpha, beta)
    vocabulary = counts.shape[1]
    random = np.random.default_rng(0)

    def sweep():
        z, n_dk, n_wk, n_k = state.topics_of_tokens, state.document_counts, state.word_counts, state.totals
        for i in range(len(z)):
            d, w = state.documents[i], state.words[i]
            for counted in (n_dk[d], n_wk[w], n_k):
                counted[z[i]] -= 1
            p = ((n_dk[d] + alpha) * (n_wk[w] + beta) / (n_k + vocabulary * beta)).cumsum()
            z[i] = np.searchsorted(p, random.random() * p[-1])
            for counted in (n_dk[d], n_wk[w], n_k):
                counted[z[i]] += 1

    return sweep


def package(counts, topics: int, alpha: float, beta: float, sweeps: int):
    """The lda package. Its fit sets up first, so the time of one sweep is taken off: (1 + sweeps) less 1."""

    def seconds_of(n: int) -> float:
        model = lda.LDA(n_topics=topics, n_iter=n, alpha=alpha, eta=beta, random_state=0, refresh=10**6)
        started = time.perf_counter()
        model.fit(counts)
        return time.perf_counter() - started

    return lambda: (seconds_of(1 + sweeps) - seconds_of(1)) / sweeps


def timed(sweep, sweeps: int):
    """Seconds of a sweep, over `sweeps` of them."""

    def seconds() -> float:
        started = time.perf_counter()
        for _ in range(sweeps):
            sweep()
        return (time.perf_counter() - started) / sweeps

    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="topics", help="as labs.nlp.topics has it")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where data sets lie")
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    logging.getLogger("lda").setLevel(logging.ERROR)

    data = load_texts(options.dataset, options.data_dir, offline=True)
    counts = count_terms(data, Cleaning()).counts
    tokens = int(counts.sum())
    print(
        f"{data.name}: {counts.shape[0]} documents, {counts.shape[1]} terms, {tokens} tokens; {options.topics} topics"
    )
    setting = (counts, options.topics, 0.1, 0.1)
    own = GibbsLDA(*setting)
    sizes = [len(block) for block in own.blocks]
    print(f"blocks of {statistics.mean(sizes):.0f} tokens in the mean, {max(sizes)} at most")
    samplers = {
        "the lab": timed(own.sweep, 10),
        "lda (compiled)": package(*setting, sweeps=40),
        "token loop in NumPy": timed(token_loop(*setting), 1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in samplers}
    for turn in range(options.repetitions + 1):
        for name, sampler in samplers.items():
            taken = sampler()
            if turn:  # the first is to warm up
                seconds[name].append(taken)
    for name, taken in seconds.items():
        # The three of a turn are neighbours in time: the ratio of neighbours, then its median.
        ratio = statistics.median(lab / other for lab, other in zip(seconds["the lab"], taken, strict=True))
        print(f"{name:22}{tokens / statistics.median(taken):12,.0f} tokens a second{ratio:9.3f} × the lab's speed")


if __name__ == "__main__":
    main()
