"""Documents per second from texts to tokens and indices: `common.text` beside torchtext, where that is installed.

    python tests/benchmarks/text_speed.py [--dataset NAME] [--data-dir DIR]

Not a test: times on a shared machine say nothing alone. All ways tokenise with basic_english, look the words up in
the same vocabulary and give the same numbers (checked first); they take turns in one process, and the table shows
each one's median and, for torchtext's, the ratio to ours. torchtext's ways are those of its tutorials: a loop over the
documents that makes a tensor of each, and its transforms. Where it is not installed (the extra `torchtext`; it needs
torch 2.3) the table holds ours only.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.text import Vocab, build_vocab_from_iterator
from common.text.batches import encode, pad
from common.text.corpora import load_texts
from common.text.installed import torchtext_if_installed
from common.text.tokens import basic_english, tokenize
from common.text.vocabulary import PADDING, SPECIALS, UNKNOWN

LENGTH = 128  # of the padded table: longer documents are cut
Way = Callable[[Sequence[str]], object]


def our_ways(words: list[str]) -> dict[str, Way]:
    vocabulary = Vocab(words)
    vocabulary.set_default_index(UNKNOWN)
    return {
        "tokens": lambda texts: list(tokenize(texts, basic_english)),
        "indices in a row": lambda texts: encode(texts, vocabulary, basic_english),
        "padded table": lambda texts: pad(*encode(texts, vocabulary, basic_english, max_length=LENGTH))[0],
    }


def torchtext_ways(words: list[str]) -> dict[str, Way]:
    from torchtext import transforms
    from torchtext.data import get_tokenizer
    from torchtext.vocab import vocab

    tokenizer = get_tokenizer("basic_english")
    vocabulary = vocab(dict.fromkeys(words, 1))
    vocabulary.set_default_index(UNKNOWN)
    steps = transforms.Sequential(transforms.VocabTransform(vocabulary), transforms.Truncate(LENGTH))
    to_tensor = transforms.ToTensor(PADDING)

    def loop(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        rows = [torch.tensor(vocabulary(tokenizer(text)), dtype=torch.int64) for text in texts]
        return torch.cat(rows), torch.tensor([0] + [len(row) for row in rows]).cumsum(0)

    return {
        "tokens": lambda texts: [tokenizer(text) for text in texts],
        "indices in a row": loop,
        "padded table": lambda texts: to_tensor([steps(tokenizer(text)) for text in texts]),
    }


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, tuple):
        return all(map(torch.equal, ours, theirs))
    return torch.equal(ours, theirs) if isinstance(ours, Tensor) else ours == theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="topics", help="any data set of texts, e.g. ag_news, csv:PATH")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where data sets lie")
    parser.add_argument("--rounds", type=int, default=7, help="timed passes of each way, after one to warm up")
    parser.add_argument("--limit", type=int, default=20_000, help="use the first so many documents")
    args = parser.parse_args()
    torch.set_num_threads(1)
    texts = load_texts(args.dataset, args.data_dir, offline=True).texts[: args.limit]
    words = build_vocab_from_iterator(tokenize(texts, basic_english), min_freq=2, specials=SPECIALS).get_itos()
    ways = {("ours", what): way for what, way in our_ways(words).items()}
    if torchtext_if_installed():
        ways |= {("torchtext", what): way for what, way in torchtext_ways(words).items()}
    for (whose, what), way in ways.items():
        assert whose == "ours" or same(ways["ours", what](texts), way(texts)), what

    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in ways}
    for _ in range(args.rounds):
        for key, way in ways.items():
            started = time.perf_counter()
            way(texts)
            seconds[key].append(time.perf_counter() - started)
    tokens = len(ways["ours", "indices in a row"](texts)[0])
    print(f"{len(texts)} documents, {tokens} tokens, {len(words)} words")
    print(f"torch {torch.__version__}, 1 thread, {args.rounds} rounds")
    print(f"{'way':<30}{'documents/s':>12}")
    for (whose, what), own in seconds.items():
        line = f"{f'{whose}: {what}':<30}{len(texts) / statistics.median(own):>12,.0f}"
        if whose == "torchtext":
            ratio = statistics.median(a / b for a, b in zip(own, seconds["ours", what], strict=True))
            line += f"   {ratio:.2f} times our time (median of the rounds' ratios)"
        print(line)
    if not torchtext_if_installed():
        print("torchtext is not installed: nothing to compare with")


if __name__ == "__main__":
    main()
