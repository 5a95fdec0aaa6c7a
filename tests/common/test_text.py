import dataclasses
import gzip
import random
import ssl
import zipfile
from collections import Counter, OrderedDict

import pytest
import torch
from torch import nn

from common.errors import InputError
from common.sources import file_digest
from common.text import (
    END,
    PADDING,
    SPECIALS,
    START,
    UNKNOWN,
    AddToken,
    PadTransform,
    ToTensor,
    Truncate,
    VocabTransform,
    basic_english,
    build_subwords,
    build_vocab_from_iterator,
    encode,
    get_tokenizer,
    pad,
    text,
    tokenize,
    vocab,
    word_vectors,
)
from common.text.vectors import GloVe, Vectors, VectorsError

TORCHTEXT = text.torchtext_if_installed()
both = pytest.mark.parametrize(
    "torchtext",
    [None, TORCHTEXT] if TORCHTEXT else [None],
    ids=lambda module: "torchtext" if module else "ours",
    indirect=True,
)


@pytest.fixture
def torchtext(request, monkeypatch):
    """The test runs with these labs' own tokenizer and vocabulary, and with torchtext's where it is installed."""
    monkeypatch.setattr(text, "torchtext_if_installed", lambda: request.param)
    return request.param


def reference_tokens(line: str) -> list[str]:
    """basic_english character by character, from its description."""
    line = line.lower().replace('"', "").replace("<br />", " ")
    tokens, word = [], ""
    for c in line + " ":
        if c.isspace() or c in ".,()!?';:":
            tokens += [word] if word else []
            tokens += [c] if c in ".,()!?'" else []
            word = ""
        else:
            word += c
    return tokens


def random_texts(count: int) -> list[str]:
    """Made of everything that the tokenizer treats in its own way, and letters of several alphabets."""
    generator = random.Random(0)
    pieces = [
        "the",
        "Fox",
        "A",
        "a",
        " ",
        "  ",
        "\n",
        "\u00a0",
        "\u3000",
        "\x1c",
        "'",
        '"',
        ".",
        ",",
        "(",
        ")",
        "!",
        "?",
    ]
    pieces += [
        ";",
        ":",
        "<br />",
        "<BR />",
        '<br" />',
        "<br",
        "/>",
        "É",
        "ß",
        "İ",
        "ΟΔΟΣ",
        "Σ",
        "語",
        "😀",
        "-",
        "[UNK]",
    ]
    return ["".join(generator.choices(pieces, k=generator.randrange(30))) for _ in range(count)]


# --- Tokens


@both
def test_basic_english_on_a_sentence(torchtext):
    tokenizer = get_tokenizer("basic_english")
    sentence = "It's \"new\": (see p. 4), <br />isn't it? Yes; MUCH-loved!"
    expected = "it ' s new ( see p . 4 ) , isn ' t it ? yes much-loved !"
    assert tokenizer(sentence) == expected.split()
    assert tokenizer("") == tokenizer(' \n"";') == []


@both
def test_basic_english_follows_its_description_on_any_text(torchtext):
    texts = random_texts(3000)
    expected = [reference_tokens(t) for t in texts]
    assert list(map(get_tokenizer("basic_english"), texts)) == expected
    assert list(tokenize(texts, get_tokenizer("basic_english"))) == expected


@both
def test_other_tokenizers(torchtext):
    assert get_tokenizer(None)("It's  new.\n") == ["It's", "new."]
    assert get_tokenizer(list) is list
    assert list(tokenize(["ab", ""], list)) == [["a", "b"], []]
    with pytest.raises(ValueError, match="basic_englsh"):
        get_tokenizer("basic_englsh")
    with pytest.raises(ValueError, match="(?i)en"):
        get_tokenizer("basic_english", language="de")


# --- Vocabulary


