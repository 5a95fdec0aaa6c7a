"""A map of words: near on the plane are those whose vectors point the same way."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from labs.nlp.labels import place_labels
from labs.nlp.word_vectors import Embeddings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RED, BLUE, GREY = "#b2182b", "#2166ac", "#555555"


def plot_map(embeddings: Embeddings, asked: Sequence[str], most: int = 150, neighbours: int = 6) -> "Figure":
    """The `most` frequent words (of more than three letters) by t-SNE of their vectors; asked words with their nearest.

    Red and bold are the words asked for, blue and joined to them those with the largest cosine to each. A name that has
    no room stays a point. t-SNE keeps neighbours together; large distances mean nothing.
    """
    from matplotlib.figure import Figure
    from sklearn.manifold import TSNE

    asked = [word for word in asked if word in embeddings.places]
    near = {w: [n for n, _ in embeddings.nearest(embeddings[w], excluded=(w,))[:neighbours]] for w in asked}
    close = [word for words in near.values() for word in words]
    frequent = [word for word in embeddings.words if len(word) > 3 and word.isalpha()][:most]
    words = list(dict.fromkeys([*asked, *close, *frequent]))  # names are placed in this order
    figure = Figure(figsize=(10, 5.8))
    axis = figure.add_axes((0.01, 0.01, 0.98, 0.93))
    axis.set(xticks=[], yticks=[])
    axis.set_title("words by t-SNE of their vectors: red asked for, blue their nearest by cosine", fontsize=13)
    if len(words) <= 3:
        return figure
    vectors = torch.stack([embeddings[word] for word in words])
    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    places = TSNE(perplexity=min(15, len(words) // 3), init="pca", random_state=0).fit_transform(vectors.numpy())
    where = dict(zip(words, places, strict=True))
    colours = [RED if word in asked else BLUE if word in close else GREY for word in words]
    for word, others in near.items():
        for other in others:
            axis.plot(*np.transpose([where[word], where[other]]), color=BLUE, alpha=0.35, linewidth=1, zorder=1)
    axis.scatter(places[:, 0], places[:, 1], s=[40 if word in asked else 16 for word in words], color=colours, zorder=2)
    axis.margins(0.06)
    looks = [
        {"color": colour, "fontsize": 13 if colour == RED else 11 if colour == BLUE else 10, "zorder": 3}
        | ({"weight": "bold"} if colour == RED else {})
        for colour in colours
    ]
    place_labels(axis, places, words, looks)
    return figure
