"""BLEU and chrF against sacrebleu and by hand; the beam against all there is."""

import itertools
import math
import random

import pytest
import torch

from common.text.vocabulary import END, START
from labs.nlp.translate.beam import Hypothesis, search
from labs.nlp.translate.networks import Recurrent, Transformer, positions
from labs.nlp.translate.scores import bleu, chrf, exact, split_words

SENTENCES = [
    "Tom isn't here, is he?",
    "The price rose by 3.5 per cent to 1,234 dollars (or more)!",
    'She said: "I will be back at 8:30."',
    "He works for the state-owned company; it's in U.S. hands.",
    "Where have you been all day long, my friend?",
    "The cat sat on the mat near the door of the house.",
]


def noisy(seed):
    """The sentences with words lost, doubled and swapped."""
    chance, found = random.Random(seed), []
    for sentence in SENTENCES:
        words = sentence.split()
        for _ in range(3):
            i = chance.randrange(len(words))
            words[i : i + 1] = chance.choice(([], [words[i]] * 2, [words[i - 1]]))
        found.append(" ".join(words))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_sacrebleu(seed):
    from sacrebleu.metrics import BLEU, CHRF

    said = noisy(seed)
    theirs = BLEU(smooth_method="none").corpus_score(said, [SENTENCES]).score
    assert theirs > 20 and 100 * bleu(said, SENTENCES) == pytest.approx(theirs)
    assert 100 * chrf(said, SENTENCES) == pytest.approx(CHRF().corpus_score(said, [SENTENCES]).score)


def test_words_are_cut_as_sacrebleu_does():
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    for sentence in [*SENTENCES, "2019-05-03", "23.5", "a,b 1,5 x. 3.", "-3.5", "[x]{y} <z>"]:
        assert split_words(sentence) == Tokenizer13a()(sentence).split(), sentence


def test_bleu_by_hand():
    """README.md has it: shares 6/7, 3/6, 2/5, 1/4; seven words for eight."""
    said, wanted = "the cat sat on a mat today", "the cat sat on the mat again today"
    # words the cat sat on mat today; pairs: the cat, cat sat, sat on; threes: two; fours: one
    shares = (6 / 7, 3 / 6, 2 / 5, 1 / 4)
    assert bleu([said], [wanted]) == pytest.approx(math.exp(1 - 8 / 7) * math.prod(shares) ** 0.25)
    assert round(bleu([said], [wanted]), 3) == 0.394
    assert bleu([wanted], [wanted]) == 1
    assert bleu(["the the the the the"], ["the cat sat on it"]) == 0


def test_chrf_by_hand():
    """ab against abc: characters 2/2 and 2/3, pairs 1/1 and 1/2; runs of three only one side has."""
    precision, recall = (1 + 1) / 2, (2 / 3 + 1 / 2) / 2
    assert chrf(["ab"], ["a bc"]) == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert chrf(["xy"], ["ab"]) == chrf([""], ["ab"]) == 0 and chrf(["ab"], ["ab"]) == 1


def test_exact():
    assert exact(["a", "b", "c", "d"], ["a", "b", "x", "D"]) == 0.5


def tiny(name, seed=0):
    """A network with random weights, large ones: what it says of one beginning differs from what it says of another."""
    torch.manual_seed(seed)
    model = Recurrent(9, 5, 8, 0.0, "additive") if name == "gru" else Transformer(9, 5, 8, 1, 2, 0.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return model.eval()


def log_p(model, X, lengths, tokens):
    """log p of a whole target, by the network's other way: all at once."""
    Y = torch.tensor([[START, *tokens]])
    logits = model(X, lengths, Y[:, :-1]).log_softmax(dim=2)
    return float(logits[0, torch.arange(len(tokens)), Y[0, 1:]].sum())


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_a_wide_beam_finds_the_best_of_all(name, length_penalty):
    """Every target of at most 3 tokens: complete ones, and those of 3 without an end."""
    X, lengths = torch.tensor([[4, 5, 6], [7, 4, 0]]), torch.tensor([3, 2])
    inner = [token for token in range(5) if token != END]
    every = [[*words, END] for n in range(3) for words in itertools.product(inner, repeat=n)]
    every += [list(words) for words in itertools.product(inner, repeat=3)]
    for seed in range(3):
        model = tiny(name, seed)
        found = search(model, X, lengths, beam=100, length_penalty=length_penalty, longest=3)
        for i, ranked in enumerate(found):
            own = (X[i : i + 1, : lengths[i]], lengths[i : i + 1])
            with torch.inference_mode():
                scores = {tuple(t): log_p(model, *own, t) / ((5 + len(t)) / 6) ** length_penalty for t in every}
            best = max(scores, key=scores.get)
            assert tuple(ranked[0].tokens) == best
            assert ranked[0].score(length_penalty) == pytest.approx(scores[best], abs=1e-4)
            assert len(ranked) == len(every)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_a_beam_of_one_is_greedy(name):
    X, lengths = torch.tensor([[4, 5, 6], [7, 4, 0], [8, 8, 8]]), torch.tensor([3, 2, 3])
    for seed in range(4):
        model = tiny(name, seed)
        for i, (only,) in enumerate(search(model, X, lengths, longest=6)):
            source, state = model.read(X[i : i + 1, : lengths[i]], lengths[i : i + 1])
            token, written = torch.tensor([START]), []
            while len(written) < 6 and END not in written:
                logits, _, state = model.step(source, state, token)
                token = logits.argmax(dim=1)
                written.append(int(token))
            assert only.tokens == written
            assert len(only.weights) == len(written)


def test_a_wider_beam_is_never_less_likely_here():
    """Not a law (the sheet says why), but so for these networks; and greedy misses the best somewhere."""
    X, lengths = torch.randint(4, 9, (20, 3)), torch.full((20,), 3)
    model = tiny("gru", 1)
    greedy, wide = (search(model, X, lengths, beam=width, longest=6) for width in (1, 50))
    gains = [w[0].log_p - g[0].log_p for g, w in zip(greedy, wide, strict=True)]
    assert min(gains) > -1e-5 and max(gains) > 0.01


def test_length_penalty_by_hand():
    """Wu et al.: 7 tokens, α = 1: divided by 12/6."""
    assert Hypothesis(0, [5] * 7, -3.0).score(1.0) == -1.5
    assert Hypothesis(0, [5] * 7, -3.0).score(0.0) == -3.0


def test_positions_by_hand():
    waves = positions(3, 4, torch.device("cpu"))
    assert waves[2].tolist() == pytest.approx([math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)])
