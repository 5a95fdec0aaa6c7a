"""What the notebook draws: Viterbi by hand, a sentence tagged in three ways, entities of a reader's own tagging."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from common.errors import InputError
from common.records import finished, runs_of
from common.settings import read_record
from common.text.corpora import TaggedData
from labs.nlp.tagging import entities, figures
from labs.nlp.tagging.bilstm import Encoding
from labs.nlp.tagging.conll import kinds_of, spans
from labs.nlp.tagging.counting_taggers import HiddenMarkov, MostFrequentTag, greedy, viterbi, viterbi_table
from labs.nlp.tagging.crf import CRF
from labs.nlp.tagging.tag import split_words
from labs.nlp.tagging.tagging import HyperParams, get_data, load_run, predict, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 40  # words of a sentence that is drawn


# --- Viterbi by hand --------------------------------------------------------------------------------------------------

WORDS, TAGS = ("water", "plants", "grow"), ("N", "V")


def by_hand(noun_after_noun: float = 0.3, plants_noun: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """The sheet's example as probabilities: emissions (3, 2), transitions (2, 2) and start (2,) of N and V.

    noun_after_noun   p(N | N); the rest of that row is p(V | N)
    plants_noun       p(plants | N)
    """
    emissions = torch.tensor([[0.4, 0.2], [plants_noun, 0.2], [0.05, 0.4]])
    transitions = torch.tensor([[noun_after_noun, 1 - noun_after_noun], [0.8, 0.2]])
    return emissions, transitions, torch.tensor([0.7, 0.3])


def draw_by_hand(noun_after_noun: float, plants_noun: float) -> tuple["Figure", str]:
    """Viterbi's table for water plants grow, with probabilities multiplied, and how each number came about."""
    emissions, transitions, start = by_hand(noun_after_noun, plants_noun)
    logs = (emissions.log(), transitions.log(), start.log())
    table, best, quick = viterbi_table(*logs)[0].exp(), viterbi(*logs), greedy(*logs)
    said = []
    for j, tag in enumerate(TAGS):
        said.append(f"{WORDS[0]:<7}{tag}  {start[j]:.2f} · {emissions[0, j]:.2f} = {table[0, j]:.6f}")
    for t in (1, 2):
        for j, tag in enumerate(TAGS):
            ways = ", ".join(f"{table[t - 1, i]:.6f} · {transitions[i, j]:.2f}" for i in range(len(TAGS)))
            said.append(f"{WORDS[t]:<7}{tag}  max({ways}) · {emissions[t, j]:.2f} = {table[t, j]:.6f}")
    paths = {name: " ".join(TAGS[j] for j in path) for name, path in (("Viterbi", best), ("greedy", quick))}
    values = {name: path_score(path, *logs) for name, path in (("Viterbi", best), ("greedy", quick))}
    said.append("   ".join(f"{name}: {paths[name]}, {math.exp(values[name]):.6f}" for name in paths))
    return figures.plot_table(WORDS, TAGS, logs, exact=True), "\n".join(said)


def path_score(path: list[int], emissions: Tensor, transitions: Tensor, start: Tensor) -> float:
    """The score of one sequence of tags: start, emissions and transitions added up."""
    steps = sum(float(transitions[i, j]) for i, j in zip(path, path[1:], strict=False))
    return float(start[path[0]]) + sum(float(emissions[t, j]) for t, j in enumerate(path)) + steps


# --- Taggers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taggers:
    """The three taggers of a data set, two that count and a network, and the network's run."""

    frequent: MostFrequentTag
    markov: HiddenMarkov
    model: nn.ModuleDict
    encoding: Encoding
    path: Path

    def ways(self, words: list[str]) -> dict[str, list[str]]:
        """What each of the three says of a sentence."""
        (said,) = predict(self.model, self.encoding, [words])
        return {"most frequent": self.frequent.tag(words), "HMM": self.markov.tag(words), "BiLSTM": said}


