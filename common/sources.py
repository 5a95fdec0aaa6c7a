"""Published files: where they come from, fetched once so that only the right ones are ever kept, checked every time."""

import hashlib
import http.client
import os
import shutil
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from common import distributed
from common.errors import InputError

TIMEOUT = 8  # seconds without an answer or without a byte


class FetchError(InputError):
    """No mirror gave the file; the message says what each one answered."""

    def describe_substitute(self, instead: str) -> str:
        """For a warning: what is used instead, then why, then how to get what was wanted; a line or two each."""
        why, _, cure = str(self).partition(". By hand: ")
        cure = f"To get it: labs fetch, where there is internet; or {cure}" if cure else ""
        lines = [f"using {instead} instead", why, cure]
        return "\n  ".join(part for line in lines for part in textwrap.wrap(line, 110, break_on_hyphens=False))


def data_dir_from_environment() -> Path:
    """data/, or what LABS_DATA names."""
    return Path(os.environ.get("LABS_DATA") or "data")


@dataclass(frozen=True, kw_only=True)
class Download:
    """Where files come from, where they lie, and how they are told to be the right ones."""

    about: str
    folder: str  # under the data directory
    megabytes: int
    mirrors: tuple[str, ...]  # tried in this order; one that ends in / is followed by the file's name
    digests: dict[str, str]  # each file's checksum: md5, or sha256 where that is what is published


@dataclass(frozen=True, kw_only=True)
class Source(Download):
    """A data set's files, and how they are read."""

    classes: tuple[str, ...]
    read: Callable[[list[Path]], Any]  # takes the files in the order of `digests`; of images: gives Tensors


# torchvision unpacks MNIST's files; these are the checksums of the unpacked ones. (For the look-alikes none are
# published: their unpacked files are checked for length and shape, the gzipped ones by checksum.)
UNPACKED_MD5 = {
    "f68b3c2dcbeaaa9fbdd348bbdeb94873": "6bbc9ace898e44ae57da46a324031adb",
    "d53e105ee54ea40749a09fcbcd1e9432": "a25bea736e30d166cdddb491f175f624",
    "9fb629c4189551a2d022fa330f9573f3": "2646ac647ad5339dbf082846283269ea",
    "ec29112dd5afa0611ce80d1b7f02629c": "27ae3e4e09519cfbb04c329615203637",
}


def fetch_files(
    name: str, source: Download, data_dir: Path, *, offline: bool = False, quiet: bool = False
) -> list[Path]:
    """The files, fetched if they are not there yet, every one checked against its published checksum."""
    folder = Path(data_dir) / source.folder
    with distributed.main_first():
        missing = missing_files(source, data_dir)
        try:
            if missing and offline:
                raise FetchError("the network is not to be used")
            for file in missing:
                urls = [mirror + file if mirror.endswith("/") else mirror for mirror in source.mirrors]
                digest = source.digests[file]
                fetch(urls, folder / file, digest, algorithm=_algorithm(digest), quiet=quiet)
        except FetchError as error:
            raise FetchError(
                f"{name} is not under {data_dir} and could not be fetched: {error}. "
                f"By hand: put {', '.join(missing)} into {folder}"
            ) from error
    paths = [_present(folder / file) or folder / file for file in source.digests]
    for path, digest in zip(paths, source.digests.values(), strict=True):
        expected = digest if path.name in source.digests else UNPACKED_MD5.get(digest)
        if expected and (got := file_digest(path, _algorithm(expected))) != expected:
            raise damaged(path, f"its {_algorithm(expected)} is {got}, should be {expected}")
    return paths


def missing_files(source: Download, data_dir: Path) -> list[str]:
    """Which of the files are not under `data_dir`, neither as published nor unpacked."""
    return [file for file in source.digests if not _present(Path(data_dir) / source.folder / file)]


def _algorithm(digest: str) -> str:
    return {32: "md5", 64: "sha256"}[len(digest)]


def _present(path: Path) -> Path | None:
    """The file as published, else as torchvision unpacks it, else None."""
    unpacked = [path.with_suffix("")] if path.suffix == ".gz" else []
    return next((p for p in (path, *unpacked) if p.is_file()), None)


def damaged(path: Path, why: object) -> InputError:
    """The error for a file that is not what was published."""
    return InputError(f"{path} is damaged: {why}. Delete it to have it fetched anew")


def file_digest(path: Path, algorithm: str = "md5") -> str:
    """The file's checksum in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fetch(urls: Sequence[str], target: Path, digest: str, *, algorithm: str = "md5", quiet: bool = False) -> None:
    """Bring one file to `target`, from the first of `urls` that gives exactly the bytes with this checksum.

    `digest` may be the checksum's beginning, where no more is published. The bytes land in a partial file beside
    `target`, which is renamed only when they are complete and right: a killed download is never taken for a data
    set. Raises FetchError when every URL failed.
    """
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    failures = []
    try:
        for url in urls:
            try:
                _copy(url, partial, quiet)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}")
                continue
            got = file_digest(partial, algorithm)
            if got.startswith(digest):
                partial.replace(target)
                return
            failures.append(f"{url}: {algorithm} is {got}, should be {digest}")
    finally:
        partial.unlink(missing_ok=True)
    raise FetchError(f"could not fetch {target.name} ({'; '.join(failures)})")


def _copy(url: str, path: Path, quiet: bool) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "sorcery-labs"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        total = int(response.headers.get("Content-Length", 0)) or None
        name = path.name.split(".")[0]
        path.parent.mkdir(parents=True, exist_ok=True)  # now that there is something to put into it
        with (
            path.open("wb") as file,
            tqdm.wrapattr(response, "read", total=total, desc=f"fetching {name}", disable=quiet) as reader,
        ):
            shutil.copyfileobj(reader, file)
            if total is not None and file.tell() != total:
                raise OSError(f"cut off after {file.tell()} of {total} bytes")