@both
def test_the_vocabulary_is_sorted_by_frequency_then_by_name(torchtext):
    texts = [["b", "d", "c"], ["c", "b", "a"], iter(["c"])]
    assert build_vocab_from_iterator(texts).get_itos() == ["c", "b", "a", "d"]
    texts = [["b", "d", "c"], ["c", "b", "a"], ["c"]]
    build = build_vocab_from_iterator
    assert build(texts, min_freq=2).get_itos() == ["c", "b"]
    assert build(texts, specials=["<unk>", "b"]).get_itos() == ["<unk>", "b", "c", "a", "d"]
    assert build(texts, specials=["<unk>"], special_first=False).get_itos() == ["c", "b", "a", "d", "<unk>"]
    assert build(texts, specials=["<unk>"], max_tokens=3).get_itos() == ["<unk>", "c", "b"]
    # A special among the most frequent takes the place of a word: as torchtext counts.
    assert build(texts, specials=["<unk>", "c"], max_tokens=4).get_itos() == ["<unk>", "c", "b"]
    with pytest.raises(AssertionError, match="special"):
        build(texts, specials=["<unk>", "<pad>"], max_tokens=2)


@both
def test_vocab_keeps_the_order_it_is_given(torchtext):
    counts = OrderedDict([("z", 1), ("y", 3), ("x", 2)])
    assert vocab(counts, min_freq=2, specials=("<unk>",)).get_stoi() == {"<unk>": 0, "y": 1, "x": 2}
    assert vocab(counts, specials=["y"], special_first=False).get_itos() == ["z", "x", "y"]
    assert vocab({}).get_itos() == []
    with pytest.raises(RuntimeError, match="(?i)duplicate|exists"):
        vocab(counts, specials=["a", "a"])


@both
def test_looking_up_both_ways(torchtext):
    v = vocab({"a": 1, "b": 1, "c": 1})
    assert len(v) == 3
    assert "b" in v and "d" not in v
    assert v["c"] == 2
    assert v(["c", "a"]) == v.lookup_indices(["c", "a"]) == [2, 0]
    assert v([]) == []
    assert v.lookup_token(1) == "b"
    assert v.lookup_tokens([2, 2, 0]) == ["c", "c", "a"]
    v.get_stoi()["a"] = 7
    v.get_itos()[0] = "z"
    assert v["a"] == 0 and v.lookup_token(0) == "a"  # copies were changed
    for index in (-1, 3):
        with pytest.raises(RuntimeError):
            v.lookup_token(index)
        with pytest.raises(RuntimeError):
            v.lookup_tokens([0, index])


@both
def test_unknown_tokens_and_the_default_index(torchtext):
    v = vocab({"<unk>": 1, "a": 1})
    assert v.get_default_index() is None
    for look_up in (lambda: v["b"], lambda: v(["a", "b"])):
        with pytest.raises(RuntimeError, match="Token b not found and default index is not set"):
            look_up()
    v.set_default_index(0)
    assert v["b"] == 0 and v(["a", "b"]) == [1, 0]
    v.set_default_index(-1)
    assert v["b"] == v.get_default_index() == -1
    v.set_default_index(None)
    with pytest.raises(RuntimeError):
        v["b"]
    for default in (None, 0):  # with a default, going through `for token in v` would otherwise never end
        v.set_default_index(default)
        with pytest.raises(TypeError):
            v[0]
    if not torchtext:  # torchtext ends the process
        with pytest.raises(TypeError, match="strings, not int"):
            v(["a", 1])


@both
def test_adding_tokens(torchtext):
    v = vocab({"a": 1, "b": 1})
    v.append_token("c")
    v.insert_token("first", 0)
    v.insert_token("last", 4)
    assert v.get_itos() == ["first", "a", "b", "c", "last"]
    assert v.get_stoi() == {"first": 0, "a": 1, "b": 2, "c": 3, "last": 4}
    for wrong in (lambda: v.append_token("a"), lambda: v.insert_token("a", 0), lambda: v.insert_token("x", 6)):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises(RuntimeError):
        v.insert_token("x", -1)
    assert len(v) == 5


# --- Many texts at once


@both
@pytest.mark.parametrize("count", [0, 50, 3000])  # few and many go different ways
@pytest.mark.parametrize("portion", [1 << 17, 10])
def test_encoding_many_texts_equals_the_loop_over_each(torchtext, count, portion, monkeypatch):
    monkeypatch.setattr(basic_english, "CHARACTERS", portion)
    texts, tokenizer = random_texts(count), get_tokenizer("basic_english")
    seen = [reference_tokens(t) for t in random_texts(300)] + [['"', "fo;x", "a b", "", "A", "FOX", "d'or", "x.y"]]
    v = build_vocab_from_iterator(seen, specials=SPECIALS, min_freq=1)
    assert "İ".lower() in v and "fox" in v
    for default in (UNKNOWN, -7):
        v.set_default_index(default)
        indices, offsets = encode(texts, v, tokenizer)
        rows = [v(tokenizer(t)) for t in texts]
        assert indices.dtype == offsets.dtype == torch.int64
        assert indices.tolist() == [i for row in rows for i in row]
        assert offsets.tolist() == [0, *torch.tensor([len(row) for row in rows]).cumsum(0).tolist()]
    assert count < 3000 or (indices == -7).any()


