"""A hand-in, read from its zip without trusting it: names, sizes and texts are checked."""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assignments.work import Work, read_student
from common.errors import InputError
from common.files import validated

TEXTS = ("answers.py", "report.md", "report.html", "student.toml", "sealed.json", "hints.json")
OF_A_RUN = re.compile(
    r"(summary\.json|hyperparams\.json|assignment\.json|history\.csv|(checkpoint/)?[\w-]+\.safetensors)"
)
LARGEST_TEXT, LARGEST_WEIGHTS, LARGEST = 32 << 20, 64 << 20, 512 << 20  # bytes: of a text, of weights, of all
ENTRIES = 2000


@dataclass
class Submission:
    """What was handed in. Its files lie in a folder that looks like the student's own."""

    zip: str  # the file's name
    digest: str  # SHA-256 of the zip
    work: Work
    answers: bytes
    flags: list[str] = field(default_factory=list)

    def sealed(self) -> dict[str, str]:
        """The answers and the prediction as they were before the first run; empty if none were kept, or are damaged."""
        try:
            return self.work.sealed()
        except InputError:
            return {}


def read_submission(path: Path, folder: Path) -> Submission:
    """Read a zip into `folder`. InputError, in a line, for what is no hand-in: damaged, too large, incomplete."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with zipfile.ZipFile(path) as archive:
            flags = _copy(archive, folder, path)
    except FileNotFoundError:
        raise InputError(f"{path} is not there") from None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as a zip: {error}") from error
    missing = [name for name in ("answers.py", "student.toml") if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{path} is no hand-in: it has no {' and no '.join(missing)}")
    data = (folder / "student.toml").read_bytes()
    match = re.search(rb'^set *= *"([\w-]+)"', data, re.MULTILINE)
    student = read_student(data, f"{path}: student.toml", match[1].decode() if match else "")
    submission = Submission(path.name, digest, Work(folder, student), (folder / "answers.py").read_bytes(), flags)
    sealed = folder / "sealed.json"
    if sealed.is_file():
        try:
            validated(json.loads(sealed.read_bytes()), dict[str, str], "sealed.json")
        except (ValueError, InputError):
            submission.flags.append("sealed.json is damaged")
    return submission


def _copy(archive: zipfile.ZipFile, folder: Path, path: Path) -> list[str]:
    """Copy the files that are known by name; returns what is odd about the others."""
    flags: list[str] = []
    entries = archive.infolist()
    if len(entries) > ENTRIES:
        raise InputError(f"{path} holds {len(entries)} entries; at most {ENTRIES} are read")
    whole = 0
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if entry.is_dir():
            continue
        if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in entry.filename:
            flags.append("the zip has a name that leads out of it")
            continue
        name = _place(parts)
        if name is None or (folder / name).exists():
            continue
        largest = LARGEST_WEIGHTS if name.suffix == ".safetensors" else LARGEST_TEXT
        whole += entry.file_size
        if entry.file_size > largest or whole > LARGEST:
            raise InputError(f"{path}: {name} would make {entry.file_size >> 20} MiB; that is more than is read")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as file:
            (folder / name).write_bytes(file.read(largest))
    return list(dict.fromkeys(flags))


def _place(parts: tuple[str, ...]) -> Path | None:
    """Where an entry belongs in a student's folder; the zip may have a folder around it all. None: not needed."""
    if parts[-1] in TEXTS and len(parts) <= 2:
        return Path(parts[-1])
    if "runs" in parts[:2] and len(parts) >= parts.index("runs") + 3:
        _, run, *rest = parts[parts.index("runs") :]
        name = "/".join(rest)
        if re.fullmatch(r"[\w.-]{1,80}", run) and run.strip(".") and OF_A_RUN.fullmatch(name):
            return Path("runs", run, name)
    return None
