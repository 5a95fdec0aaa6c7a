"""The process that runs a student's function. It is given the cases; what is right never enters it.

Started by path, apart from the package: `child.py` serves folders that are named on stdin, each in a process that is
forked off when torch is already there; `child.py FOLDER` serves one, where there is no fork. In a folder lie `request`
(the source, the function's name, the cases) and, afterwards, `printed` and `result`.
"""

import ast
import contextlib
import importlib
import inspect
import json
import linecache
import math
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import Tensor, nn

FILE = "answers.py"
MEMORY = 4 << 30  # bytes beyond what Python and torch take
WRITTEN = 4 << 20  # bytes of a file: what is printed, what is returned


# --- What travels: JSON, and tensors as safetensors -----------------------------------------------------------------


def pack(value: Any) -> bytes:
    """Numbers, text, tensors, and lists, tuples and dictionaries of them, as bytes. TypeError for anything else."""
    tensors: dict[str, Tensor] = {}

    def plain(value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if isinstance(value, Tensor):
            name = f"t{len(tensors)}"
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name}
        if kind.__module__ == "numpy":
            return plain(torch.as_tensor(value))
        if isinstance(value, list | tuple):  # torch.Size, too
            return [plain(part) for part in value]
        if kind is dict:
            return {"dict": [[str(key), plain(part)] for key, part in value.items()]}
        raise TypeError(f"an object of type {kind.__name__}")

    text = json.dumps(plain(value)).encode()
    return len(text).to_bytes(8, "big") + text + save(tensors)


def unpack(data: bytes) -> Any:
    """What `pack` was given; tuples come back as lists, keys as text."""
    end = 8 + int.from_bytes(data[:8], "big")
    tensors = load(data[end:])

    def rich(value: Any) -> Any:
        if isinstance(value, list):
            return [rich(part) for part in value]
        if isinstance(value, dict):
            if "tensor" in value:
                return tensors[value["tensor"]]
            return {key: rich(part) for key, part in value["dict"]}
        return value

    return rich(json.loads(data[8:end]))


class MisfitError(Exception):
    """What a function returned, which the exercise's scenario cannot use, and the error that this gave."""


# --- A case ---------------------------------------------------------------------------------------------------------


def gradients(result: Any, arguments: list[Any]) -> list[Tensor]:
    """The gradients of a weighted sum of all results in each of the tensors `arguments`.

    The weights differ from place to place, so that no exchange of two places goes unseen.
    """
    parts = [part for part in tensors_in(result) if part.requires_grad]
    if not parts:
        raise ValueError("no gradient flows through the result: .item(), .detach(), NumPy or a list cut it off")
    total = sum(
        (part * torch.linspace(1, 2, part.numel(), dtype=part.dtype).reshape(part.shape)).sum() for part in parts
    )
    assert isinstance(total, Tensor)
    return [
        torch.zeros_like(x) if g is None else g
        for x, g in zip(arguments, torch.autograd.grad(total, arguments, allow_unused=True), strict=True)
    ]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)


def answer(function: Callable[..., Any], case: dict[str, Any]) -> dict[str, Any]:
    """What the function returns for a case, or the error; which arguments it changed; its gradients if asked for."""
    arguments = case["arguments"]
    before = pack(arguments)
    for i in case["gradient"]:
        arguments[i].requires_grad_()
    try:
        result = function(*arguments)
        said = {"value": result}
        if case["gradient"]:
            said["gradient"] = gradients(result, [arguments[i] for i in case["gradient"]])
        else:
            said["changed"] = pack(arguments) != before
        try:
            pack(said)
        except TypeError as error:
            return {"odd": str(error)}
        return said
    except NotImplementedError:
        return {"unwritten": True}
    except MisfitError as misfit:
        result, cause = misfit.args
        try:
            pack(result)
        except TypeError as odd:
            return {"odd": str(odd)}
        return {"misfit": result, "error": f"{type(cause).__name__}: {cause}"[:400]}
    except MemoryError:
        return {"error": f"out of memory: more than {MEMORY >> 30} GiB", "line": _line()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:400], "line": _line()}


def _line() -> int:
    """The line of the student's file in which the present exception came up; 0 if in none."""
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(sys.exc_info()[2]) if frame.filename == FILE]
    return lines[-1] if lines else 0


# --- Guarded --------------------------------------------------------------------------------------------------------


