"""A student's answers.py: plain Python, read and never imported. What is broken in it costs no more than itself."""

import ast
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import InputError

TOP_LEVEL = ("@", "def ", "async def ", "class ", "import ", "from ")
LARGEST = 1 << 20  # bytes of an answers.py


@dataclass
class Answers:
    """The definitions of a file, by name. Statements that only do something (calls, loops) are left out."""

    digest: str  # SHA-256 of the file
    definitions: list[ast.stmt]  # imports, functions, classes, assignments, in the file's order
    broken: dict[str, str] = field(default_factory=dict)  # function: what is wrong with its syntax
    complaint: str = ""  # about the whole file
    text: str = ""  # without the blocks that are broken

    def find(self, name: str) -> ast.FunctionDef | None:
        """The function's definition, the last one if there are several."""
        found = [node for node in self.definitions if isinstance(node, ast.FunctionDef) and node.name == name]
        return found[-1] if found else None

    def written(self, name: str) -> bool:
        """Whether the function does more than to say that it is not written."""
        function = self.find(name)
        if function is None:
            return any(name in _bound(node) for node in self.definitions)
        body = [
            node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        ]
        return not (len(body) <= 1 and "NotImplementedError" in "".join(map(ast.unparse, body)))

    def part(self, name: str) -> list[ast.stmt]:
        """What the function needs, directly or through others: a mistake elsewhere in the file does not reach it."""
        wanted, size = {name}, 0
        chosen: list[ast.stmt] = []
        while len(wanted) > size:
            size = len(wanted)
            chosen = [node for node in self.definitions if _bound(node) & wanted or "*" in _bound(node)]
            for node in chosen:
                names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                wanted |= names - {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        return chosen

    def source(self, name: str) -> str:
        """The source of `part`, each line where it is in the file."""
        kept: set[int] = set()
        for node in self.part(name):
            decorators = [part.lineno for part in getattr(node, "decorator_list", [])]
            kept.update(range(min([node.lineno, *decorators]), (node.end_lineno or node.lineno) + 1))
        lines = self.text.splitlines()[: max(kept, default=0)]
        return "".join(f"{line if i in kept else ''}\n" for i, line in enumerate(lines, 1))

    def refused(self, name: str, forbidden: tuple[str, ...]) -> str:
        """The first thing in the function's part that is not allowed: the suite itself, or a name in `forbidden`."""
        part = [node for statement in self.part(name) for node in ast.walk(statement)]
        own = {node.id for node in part if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in part if isinstance(node, ast.arg)}
        own |= {node.name for node in part if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for node in part:
            modules, names = [], []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules, names = [node.module or ""], [alias.name for alias in node.names]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            elif isinstance(node, ast.Name) and node.id not in own:
                names = [node.id]
            elif isinstance(node, ast.Call | ast.Subscript):  # getattr(F, "conv2d"), vars(F)["conv2d"]
                texts = node.args if isinstance(node, ast.Call) else [node.slice]
                names = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
            for module in modules:
                if module.partition(".")[0] in ("labs", "common", "assignments"):
                    return module
            for used in [*names, *(part for module in modules for part in module.split("."))]:
                if used in forbidden:
                    return used
        return ""


def read_answers(path: Path) -> Answers:
    """The file's definitions. InputError if there is no such file, or it is no text of less than a mebibyte."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} is not there; `python -m assignments get` makes it") from None
    if len(data) > LARGEST:
        raise InputError(f"{path} has {len(data) >> 20} MiB; answers are text of less than one")
    return parse_answers(data)


def parse_answers(data: bytes) -> Answers:
    """As `read_answers`, from the file's bytes."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        return Answers(digest, [], complaint=f"it is no UTF-8 text (byte {error.start})")
    broken: dict[str, str] = {}
    complaint = ""
    whole = _parse(text)
    if isinstance(whole, str):  # keep the blocks that can be read, each in its place
        blocks: list[str] = []
        for block in _blocks(text):
            above = "\n" * sum(part.count("\n") for part in blocks)  # so that line numbers are the file's
            said = _parse(above + block)
            if isinstance(said, str):
                broken |= dict.fromkeys(re.findall(r"^(?:async )?def (\w+)", block, re.MULTILINE), said)
                complaint = complaint or said
                block = "\n" * block.count("\n")
            blocks.append(block)
        text = "".join(blocks)
        whole = _parse(text)
    if isinstance(whole, str):
        return Answers(digest, [], broken, complaint or whole)
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.AugAssign
    return Answers(digest, [node for node in whole.body if isinstance(node, kinds)], broken, complaint, text)


def _blocks(text: str) -> list[str]:
    """The text cut before each definition at its margin, which a decorator belongs to."""
    blocks, decorated = [""], False
    for line in text.splitlines(keepends=True):
        if line.startswith(TOP_LEVEL) and not decorated:
            blocks.append("")
        blocks[-1] += line
        decorated = line.startswith("@")
    return blocks


def _parse(text: str) -> ast.Module | str:
    """The syntax tree, or what is wrong with it, in a line."""
    try:
        tree = ast.parse(text, "answers.py")
        compile(tree, "answers.py", "exec")  # `return` outside a function is found here only
        return tree
    except SyntaxError as error:
        shown = f": {error.text.strip()}" if error.text else ""
        return f"line {error.lineno or 1}: {error.msg}{shown}"
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; a thousand brackets
        return f"line 1: {error}"


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