def test_words_that_share_a_slot_are_told_apart(monkeypatch):
    """A table of few slots: nearly every word has to be found the other way."""
    monkeypatch.setattr(basic_english, "BASE", 1)  # numbers that do not mix: anagrams are one number
    basic_english._powers.cache_clear()
    words = [f"w{i}" for i in range(1000)]
    indices, _ = basic_english.encode([" ".join(words)] * 200, words, -1)
    assert len(set(indices[:1000].tolist())) < 1000
    monkeypatch.undo()
    basic_english._powers.cache_clear()
    tokens = [f"w{i}" for i in range(100_000)]
    indices, lengths = basic_english.encode([" ".join(tokens), "w5 w100000"], tokens, -1)
    assert indices.tolist() == [*range(100_000), 5, -1]
    assert lengths.tolist() == [100_000, 2]


def test_half_a_character_is_a_letter(monkeypatch):
    """A lone surrogate, as reading a file with errors="surrogateescape" leaves; torchtext refuses it."""
    monkeypatch.setattr(text, "torchtext_if_installed", lambda: None)
    v = vocab({"a\ud800": 1})
    v.set_default_index(-1)
    assert encode(["A\ud800 b"] * 200, v, get_tokenizer("basic_english"))[0].tolist() == [0, -1] * 200


def test_a_vocabulary_of_nothing():
    v = vocab({}, specials=["[UNK]"])
    v.set_default_index(0)
    assert encode(["a b"] * 200, v, get_tokenizer("basic_english"))[0].tolist() == [0] * 400


@both
def test_an_unknown_word_without_default_index_is_named(torchtext):
    v = vocab({"a": 1})
    with pytest.raises(RuntimeError, match="Token fox not found"):
        encode(["a"] * 200 + ["a fox"], v, get_tokenizer("basic_english"))


def test_cutting_framing_and_padding():
    v = build_vocab_from_iterator([["a", "b", "c"]], specials=SPECIALS)  # a, b, c are 4, 5, 6
    v.set_default_index(UNKNOWN)
    texts = ["a b c", "", "c x"]
    indices, offsets = encode(texts, v, str.split)
    assert (indices.tolist(), offsets.tolist()) == ([4, 5, 6, 6, UNKNOWN], [0, 3, 3, 5])
    X, lengths = pad(indices, offsets)
    assert X.tolist() == [[4, 5, 6], [PADDING] * 3, [6, UNKNOWN, PADDING]]
    assert lengths.tolist() == [3, 0, 2]
    assert pad(indices, offsets, 2)[0].tolist() == [[4, 5], [0, 0], [6, 1]]
    assert pad(indices, offsets, 2)[1].tolist() == [2, 0, 2]
    assert pad(indices, offsets, 4, padding=-1)[0].tolist() == [[4, 5, 6, -1], [-1] * 4, [6, 1, -1, -1]]
    indices, offsets = encode(texts, v, str.split, max_length=4, framed=True)
    assert pad(indices, offsets)[0].tolist() == [
        [START, 4, 5, END],
        [START, END, PADDING, PADDING],
        [START, 6, UNKNOWN, END],
    ]
    assert encode(texts, v, str.split, max_length=2)[1].tolist() == [0, 2, 2, 4]
    with pytest.raises(InputError, match="max_length is 2; .* at least 3"):
        encode(texts, v, str.split, max_length=2, framed=True)
    X, lengths = pad(*encode([], v, str.split))
    assert X.shape == (0, 0) and len(lengths) == 0


# --- Subwords

