"""What a container starts: the notebooks laid out for the student, then a page for the browser, or any command.

    start.py jupyter 2468           JupyterLab
    start.py marimo 1234            marimo
    start.py python -m labs.cnn     anything else, as it is written

The pages ask for a password that is new at every start and part of the link that is printed; LABS_TOKEN sets it, and
LABS_TOKEN=none does without. (Not part of the course: the Julia notebooks are served by its own image.)
"""

import contextlib
import filecmp
import os
import secrets
import shutil
import sys
from pathlib import Path

SUITE = Path(__file__).parents[1]
HOME = Path.home()
NOTEBOOKS = HOME / "notebooks"


def main(words: list[str]) -> None:
    """Prepare the folders, then become the program that `words` name."""
    os.umask(0o002)  # another user id of the same group, LABS_UID, may go on with these files
    for folder in (HOME / "runs", HOME / "my-work", NOTEBOOKS):
        require_writable(folder)
    lay_out_notebooks(SUITE / "labs", NOTEBOOKS)
    if words[0] in ("jupyter", "marimo") and len(words) == 2:
        words = page(words[0], words[1], os.environ.get("LABS_TOKEN") or secrets.token_urlsafe(18))
    os.execvp(words[0], words)


def require_writable(folder: Path) -> None:
    """One line and status 2 where a folder of the host belongs to another user id than the container's."""
    if not os.access(folder, os.W_OK):
        owner = folder.stat().st_uid
        print(
            f"error: {folder} belongs to user id {owner}, this container runs as {os.getuid()} and may not write "
            f"there; start it with LABS_UID={owner}",
            file=sys.stderr,
        )
        raise SystemExit(2)


def lay_out_notebooks(labs: Path, notebooks: Path) -> None:
    """Copy the two forms of each notebook to `<folder>.py` and `<folder>.ipynb`; what the student has changed stays.

    `.original` keeps what was laid out: a notebook that still equals it follows a newer image, one that was deleted
    comes back. Notebooks' own runs land with all others.
    """
    originals = notebooks / ".original"
    originals.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # it is there already, or the folder lies on a disk without links
        (notebooks / "runs").symlink_to(Path("..", "runs"))
    for new in sorted([*labs.rglob("notebook.py"), *labs.rglob("*.ipynb")]):
        own, original = (folder / f"{new.parent.name}{new.suffix}" for folder in (notebooks, originals))
        if own.exists() and not (original.exists() and filecmp.cmp(own, original, shallow=False)):
            continue
        for target in (own, original):
            replace(new, target)


def replace(source: Path, target: Path) -> None:
    """Copy in one step: both pages start at once and do the same."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    shutil.copyfile(source, part)
    part.replace(target)


def page(program: str, port: str, token: str) -> list[str]:
    """The server's command line, once the link for the browser is printed."""
    secret = token != "none"
    if program == "jupyter":
        link = "lab/tree/notebooks" + f"?token={token}" * secret
        words = ["jupyter", "lab", "--no-browser", "--ip=0.0.0.0", f"--port={port}", f"--ServerApp.root_dir={HOME}"]
        words += [f"--IdentityProvider.token={token * secret}", "--LabApp.default_url=/lab/tree/notebooks"]
        # No search for extensions on the network; and no second link in the log, of an address in the container.
        words += ["--LabApp.extension_manager=readonly", "--Application.log_level=WARN"]
    else:
        link = f"?access_token={token}" * secret
        words = ["marimo", "--quiet", "edit", str(NOTEBOOKS), "--headless", "--host=0.0.0.0", f"--port={port}"]
        words += ["--skip-update-check", *(["--token-password", token] if secret else ["--no-token"])]
        os.chdir(NOTEBOOKS)
    print(f"\n  {program}: open http://127.0.0.1:{port}/{link}\n", flush=True)
    return words


if __name__ == "__main__":
    main(sys.argv[1:])
