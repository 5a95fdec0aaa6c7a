"""Named entities: scores against seqeval's, the corpus, the figures, and the command that tags one's own sentence."""

import random
from collections import Counter
from pathlib import Path

import pytest

from common import cli, plots
from common.errors import InputError
from common.runs import Run
from labs.nlp.tagging import entities, explore, figures, tag, tagging
from labs.nlp.tagging.conll import kinds_of, load_entities, spans
from labs.nlp.tagging.entities import broken_starts, compare, confusion, pieces, score_entities
from labs.nlp.tagging.tag import split_words

SAVE_FIGURES, SAVE_FIGURE = tagging.save_figures, Run.save_figure  # what conftest.py takes away
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def random_tags(seed: int) -> list[list[str]]:
    """Tags of 60 sentences drawn without any rule: I tags that nothing begins are among them."""
    draw = random.Random(seed)
    return [draw.choices(TAGS, k=draw.randint(1, 12)) for _ in range(60)]


def test_spans_are_those_of_seqeval():
    from seqeval.metrics.sequence_labeling import get_entities

    for row in random_tags(0):
        assert spans(row) == {(start, end + 1, kind) for kind, start, end in get_entities(row)}


def test_scores_are_those_of_seqeval():
    from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

    own, predicted = random_tags(1), random_tags(1)
    draw = random.Random(2)
    for row in predicted:  # like the own ones but for a fifth of the tags
        for i in range(len(row)):
            row[i] = draw.choice(TAGS) if draw.random() < 0.2 else row[i]
    scores = score_entities(predicted, own)
    whole = scores["all"]
    assert whole.precision == pytest.approx(precision_score(own, predicted))
    assert whole.recall == pytest.approx(recall_score(own, predicted))
    assert whole.f1 == pytest.approx(f1_score(own, predicted)) and 0.3 < whole.f1 < 0.9
    report = classification_report(own, predicted, output_dict=True)
    for kind in ("PER", "LOC", "ORG"):
        theirs, ours = report[kind], scores[kind]
        assert (ours.precision, ours.recall, ours.f1, ours.there) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"])
        )
    sentences = [[("word", tag) for tag in row] for row in own]
    assert tagging.measure(predicted, sentences)["entity_f1"] == pytest.approx(whole.f1)


def test_scores_by_hand():
    own = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "O"]]
    scores = score_entities(predicted, own)  # of three entities one is found whole; three are said
    assert list(scores) == ["LOC", "ORG", "PER", "all"]
    assert (scores["all"].precision, scores["all"].recall, scores["all"].f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (scores["LOC"].precision, scores["LOC"].recall) == (0.5, 1.0)
    assert (scores["ORG"].there, scores["ORG"].f1, scores["PER"].f1) == (1, 0.0, 0.0)
    assert score_entities([["O"]], [["O"]])["all"].f1 == 0
    # Rows LOC, ORG, PER, none: the person is missed, the half of him said is nobody.
    assert confusion(predicted, own, ["LOC", "ORG", "PER"]).tolist() == [
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 1, 0],
    ]


def test_an_i_without_its_b():
    assert broken_starts([["B-PER", "I-PER", "I-PER", "O"], ["O", "B-LOC", "I-LOC"]]) == 0
    assert broken_starts([["I-PER", "I-PER"], ["B-PER", "I-LOC"], ["O", "I-ORG"]]) == 3
    assert spans(["O", "I-PER", "I-PER", "I-LOC"]) == {(1, 3, "PER"), (3, 4, "LOC")}


def test_what_is_shown_of_a_sentence():
    words, own = ["Ada", "Bell", "met", "Shell", "in", "Rome"], ["B-PER", "I-PER", "O", "B-ORG", "O", "B-LOC"]
    assert pieces(words, own) == [("Ada Bell", "PER"), ("met", ""), ("Shell", "ORG"), ("in", ""), ("Rome", "LOC")]
    assert compare(words, own, own).title == "right"
    said = ["B-PER", "O", "O", "B-ORG", "O", "B-LOC"]
    assert compare(words, said, own).title == "missed: Ada Bell (PER); wrong: Ada (PER)"
    chosen = entities.choose([words, words], [own, said], [own, own])
    assert [one.title for one in chosen] == ["right", "missed: Ada Bell (PER); wrong: Ada (PER)"]


def test_the_figures_can_be_drawn():
    """What is marked in a text is no markup: a name with dollars and underscores."""
    words, tags = ["$a_b$", "<b>"] + ["word"] * 40, ["B-PER", "I-PER"] + ["O"] * 40
    marked = [compare(words, tags, ["O"] * 42)]
    plots.write_figure(Path("a.png"), entities.plot_sentences(marked, ["LOC", "PER"]))
    plots.write_figure(Path("b.png"), entities.plot_confused([tags], [tags], ["LOC", "PER"]))
    assert Path("a.png").stat().st_size > 5000 and Path("b.png").stat().st_size > 5000


