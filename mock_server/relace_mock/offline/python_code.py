"""Functions and classes of Python files, by the parser of the Python that runs this."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from relace_mock.offline.pieces import Definition

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# The fields of statements that hold further statements.
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def definitions(source: str) -> list[Definition] | None:
    """Find functions and classes, those in classes and in blocks too; None if it is not Python.

    A function in a function belongs to the outer one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes such as "\d" in the user's strings
            tree = ast.parse(source)
        return list(_below(tree, ""))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _below(node: ast.AST, prefix: str) -> Iterator[Definition]:
    for field in _BLOCKS:
        for child in getattr(node, field, ()):
            if isinstance(child, _FUNCTIONS):
                yield _definition(child, prefix)
            elif isinstance(child, ast.ClassDef):
                yield _definition(child, prefix)
                yield from _below(child, f"{prefix}{child.name}.")
            else:
                yield from _below(child, prefix)


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, prefix: str
) -> Definition:
    start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    is_function = not isinstance(node, ast.ClassDef)
    name = prefix + node.name
    return Definition(name, is_function, start, node.lineno, node.end_lineno or node.lineno)
