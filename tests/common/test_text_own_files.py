from pathlib import Path

import pytest
import torch

from common.errors import InputError
from common.text.corpora import load_texts
from common.text.own_files import read_csv, read_text, without_headers


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_folder_of_classes(tmp_path):
    for label in ("cats", "dogs"):
        for i in range(5):
            write(tmp_path / "mine" / label / f"{i}.txt", f"{label} {i}\n")
    write(tmp_path / "mine" / "cats" / "deeper" / "x.txt", "cats below")
    write(tmp_path / "mine" / "dogs" / "blank.txt", " \n")
    write(tmp_path / "mine" / "README.txt", "about")
    data = load_texts(f"folder:{tmp_path / 'mine'}", "nowhere")
    assert data.classes == ("cats", "dogs")
    assert torch.bincount(data.y).tolist() == [6, 5]
    assert all(line.startswith(data.classes[y]) for line, y in zip(data.texts, data.y, strict=True))
    assert len(data.texts_test) == 2


def test_newsgroups_as_their_authors_lay_them_out(tmp_path):
    """No endings, Latin-1, headers, folders called …-train and …-test; and what is no text lies beside."""
    mail = "From: a@b.c\nSubject: caf\xe9\n\nThe text.\n\nIts end.\n"
    for part, number in (("train", 60191), ("train", 60192), ("test", 60193)):
        for label in ("sci.space", "rec.autos"):
            write(tmp_path / f"20news-bydate-{part}" / label / str(number), f"{label} {mail}".encode("latin-1"))
    plain = f"folder:{tmp_path},encoding=latin-1"
    data = load_texts(plain, "nowhere")
    assert data.classes == ("rec.autos", "sci.space")
    assert (len(data.texts_train), len(data.texts_test)) == (4, 2)
    assert data.texts_test[0].startswith("rec.autos From:")
    assert load_texts(f"{plain},headers=strip", "nowhere").texts == data.texts  # they do not begin as mail does
    for part in ("train", "test"):
        for label in ("sci.space", "rec.autos"):
            write(tmp_path / f"20news-bydate-{part}" / label / "1", mail.encode("latin-1"))
            write(tmp_path / f"20news-bydate-{part}" / label / "0.png", b"\x89PNG\r\n\x1a\n\0\0\0")
            write(tmp_path / f"20news-bydate-{part}" / label / ".index", "hidden")
    data = load_texts(f"{plain},headers=strip", "nowhere")
    assert data.texts_train[0] == "The text.\n\nIts end."
    assert (len(data.texts_train), len(data.texts_test)) == (6, 4)
    with pytest.raises(InputError, match=r"1 is not utf-8: byte 0xe9.*add ,encoding="):
        load_texts(f"folder:{tmp_path}", "nowhere")
    with pytest.raises(InputError, match="headers=drop is neither keep nor strip"):
        load_texts(f"{plain},headers=drop", "nowhere")


def test_a_folder_without_a_text_names_the_rule(tmp_path):
    write(tmp_path / "pictures" / "cat.png", b"\x89PNG\0")
    with pytest.raises(InputError, match=r"pictures/CLASS or, without classes, in the folder itself; hidden files"):
        load_texts(f"folder:{tmp_path / 'pictures'}", "nowhere")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Subject: a\r\nTo: b\r\n\r\nbody\r\n\r\nmore", "body\r\n\r\nmore"),
        ("Path: x\n", "Path: x\n"),  # nothing but a header: kept, for there is no blank line
        ("a sentence: and so on\n\nanother", "a sentence: and so on\n\nanother"),
    ],
)
def test_headers_of_mail(text, rest):
    assert without_headers(text) == rest


def test_a_folder_without_classes(tmp_path):
    for i in range(7):
        write(tmp_path / f"{i}.txt", f"text {i}")
    data = load_texts(f"folder:{tmp_path}", "nowhere")
    assert data.classes == ()
    assert (len(data.texts_train), len(data.texts_test)) == (6, 1)
    assert sorted(data.texts) == [f"text {i}" for i in range(7)]
    assert data.y.shape == (0,)


def test_a_folder_with_its_own_split(tmp_path):
    for part, label, text in (("train", "a", "1"), ("train", "b", "2"), ("test", "b", "3")):
        write(tmp_path / part / label / "x.txt", text)
    data = load_texts(f"folder:{tmp_path}", "nowhere")
    assert (data.texts_train, data.y_train.tolist()) == (["1", "2"], [0, 1])
    assert (data.texts_test, data.y_test.tolist()) == (["3"], [1])
    write(tmp_path / "test" / "c" / "x.txt", "4")
    with pytest.raises(InputError, match="class 'c' is in the part for testing only"):
        load_texts(f"folder:{tmp_path}", "nowhere")