def test_the_corpus_is_as_promised():
    data = load_entities()
    sentences = data.train + data.test
    assert kinds_of(data.tags) == ["LOC", "ORG", "PER", "PROD"] and len(data.tags) == 9
    assert len(sentences) >= 700 and sum(map(len, sentences)) >= 9000
    tags = tagging.tags_of(sentences)
    assert broken_starts(tags) == 0  # every entity begins with a B
    texts = [" ".join(words) for words in tagging.words_of(sentences)]
    assert len(set(texts)) == len(texts)
    assert tagging.SLIDE in texts[len(data.train) :]
    names = [
        {
            (" ".join(word for word, _ in sentence[start:end]), kind)
            for sentence in part
            for start, end, kind in spans([tag for _, tag in sentence])
        }
        for part in (data.train, data.test)
    ]
    assert len(names[1] - names[0]) > 0.7 * len(names[1])  # most held-out names are new
    several = Counter(name for name, _ in names[0] | names[1])
    assert sum(count > 1 for count in several.values()) >= 40  # the same name, another kind


def test_the_counting_taggers_find_some():
    """Enough to say that the corpus can be learnt from, and far from what a network finds."""
    reached = tagging.counting(load_entities())
    assert 0.1 < reached["most frequent tag"]["entity_f1"] < reached["hidden Markov model"]["entity_f1"] < 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("John's dog didn't bark.", "John 's dog did n't bark ."),
        ("The U2-album costs 3.50, not 1,200!", "The U2-album costs 3.50 , not 1,200 !"),
        ("O’Shea said: “we’ll see”", "O'Shea said : “ we 'll see ”"),
        ("Hewlett-Packard & H&M (Oslo)", "Hewlett-Packard & H&M ( Oslo )"),
    ],
)
def test_a_sentence_is_cut_as_the_corpora_are(text, words):
    assert split_words(text) == words.split()


def test_a_sentence_of_ones_own(capsys, monkeypatch):
    monkeypatch.setattr(tagging, "save_figures", SAVE_FIGURES)
    monkeypatch.setattr(Run, "save_figure", SAVE_FIGURE)
    Path("ner.txt").write_text("Anna B-PER\nBell I-PER\nsings O\n\nin O\nRome B-LOC\n\n" * 10)
    tiny = {"epochs": 20, "width": 16, "dropout": 0.0, "lr": 0.02, "quiet": True}
    tagging.train(dataset="conll:ner.txt", **tiny, out=Path("ner"))
    capsys.readouterr()
    tag.read(text=("Anna Bell sings in Rome",), run=Path("ner"))
    tags, found, figure = capsys.readouterr().out.splitlines()
    assert tags == "Anna/B-PER  Bell/I-PER  sings/O  in/O  Rome/B-LOC"
    assert found == "  Anna Bell (PER), Rome (LOC)"
    assert figure == "the entities: ner/figures/tag-Anna-Bell-sings-in-Rome.png"
    assert Path("ner/figures/tag-Anna-Bell-sings-in-Rome.png").is_file()
    assert {"entities.png", "sentences.png"} <= {path.name for path in Path("ner/figures").iterdir()}


def test_parts_of_speech_have_no_figure(capsys):
    tagging.train(epochs=1, width=8, limit=40, quiet=True, out=Path("pos"))
    capsys.readouterr()
    tag.read(text=("The dog runs.",), run=Path("pos"))
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line.split("  ")) == 4
    with pytest.raises(SystemExit) as exit:
        cli.run(tag.read, tag.Request, ["The dog", "--run", "pos", "--out", "p.png"], "tag")
    assert exit.value.code == 2
    assert "a figure is drawn of named entities only" in capsys.readouterr().err


# --- The notebook's figures -------------------------------------------------------------------------------------------


@pytest.fixture
def taggers():
    Path("ner.txt").write_text("Anna B-PER\nBell I-PER\nsings O\n\nin O\nRome B-LOC\n\n" * 20)
    return explore.get_taggers("conll:ner.txt", 20, crf=True)


