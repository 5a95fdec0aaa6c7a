"""Answers for a person: what, where it was read, or “I do not know”; one after the other in the terminal."""

import sys
from collections.abc import Iterator

from labs.nlp.answer.passages import printable
from labs.nlp.answer.reader import Answer, Reader


def describe(answer: Answer) -> str:
    """An answer in lines: the words, the sentence they stand in, the place, the score."""
    if not answer.known:
        return f"I do not know. (nearest: {answer.place}, score {answer.score:.2f})"
    said = printable(answer.text)
    context = "" if said == printable(answer.sentence) else f"\n  “{printable(answer.sentence)}”"
    return f"{said}{context}\n  read in {answer.place} (score {answer.score:.2f})"


def converse(reader: Reader) -> Iterator[Answer]:
    """Answers to lines typed in, each printed; an empty line, Ctrl-D or Ctrl-C ends it. Nothing is remembered."""
    typed = sys.stdin.isatty()
    if typed:
        print("\nAsk; an empty line ends it.", file=sys.stderr)
    while True:
        if typed:
            print("> ", end="", file=sys.stderr, flush=True)
        try:
            line = sys.stdin.readline().strip()
        except KeyboardInterrupt:
            print(file=sys.stderr)
            return
        if not line:
            return
        answer = reader.answer(line)
        print(describe(answer), flush=True)
        yield answer