def get_taggers(dataset: str, epochs: int, crf: bool = False, anew: bool = False) -> Taggers:
    """The three taggers: the network of the newest finished run with these settings, else one that is trained here.

    anew   train in any case
    A network that is trained here is narrower than the command's, and learns faster: for a first look.
    """
    _, frequent, markov = count_tags(dataset)
    path = None if anew else newest_run(dataset, crf)
    if path is None:
        quick: dict[str, Any] = {"width": 32, "batch_size": 64, "lr": 0.02, "dropout": 0.2, "unknown": 0.1}
        path = train(draw=False, dataset=dataset, epochs=epochs, crf=crf, **quick)[1].path
    else:
        print(f"opened {path}")
    loaded = load_run(path)
    encoding = Encoding(**loaded.about)
    return Taggers(frequent, markov, loaded.model, encoding, path)


def newest_run(dataset: str, crf: bool) -> Path | None:
    """The newest finished run of labs.nlp.tagging with this data set, with or without a field; None: there is none."""
    wanted = {"dataset": dataset, "crf": crf}
    for path in runs_of(HyperParams.COMMAND):
        if finished(path) and wanted.items() <= read_record(path).items():
            return path
    return None


def words_in(text: str) -> list[str]:
    """The words of a sentence; InputError if there are none, or more than can be drawn."""
    words = split_words(text)
    if not words:
        raise InputError("there is no word in this text; write a sentence")
    if len(words) > LONGEST:
        raise InputError(f"this text has {len(words)} words, and {LONGEST} can be drawn; write one sentence")
    return words


def count_tags(dataset: str = "tagged") -> tuple[TaggedData, MostFrequentTag, HiddenMarkov]:
    """The sentences of a data set, and the two taggers that count in its training part."""
    data = get_data(HyperParams(dataset=dataset))
    return data, MostFrequentTag(data.train), HiddenMarkov(data.train, data.tags)


def draw_counted(
    data: TaggedData, frequent: MostFrequentTag, markov: HiddenMarkov, number: int
) -> tuple["Figure", str]:
    """A held-out sentence (from 1) with its own tags and those of the two that count; what its words were before."""
    sentence = data.test[(number - 1) % len(data.test)]
    words = [word for word, _ in sentence]
    ways = {"own": [tag for _, tag in sentence], "most frequent": frequent.tag(words), "HMM": markov.tag(words)}
    seen = {word: Counter(tag for one in data.train for w, tag in one if w.lower() == word.lower()) for word in words}
    several = [
        f"{word}: {', '.join(f'{tag} {count}' for tag, count in tags.most_common())}"
        for word, tags in seen.items()
        if len(tags) > 1
    ]
    said = f"seen with several tags in training:\n  {'; '.join(several) or 'none'}"
    said += f"\nnever seen in training:\n  {', '.join(word for word, tags in seen.items() if not tags) or 'none'}"
    return figures.plot_ways(words, ways, data.tags), said


def draw_table(
    data: TaggedData, frequent: MostFrequentTag, markov: HiddenMarkov, text: str, most: int
) -> tuple["Figure", str]:
    """Viterbi's table of a hidden Markov model over a sentence, `most` tags of it; where greedy says something else."""
    words = words_in(text)
    if len(words) > 12:
        raise InputError(f"this text has {len(words)} words; of a table 12 can be read, so write a shorter sentence")
    parts = markov.parts(words)
    best, quick = viterbi(*parts), greedy(*parts)
    differ = [
        f"{word}: greedy {markov.tags[j]}, Viterbi {markov.tags[i]}"
        for word, i, j in zip(words, best, quick, strict=True)
        if i != j
    ]
    unknown = [word for word in words if word.lower() not in markov.emissions]
    said = f"log p of the best path {path_score(best, *parts):.2f}, of the greedy one {path_score(quick, *parts):.2f}"
    said = said.replace("-", "−")
    said += f"\nthey differ at {'; '.join(differ)}" if differ else "\nthe two paths are the same"
    said += f"\nnever seen in training: {', '.join(unknown)}" if unknown else ""
    return figures.plot_table(words, markov.tags, parts, most), said


def draw_ways(taggers: Taggers, text: str) -> tuple["Figure", str]:
    """A sentence with its tags by the most frequent tag, the hidden Markov model and the network."""
    words = words_in(text)
    ways = taggers.ways(words)
    differ = [word for i, word in enumerate(words) if len({tags[i] for tags in ways.values()}) > 1]
    unknown = [word for word in words if word.lower() not in taggers.frequent.tags]
    said = f"all three agree on {len(words) - len(differ)} of {len(words)} words"
    said += f"\nnever seen in training: {', '.join(unknown)}" if unknown else ""
    return figures.plot_ways(words, ways, taggers.encoding.tags), said


