"""What a run of Task № 1 prints and writes: the corpus, the topics and their terms, the documents, the measures."""

from pathlib import Path

import numpy as np

from common.files import write_csv
from common.runs import Run
from labs.nlp.topics.coherence import coherence
from labs.nlp.topics.matching import match, shared_terms
from labs.nlp.topics.methods import Topics, label
from labs.nlp.topics.preparation import Corpus

MEASURES = ("seconds", "coherence_npmi", "coherence_umass", "diversity", "nmi", "purity", "clusters_nmi")


def say_corpus(run: Run, corpus: Corpus) -> None:
    """Task № 1 a to c: documents and their lengths, a sample, what each step of cleaning leaves, the matrix."""
    lengths = np.array([len(text.split()) for text in corpus.texts])
    run.say(
        f"{len(corpus.texts)} documents of {lengths.min()} to {lengths.max()} words, {np.median(lengths):.0f} in the "
        f"middle; {len(corpus.classes)} classes: {', '.join(corpus.classes) or 'none'}"
    )
    run.say(f"one of them: {' '.join(corpus.texts[0].split())[:200]}…")
    for name, words, tokens in corpus.steps:
        run.say(f"  {name:<24}{words:>8} terms {tokens:>9} tokens")
    run.say(f"document–term matrix {corpus.counts.shape[0]} × {corpus.counts.shape[1]}, {corpus.sparsity:.1%} zeros")


def show_topics(run: Run, corpus: Corpus, found: dict[str, Topics], top: int) -> None:
    """Each topic's heaviest terms with their weights, printed and in topics.csv; its coherence in topic_coherence.csv.

    Of LSA the weights with the largest absolute values count, with their signs.
    """
    terms, quality = [], []
    for name, one in found.items():
        npmi, umass = coherence(one.top(top), corpus.counts)
        signed = name == "LSA"
        run.say(f"\n{name}: {'weights, − against the topic,' if signed else 'probabilities'} of the heaviest terms")
        for k, (heaviest, called) in enumerate(zip(one.heaviest(top), one.names(corpus), strict=True)):
            weights = [float(one.topic_terms[k, t]) for t in heaviest]
            said = ", ".join(f"{corpus.words[t]} {_number(w, signed)}" for t, w in zip(heaviest, weights, strict=True))
            run.say(f"{k + 1:>3} {label(one, k, corpus)}NPMI {npmi[k]:.2f}: {said}")
            for rank, (t, weight) in enumerate(zip(heaviest, weights, strict=True), 1):
                row = {"method": name, "topic": k + 1, "rank": rank, "term": corpus.words[t]}
                terms.append({**row, "counted_as": corpus.terms[t], "weight": weight})
            share = np.abs(one.document_topics[:, k]).sum() / np.abs(one.document_topics).sum()
            row = {"method": name, "topic": k + 1, "name": called, "share": float(share)}
            quality.append({**row, "npmi": float(npmi[k]), "umass": float(umass[k])})
    write_csv(run.path / "topics.csv", terms)
    write_csv(run.path / "topic_coherence.csv", quality)


def _number(weight: float, signed: bool) -> str:
    return f"{weight:+.3f}".replace("-", "−") if signed else f"{weight:.3f}"


def show_matching(run: Run, corpus: Corpus, found: dict[str, Topics], top: int) -> None:
    """Which topic of LDA goes with which of LSA, each taken once; printed and in matching.csv, with the nearest ones.

    Terms against a topic of LSA do not count.
    """
    lda, lsa = found["LDA"], found["LSA"]
    shared = shared_terms(lda.top(top), lsa.top(top))
    of_lda, of_lsa = lda.names(corpus), lsa.names(corpus)
    rows, alone = [], []
    run.say(f"\nLDA's topics and LSA's, one to one, by the terms they share of {top} (the nearest, if it is another):")
    for i, j in match(shared):
        nearest = int(shared[i].argmax())
        row = {"lda": i + 1, "lsa": j + 1, "shared": int(shared[i, j])}
        rows.append({**row, "nearest_lsa": nearest + 1, "nearest_shared": int(shared[i, nearest])})
        if not shared[i, j]:
            alone.append(of_lda[i])
        else:
            other = f"  ({of_lsa[nearest]}: {shared[i, nearest]})" if shared[i, nearest] > shared[i, j] else ""
            run.say(f"  {of_lda[i]:<28} – {of_lsa[j]:<28}{shared[i, j]:>3}{other}")
    if alone:
        run.say(f"  without a partner: {'; '.join(alone)}")
    write_csv(run.path / "matching.csv", rows)


def write_documents(path: Path, corpus: Corpus, found: dict[str, Topics]) -> None:
    """documents.csv: a row per document with its class, its dominant topics, its shares of LDA's topics, how it begins.
    document_topics.csv: the weights of every method's topics.
    """
    lda = found["LDA"]
    dominant = {name: one.dominant + 1 for name, one in found.items()}
    rows = []
    for d, text in enumerate(corpus.texts):
        row: dict[str, object] = {"document": d + 1, "class": corpus.classes[corpus.y[d]] if len(corpus.y) else ""}
        row["words"] = len(text.split())
        row |= {f"topic_{name.lower().replace(' ', '_')}": int(own[d]) for name, own in dominant.items()}
        row |= {f"share_{k}": float(share) for k, share in enumerate(lda.document_topics[d], 1)}
        rows.append({**row, "begins": " ".join(text.split())[:80]})
    write_csv(path / "documents.csv", rows)
    write_csv(
        path / "document_topics.csv",
        [
            {"method": name, "document": d + 1} | {f"topic_{k}": float(w) for k, w in enumerate(weights, 1)}
            for name, one in found.items()
            for d, weights in enumerate(one.document_topics)
        ],
    )


def say_measures(run: Run, what: str, rows: dict[str, dict[str, float]]) -> None:
    """A line per row: its measures."""
    shown = [name for name in MEASURES if any(name in row for row in rows.values())]
    run.say(f"\n{what:<18}" + "".join(f"{name.replace('_', ' '):>17}" for name in shown))
    for name, row in rows.items():
        run.say(f"{name:<18}" + "".join(f"{row[m]:17.3f}" for m in shown))
