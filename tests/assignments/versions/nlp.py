"""Correct answers to the set nlp, each written in several ways."""

import math
import re
import string

import torch

# What a mutant of the first version does that is right, too: {exercise: {a part of what was changed: why}}
EQUAL = {
    "lsa": {"False → True (line 2)": "the full U and Vᵀ begin with the same columns and rows, and only k are kept"},
    "naive_bayes": {"→ torch.bincount(y) * len(y)": "a factor that all classes share goes out in the softmax"},
    "analogy": {"→ vectors.norm(dim=1) / aim.norm()": "a factor that all words share does not change the largest"},
}


def prepare__letters(text, stem):
    raw = text.split()
    prepared = []
    for word in raw:
        word = "".join(c for c in word if c.isalpha()).lower()
        if word and word not in ("a", "an", "the"):
            prepared.append(word)
    return raw, prepared, [stem(word) for word in prepared]


def prepare__translated(text, stem):
    table = str.maketrans("", "", string.punctuation + string.digits)
    words = text.translate(table).lower().split()
    prepared = [word for word in words if word not in {"a", "an", "the"}]
    return text.split(), prepared, list(map(stem, prepared))


def prepare__regular(text, stem):
    prepared = re.sub(r"[^a-z\s]", "", text.lower())
    prepared = re.sub(r"\b(a|an|the)\b", "", prepared).split()
    return [*text.split()], prepared, [*(stem(word) for word in prepared)]


def prune__vectorised(counts, least, share):
    df = (counts > 0).sum(dim=0)
    kept = counts[:, (df >= least) & (df <= share * len(counts))]
    return kept, (kept == 0).double().mean()


def prune__loop(counts, least, share):
    columns, zeros = [], 0
    for column in counts.T.tolist():
        held = sum(1 for n in column if n)
        if held >= least and held / len(column) <= share:
            columns.append(column)
            zeros += len(column) - held
    return torch.tensor(columns, dtype=torch.float64).T, zeros / (len(columns) * len(counts))


def prune__float32(counts, least, share):
    there = counts.float().bool()
    df = there.sum(0)
    kept = torch.nonzero((df >= least) * (df.float() / len(counts) <= share))[:, 0]
    sparsity = 1 - there[:, kept].float().mean()
    return counts.float()[:, kept], sparsity


def tf_idf__vectorised(counts):
    idf = torch.log(len(counts) / (counts > 0).sum(dim=0))
    if not idf.any():
        raise ValueError("every term is in all documents, so that all weights are ln 1 = 0")
    return counts * idf


def tf_idf__loop(counts):
    result = torch.zeros_like(counts)
    for v in range(counts.shape[1]):
        df = sum(1 for d in range(len(counts)) if counts[d, v] > 0)
        for d in range(len(counts)):
            result[d, v] = counts[d, v] * math.log(len(counts) / df)
    if result.abs().sum() == 0:
        raise ValueError("all zeros")
    return result


def tf_idf__float32(counts):
    counts = counts.float()
    there = torch.clamp(counts, max=1)
    idf = math.log(counts.shape[0]) - there.sum(0).log()
    if torch.allclose(idf, torch.zeros_like(idf)):
        raise ValueError("ln 1 = 0")
    return torch.einsum("dv,v->dv", counts, idf)


def lsa__svd(X, k):
    U, s, Vt = torch.linalg.svd(X, full_matrices=False)
    return U[:, :k] * s[:k], Vt[:k]


def lsa__projected(X, k):
    V = torch.svd(X)[2][:, :k]
    return X @ V, V.T


def lsa__eigen(X, k):
    values, V = torch.linalg.eigh(X.T @ X)
    best = values.argsort(descending=True)[:k]
    return X @ V[:, best], V[:, best].T


def lsa__float32(X, k):
    U, s, Vt = torch.linalg.svd(X.float())
    return U[:, :k] @ torch.diag(s[:k]), -(-Vt)[:k]


def naive_bayes__vectorised(counts, y, words):
    k = int(y.max()) + 1
    own = torch.stack([counts[y == c].sum(dim=0) for c in range(k)]) + 1
    prior = torch.bincount(y) / len(y)
    return (prior.log() + (own / own.sum(dim=1, keepdim=True)).log() @ words).softmax(dim=0)