# --- Entities ---------------------------------------------------------------------------------------------------------


def read_tagging(line: str) -> tuple[list[str], list[str]]:
    """Words and tags from a line such as Ada/B-PER Bell/I-PER sings/O; InputError where a tag is none of BIO's."""
    words, tags = [], []
    for token in line.split():
        word, slash, tag = token.rpartition("/")
        place, dash, kind = tag.partition("-")
        if not (slash and word) or not (tag == "O" or (place in ("B", "I") and dash and kind)):
            raise InputError(f"{token!r} must be a word, / and a tag: O, B-KIND or I-KIND")
        words.append(word)
        tags.append(tag)
    if not words:
        raise InputError("the line is empty; write words with their tags, such as Ada/B-PER sings/O")
    return words, tags


def draw_score(own: str, said: str) -> tuple["Figure", str]:
    """The entities that are there and those that are said, by two lines of words with tags; the scores step by step."""
    (words, there), (again, tags) = read_tagging(own), read_tagging(said)
    if words != again:
        i = next((i for i, pair in enumerate(zip(words, again, strict=False)) if pair[0] != pair[1]), None)
        why = f"{len(words)} words and {len(again)}" if i is None else f"word {i + 1} is {words[i]!r} and {again[i]!r}"
        raise InputError(f"the two lines must have the same words: {why}")
    whole = entities.score_entities([tags], [there])["all"]
    right = len(spans(tags) & spans(there))
    same = sum(a == b for a, b in zip(tags, there, strict=True))
    lines = [
        f"tags right: {same} of {len(words)}     I that nothing has begun: {entities.broken_starts([tags])}",
        f"entities: there {whole.there}, said {len(spans(tags))}, right {right}",
        f"precision {right}/{len(spans(tags))} = {whole.precision:.3f}   recall {right}/{whole.there} = "
        f"{whole.recall:.3f}   F1 = 2 · {right}/({len(spans(tags))} + {whole.there}) = {whole.f1:.3f}",
    ]
    marked = [entities.Marked(words, there, "there"), entities.compare(words, tags, there)]
    return entities.plot_sentences(marked, kinds_of([*there, *tags])), "\n".join(lines)


def draw_swap(taggers: Taggers, text: str, name: str, other: str) -> tuple["Figure", str]:
    """A sentence, and the same with another name in the place of one: which words beside it changed their tags?"""
    words, old, new = words_in(text), words_in(name), words_in(other)
    places = [i for i in range(len(words) - len(old) + 1) if words[i : i + len(old)] == old]
    if not places:
        raise InputError(f"{name!r} does not stand in the sentence; name words of it")
    start, end = places[0], places[0] + len(old)
    swapped = [*words[:start], *new, *words[end:]]
    before, after = predict(taggers.model, taggers.encoding, [words, swapped])
    shift = len(new) - len(old)
    rest = [(i, i if i < start else i + shift) for i in range(len(words)) if not start <= i < end]
    changed = [f"{words[i]}: {before[i]} → {after[j]}" for i, j in rest if before[i] != after[j]]
    said = (
        f"{name}: {' '.join(before[start:end])}     {other}: {' '.join(after[start : end + shift])}\n"
        f"other words that changed: {', '.join(changed) or 'none'}"
    )
    marked = [entities.Marked(words, before, "as written"), entities.Marked(swapped, after, f"with {other}")]
    return entities.plot_sentences(marked, kinds_of(taggers.encoding.tags)), said


def draw_rules(taggers: Taggers) -> tuple["Figure", str]:
    """A field's scores of which tag follows which, and the tags that it likes least at the beginning of a sentence."""
    field, tags = dict(taggers.model).get("crf"), taggers.encoding.tags
    if not isinstance(field, CRF):
        raise InputError("this network has no CRF on top; tick the box above and train")
    start = field.start.detach().cpu()
    order = start.argsort().tolist()
    said = "at the beginning of a sentence: " + ", ".join(f"{tags[i]} {float(start[i]):.1f}" for i in order)
    return figures.plot_transitions(field.transitions, tags), said.replace(" -", " −")
