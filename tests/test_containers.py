"""The image, its services, the editor's container and CI's workflow: what can be seen without a Docker engine."""

import filecmp
import importlib.util
import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

yaml = pytest.importorskip("yaml")

PROJECT = Path(__file__).parent.parent
PAGES = {"jupyter": 2468, "marimo": 1234, "gpu": 2469, "serve": 8000}


def compose() -> dict:
    return yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """(name, arguments) of each instruction in the Dockerfile, lines joined, comments left out."""
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def test_pages_are_published_at_loopback_only_and_are_asked_whether_they_live():
    services = compose()["services"]
    assert {name for name, service in services.items() if "ports" in service} == set(PAGES)
    for name, port in PAGES.items():
        service = services[name]
        assert service["ports"] == [f"${{LABS_BIND:-127.0.0.1}}:{port}:{port}"]
        if name == "serve":
            assert service["entrypoint"][-4:] == ["--host", "0.0.0.0", "--port", str(port)]
        else:
            assert service["command"].split() == ["marimo" if name == "marimo" else "jupyter", str(port)]
        test = service["healthcheck"]["test"]
        assert test[:3] == ["CMD", "python", "-c"]
        assert f"http://127.0.0.1:{port}/" in test[3]
        compile(test[3], "healthcheck", "exec")


def test_up_starts_the_two_pages_and_nothing_else():
    services = compose()["services"]
    assert {name for name, service in services.items() if not service.get("profiles")} == {"jupyter", "marimo"}
    assert services["gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"


def test_work_lies_in_volumes():
    file = compose()
    for name, service in file["services"].items():
        if name == "grade":  # hand-ins are only read, results only written
            submissions, graded = service["volumes"]
            assert submissions.endswith(":/home/student/submissions:ro") and graded.endswith(":/home/student/graded")
            continue
        if name == "serve":  # it only reads
            assert all(volume.endswith(":ro") for volume in service["volumes"]) and len(service["volumes"]) == 2
            continue
        folders = [volume.rsplit(":", 1) for volume in service["volumes"]]
        wanted = {n: n for n in ("data", "runs", "notebooks")} | {"work": "my-work"}
        assert folders == [[f"${{LABS_{n.upper()}:-{n}}}", f"/home/student/{place}"] for n, place in wanted.items()]
    assert set(file["volumes"]) == set(wanted)


def test_hand_ins_are_graded_without_a_network_and_within_limits():
    service = compose()["services"]["grade"]
    assert service["network_mode"] == "none" and service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["mem_limit"] and service["pids_limit"] and service["entrypoint"][-1] == "grade"


def test_networks_are_served_by_a_container_that_writes_nothing():
    service = compose()["services"]["serve"]
    assert service["profiles"] == ["serve"]  # not one of the pages that `up` starts
    assert service["read_only"] is True and service["tmpfs"] == ["/tmp"] and service["cap_drop"] == ["ALL"]
    assert service["user"].startswith("${LABS_UID:-1000}") and service["environment"]["LABS_TOKEN"] == "${LABS_TOKEN:-}"
    assert service["healthcheck"]["test"][3].endswith("urlopen('http://127.0.0.1:8000/health', timeout=5)")
    from common.cli import _parse
    from labs.serve.command import Serve

    given = _parse(Serve, service["entrypoint"][3:] + service["command"], None)
    assert (given.host, given.port, given.runs) == ("0.0.0.0", 8000, ())


def test_compose_1_and_2_both_know_every_key():
    file = compose()
    known = {"build", "command", "deploy", "environment", "healthcheck", "image", "init", "ports", "profiles"}
    known |= {"security_opt", "shm_size", "user", "volumes", "entrypoint", "network_mode", "read_only", "tmpfs"}
    known |= {"mem_limit", "pids_limit", "cap_drop"}
    # Compose 1.29 knows neither a top-level name nor start_interval, and takes a version for an old format.
    assert {key for key in file if not key.startswith("x-")} == {"services", "volumes"}
    for service in file["services"].values():
        assert set(service) <= known
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}


