"""Texts and word vectors that others have published: fetched once and checked every time, or placed by hand."""

import csv
import io
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

from common.sources import Download, Source, damaged
from common.text.own_files import Documents, read_text

AG_NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
NEWSGROUPS = (
    "alt.atheism",
    "comp.graphics",
    "comp.os.ms-windows.misc",
    "comp.sys.ibm.pc.hardware",
    "comp.sys.mac.hardware",
    "comp.windows.x",
    "misc.forsale",
    "rec.autos",
    "rec.motorcycles",
    "rec.sport.baseball",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.guns",
    "talk.politics.mideast",
    "talk.politics.misc",
    "talk.religion.misc",
)


def read_ag_news(paths: list[Path]) -> tuple[Documents, Documents]:
    """Two CSV files, train and test: class from 1, title, description."""
    return _read_news(paths[0]), _read_news(paths[1])


def _read_news(path: Path) -> Documents:
    rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    if not rows or any(len(row) != 3 or row[0] not in "1234" for row in rows):
        raise damaged(path, "its lines are not: class from 1 to 4, title, description")
    return [f"{title} {body}" for _, title, body in rows], [AG_NEWS_CLASSES[int(number) - 1] for number, _, _ in rows]


def read_imdb(paths: list[Path]) -> tuple[Documents, Documents]:
    """aclImdb/train/pos/0_9.txt and so on. The reviews without labels (train/unsup) are passed over."""
    member = re.compile(r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt")
    parts = _read_tar(paths[0], member)
    names = {"neg": "negative", "pos": "positive"}
    train, test = ((texts, [names[label] for label in labels]) for texts, labels in parts)
    return train, test


def read_20newsgroups(paths: list[Path]) -> tuple[Documents, Documents]:
    """20news-bydate-train/sci.space/60191 and so on, in Latin-1, without the header: it names the group."""
    member = re.compile(r"20news-bydate-(train|test)/([a-z.-]+)/\d+")
    parts = _read_tar(paths[0], member, "latin-1")
    train, test = (([text.partition("\n\n")[2] for text in texts], labels) for texts, labels in parts)
    return train, test


def _read_tar(path: Path, member: re.Pattern, encoding: str = "utf-8") -> tuple[Documents, Documents]:
    """The files called `member`, which names the part and the class. Read in place: nothing is unpacked."""
    parts: dict[str, Documents] = {"train": ([], []), "test": ([], [])}
    try:
        with tarfile.open(path, "r:gz" if path.suffix == ".gz" else "r:") as archive:
            for entry in archive:
                match = member.fullmatch(entry.name)
                if match and (content := archive.extractfile(entry)):  # None of a folder
                    texts, labels = parts[match[1]]
                    texts.append(content.read().decode(encoding))
                    labels.append(match[2])
    except (tarfile.TarError, EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    if not parts["train"][0] or not parts["test"][0]:
        raise damaged(path, f"it holds no files called {member.pattern}")
    return parts["train"], parts["test"]


def read_wikitext2(paths: list[Path]) -> tuple[Documents, Documents]:
    """Wikipedia's articles, already cut into tokens by blanks. No classes."""
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            train = archive.read("wikitext-2/wiki.train.tokens").decode()
            test = archive.read("wikitext-2/wiki.test.tokens").decode()
    except (zipfile.BadZipFile, KeyError, zlib.error, UnicodeDecodeError) as error:
        raise damaged(paths[0], error) from error
    return (_articles(train), []), (_articles(test), [])


def _articles(text: str) -> list[str]:
    """A line ` = Title = ` starts an article (` = = Heading = = ` a part of it)."""
    return [article for article in re.split(r"^(?= = [^=])", text, flags=re.MULTILINE) if article.strip()]


TEXT_SOURCES = {
    "ag_news": Source(
        about="127 600 news items, 4 sections",
        classes=AG_NEWS_CLASSES,
        folder="ag_news",
        megabytes=31,
        mirrors=("https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/",),
        digests={"train.csv": "b1a00f826fdfbd249f79597b59e1dc12", "test.csv": "d52ea96a97a2d943681189a97654912d"},
        read=read_ag_news,
    ),
    "imdb": Source(
        about="50 000 film reviews, positive or negative",
        classes=("negative", "positive"),
        folder="imdb",
        megabytes=84,
        mirrors=(
            "https://ai.stanford.edu/~amaas/data/sentiment/",
            "https://bj.bcebos.com/dataset/imdb%2FaclImdb_v1.tar.gz",
        ),
        digests={"aclImdb_v1.tar.gz": "7c2ac02c03563afcf9b574c7e56c153a"},
        read=read_imdb,
    ),
    "20newsgroups": Source(
        about="18 846 posts to 20 newsgroups",
        classes=NEWSGROUPS,
        folder="20newsgroups",
        megabytes=14,
        mirrors=("https://ndownloader.figshare.com/files/5975967", "http://qwone.com/~jason/20Newsgroups/"),
        digests={"20news-bydate.tar.gz": "8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610"},
        read=read_20newsgroups,
    ),
    "wikitext2": Source(
        about="2 million words of Wikipedia, for language models",
        classes=(),
        folder="wikitext2",
        megabytes=4,
        mirrors=("https://wikitext.smerity.com/", "https://s3.amazonaws.com/research.metamind.io/wikitext/"),
        digests={"wikitext-2-v1.zip": "542ccefacc6c27f945fb54453812b3cd"},
        read=read_wikitext2,
    ),
}

GLOVE = Download(
    about="vectors of 400 000 words, 50, 100, 200, 300 numbers each",
    folder="glove",
    megabytes=862,
    mirrors=(
        "https://downloads.cs.stanford.edu/nlp/data/",
        "https://huggingface.co/stanfordnlp/glove/resolve/main/",
    ),
    digests={"glove.6B.zip": "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb"},
)