CORPUS = ["The newest boats are lower, the lowest boats newer."] * 20 + ["A low boat; new, newer!"] * 10


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_subwords_start_with_the_specials_and_keep_the_size(kind):
    subwords = build_subwords(CORPUS, kind, 300)
    assert [subwords.id_to_token(i) for i in range(4)] == SPECIALS
    assert subwords.get_vocab_size() <= 300
    again = type(subwords).from_str(subwords.to_str())
    assert torch.equal(encode(CORPUS, again)[0], encode(CORPUS, subwords)[0])
    indices, offsets = encode(["low", "lowest newest"], subwords, framed=True)
    assert [indices[0], indices[-1]] == [START, END]
    assert subwords.decode(indices[offsets[1] :].tolist()) == "lowest newest"
    with pytest.raises(InputError, match="20 subwords is too small.* are [0-9]+"):
        build_subwords(CORPUS, kind, 20)


def test_bpe_writes_any_text_and_reads_it_back():
    subwords = build_subwords(CORPUS, "bpe", 320, lower_case=False)
    for line in ("The lowest boats", "  two  blanks\nand a line", "Größe 😀 語", '"quoted" <br />'):
        ids = subwords.encode(line, add_special_tokens=False).ids
        assert subwords.decode(ids) == line
        assert UNKNOWN not in ids
    assert build_subwords(CORPUS, "bpe", 320).decode(encode(["The LOW"], subwords)[0].tolist()) != ""
    common = subwords.encode("The newest boats").tokens
    assert common == ["The", "Ġnewest", "Ġboats"]  # frequent words are one piece; Ġ is the blank before it


def test_wordpiece_marks_a_words_later_pieces_and_what_it_cannot_write():
    subwords = build_subwords(CORPUS, "wordpiece", 60)
    tokens = subwords.encode("Newest: 語 low").tokens
    assert tokens[-1].startswith("lo") or tokens[-1].startswith("##")
    assert "".join(tokens[: tokens.index("[UNK]")]).replace("##", "") == "newest" if ":" not in tokens else True
    assert tokens.count("[UNK]") == 2  # the colon and the character were never seen


def test_learning_wordpieces_gives_the_same_every_time():
    corpus = ["Wel come to the Tok en izers libr ary."] * 3
    states = {build_subwords(corpus, "wordpiece", 60).to_str() for _ in range(25)}
    assert len(states) == 1


# --- torchtext's transforms


def test_transforms_from_text_to_tensor():
    v = build_vocab_from_iterator([["a", "b", "c"]], specials=SPECIALS)
    steps = [VocabTransform(v), Truncate(2), AddToken(START), AddToken(END, begin=False), ToTensor(PADDING)]
    pipeline = text.Sequential(*steps, PadTransform(6, PADDING))
    assert isinstance(pipeline, nn.Module)
    assert pipeline([["a", "b", "c"], ["c"]]).tolist() == [[2, 4, 5, 3, 0, 0], [2, 6, 3, 0, 0, 0]]
    assert pipeline(["c"]).tolist() == [2, 6, 3, 0, 0, 0]


WRONG = ["ab", ("a",), [1, "a"], [["a"], "a"], [[1], ["a"]], [[["a"]]], torch.tensor([1])]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_transforms_refuse_what_is_no_list(wrong):
    for transform in (Truncate(2), AddToken("x"), AddToken(1), ToTensor(0), VocabTransform(vocab({"a": 1}))):
        with pytest.raises(TypeError, match="Input type not supported"):
            transform(wrong)


# --- Vectors


def write_vectors(path, words="the of king queen", dim=3, start=0):
    rows = [f"{w} " + " ".join(str(0.5 * (i + j) - start) for j in range(dim)) for i, w in enumerate(words.split())]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_vectors_are_read_looked_up_and_kept(tmp_path):
    path = write_vectors(tmp_path / "v.txt")
    vectors = Vectors(path, tmp_path / "cache")
    assert (len(vectors), vectors.dim, vectors.itos) == (4, 3, ["the", "of", "king", "queen"])
    assert vectors["king"].tolist() == [1.0, 1.5, 2.0]
    assert vectors["King"].tolist() == [0.0, 0.0, 0.0]
    assert vectors.get_vecs_by_tokens("of").tolist() == [0.5, 1.0, 1.5]
    assert vectors.get_vecs_by_tokens(["King", "xyz"], lower_case_backup=True)[:, 0].tolist() == [1.0, 0.0]
    assert "of" in vectors and "xyz" not in vectors
    [kept] = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".safetensors"
    assert Vectors("v.txt", tmp_path / "cache", unk_init=torch.Tensor.zero_).itos == vectors.itos  # beside the test
    assert Vectors(path, tmp_path / "cache", unk_init=lambda t: t.fill_(9))["xyz"].tolist() == [9, 9, 9]


