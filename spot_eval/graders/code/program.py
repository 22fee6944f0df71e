"""Find the program in a reply.

    program("Here it is:\\n```python\\nadd = sum\\n```", "add")   # "add = sum"

Knows Markdown and Python's grammar; runs nothing.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+.#-]*)[^\n]*\n", re.MULTILINE)
LANGUAGES = {"", "python", "python3", "py", "py3"}
LONGEST = 200_000  # characters of a program; a longer one is no answer to a test


def program(reply: str, entry_point: str | None) -> str | None:
    """Return the program of a reply, None if there is none.

    The last Python block that defines `entry_point` counts, so that an example of its use does not override it; with
    no entry point, or no block that defines it, the last block that parses. A reply without a block is a program if it
    parses as one and defines something.
    """
    found = [block for block in blocks(reply) if _is_program(block)]
    if entry_point and (naming := [block for block in found if defines(block, entry_point)]):
        return naming[-1]
    if found:
        return found[-1]
    bare = textwrap.dedent(reply).strip("\n")
    tree = _tree(bare)
    meant = tree is not None and any(not isinstance(node, ast.Expr) for node in tree.body)
    return bare if meant and _is_program(bare) else None


def _is_program(code: str) -> bool:
    tree = _tree(code)
    return tree is not None and not _returns(tree)


def blocks(reply: str) -> Iterator[str]:
    """Yield the Python blocks between Markdown fences, in order; the last one may lack its end."""
    at = 0
    while start := _FENCE.search(reply, at):
        fence = start["fence"]
        end = re.compile(rf"^[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE).search(reply, start.end())
        if start["language"].lower() in LANGUAGES:
            yield textwrap.dedent(reply[start.end() : end.start() if end else len(reply)]).strip("\n")
        if end is None:
            return
        at = end.end()


def defines(code: str, name: str) -> bool:
    """Return True if `code` gives `name` a value at its top level: a function, a class, an assignment or an import."""
    tree = _tree(code)
    return tree is not None and any(name in _names(node) for node in tree.body)


def is_body(code: str) -> bool:
    """Return True if `code` reads as the body of a function only (it returns outside of one)."""
    tree = _tree("def _():\n" + textwrap.indent(textwrap.dedent(code), "    "))
    return tree is not None and _returns(tree.body[0])


def _returns(node: ast.AST) -> bool:
    """Return True if `node` holds a return or yield of its own, outside of functions defined in it."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    return any(
        isinstance(child, (ast.Return, ast.Yield, ast.YieldFrom)) or (not isinstance(child, inner) and _returns(child))
        for child in ast.iter_child_nodes(node)
    )


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def _tree(code: str) -> ast.Module | None:
    """The parsed program; None if it is none. Nothing is compiled, so nothing in it can run."""
    if len(code) > LONGEST or "\0" in code:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in a model's strings
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
