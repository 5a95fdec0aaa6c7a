import pytest
import torch
from torch import nn

from common.text import (
    AddToken,
    LabelToIndex,
    PadTransform,
    Sequential,
    StrToIntTransform,
    ToTensor,
    Truncate,
    VocabTransform,
    build_vocab_from_iterator,
    vocab,
)
from common.text.installed import torchtext_if_installed
from common.text.vocabulary import END, PADDING, SPECIALS, START


def test_transforms_from_text_to_tensor():
    v = build_vocab_from_iterator([["a", "b", "c"]], specials=SPECIALS)
    steps = [VocabTransform(v), Truncate(2), AddToken(START), AddToken(END, begin=False), ToTensor(PADDING)]
    pipeline = Sequential(*steps, PadTransform(6, PADDING))
    assert isinstance(pipeline, nn.Sequential)
    assert pipeline([["a", "b", "c"], ["c"]]).tolist() == [[2, 4, 5, 3, 0, 0], [2, 6, 3, 0, 0, 0]]
    assert pipeline(["c"]).tolist() == [2, 6, 3, 0, 0, 0]


WRONG = ["ab", ("a",), [1, "a"], [["a"], "a"], [[1], ["a"]], [[["a"]]], torch.tensor([1])]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_transforms_refuse_what_is_no_list(wrong):
    on_strings = (VocabTransform(vocab({"a": 1})), StrToIntTransform(), AddToken("x"))
    for transform in (Truncate(2), AddToken(1), ToTensor(0), *on_strings):
        with pytest.raises(TypeError, match="Input type not supported"):
            transform(wrong)


def test_labels_to_indices_and_the_names_behind_them(tmp_path):
    transform = LabelToIndex(["sports", "World", "business"])
    assert transform("World") == 1
    assert transform(["business", "sports", "business"]) == [2, 0, 2]
    assert transform([]) == []
    assert transform.label_names == ["sports", "World", "business"]
    assert LabelToIndex(["sports", "World", "business"], sort_names=True).label_names == ["World", "business", "sports"]
    path = tmp_path / "labels.txt"
    path.write_text(" sports\n\nWorld \nÉconomie", encoding="utf-8")
    assert LabelToIndex(label_path=path).label_names == ["sports", "World", "Économie"]
    assert LabelToIndex(label_path=str(path), sort_names=True)(["sports", "Économie"]) == [1, 2]


def test_labels_that_cannot_be_are_refused(tmp_path):
    for nothing in ({}, {"label_names": []}):
        with pytest.raises(ValueError, match="label_names or label_path is needed"):
            LabelToIndex(**nothing)
    with pytest.raises(ValueError, match="both given"):
        LabelToIndex(["a"], tmp_path / "labels.txt")
    with pytest.raises(FileNotFoundError):
        LabelToIndex(label_path=tmp_path / "nowhere.txt")
    with pytest.raises(RuntimeError, match="a already exists"):
        LabelToIndex(["a", "b", "a"])
    for unknown in ("c", ["a", "c"]):
        with pytest.raises(RuntimeError, match="Token c not found and default index is not set"):
            LabelToIndex(["a", "b"])(unknown)
    for wrong in (1, [1], ("a",), [["a"]], ["a", 1], None):
        with pytest.raises(TypeError, match="Input type not supported"):
            LabelToIndex(["a", "b"])(wrong)


def test_strings_to_numbers():
    transform = StrToIntTransform()
    assert transform(["1", "-22", " 3 "]) == [1, -22, 3]
    assert transform([["1"], [], ["2", "3"]]) == [[1], [], [2, 3]]
    assert transform([]) == []
    for wrong in (["1", "two"], [["1.5"]]):
        with pytest.raises(ValueError, match="invalid literal"):
            transform(wrong)
    assert Sequential(StrToIntTransform(), AddToken(0), ToTensor())(["5", "6"]).tolist() == [0, 5, 6]


@pytest.mark.skipif(torchtext_if_installed() is None, reason="torchtext is not installed")
@pytest.mark.filterwarnings("ignore:The inner type of a container is lost")
def test_same_transforms_as_torchtext():
    from torchtext import transforms

    v = vocab({"a": 1, "b": 1, "c": 1})
    inputs = [["a", "b", "c"], [["a", "b", "c"], ["c"]], [], [[]], [1, 2, 3], [[1, 2, 3], [4]]]
    inputs += ["a", "z", ["z"], ["1", "2"], [["1"], ["23", "4"]]]
    pairs = [
        (Truncate(2), transforms.Truncate(2)),
        (AddToken(7), transforms.AddToken(7)),
        (AddToken("x", begin=False), transforms.AddToken("x", begin=False)),
        (ToTensor(0), transforms.ToTensor(0)),
        (ToTensor(), transforms.ToTensor()),
        (VocabTransform(v), transforms.VocabTransform(v)),
        (LabelToIndex(["b", "a", "c"]), transforms.LabelToIndex(["b", "a", "c"])),
        (LabelToIndex(["b", "a"], sort_names=True), transforms.LabelToIndex(["b", "a"], sort_names=True)),
        (StrToIntTransform(), transforms.StrToIntTransform()),
    ]

    def result(transform, value):
        try:
            out = transform(value)
        except (TypeError, ValueError, RuntimeError) as error:
            return type(error)
        return (out.dtype, out.tolist()) if isinstance(out, torch.Tensor) else out

    for ours, theirs in pairs:
        for value in [*inputs, *WRONG]:
            assert result(ours, value) == result(theirs, value), (ours, value)
    for x in (torch.tensor([1, 2]), torch.ones(2, 5)):
        assert torch.equal(PadTransform(4, 9)(x), transforms.PadTransform(4, 9)(x))
