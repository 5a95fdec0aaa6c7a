"""The lab's functions as answers to the set nlp."""

from types import SimpleNamespace

import numpy as np
import torch

from common.errors import InputError
from labs.nlp import attention as lab_attention
from labs.nlp import nlp, word_vectors, words
from labs.nlp.topics import coherence, preparation


def prepare(text, stem):
    prepared = words.prepare(text).prepared
    return text.split(), prepared, [stem(word) for word in prepared]


def prune(counts, least, share):
    texts = [" ".join(f"term{'abcdefgh'[t]} " * int(n) for t, n in enumerate(row)) for row in counts]
    cleaning = preparation.Cleaning(stop_words="none", no_stem=True, min_documents=least, max_share=share)
    corpus = preparation.count_terms(SimpleNamespace(texts=texts, y=torch.zeros(len(texts)), classes=()), cleaning)
    return torch.from_numpy(corpus.counts.toarray()).double(), corpus.sparsity


def tf_idf(counts):
    try:
        shares = torch.from_numpy(nlp.tf_idf(counts.numpy()))
    except InputError as error:
        raise ValueError(str(error)) from error
    return shares * counts.sum(dim=1, keepdim=True)


def lsa(X, k):
    U, s, Vt = map(torch.from_numpy, nlp.lsa(X.numpy()))
    return U[:, :k] * s[:k], Vt[:k]


def naive_bayes(counts, y, words):
    names = [chr(97 + v) for v in range(len(words))]
    told = [[name for name, n in zip(names, row, strict=True) for _ in range(int(n))] for row in [*counts, words]]
    p = nlp.NaiveBayes([*told[:-1]], [str(label) for label in y.tolist()]).predict(told[-1])
    return torch.tensor(list(p.values()), dtype=torch.float64)


def analogy(vectors, a, b, c):
    names = [str(row) for row in range(len(vectors))]
    return int(word_vectors.Embeddings(names, vectors).analogy(*map(str, (a, b, c)))[0][0])


def gibbs(n_dk, n_wk, n_k, topic, words, alpha, beta):
    own = torch.eye(len(n_k), dtype=torch.float64)[topic]  # GibbsLDA._draw's formula; it draws, and tells no shares
    p = (n_dk - own + alpha) * (n_wk - own + beta) / (n_k - own + words * beta)
    return p / p.sum()


def npmi(both, one, other, documents):
    return float(coherence._npmi(np.array([both]), np.array([one]), np.array([other]), documents)[0])


def attention(query, key, value, there):
    taken, _ = lab_attention.attention(query[None, None], key[None, None], value[None, None], there[None, None, None])
    return taken[0, 0]