def test_an_empty_torch_index_stays_empty():
    """${NAME-default}, not ${NAME:-default}: the latter replaces what is set but empty."""
    default = dict(instructions()[1:2])["ARG"].removeprefix("TORCH_INDEX=")
    for name, service in compose()["services"].items():
        expected = "" if name == "gpu" else default
        assert service["build"]["args"]["TORCH_INDEX"] == f"${{TORCH_INDEX-{expected}}}"


def test_dockerfile_builds_on_any_engine_and_runs_as_a_student():
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"^#\s*syntax=|<<|--mount|--chmod|COPY --link", text, flags=re.MULTILINE)
    assert not re.search(r"apt-get|build-essential|gcc", text)  # wheels need no compiler
    names = [name for name, _ in instructions()]
    assert set(names) <= {"FROM", "ARG", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}
    assert instructions()[0] == ("FROM", "python:3.12-slim-bookworm")
    user = names.index("USER")
    assert instructions()[user] == ("USER", "student") and names.count("USER") == 1
    assert "RUN" not in names[user:] and {"ENTRYPOINT", "CMD"} <= set(names[user:])


def test_dependencies_are_installed_before_any_code_is_copied():
    steps = instructions()
    install = next(i for i, step in enumerate(steps) if "--requirement" in step[1])
    copied = [arguments for name, arguments in steps[:install] if name == "COPY"]
    assert copied == ["constraints.txt ./", "pyproject.toml ./"]


def test_what_the_dockerfile_copies_is_there_and_not_ignored():
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    for name, arguments in instructions():
        if name == "COPY":
            for source in arguments.split()[:-1]:
                assert (PROJECT / source).exists(), source
                assert any(line == source or line.startswith(f"{source}/") for line in allowed), source
    assert all((PROJECT / line).exists() for line in allowed)


def test_constraints_pin_everything_that_is_installed():
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {}
    for line in lines:
        if line.startswith("#"):
            continue
        name, version = re.fullmatch(r"([a-z0-9-]+)==([0-9a-z.]+)", line).groups()  # no address, no local version
        pins[name] = version
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [
        *project["dependencies"],
        *project["optional-dependencies"]["notebooks"],
        *project["optional-dependencies"]["serve"],
    ]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line


