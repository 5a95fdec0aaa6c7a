"""Word vectors from text files under torchtext's names: Vectors for any such file, GloVe for Stanford's."""

import contextlib
import gzip
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common import checkpoint
from common.errors import InputError
from common.sources import data_dir_from_environment, fetch_files
from common.text.published import GLOVE


class VectorsError(InputError, RuntimeError):
    """A file of vectors that is missing or damaged. torchtext raises RuntimeError for it."""


class Vectors:
    """Words and their vectors from a text file: a word and its numbers a line, parted by blanks; .gz as well.

    A first line of two numbers (how many words, how many dimensions) is skipped. `max_vectors` reads the first so
    many words only, the most frequent ones as these files are sorted. What was read is kept under `cache` (default:
    <data directory>/glove) for the next time, if that can be written to. A word that is not there gets `unk_init`
    of an empty vector, by default zeros. Raises VectorsError for a missing file and for a line that does not fit.
    """

    def __init__(
        self,
        name: str | Path,
        cache: str | Path | None = None,
        *,
        unk_init: Callable[[Tensor], Tensor] = torch.Tensor.zero_,
        max_vectors: int | None = None,
    ):
        self.unk_init = unk_init
        folder = data_dir_from_environment() / "glove" if cache is None else Path(cache)
        path = next((p for p in (Path(name), folder / name) if p.is_file()), None)
        if path is None:
            raise VectorsError(f"no vectors found at {name}, neither here nor under {folder}")
        self._load(path, path.name, folder, max_vectors)

    def _load(self, path: Path, name: str, folder: Path, max_vectors: int | None) -> None:
        """Fill in from `path` (in a zip file: from its part `name`), or from what an earlier time has kept."""
        status = path.stat()
        source = [str(path.resolve()), status.st_size, status.st_mtime_ns]
        kept = folder / f"{name}.{max_vectors or 'all'}.safetensors"
        self.itos: list[str] = []
        try:
            tensors, header = checkpoint.load(kept)
            if header.get("source") == source:
                self.itos, self.vectors = header["words"], tensors["vectors"]
        except (InputError, KeyError):
            pass
        if not self.itos:
            self.itos, self.vectors = _read_vectors(path, name, max_vectors)
            with contextlib.suppress(OSError):  # a folder that may only be read
                checkpoint.save(kept, {"vectors": self.vectors}, {"source": source, "words": self.itos})
        self.stoi = {word: i for i, word in enumerate(self.itos)}
        self.dim = self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.vectors)

    def __contains__(self, token: str) -> bool:
        return token in self.stoi

    def __getitem__(self, token: str) -> Tensor:
        index = self.stoi.get(token)
        return self.unk_init(torch.zeros(self.dim)) if index is None else self.vectors[index]

    def get_vecs_by_tokens(self, tokens: str | list[str], lower_case_backup: bool = False) -> Tensor:
        """The vector of a token (dim,), or of each in a list (tokens, dim); unknown ones in lower case if asked."""
        if isinstance(tokens, str):
            return self.get_vecs_by_tokens([tokens], lower_case_backup)[0]
        return torch.stack([self[t if t in self or not lower_case_backup else t.lower()] for t in tokens])


class GloVe(Vectors):
    """Stanford's GloVe vectors (Pennington et al. 2014), e.g. GloVe("6B", 50): `dim` of 50, 100, 200 or 300.

    Read from glove.<name>.<dim>d.txt under `cache` if it is there, else from the published archive, which is
    fetched once (6B only: 862 MB) unless `offline`.
    """

    def __init__(
        self,
        name: str = "6B",
        dim: int = 300,
        cache: str | Path | None = None,
        *,
        unk_init: Callable[[Tensor], Tensor] = torch.Tensor.zero_,
        max_vectors: int | None = None,
        offline: bool = False,
        quiet: bool = False,
    ):
        file = f"glove.{name}.{dim}d.txt"
        folder = data_dir_from_environment() / "glove" if cache is None else Path(cache)
        if name != "6B" or (folder / file).is_file():
            super().__init__(file, folder, unk_init=unk_init, max_vectors=max_vectors)
            return
        self.unk_init = unk_init
        archive = fetch_files("glove", replace(GLOVE, folder="."), folder, offline=offline, quiet=quiet)[0]
        self._load(archive, file, folder, max_vectors)


@contextlib.contextmanager
def _open_vectors(path: Path, name: str) -> Iterator[Iterable[bytes]]:
    """The lines of a text file, plain or gzipped, or of the part `name` of a zip file."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                yield file
        else:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                yield file
    except KeyError:
        raise VectorsError(f"{path} holds no {name}; there are vectors of 50, 100, 200 and 300 numbers") from None
    except (EOFError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise VectorsError(f"{path} is damaged: {error}") from error


def _read_vectors(path: Path, name: str, max_vectors: int | None) -> tuple[list[str], Tensor]:
    words, rows, dim = [], [], None
    with _open_vectors(path, name) as lines:
        for number, line in enumerate(lines, 1):
            word, *values = line.rstrip().split(b" ")
            if len(values) == 1 and number == 1:
                continue  # how many words, how many dimensions
            try:
                row = np.array(values, dtype=np.float32)
            except ValueError:
                row = np.array([math.nan])
            if dim is None:
                dim = len(row)
            if len(row) != dim or not dim or not np.isfinite(row).all():
                shown = word.decode("utf-8", "replace")[:40]
                raise VectorsError(f"{path}, line {number} ({shown}): not a word and {dim or 'some'} finite numbers")
            words.append(word.decode("utf-8", "replace"))
            rows.append(row)
            if len(rows) == max_vectors:
                break
    if not rows:
        raise VectorsError(f"{path} holds no vectors")
    return words, torch.from_numpy(np.stack(rows))