def test_kept_vectors_are_used_until_the_file_changes(tmp_path, monkeypatch):
    path, cache = write_vectors(tmp_path / "v.txt"), tmp_path / "cache"
    first = Vectors(path, cache)
    read = word_vectors._read_vectors
    monkeypatch.setattr(word_vectors, "_read_vectors", lambda *args: pytest.fail("read the text again"))
    assert torch.equal(Vectors(path, cache).vectors, first.vectors)
    monkeypatch.setattr(word_vectors, "_read_vectors", read)
    assert len(Vectors(path, cache, max_vectors=2)) == 2
    write_vectors(path, start=1)
    assert Vectors(path, cache)["the"].tolist() == [-1.0, -0.5, 0.0]
    [kept] = cache.glob("v.txt.all.*")
    kept.write_bytes(kept.read_bytes()[:20])
    assert Vectors(path, cache)["the"].tolist() == [-1.0, -0.5, 0.0]


def test_a_folder_that_cannot_be_written_to_only_costs_time(tmp_path, monkeypatch):
    path = write_vectors(tmp_path / "v.txt")
    (tmp_path / "file").write_text("")
    assert len(Vectors(path, tmp_path / "file")) == 4  # a folder cannot be made where a file is
    monkeypatch.setattr(word_vectors.checkpoint, "save", lambda *args: (_ for _ in ()).throw(PermissionError("no")))
    assert len(Vectors(path, tmp_path)) == 4


