"""Documents per second from texts to indices: `common.text` beside torchtext's usual loops over the documents.

    python tests/benchmarks/text_speed.py [--dataset NAME] [--data-dir DIR]

Not a test: times on a shared machine say nothing alone. All ways tokenise with basic_english, look the words up in
the same vocabulary and give the same numbers (checked first); they take turns in one process, and the table shows
each one's median and its ratio to `encode`. The loops are torchtext's own where it is installed (the extra
`torchtext`), else the same loops over this project's tokenizer and vocabulary, which says less: that is noted.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from common import text
from common.text import SPECIALS, UNKNOWN, build_vocab_from_iterator, encode, get_tokenizer, pad, tokenize
from common.text.corpora import load_texts

LENGTH = 128  # of the padded table: longer documents are cut


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="topics", help="any data set of texts, e.g. ag_news, csv:PATH")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where data sets lie")
    parser.add_argument("--rounds", type=int, default=7, help="timed passes of each way, after one to warm up")
    parser.add_argument("--limit", type=int, default=20_000, help="use the first so many documents")
    args = parser.parse_args()
    torch.set_num_threads(1)
    texts = load_texts(args.dataset, args.data_dir, offline=True).texts[: args.limit]
    tokenizer = get_tokenizer("basic_english")
    vocab = build_vocab_from_iterator(tokenize(texts, tokenizer), min_freq=2, specials=SPECIALS)
    vocab.set_default_index(UNKNOWN)

    def loop(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """As in torchtext's tutorial on classifying news: a tensor a document, put together for EmbeddingBag."""
        rows = [torch.tensor(vocab(tokenizer(t)), dtype=torch.int64) for t in texts]
        return torch.cat(rows), torch.tensor([0] + [len(row) for row in rows]).cumsum(0)

    def transforms(texts: Sequence[str]) -> Tensor:
        """The loop with torchtext's transforms, to one padded table."""
        steps = theirs.Sequential(theirs.VocabTransform(vocab), theirs.Truncate(LENGTH))
        return theirs.ToTensor(0)([steps(tokenizer(t)) for t in texts])

    theirs = text
    if text.torchtext_if_installed():
        from torchtext import transforms as theirs

    ways: dict[str, Callable[[Sequence[str]], object]] = {
        "encode": lambda texts: encode(texts, vocab, tokenizer),
        "loop: lists": lambda texts: [vocab(tokenizer(t)) for t in texts],
        "loop: tensors, joined": loop,
        "encode and pad": lambda texts: pad(*encode(texts, vocab, tokenizer, max_length=LENGTH))[0],
        "loop: transforms, padded": transforms,
        "tokens: tokenize": lambda texts: list(tokenize(texts, tokenizer)),
        "tokens: loop": lambda texts: [tokenizer(t) for t in texts],
    }
    indices, offsets = encode(texts, vocab, tokenizer)
    for ours, others in zip((indices, offsets), loop(texts), strict=True):
        assert torch.equal(ours, others)
    assert ways["loop: lists"](texts) == [row.tolist() for row in indices.tensor_split(offsets[1:-1])]
    assert torch.equal(ways["encode and pad"](texts), transforms(texts))
    assert ways["tokens: tokenize"](texts) == ways["tokens: loop"](texts)

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way(texts)
            seconds[name].append(time.perf_counter() - started)
    whose = "torchtext" if text.torchtext_if_installed() else "torchtext is not installed: this project"
    print(f"{len(texts)} documents, {len(indices)} tokens, {len(vocab)} words; loops over the vocabulary of {whose}")
    print(f"torch {torch.__version__}, 1 thread, {args.rounds} rounds")
    print(f"{'way':<28}{'documents/s':>12}{'ratio':>8}   (median of the rounds' ratios)")
    pairs = dict.fromkeys(ways, "encode") | {
        "loop: transforms, padded": "encode and pad",
        "tokens: loop": "tokens: tokenize",
    }
    for name, own in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(own, seconds[pairs[name]], strict=True))
        print(f"{name:<28}{len(texts) / statistics.median(own):>12,.0f}{ratio:>8.2f}   times {pairs[name]}'s time")


if __name__ == "__main__":
    main()