def naive_bayes__loop(counts, y, words):
    scores = []
    for label in sorted(set(y.tolist())):
        rows = [row for row, own in zip(counts.tolist(), y.tolist(), strict=True) if own == label]
        total = sum(map(sum, rows))
        score = math.log(len(rows) / len(y))
        for v, n in enumerate(words.tolist()):
            score += n * math.log((sum(row[v] for row in rows) + 1) / (total + len(words)))
        scores.append(score)
    largest = max(scores)
    weights = [math.exp(score - largest) for score in scores]
    return torch.tensor([weight / sum(weights) for weight in weights], dtype=torch.float64)


def naive_bayes__float32(counts, y, words):
    classes = torch.nn.functional.one_hot(y).float()
    own = classes.T @ counts.float() + 1
    scores = classes.mean(0).log() + (own.log() - own.sum(1, keepdim=True).log()) @ words.float()
    scores = scores - scores.logsumexp(0)
    return scores.exp()


def analogy__vectorised(vectors, a, b, c):
    aim = vectors[a] - vectors[b] + vectors[c]
    scores = vectors @ aim / (vectors.norm(dim=1) * aim.norm())
    scores[[a, b, c]] = -math.inf
    return scores.argmax()


def analogy__loop(vectors, a, b, c):
    rows = vectors.tolist()
    aim = [x - y + z for x, y, z in zip(rows[a], rows[b], rows[c], strict=True)]
    best, largest = None, -2.0
    for i, row in enumerate(rows):
        if i not in (a, b, c):
            cosine = sum(x * y for x, y in zip(row, aim, strict=True)) / math.hypot(*row) / math.hypot(*aim)
            if cosine > largest:
                best, largest = i, cosine
    return best


def analogy__float32(vectors, a, b, c):
    unit = torch.nn.functional.normalize(vectors.float(), dim=1)
    order = (unit @ (vectors[a] - vectors[b] + vectors[c]).float()).argsort(descending=True)
    return [i for i in order.tolist() if i not in {a, b, c}][0]


def gibbs__vectorised(n_dk, n_wk, n_k, topic, words, alpha, beta):
    own = torch.nn.functional.one_hot(torch.tensor(topic), len(n_k))
    p = (n_dk - own + alpha) * (n_wk - own + beta) / (n_k - own + words * beta)
    return p / p.sum()


def gibbs__loop(n_dk, n_wk, n_k, topic, words, alpha, beta):
    p = []
    for k in range(len(n_k)):
        less = 1 if k == topic else 0
        p.append((n_dk[k] - less + alpha) * (n_wk[k] - less + beta) / (n_k[k] - less + words * beta))
    return torch.stack(p) / sum(p)


def gibbs__float32(n_dk, n_wk, n_k, topic, words, alpha, beta):
    counts = torch.stack([n_dk, n_wk, n_k]).float()
    counts[:, topic] -= 1
    p = (counts[0] + alpha).log() + (counts[1] + beta).log() - (counts[2] + words * beta).log()
    return p.softmax(0)


def npmi__formula(both, one, other, documents):
    if both == 0:
        return -1.0
    if both == documents:
        return 1.0
    p = both / documents
    return math.log(p / (one / documents * (other / documents))) / -math.log(p)


def npmi__entropies(both, one, other, documents):
    if not both:
        return -1
    h, h_one, h_other = (math.log2(documents) - math.log2(n) for n in (both, one, other))
    return (h_one + h_other - h) / h if h else 1


def npmi__tensor(both, one, other, documents):
    if both in (0, documents):
        return torch.tensor(1.0 if both else -1.0)
    p = torch.tensor([both, one, other], dtype=torch.float64) / documents
    return torch.log(p[0] / p[1:].prod()) / -torch.log(p[0])


def attention__vectorised(query, key, value, there):
    scores = query @ key.T / query.shape[1] ** 0.5
    return scores.masked_fill(~there, -math.inf).softmax(dim=1) @ value


def attention__loop(query, key, value, there):
    rows = []
    for q in query:
        seen = [s for s in range(len(key)) if there[s]]
        scores = torch.stack([(q * key[s]).sum() / math.sqrt(len(q)) for s in seen])
        weights = torch.exp(scores - scores.max())
        rows.append(sum(w * value[s] for w, s in zip(weights / weights.sum(), seen, strict=True)))
    return torch.stack(rows)


def attention__float32(query, key, value, there):
    key, value = key[there].float(), value[there].float()
    return torch.softmax(torch.einsum("td,sd->ts", query.float(), key) * query.shape[-1] ** -0.5, -1) @ value


def attention__large(query, key, value, there):
    scores = torch.matmul(query, key.transpose(0, 1)) / torch.sqrt(torch.tensor(query.size(1)))
    return torch.softmax(torch.where(there, scores, -1e9), dim=-1) @ value