def test_first_lines_of_counts_and_gzipped_files(tmp_path):
    plain = write_vectors(tmp_path / "v.txt")
    (tmp_path / "w.vec").write_text("4 3\n" + plain.read_text())
    (tmp_path / "w.gz").write_bytes(gzip.compress(plain.read_bytes()))
    for name in ("w.vec", "w.gz"):
        assert torch.equal(
            Vectors(tmp_path / name, tmp_path / "cache").vectors, Vectors(plain, tmp_path / "cache").vectors
        )
    assert Vectors(tmp_path / "w.vec", tmp_path / "cache", max_vectors=1).itos == ["the"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2 3\nof 1 2\n", r"line 2 \(of\): not a word and 3 finite numbers"),
        ("the 1 2 3\nof 1 2 x\n", "line 2"),
        ("the 1 2 3\nof 1 nan 3\n", "line 2"),
        ("the 1 2 3\n\nof 1 2 3\n", "line 2"),
        ("", "holds no vectors"),
        ("<html>\n", "line 1"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, content, message):
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(VectorsError, match=message):
        Vectors(tmp_path / "v.txt", tmp_path / "cache")


def test_missing_and_damaged_files_of_vectors(tmp_path):
    with pytest.raises(VectorsError, match="no vectors found at nowhere.txt, neither here nor under"):
        Vectors("nowhere.txt", tmp_path)
    (tmp_path / "w.gz").write_bytes(gzip.compress(b"the 1 2\n" * 1000)[:-20])
    with pytest.raises(VectorsError, match="damaged"):
        Vectors(tmp_path / "w.gz", tmp_path)
    with pytest.raises(RuntimeError):  # as torchtext
        Vectors("nowhere.txt", tmp_path)


def test_glove_is_read_from_its_text_file_or_from_the_archive(tmp_path, monkeypatch):
    write_vectors(tmp_path / "glove.6B.50d.txt", dim=50)
    assert GloVe("6B", 50, tmp_path, offline=True)["of"][:2].tolist() == [0.5, 1.0]
    with pytest.raises(InputError, match=r"glove is not under .* put glove\.6B\.zip into"):
        GloVe("6B", 100, tmp_path, offline=True)
    with pytest.raises(VectorsError, match="no vectors found at glove.840B.300d.txt"):
        GloVe("840B", 300, tmp_path)
    with zipfile.ZipFile(tmp_path / "glove.6B.zip", "w") as archive:
        archive.write(write_vectors(tmp_path / "t", dim=100), "glove.6B.100d.txt")
    with pytest.raises(InputError, match=r"glove\.6B\.zip is damaged: its sha256 is"):
        GloVe("6B", 100, tmp_path, offline=True)
    digest = dataclasses.replace(
        word_vectors.GLOVE, digests={"glove.6B.zip": file_digest(tmp_path / "glove.6B.zip", "sha256")}
    )
    monkeypatch.setattr(word_vectors, "GLOVE", digest)
    assert GloVe("6B", 100, tmp_path, max_vectors=3, offline=True).vectors.shape == (3, 100)
    with pytest.raises(VectorsError, match=r"holds no glove\.6B\.70d\.txt"):
        GloVe("6B", 70, tmp_path, offline=True)


# --- Beside torchtext, where it is installed

beside_torchtext = pytest.mark.skipif(TORCHTEXT is None, reason="torchtext is not installed")


@beside_torchtext
def test_same_tokens_and_indices_as_torchtext():
    from torchtext.data import get_tokenizer as theirs_get
    from torchtext.vocab import build_vocab_from_iterator as theirs_build

    texts = random_texts(3000)
    theirs = [theirs_get("basic_english")(t) for t in texts]
    assert list(map(basic_english.basic_english, texts)) == theirs
    their_vocab = theirs_build(
        [[t for t in row if t.isprintable()] for row in theirs], 5, specials=SPECIALS, max_tokens=40
    )
    ours = text.Vocab(their_vocab.get_itos())
    counts = Counter(t for row in theirs for t in row if t.isprintable())
    order = sorted((t for t in counts if counts[t] >= 5), key=lambda t: (-counts[t], t))
    assert ours.get_itos() == [*SPECIALS, *order][:40]
    for v in (ours, their_vocab):
        v.set_default_index(UNKNOWN)
    assert [ours(row) for row in theirs] == [their_vocab(row) for row in theirs]


@beside_torchtext
@pytest.mark.filterwarnings("ignore:The inner type of a container is lost")
def test_same_transforms_as_torchtext():
    from torchtext import transforms

    v = vocab({"a": 1, "b": 1, "c": 1})
    inputs = [["a", "b", "c"], [["a", "b", "c"], ["c"]], [], [1, 2, 3], [[1, 2, 3], [4]], [[]]]
    pairs = [
        (Truncate(2), transforms.Truncate(2)),
        (AddToken(7), transforms.AddToken(7)),
        (AddToken("x", begin=False), transforms.AddToken("x", begin=False)),
        (ToTensor(0), transforms.ToTensor(0)),
        (ToTensor(), transforms.ToTensor()),
        (VocabTransform(v), transforms.VocabTransform(v)),
    ]

    def result(transform, value):
        try:
            out = transform(value)
        except (TypeError, ValueError) as error:
            return type(error)
        return (out.dtype, out.tolist()) if isinstance(out, torch.Tensor) else out

    for ours, theirs in pairs:
        for value in [*inputs, *WRONG]:
            assert result(ours, value) == result(theirs, value), (ours, value)
    for x in (torch.tensor([1, 2]), torch.ones(2, 5)):
        assert torch.equal(PadTransform(4, 9)(x), transforms.PadTransform(4, 9)(x))


@beside_torchtext
def test_same_vectors_as_torchtext(tmp_path, monkeypatch):
    from torchtext.vocab import Vectors as TheirVectors

    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_default_https_context)  # they replace it
    path = write_vectors(tmp_path / "v.txt", dim=50)
    for limit in (None, 2, 100):
        theirs = TheirVectors(str(path), str(tmp_path / "theirs"), max_vectors=limit)
        ours = Vectors(path, tmp_path / "ours", max_vectors=limit)
        assert (ours.itos, ours.stoi, ours.dim, len(ours)) == (theirs.itos, theirs.stoi, theirs.dim, len(theirs))
        assert torch.equal(ours.vectors, theirs.vectors)
        for words in ("king", "King", ["King", "of", "?"]):
            for backup in (False, True):
                expected = theirs.get_vecs_by_tokens(words, lower_case_backup=backup)
                assert torch.equal(ours.get_vecs_by_tokens(words, lower_case_backup=backup), expected)
    (tmp_path / "bad.txt").write_text("the 1 2 3\nof 1 2\n")
    for read in (lambda p: TheirVectors(str(p), str(tmp_path / "theirs")), lambda p: Vectors(p, tmp_path / "ours")):
        for bad in (tmp_path / "bad.txt", tmp_path / "missing.txt"):
            with pytest.raises(RuntimeError):
                read(bad)