def test_csv_columns_by_name_and_by_number(tmp_path):
    path = write(tmp_path / "my.csv", "id, title ,body,mark\n1,One,first,good\n2,Two,second,bad\n3, ,,\n")
    assert read_csv(path, "body") == (["first", "second"], [])
    assert read_csv(path, "title+body", "mark") == (["One first", "Two second"], ["good", "bad"])
    bare = write(tmp_path / "bare.csv", '"3","T; 1","body, ""one"""\n"1","T2","line\nbreak"\n')
    assert read_csv(bare, "2+3", "1") == (['T; 1 body, "one"', "T2 line\nbreak"], ["3", "1"])
    for delimiter in ";\t":
        write(path, f"label{delimiter}text\r\nx{delimiter}one, two\r\n\r\ny{delimiter}three\r\n")
        assert read_csv(path) == (["one, two", "three"], ["x", "y"])
    assert read_csv(write(path, "\ufefftext\none\n")) == (["one"], [])


def test_csv_by_its_name_as_a_data_set(tmp_path):
    rows = "".join(f"{i % 2},text {i}\n" for i in range(10))
    path = write(tmp_path / "my, own.csv", "mark,body\n" + rows)
    data = load_texts(f"csv:{path},text=body,label=mark", "nowhere")
    assert data.classes == ("0", "1")
    assert sorted(data.y_test.tolist()) == [0, 1]
    write(tmp_path / "split" / "train.csv", "text,label\na,x\nb,y\n")
    write(tmp_path / "split" / "test.csv", "text,label\nc,y\n")
    data = load_texts(f"csv:{tmp_path / 'split'}", "nowhere")
    assert (data.texts_train, data.texts_test, data.y_test.tolist()) == (["a", "b"], ["c"], [1])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("body,mark\na,b\n", "", "no column 'text'; its columns are body, mark. Name one behind the path"),
        ("text,mark\na,b\n", ",label=label", "no column 'label'; its columns are text, mark"),
        ("a,b\nc,d\n", ",text=3", "no column '3'; its columns are 1, 2"),
        ("text,label\na,b\nc\n", "", "line 3: 1 columns where 2 are expected"),
        ("text,label\na,b\nc,\n", "", "line 3: no label"),
        ("text,label\na,b\nc,d\n", "", "class 'b' has one document; it needs 2"),
        ("text\n" + "x" * 140_000 + "\n", "", "line 2: field larger than field limit"),
        ("", "", "holds no document; at least 2"),
        ("text,label\n", "", "holds no document; at least 2"),
        ("text,label\na,b\n", "", "holds one document; at least 2"),
        ("text\na\n", ",txt=x", "txt= is none of encoding, text, label"),
        ("text\na\nb\n", ",encoding=utf-9", "encoding 'utf-9' is not known"),
    ],
)
def test_a_csv_file_that_does_not_fit(tmp_path, content, options, message):
    path = write(tmp_path / "my.csv", content)
    with pytest.raises(InputError) as error:
        load_texts(f"csv:{path}{options}", "nowhere")
    assert message in str(error.value)
    assert "my.csv" in str(error.value) or "utf-9" in message
    assert "\n" not in str(error.value)


def test_text_in_another_encoding_is_named_with_the_byte_and_the_cure(tmp_path):
    for name, encoding in (("cp1252", "cp1252"), ("utf-16", "utf-16"), ("latin-1", "latin-1")):
        folder = tmp_path / name
        text = "caf\x81é" if name == "latin-1" else "café"  # 0x81 is no character of cp1252
        write(folder / "one.txt", text.encode(encoding))
        write(folder / "two.txt", "plain".encode(encoding))
        with pytest.raises(
            InputError, match=rf"one\.txt is not utf-8: byte 0x.. at position \d+; {name} may .*,encoding={name}"
        ):
            load_texts(f"folder:{folder}", "nowhere")
        assert text in load_texts(f"folder:{folder},encoding={encoding}", "nowhere").texts
    with pytest.raises(InputError, match=r"byte 0xe9 at position 3"):
        read_text(tmp_path / "cp1252" / "one.txt")
    write(tmp_path / "bare", "plain".encode("utf-16-le"))  # valid UTF-8, but no text
    with pytest.raises(InputError, match="holds the byte 0x00 at position 1: it is no text, or utf-16"):
        read_text(tmp_path / "bare")