def guard(folder: str, hidden: list[str]) -> None:
    """From here on: no network, no other process, no file but the folder's and the libraries'. It cannot be undone.

    That stops accidents and tricks in Python. Against ill will in C there are the limits and the lecturer's container.
    """
    readable = {folder, *map(os.path.realpath, (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path))}
    hidden = [os.path.realpath(path) for path in hidden]
    processes = ("os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.kill", "os.startfile", "pty.")
    forbidden = (
        *processes,
        "subprocess.",
        "socket.",
        "ctypes.dlopen",
        "ctypes.dlsym",
        "signal.pthread_kill",
        "_winapi.",
    )
    changing = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod")

    def inside(path: str, folders: Any) -> bool:
        return any(path == place or path.startswith(place + os.sep) for place in folders if place)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(forbidden):
            raise PermissionError(f"{event} is not allowed here: no network and no other process")
        if event == "import" and arguments[0].partition(".")[0] in ("labs", "common", "assignments"):
            raise ImportError(f"{arguments[0]} is not to be had here: it is what the exercise builds")
        if (event == "open" or event in changing) and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            mode = arguments[1] if event == "open" else "w"
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool(arguments[2] & 3)
            allowed = path == os.devnull or inside(path, [folder])
            if not allowed and (writes or inside(path, hidden) or not inside(path, readable)):
                raise PermissionError(f"{path} is not to be had here: an exercise needs no files")

    sys.addaudithook(hook)


def limit(seconds: int) -> None:
    """Limits of this process, where the system has them: CPU, memory, files, further processes."""
    try:
        import resource
    except ImportError:  # Windows
        return
    mapped = 0
    with contextlib.suppress(OSError):
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    limits = {"CPU": int(time.process_time()) + seconds, "FSIZE": WRITTEN, "CORE": 0, "NPROC": 0}
    if mapped:
        limits["AS"] = mapped + MEMORY
    for name, value in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def serve(folder: str) -> None:
    """Answer the request that lies in the folder."""
    os.chdir(folder)
    request = unpack(Path("request").read_bytes())
    output = os.open("printed", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8", errors="replace")  # noqa: SIM115
    random.seed(0)  # who draws without a seed draws the same again
    torch.manual_seed(0)
    limit(request["seconds"])
    guard(os.path.realpath(folder), request["hidden"])
    source = request["source"]
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)  # for inspect and tracebacks
    names: dict[str, Any] = {"__name__": "answers", "__file__": FILE}
    answers: list[dict[str, Any]] = []
    try:
        for statement in ast.parse(source, FILE).body:
            exec(compile(ast.Module([statement], []), FILE, "exec"), names)
        mine = names[request["name"]]
        function = mine
        if request["use"]:
            tools: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math, "Tensor": Tensor}
            exec(compile(request["use"], "use", "exec"), tools)
            returned: list[Any] = []

            def kept(*arguments: Any, **named: Any) -> Any:
                returned.append(mine(*arguments, **named))
                return returned[-1]

            def function(*arguments: Any) -> Any:
                """The scenario; what it cannot take to pieces is told as it came."""
                returned.clear()
                try:
                    return tools["use"](kept, *arguments)
                except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
                    if returned and not _line():
                        raise MisfitError(returned[-1], error) from error
                    raise

        wanted = len(request["parameters"])
        if inspect.isfunction(mine) and len(inspect.signature(mine).parameters) != wanted:
            raise TypeError(f"it takes other arguments than ({', '.join(request['parameters'])})")
        answers = [answer(function, case) for case in request["cases"]]
    except Exception as error:
        answers = [{"error": f"{type(error).__name__}: {error}"[:400], "line": _line()}] * len(request["cases"])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    Path("unfinished").write_bytes(pack(answers))
    Path("unfinished").rename("result")


def serve_all() -> None:
    """Answer the requests in the folders that stdin names, a line each; print each one's process and its status.

    A line “import torch._dynamo” is done here, once for all that are forked off later.
    """
    for line in sys.stdin:
        if line.startswith("import "):
            importlib.import_module(line.split()[1])
            print("ready", flush=True)
            continue
        process = os.fork()
        if process == 0:
            os.setsid()
            try:
                serve(line.strip())
                os._exit(0)
            finally:  # whatever was raised
                os._exit(1)
        print(process, flush=True)
        print(os.waitpid(process, 0)[1], flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("ready", flush=True)
    if len(sys.argv) > 1:
        serve(sys.argv[1])
    else:
        serve_all()
