"""Pieces of source files: functions, and runs of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Kind = Literal["function", "piece", "text"]

# The most lines and characters of a piece that is not a function.
_LINES = 60
_CHARACTERS = 4000
# Lines that say nothing alone: blank ones, brackets, `end`.
_TRIVIAL = re.compile(r"\W*(end\W+)*(end)?")


class Piece(NamedTuple):
    """A text to embed, and its place.

    ``kind`` is ``function``; or ``piece`` for a run of lines; or ``text`` for a text without a
    place, or a whole file. ``name`` is the qualified name of a function, or the name of the class
    that a run of lines belongs to, or empty. Lines count from 1. ``line`` is where the function is
    defined; ``start`` and ``end`` are the first and the last line of the text, which may begin
    earlier, with decorators or a comment.
    """

    text: str
    kind: Kind
    path: str
    name: str = ""
    line: int = 0
    start: int = 0
    end: int = 0


class Definition(NamedTuple):
    """A function or a class in a file. ``start``, ``line`` and ``end`` are as in ``Piece``.

    ``text`` is None for a definition that shares its lines with no other code.
    """

    name: str
    is_function: bool
    start: int
    line: int
    end: int
    text: str | None = None


def from_definitions(
    path: str, lines: Sequence[str], definitions: Iterable[Definition]
) -> list[Piece]:
    """Split a file into its functions and the runs of lines between them, in order.

    Args:
        path: the path that the pieces show.
        lines: the lines of the file, with their line breaks.
        definitions: classes before what is in them.
    """
    owners: list[str | None] = [""] * len(lines)
    pieces = []
    for each in definitions:
        owner = None if each.is_function else each.name
        owners[each.start - 1 : each.end] = [owner] * (each.end - each.start + 1)
        if each.is_function:
            text = each.text or "".join(lines[each.start - 1 : each.end])
            place = (each.line, each.start, each.end)
            pieces.append(Piece(text.rstrip(), "function", path, each.name, *place))
    pieces += _between(path, lines, owners)
    return sorted(pieces, key=lambda piece: piece.start)


def from_lines(path: str, lines: Sequence[str]) -> list[Piece]:
    """Split a file into runs of lines, where possible at blank lines."""
    return list(_between(path, lines, [""] * len(lines)))


def _between(path: str, lines: Sequence[str], owners: Sequence[str | None]) -> Iterator[Piece]:
    """Yield the lines that belong to no function, in bounded pieces."""
    first = 0
    while first < len(lines):
        last = first + 1
        while last < len(lines) and owners[last] == owners[first]:
            last += 1
        owner = owners[first]
        if owner is not None:
            yield from _bounded(path, owner, lines, first, last)
        first = last


def _bounded(path: str, name: str, lines: Sequence[str], first: int, last: int) -> Iterator[Piece]:
    while first < last:
        end = _end(lines, first, last)
        text = "".join(lines[first:end])
        if not _TRIVIAL.fullmatch(text):
            blank = next(at for at in range(first, end) if lines[at].strip())
            text = "".join(lines[blank:end]).rstrip()
            end_line = blank + 1 + text.count("\n")
            for at in range(0, len(text), _CHARACTERS):  # more than once for a very long line
                part = text[at : at + _CHARACTERS]
                yield Piece(part, "piece", path, name, blank + 1, blank + 1, end_line)
        first = end


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """Where a piece that begins at ``first`` ends: after a blank line in its second half."""
    size, end = 0, first
    while end < last and end - first < _LINES:
        size += len(lines[end])
        if size > _CHARACTERS and end > first:
            break
        end += 1
    if end == last:
        return last
    for at in range(end, first + (end - first) // 2, -1):
        if not lines[at - 1].strip():
            return at
    return end
