"""Let a trained language model write, again and again, in different ways.

`python -m labs.nlp.generate --prompt "The" --temperature 1.2` uses the newest run of labs.nlp.language_model.
"""

from dataclasses import dataclass

from common import cli
from common.settings import Count, OptionalCount, OptionalFolder, Seed, Settings
from labs.nlp.language_model import load_run, write
from labs.nlp.sampling import Temperature, TopP
from labs.nlp.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained language model continue a text."""

    run: OptionalFolder = None  # the run of labs.nlp.language_model; none: the newest
    prompt: str = "The"  # what the samples begin with
    length: Count = 80  # tokens in a sample
    samples: Count = 3  # how many
    temperature: Temperature = 0.8  # below 1: more predictable text, above: more surprising
    top_k: OptionalCount = None  # draw among the K likeliest tokens only
    top_p: TopP = None  # draw among the likeliest tokens that together have probability P
    seed: Seed = 0  # fixes what is drawn


def generate(**kws) -> list[str]:
    """Print what the model writes, and return it: a text per sample."""
    args = Request(**kws)
    loaded = load_run(args.run)
    vocabulary = load_vocabulary(loaded.path)
    ways = {name: getattr(args, name) for name in ("prompt", "length", "temperature", "top_k", "top_p")}
    texts = []
    for i in range(args.samples):
        own = loaded.settings.but(**ways, seed=args.seed + i)
        texts.append(write(loaded.model, vocabulary, own))
        print(texts[-1], end="\n\n" if i + 1 < args.samples else "\n")
    return texts


if __name__ == "__main__":
    cli.run(generate, Request)
