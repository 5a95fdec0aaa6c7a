import pytest
import torch

from common.errors import InputError
from common.text.batches import encode
from common.text.subwords import build_subwords
from common.text.vocabulary import END, SPECIALS, START, UNKNOWN

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
    numbers = build_subwords(corpus, "wordpiece", 60).get_vocab()
    letters = [piece for piece in sorted(numbers, key=numbers.get) if piece.startswith("##") and len(piece) == 3]
    assert letters == sorted(letters)  # also in another process, where sets have another order