def words_drawn(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_taggers_side_by_side(taggers, capsys):
    words = ["Anna", "Bell", "in", "Rome"]
    assert taggers.ways(words)["BiLSTM"] == ["B-PER", "I-PER", "O", "B-LOC"]
    figure, said = explore.draw_ways(taggers, "Anna Bell in Quito")
    assert said.endswith("never seen in training: Quito")
    assert {"Anna", "Quito", "BiLSTM", "HMM", "B-PER"} <= set(words_drawn(figure))
    with pytest.raises(InputError, match="no word"):
        explore.draw_ways(taggers, " ")
    with pytest.raises(InputError, match="41 words"):
        explore.draw_ways(taggers, "word " * 41)
    # The same settings again: the run that there is; another setting, or anew: not that one.
    assert explore.get_taggers("conll:ner.txt", 1, crf=True).path == taggers.path
    assert f"opened {taggers.path}" in capsys.readouterr().out
    assert explore.newest_run("conll:ner.txt", crf=False) is explore.newest_run("tagged", crf=True) is None
    assert explore.get_taggers("conll:ner.txt", 1, crf=True, anew=True).path != taggers.path


def test_another_name_in_its_place(taggers):
    _, said = explore.draw_swap(taggers, "Anna Bell sings in Rome", "Anna Bell", "Rome")
    name, others = said.splitlines()
    assert name.startswith("Anna Bell: B-PER I-PER ") and "Rome: B-LOC" in name
    assert others == "other words that changed: none"
    with pytest.raises(InputError, match="'Bell Anna' does not stand in the sentence"):
        explore.draw_swap(taggers, "Anna Bell sings", "Bell Anna", "Rome")


def test_a_fields_rules(taggers):
    figure, said = explore.draw_rules(taggers)
    tags, field = list(taggers.encoding.tags), taggers.model["crf"]
    assert words_drawn(figure)[0] == f"{float(field.transitions[0, 0].detach()):.1f}".replace("-", "−")
    first, rest = said.removeprefix("at the beginning of a sentence: ").split(", ", 1)
    assert first.split()[0] == tags[int(field.start.argmin())] and len(rest.split(", ")) == len(tags) - 1
    del taggers.model["crf"]
    with pytest.raises(InputError, match="no CRF on top"):
        explore.draw_rules(taggers)


def test_viterbi_in_the_notebook():
    _, said = explore.draw_by_hand(0.3, 0.3)
    assert said.splitlines()[-1] == "Viterbi: N N V, 0.007056   greedy: N V V, 0.003136"
    assert "greedy: N N V" in explore.draw_by_hand(0.45, 0.3)[1]  # the notebook's answer
    counted = explore.count_tags()
    figure, said = explore.draw_table(*counted, "Children like to know how things work.", 6)
    assert "they differ at like: greedy ADP, Viterbi VERB; to: greedy ADP, Viterbi PART" in said
    shown = " ".join(label.get_text() for label in figure.axes[0].get_yticklabels())
    assert shown == "ADP ADV NOUN PART PUNCT VERB"
    figure, said = explore.draw_counted(*counted, 3)
    assert "bad" in said.splitlines()[-1] and "own" in words_drawn(figure)
    with pytest.raises(InputError, match="13 words"):
        explore.draw_table(*counted, "word " * 13, 6)
    markov = counted[2]
    agreed, differing = ["The", "dog", "barks"], ["Children", "like", "to", "know"]
    assert figures.choose_sentence(markov, [agreed, differing]) is differing
    assert figures.choose_sentence(markov, [agreed, [*agreed, "."]]) is agreed


def test_a_tagging_of_the_readers_own():
    own = "Ada/B-PER Bell/I-PER in/O Rome/B-LOC"
    _, said = explore.draw_score(own, "Ada/B-PER Bell/O in/O Rome/I-LOC")
    assert said.splitlines() == [
        "tags right: 2 of 4     I that nothing has begun: 1",
        "entities: there 2, said 2, right 1",
        "precision 1/2 = 0.500   recall 1/2 = 0.500   F1 = 2 · 1/(2 + 2) = 0.500",
    ]
    for line, part in [
        ("Ada/B-PER Bell/I-PER", "the same words: 4 words and 2"),
        ("Ada/B-PER Bella/I-PER in/O Rome/B-LOC", "word 2 is 'Bell' and 'Bella'"),
        ("Ada/PER", "'Ada/PER' must be a word, / and a tag"),
        ("Ada B-PER", "'Ada' must be"),
        ("", "the line is empty"),
    ]:
        with pytest.raises(InputError, match=part):
            explore.draw_score(own, line)


def test_figures_can_be_left_out(monkeypatch):
    drawn = []
    monkeypatch.setattr(tagging, "save_figures", lambda *args: drawn.append(args))
    tiny = {"epochs": 1, "width": 8, "limit": 40, "quiet": True}
    tagging.train(draw=False, **tiny)
    assert not drawn
    tagging.train(**tiny)
    assert len(drawn) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_slide(seed):
    """Apple Organization, iPhone Product, California Location."""
    model, run = tagging.train(dataset="entities", seed=seed, quiet=True)
    encoding = tagging.Encoding(**tagging.load_run(run.path).about)
    tags = tagging.predict(model, encoding, [tagging.SLIDE.split()])[0]
    assert tags == ["B-ORG", "O", "O", "O", "B-PROD", "O", "B-LOC"]
