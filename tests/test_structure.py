"""How the suite hangs together: who imports whom, what the README's commands do, what a wheel holds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
OURS = ("assignments", "common", "labs")
SOURCES = sorted(path for part in OURS for path in PROJECT.glob(f"{part}/**/*.py"))
# A lab is a folder with a file of its name: labs/cnn/cnn.py. labs/serve/ has none, and may import the labs.
LABS = sorted(path.name for path in PROJECT.glob("labs/*/") if (path / f"{path.name}.py").is_file())


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import in a file, also those inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def forbidden_imports(path: Path, package: str) -> list[str]:
    """Imports of labs by `common`, of another lab by a lab, and of assignments by both, as file:line: module."""
    own = {"common": None, "labs": "labs", "assignments": "labs"}.get(package, f"labs.{package}")
    wrong = []
    for line, module in imports(path):
        if module.partition(".")[0] == "assignments" and package != "assignments":
            wrong.append(f"{path}:{line}: {module}")
        into_labs = module == "labs" or module.startswith("labs.")
        if into_labs and (own is None or not f"{module}.".startswith(f"{own}.")):
            wrong.append(f"{path}:{line}: {module}")
    return wrong


def test_imports_point_one_way():
    wrong = []
    for path in SOURCES:
        parts = path.relative_to(PROJECT).parts
        own = parts[0] == "labs" and parts[1] in LABS
        wrong += forbidden_imports(path, parts[1] if own else parts[0])
    assert not wrong, "\n".join(wrong)


def test_the_walk_finds_a_wrong_import(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("import os\n\ndef f():\n    from labs.cnn.cnn import train\n")
    assert forbidden_imports(path, "common") == [f"{path}:4: labs.cnn.cnn.train"]
    assert forbidden_imports(path, "vae") == [f"{path}:4: labs.cnn.cnn.train"]
    assert forbidden_imports(path, "cnn") == forbidden_imports(path, "assignments") == []
    path.write_text("from assignments import check\n")
    assert forbidden_imports(path, "cnn") == forbidden_imports(path, "common") == [f"{path}:1: assignments.check"]
    assert forbidden_imports(path, "assignments") == []


def test_where_a_students_function_runs_nothing_of_ours_is_imported():
    assert not [name for _, name in imports(PROJECT / "assignments" / "child.py") if name.startswith(OURS)]


def imported_files(path: Path, root: Path) -> set[Path]:
    """The suite's own files that a file imports, by `from package import module` or from within a module."""
    found = set()
    for _, name in imports(path):
        parts = name.split(".")
        for length in (len(parts), len(parts) - 1):
            stem = root.joinpath(*parts[:length])
            file = next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)
            if length and file:
                found.add(file)
                break
    return found


def circle(files: list[Path], root: Path) -> list[Path]:
    """Files that import one another in a ring; none if there are none."""
    edges = {path: imported_files(path, root) & set(files) for path in files}
    over: set[Path] = set()

    def walk(path: Path, way: list[Path]) -> list[Path]:
        if path in way:
            return way[way.index(path) :]
        if path in over:
            return []
        for following in sorted(edges[path]):
            if ring := walk(following, [*way, path]):
                return ring
        over.add(path)
        return []

    return next((ring for path in files if (ring := walk(path, []))), [])


def test_no_two_files_import_one_another():
    """Not even inside functions, nor for types only: what both need lives in a third."""
    ring = circle(SOURCES, PROJECT)
    assert not ring, " → ".join(str(path.relative_to(PROJECT)) for path in [*ring, *ring[:1]])


def test_the_walk_finds_a_circle(tmp_path):
    lab = tmp_path / "labs" / "x"
    lab.mkdir(parents=True)
    for name, content in {
        "__init__": "from labs.x.a import f\n",
        "a": "from labs.x import b\ndef f(): pass\n",
        "b": "def g():\n    from labs.x.c import h\n",
        "c": "h = 1\n",
    }.items():
        (lab / f"{name}.py").write_text(content)
    files = sorted(lab.glob("*.py"))
    assert circle(files, tmp_path) == []
    (lab / "c.py").write_text("def h():\n    from labs.x.a import f\n")
    assert [path.stem for path in circle(files, tmp_path)] == ["a", "b", "c"]