def test_workflow_runs_what_a_pull_request_must_pass():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [".ci/run"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert os.access(PROJECT / ".ci/run", os.X_OK)
    commands = "\n".join(step.get("run", "") for step in jobs["image"]["steps"])
    assert "docker compose build" in commands and "--network none" in commands
    publish = jobs["image"]["steps"][-1]
    assert "docker push" in publish["run"] and publish["if"] == "github.event_name == 'push'"
    assert set(publish["env"].values()) == {f"${{{{ secrets.{name} }}}}" for name in publish["env"]}


def test_the_editor_opens_the_clone_in_the_same_image():
    folder = PROJECT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    files = [folder / name for name in settings["dockerComposeFile"]]
    assert files[0].resolve() == PROJECT / "docker-compose.yml"
    assert settings["service"] in compose()["services"]
    own = yaml.safe_load(files[1].read_text(encoding="utf-8"))["services"][settings["service"]]
    assert own["volumes"] == [f".:{settings['workspaceFolder']}"]
    assert ("WORKDIR", settings["workspaceFolder"]) in instructions()  # where the image has its own copy


@pytest.fixture
def start():
    """docker/start.py as a module."""
    spec = importlib.util.spec_from_file_location("start", PROJECT / "docker/start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def image(tmp_path):
    """A folder of labs as in an image, with two notebooks of one lab."""
    lab = tmp_path / "labs/cnn"
    lab.mkdir(parents=True)
    (lab / "notebook.py").write_text("first edition")
    (lab / "cnn.ipynb").write_text("{}")
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "labs"


def test_notebooks_are_laid_out_under_their_labs_names(start, image):
    notebooks = image.parent / "notebooks"
    start.lay_out_notebooks(image, notebooks)
    assert filecmp.cmp(image / "cnn/notebook.py", notebooks / "cnn.py", shallow=False)
    assert filecmp.cmp(image / "cnn/cnn.ipynb", notebooks / "cnn.ipynb", shallow=False)
    assert (notebooks / "runs").readlink() == Path("../runs")
    assert sorted(p.name for p in notebooks.iterdir()) == [".original", "cnn.ipynb", "cnn.py", "runs"]


def test_a_newer_image_replaces_what_is_untouched_and_nothing_else(start, image):
    notebooks = image.parent / "notebooks"
    start.lay_out_notebooks(image, notebooks)
    (notebooks / "cnn.ipynb").write_text("the student's work")
    (notebooks / "mine.py").write_text("the student's own")
    (image / "cnn/notebook.py").write_text("second edition")
    (image / "cnn/cnn.ipynb").write_text('{"edition": 2}')
    for _ in range(2):  # also when the container starts once more
        start.lay_out_notebooks(image, notebooks)
        assert (notebooks / "cnn.py").read_text() == "second edition"
        assert (notebooks / "cnn.ipynb").read_text() == "the student's work"
        assert (notebooks / "mine.py").read_text() == "the student's own"


def test_a_deleted_notebook_comes_back_as_the_image_has_it(start, image):
    notebooks = image.parent / "notebooks"
    start.lay_out_notebooks(image, notebooks)
    (notebooks / "cnn.ipynb").unlink()
    (image / "cnn/cnn.ipynb").write_text('{"edition": 2}')
    start.lay_out_notebooks(image, notebooks)
    assert (notebooks / "cnn.ipynb").read_text() == '{"edition": 2}'


def started(start, monkeypatch, tmp_path, words: list[str]) -> list[str]:
    """The command that the container becomes."""
    became = []
    for name in ("runs", "my-work", "notebooks"):
        (tmp_path / name).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start, "HOME", tmp_path)
    monkeypatch.setattr(start, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(os, "umask", lambda mask: 0)
    monkeypatch.setattr(os, "execvp", lambda program, command: became.extend([program, *command]))
    start.main(words)
    assert became.pop(0) == became[0]
    return became


@pytest.mark.parametrize("program", ["jupyter", "marimo"])
def test_a_page_has_a_password_unless_there_is_to_be_none(start, monkeypatch, tmp_path, capsys, program):
    def password() -> tuple[str, str]:
        """What the server is told, and what the link says."""
        command = started(start, monkeypatch, tmp_path, [program, "2468"])
        told = re.search(r"--IdentityProvider\.token=(\S*)|--token-password (\S+)|--(no-token)", shlex.join(command))
        link = re.search(r"http://127\.0\.0\.1:2468/\S*", capsys.readouterr().out)[0]
        return "".join(filter(None, told.groups())), link.partition("token=")[2]

    monkeypatch.delenv("LABS_TOKEN", raising=False)
    told, said = password()
    assert told == said and len(told) >= 20
    assert password()[0] != told  # new at every start
    monkeypatch.setenv("LABS_TOKEN", "")  # as compose passes it on where it is not set
    assert len(password()[0]) >= 20
    monkeypatch.setenv("LABS_TOKEN", "sesame")
    assert password() == ("sesame", "sesame")
    monkeypatch.setenv("LABS_TOKEN", "none")
    assert password() == ("no-token" if program == "marimo" else "", "")


def test_any_other_command_is_run_as_it_is(start, monkeypatch, tmp_path):
    words = ["marimo", "check", "--strict", "notebooks/cnn.py"]
    assert started(start, monkeypatch, tmp_path, words) == words


def test_a_folder_of_another_user_is_named_with_the_cure(start, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit) as error:
        start.require_writable(tmp_path)
    assert error.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    owner = tmp_path.stat().st_uid
    assert f"{tmp_path} belongs to user id {owner}" in line and f"LABS_UID={owner}" in line
