"""Texts for the benchmarks: real code, from Python's standard library."""

from __future__ import annotations

import ast
import itertools
import json
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(sysconfig.get_paths()["stdlib"])
LENGTH = 2000  # characters of a text


def sources() -> Iterator[str]:
    """Yield the source files of the standard library, except its tests."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if not {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(parts):
            yield path.read_text(encoding="utf-8", errors="replace")


def pieces(seed: int = 0) -> Iterator[str]:
    """Yield pieces of ``LENGTH`` characters from random places, without end."""
    code = "".join(itertools.islice(sources(), 300))
    chance = random.Random(seed)
    while True:
        start = chance.randrange(len(code) - LENGTH)
        yield code[start : start + LENGTH]


def body(inputs: list[str]) -> bytes:
    return json.dumps(
        {"model": "relace-embed-v1", "input": inputs}, ensure_ascii=False, separators=(",", ":")
    ).encode()


#: A request body in parts. A number that is new in each request joins the parts.
Template = list[bytes]


def unseen(count: int) -> list[Template]:
    """Return templates with ``count`` texts, each of which contains the number and so is new."""
    source = pieces()
    return [
        body([f"# \ue000\n{next(source)}" for _ in range(count)]).split("\ue000".encode())
        for _ in range(200)
    ]


def mixed(count: int, pool: int = 96) -> list[Template]:
    """Return templates with ``count`` different texts, all from the same small ``pool``."""
    known = list(itertools.islice(pieces(), pool))
    chance = random.Random(2)
    return [[body(chance.sample(known, count))] for _ in range(200)]


numbers = itertools.count()


def bodies(templates: list[Template]) -> Iterator[bytes]:
    """Yield request bodies from the templates in turn, without end."""
    for template in itertools.cycle(templates):
        yield (b"%d" % next(numbers)).join(template)


class Pair(NamedTuple):
    """A function without its docstring, and the first paragraph of that docstring."""

    query: str
    document: str


def documented_functions() -> list[Pair]:
    """Return every documented function of the standard library, in a fixed random order."""
    pairs = {pair for source in sources() for pair in _documented(source)}
    ordered = sorted(pairs)
    random.Random(1).shuffle(ordered)
    return ordered


#: Words that people leave out of a short search query.
SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "it",
        "its",
        "of",
        "for",
        "to",
        "in",
        "on",
        "at",
        "by",
        "with",
        "from",
        "as",
        "and",
        "or",
        "if",
        "is",
        "are",
        "be",
        "was",
        "been",
        "will",
        "can",
        "may",
        "should",
        "which",
        "when",
        "into",
        "any",
        "all",
        "given",
        "whether",
    ]
)


def short_form(description: str) -> str:
    """The first three to six words of a description, without small words, as in a search box.

    The number of words depends only on the text. A text with fewer than three stays whole.
    """
    words = [
        word
        for word in re.findall(r"[^\W_]+", description.split(". ", maxsplit=1)[0])
        if word.lower() not in SMALL_WORDS
    ]
    most = 3 + sum(description.encode()) % 4
    return " ".join(words[:most]) if len(words) >= 3 else description


def _documented(source: str) -> Iterator[Pair]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or len(node.body) < 2:
            continue
        docstring = ast.get_docstring(node)
        query = (docstring or "").split("\n\n")[0].strip()
        if len(query.split()) < 4:
            continue
        first = node.body[0]
        document = lines[node.lineno - 1 : first.lineno - 1]
        document += lines[first.end_lineno or 0 : node.end_lineno]
        yield Pair(query, "".join(document))