def test_nothing_that_can_run_code_is_loaded():
    pattern = re.compile(r"\bpickle\b.*\bload|torch\.load\((?!.*weights_only=True)|allow_pickle=True|joblib.*\bload")
    wrong = [
        f"{path}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not wrong


def test_dependencies_have_lower_bounds_and_open_upper_ones():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert re.fullmatch(r"[a-z-]+(\[[a-z,-]+\])?>=[\d.]+", requirement), requirement


def test_every_lab_has_its_parts():
    for package in PROJECT.glob("labs/*/__init__.py"):
        lab = package.parent.name
        own = ("notebook.py", f"{lab}.ipynb") if lab in LABS else ()
        for name in ("__main__.py", "README.md", *own):
            assert (package.parent / name).is_file(), package.parent / name
    assert len(LABS) == 7


def test_a_wheel_holds_code_and_data_files(tmp_path):
    """`pip install .` without -e: pictures and lab sheets come along, tests and runs do not."""
    copy = tmp_path / "copy"  # a build leaves its own folders behind
    for name in ("assignments", "common", "labs", "data/corpora"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*pip, "-w", tmp_path, copy], check=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("sorcery_labs-*.whl"))).namelist())
    wanted = [p for p in SOURCES if "tests" not in p.parts]
    wanted += [*PROJECT.glob("labs/**/README.md"), *PROJECT.glob("labs/cnn/**/pictures/*.png")]
    wanted += [*PROJECT.glob("labs/*/*.safetensors")]
    assert {str(p.relative_to(PROJECT)) for p in wanted} <= names
    corpora = {p.relative_to(PROJECT / "data") for p in PROJECT.glob("data/corpora/**/*") if p.is_file()}
    assert corpora and {str("common" / p) for p in corpora} <= names
    assert not [n for n in names if n.startswith(("tests", "runs", "data", "build"))]


def readme_commands(path: Path) -> list[str]:
    """The `python -m …` and `labs …` lines in a README's code blocks, and those within its text or a docstring's."""
    text = path.read_text(encoding="utf-8").replace("{{variant}}", "1")  # a report's template
    blocks = re.findall(r"```(?:bash|sh|console)?\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [line for line in re.findall(r"`(python -m [^`]+)`", " ".join(text.split())) if "…" not in line]
    return [line for line in lines if line.startswith(("python -m", "labs ", "torchrun "))]


TEXTS = [
    PROJECT / "README.md",
    *PROJECT.glob("assignments/*.md"),
    *PROJECT.glob("labs/**/README.md"),
    *PROJECT.glob("labs/*/**/*.py"),
]


@pytest.mark.parametrize("readme", list(filter(readme_commands, TEXTS)), ids=lambda p: str(p.relative_to(PROJECT)))
def test_every_command_in_a_text_is_understood(readme):
    """Each one's flags are parsed by the command's own dataclass; what it does is tested with the lab."""
    from common import cli
    from common.errors import InputError

    for command in readme_commands(readme):
        words = command.split()
        if words[0] == "torchrun":
            words = ["python", *words[words.index("-m") :]]
        if words[0] == "labs":
            words = ["python", "-m", "labs", *words[1:]]
        kind = settings_of(words[2], words[3:])
        if kind is None or "--help" in words:
            continue
        arguments = words[4:] if words[2] in ("labs", "assignments") else words[3:]
        try:
            given = cli._parse(kind, arguments, None)
        except InputError as error:
            pytest.fail(f"{readme.name}: `{command}`: {error}")
        assert given is not None


def settings_of(module: str, words: list[str]):
    """The dataclass behind `python -m <module>`: None where there is none to parse."""
    import importlib

    if module in ("pytest", "common.device", "pip", "venv", "torch.distributed.run") or (
        module == "labs" and not words
    ):
        return None
    if module == "labs":
        main = importlib.import_module("labs.__main__")
        return main.find_command(words[0])[1]
    if module == "assignments":
        main = importlib.import_module("assignments.__main__")
        return main.COMMANDS[words[0]][1] if words and words[0] != "run" else None
    from common.commands import settings_of as of_command

    return of_command(module)


def files_of_commands() -> list[tuple[Path, str]]:
    """Every file of a lab that is a command, and the name of its dataclass."""
    found = []
    for path in sorted(PROJECT.glob("labs/*/**/*.py")):
        for kind in re.findall(r"cli\.run\(\s*\w+,\s*(\w+)", path.read_text(encoding="utf-8")):
            found.append((path, kind))
    return found


@pytest.mark.parametrize(("path", "kind"), files_of_commands(), ids=lambda part: getattr(part, "stem", part))
def test_the_flags_of_every_command_are_tested(path, kind):
    """A flag does something or does not exist: the lab's test_flags.py imports the command, or its dataclass."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    imported = {name for _, name in imports(PROJECT / "tests/labs" / parts[1] / "test_flags.py")}
    own = {".".join(parts), f"{'.'.join(parts)}.{kind}"}
    if f"class {kind}(" not in path.read_text(encoding="utf-8"):  # another command's: whoever brings it in
        own = {name for name in imported if name.startswith(f"labs.{parts[1]}.") and name.endswith(f".{kind}")}
    assert own & imported, f"{'.'.join(parts)}.{kind}"


def test_the_warm_ups_files_are_read_in_five_minutes():
    for path in PROJECT.glob("labs/foundations/*.py"):
        if path.name != "notebook.py":
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 200, path
