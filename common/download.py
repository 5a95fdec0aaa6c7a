"""Fetching a file so that only the right one is ever kept: timeout, progress, checksum, atomic."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from common.errors import InputError

TIMEOUT = 8  # seconds without an answer or without a byte


class FetchError(InputError):
    """No mirror gave the file; the message says what each one answered."""


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
