"""Judges functions of our own as a student's are judged, without a process for each: references, versions, mutants."""

import ast
import contextlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

import assignments.__main__ as program
from assignments.exercise import Exercise, number, tensor

FOLDER = Path(__file__).parent / "assignments"
TOOLS = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": __import__("math"), "Tensor": torch.Tensor}


def load(kind: str, name: str) -> ModuleType:
    """tests/assignments/<kind>/<name>.py"""
    spec = importlib.util.spec_from_file_location(f"{kind}_{name}", FOLDER / kind / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def versions(module: ModuleType, exercise: Exercise) -> dict[str, Callable[..., Any]]:
    """The correct versions of an exercise: functions named <exercise>__<how>."""
    prefix = f"{exercise.name}__"
    return {name.removeprefix(prefix): v for name, v in vars(module).items() if name.startswith(prefix)}


def mutants(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function that differs from the given one in one place: (what was changed, function)."""
    source = textwrap.dedent(inspect.getsource(function))
    count = sum(1 for _ in _places(ast.parse(source)))
    for place in range(count):
        tree = ast.parse(source)
        node, change = list(_places(tree))[place]
        before = ast.unparse(node)
        change()
        names = dict(function.__globals__)
        with contextlib.suppress(SyntaxError):
            exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), names)
            yield f"{before} → {ast.unparse(node)} (line {node.lineno})", names[function.__name__]


OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
         ast.FloorDiv: ast.Mult, ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt,
         ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}  # fmt: skip


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], None]]]:
    """The places of a function that can be changed: signs, ±1, axes and other constants, swapped arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in OTHER:
            yield node, lambda node=node: setattr(node, "op", OTHER[type(node.op)]())
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OTHER:
            yield node, lambda node=node: setattr(node, "ops", [OTHER[type(node.ops[0])]()])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, lambda node=node: setattr(node, "op", ast.UAdd())
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, lambda node=node: setattr(node, "value", node.value + 1)
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield node, lambda node=node: setattr(node, "value", not node.value)
        elif (
            isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args)
        ):
            yield node, lambda node=node: node.args.__setitem__(slice(0, 2), [node.args[1], node.args[0]])


def renamed(function, name: str) -> str:
    """The source of a version or a mistake as a student's function `name`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list, tree.body[0].name = [], name
    return ast.unparse(tree) + "\n"


def call(monkeypatch, capsys, *words: object) -> tuple[int, str]:
    """The command, in this process: its status and what it prints."""
    monkeypatch.setattr(sys, "argv", ["assignments", *map(str, words)])
    try:
        program.main()
        status = 0
    except SystemExit as exit:
        status = int(exit.code or 0)
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def helpers(module: ModuleType) -> str:
    """The source of the functions that a set's mistakes may use: its own, `tensor` and `number`."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]
    own = [ast.unparse(node) for node in found if node.name.strip("_")]
    return "\n\n".join([inspect.getsource(tensor), inspect.getsource(number), *own])
