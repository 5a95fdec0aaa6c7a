"""Let a trained language model write, again and again, in different ways.

`python -m labs.nlp.generate --prompt "The" --temperature 1.2` uses the newest run of labs.nlp.language_model.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from common import checkpoint, cli
from common.errors import InputError
from common.runs import RUNS
from labs.nlp.language_model import HyperParams, check_sampling, load_run, write


@dataclass(frozen=True)
class Request:
    """Let a trained language model continue a text."""

    run: cli.OptionalPath = None  # the run of labs.nlp.language_model; none: the newest
    prompt: str = "The"  # what the samples begin with
    length: int = 80  # tokens in a sample
    samples: int = 3  # how many
    temperature: float = 0.8  # below 1: more predictable text, above: more surprising
    top_k: cli.OptionalInt = None  # draw among the K likeliest tokens only
    top_p: cli.OptionalFloat = None  # draw among the likeliest tokens that together have probability P
    seed: int = 0  # fixes what is drawn

    def __post_init__(self) -> None:
        for name, least in (("length", 1), ("samples", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} is {getattr(self, name)}; it must be at least {least}")
        check_sampling(self.temperature, self.top_k, self.top_p)


def newest_model() -> Path:
    """The run of labs.nlp.language_model whose weights were written last; InputError if there is none."""
    own = {field.name for field in dataclasses.fields(HyperParams)}
    for path in sorted(RUNS.glob("nlp/*/model.safetensors"), key=lambda p: p.stat().st_mtime, reverse=True):
        if own <= checkpoint.load(path)[1].keys():
            return path.parent
    raise InputError(
        "no trained language model under runs/nlp; train one with `python -m labs.nlp.language_model` or name a --run"
    )


def generate(**kws) -> list[str]:
    """Print what the model writes, and return it: a text per sample."""
    args = Request(**kws)
    model, vocabulary, own = load_run(args.run or newest_model())
    ways = {name: getattr(args, name) for name in ("prompt", "length", "temperature", "top_k", "top_p")}
    texts = []
    for i in range(args.samples):
        texts.append(write(model, vocabulary, dataclasses.replace(own, **ways, seed=args.seed + i)))
        print(texts[-1], end="\n\n" if i + 1 < args.samples else "\n")
    return texts


if __name__ == "__main__":
    cli.run(generate, Request)
