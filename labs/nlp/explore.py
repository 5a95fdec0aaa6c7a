"""What if? Words, vectors and matrices of texts that the reader types. The notebook's figures.

Each function draws one figure (or says something) about a text in well under a second. topics/explore.py has those of
topics.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InputError
from common.sources import data_dir_from_environment
from labs.nlp import nlp
from labs.nlp.labels import place_labels
from labs.nlp.word_vectors import Embeddings, corpus_embeddings, load_embeddings, parse_analogy
from labs.nlp.words import lexicon, prepare, tokenize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GREY = "#2166ac", "#bbbbbb"


def parts(lines: str) -> list[str]:
    """The lines of a text that are not empty."""
    return [line.strip() for line in lines.splitlines() if line.strip()]


# --- Words ----------------------------------------------------------------------------------------------------------


def draw_words(text: str, stage: str, most: int = 15) -> tuple["Figure", str]:
    """The `most` frequent tokens of a text "as written", "prepared" or "stemmed"; all of them in all three stages."""
    from matplotlib.figure import Figure

    from common.plots import plain

    document = prepare(text)
    stages = {"as written": document.raw, "prepared": document.prepared, "stemmed": document.stemmed}
    if not document.stemmed:
        raise InputError("preparation leaves no word of this text; write a sentence")
    counts = lexicon([stages[stage]]).most_common(most)
    figure = Figure(figsize=(7.5, 0.7 + 0.27 * len(counts)), layout="constrained")
    axis = figure.subplots()
    bars = axis.barh([plain(token) for token, _ in counts], [n for _, n in counts], color=BLUE)
    axis.bar_label(bars, padding=3, fontsize=10)
    axis.invert_yaxis()
    axis.set(title=f"{stage}: the most frequent tokens", xticks=[])
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    said = [f"{name}: {len(own)} tokens, {len(set(own))} different\n  {' '.join(own)}" for name, own in stages.items()]
    return figure, "\n".join(said)


# --- Vectors --------------------------------------------------------------------------------------------------------


def find_vectors(data_dir: Path | None = None, max_vocab_size: int = 10_000) -> tuple[Embeddings, str, str]:
    """Word vectors, what they are, and a question for them.

    GloVe's, where a file glove*.txt lies in the folder `glove` of the data directory; else vectors made from the
    documentation that comes with Python.
    """
    from pydoc_data.topics import topics as documentation

    folder = (data_dir or data_dir_from_environment()) / "glove"
    files = sorted(folder.glob("glove*.txt"))
    if files:
        vectors = load_embeddings(files[0], max_vocab_size)
        said = f"{files[0]}: the first {len(vectors.words)} words, {vectors.vectors.shape[1]} numbers each"
        return vectors, said, "king-man+woman"
    vectors = corpus_embeddings([tokenize(text.lower()) for text in documentation.values()], dim=100, window=2)
    said = (
        f"No file glove*.txt in {folder}. These vectors are made from Python's own documentation (PPMI and SVD): "
        f"{len(vectors.words)} words, {vectors.vectors.shape[1]} numbers each. They know functions and classes, but no "
        "king and no queen: for those put glove.6B.200d.txt there."
    )
    return vectors, said, "functions-function+method"


def draw_nearest(vectors: Embeddings, question: str) -> tuple["Figure", str]:
    """The words nearest to a word, or to a − b + c; those of the question itself in grey."""
    from matplotlib.figure import Figure

    from common.plots import plain

    asked = question.strip()
    if not asked:
        raise InputError("the question is empty; write a word, or an analogy such as king-man+woman")
    words = parse_analogy(asked) if "+" in asked and asked not in vectors.places else (asked,)
    sought = vectors[words[0]] if len(words) == 1 else vectors[words[0]] - vectors[words[1]] + vectors[words[2]]
    near = vectors.nearest(sought)
    shown = near[:12]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    cosines = [cosine for _, cosine in shown]
    bars = axis.barh(range(len(shown)), cosines, color=[GREY if word in words else BLUE for word, _ in shown])
    axis.bar_label(bars, fmt="%.3f", padding=3, fontsize=10)
    axis.set_yticks(range(len(shown)), [plain(word) for word, _ in shown])
    axis.invert_yaxis()
    axis.set(xlabel="cosine", title=plain(" − ".join(words[:2]) + "".join(f" + {word}" for word in words[2:])))
    axis.margins(x=0.1)
    answer, cosine = next((word, cosine) for word, cosine in near if word not in words)
    return figure, f"nearest, the question's own words left out: {answer} (cosine {cosine:.4f}, of {len(near)} words)"


# --- Naive Bayes ----------------------------------------------------------------------------------------------------


def explain_naive_bayes(examples: str, sentence: str) -> str:
    """Every factor of P(class) Π P(word | class), for examples of the form "class: text", one a line."""
    pairs = [line.partition(":") for line in parts(examples)]
    if not pairs or not all(colon and name.strip() and text.strip() for name, colon, text in pairs):
        raise InputError("the examples are lines of the form  class: text")
    labels = [name.strip() for name, _, _ in pairs]
    model = nlp.NaiveBayes([tokenize(text.lower()) for _, _, text in pairs], labels)
    tokens = tokenize(sentence.lower())
    found = model.predict(tokens)
    known = [token for token in tokens if token in model.words]
    width = max(map(len, ["never seen", *known]), default=0)
    rows = [("", model.classes), ("P(class)", [f"{p:.4f}" for p in np.exp(model.log_prior)])]
    for token in known:
        rows.append((token, [f"{p:.4f}" for p in np.exp(model.log_likelihood[:, model.words[token]])]))
    rows.append(("posterior", [f"{found[name]:.4f}" for name in model.classes]))
    lines = [f"{name:<{width}}" + "".join(f"{cell:>14}" for cell in cells) for name, cells in rows]
    unseen = [token for token in tokens if token not in model.words]
    return "\n".join([*lines, f"never seen, so without a say: {' '.join(unseen) or 'none'}"])


# --- Matrix, LSA ----------------------------------------------------------------------------------------------------

WEIGHTINGS = ("counts", "TF-IDF", "smooth TF-IDF")


def weigh(documents: str, weighting: str) -> tuple[np.ndarray, list[str]]:
    """The matrix (D, V) of the documents, one a line, by one of WEIGHTINGS, and its V terms (stems)."""
    counts, terms = nlp.document_term_matrix([prepare(line).stemmed for line in parts(documents)])
    if not terms:
        raise InputError("there is no word in these lines; write a document a line")
    if weighting == "counts":
        return counts, terms
    return nlp.tf_idf(counts, smooth=weighting == "smooth TF-IDF"), terms


def draw_matrix(documents: str, weighting: str) -> tuple["Figure", str]:
    """The document–term matrix as a picture: a row a document, a column a term."""
    from matplotlib.figure import Figure

    from common.plots import plain

    matrix, terms = weigh(documents, weighting)
    rows, columns = matrix.shape
    figure = Figure(figsize=(max(4.0, min(14.0, 1.4 + 0.42 * columns)), 1.5 + 0.34 * rows), layout="constrained")
    axis = figure.subplots()
    axis.imshow(matrix, cmap="Blues", vmin=0, aspect="auto")
    for (i, j), value in np.ndenumerate(matrix):
        if value and columns <= 40:
            ink = "white" if value > 0.6 * matrix.max() else "black"
            axis.text(j, i, f"{value:.2f}".removeprefix("0"), ha="center", va="center", fontsize=10, color=ink)
    axis.set_yticks(range(rows), [str(number) for number in range(1, rows + 1)])
    axis.set_xticks(range(columns), list(map(plain, terms)), rotation=90, fontsize=11)
    axis.set(ylabel="document", title=weighting)
    return figure, f"{rows} × {columns}, {(matrix == 0).mean():.1%} zeros"


def draw_lsa(documents: str, weighting: str) -> tuple["Figure", str]:
    """LSA in two dimensions: documents (U Σ) and terms (V Σ) on a plane, and all singular values."""
    from matplotlib.figure import Figure

    matrix, terms = weigh(documents, weighting)
    if min(matrix.shape) < 2:
        raise InputError("LSA in two dimensions needs two documents and two terms at least; write another line")
    U, singular_values, Vt = nlp.lsa(matrix)
    own, words = U[:, :2] * singular_values[:2], Vt[:2].T * singular_values[:2]
    figure = Figure(figsize=(9, 5), layout="constrained")
    plane, bars = figure.subplots(1, 2, width_ratios=[3, 1])
    heaviest = np.argsort(-np.linalg.norm(words, axis=1), kind="stable")[:12]
    points = np.concatenate([own, words[heaviest], [[0, 0]]])
    low, high = points.min(axis=0), points.max(axis=0)
    span = (high - low).clip(min=1e-3)
    plane.scatter(*words[heaviest].T, color="0.6", s=12, zorder=2)
    plane.scatter(*own.T, color=BLUE, zorder=3)
    low, high = low - 0.12 * span, high + 0.12 * span
    plane.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    plane.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    plane.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    plane.set(xlabel="dimension 1", ylabel="dimension 2", title="documents (numbers) and terms")
    kept = np.arange(len(singular_values)) < 2
    bars.bar(np.arange(1, len(kept) + 1), singular_values, color=np.where(kept, BLUE, GREY))
    bars.set(title="singular values", xticks=range(1, len(kept) + 1))
    numbers = [str(number) for number in range(1, len(own) + 1)]
    named = [(place, heap.replace("\n", ", "), BLUE) for place, heap in _heaps(own, numbers, span / 40)]
    named += [(place, heap, "0.3") for place, heap in _heaps(words[heaviest], [terms[t] for t in heaviest], span / 40)]
    looks = [{"color": colour, "fontsize": 12 if colour == BLUE else 11, "zorder": 4} for *_, colour in named]
    place_labels(plane, np.array([place for place, *_ in named]), [name for _, name, _ in named], looks)
    before, after = _cosines(matrix), _cosines(own)
    pairs = np.transpose(np.triu_indices(len(own), 1))
    i, j = max(pairs.tolist(), key=lambda pair: after[*pair] - before[*pair])
    return figure, (
        f"brought together most: documents {i + 1} and {j + 1}, cosine {before[i, j]:.2f} in the matrix, "
        f"{after[i, j]:.2f} in two dimensions"
    )


def _heaps(places: np.ndarray, names: Sequence[str], size: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Names at nearly the same place (not `size` (2,) apart) as one heap, a name a line, so that none hides another."""
    heaps: list[tuple[np.ndarray, str]] = []
    for place, name in zip(places, names, strict=True):
        for number, (centre, others) in enumerate(heaps):
            if (np.abs(place - centre) < size).all():
                heaps[number] = (centre, f"{others}\n{name}")
                break
        else:
            heaps.append((place, name))
    return heaps


def _cosines(rows: np.ndarray) -> np.ndarray:
    """The cosine of each row to each other; 0 for a row of zeros."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12)
    return rows @ rows.T
