"""Regular expressions of users, matched by RE2: no pattern can make matching explode.

Matching takes time linear in the text, times the size of the pattern at worst, and releases
the GIL. RE2 is imported when the first pattern is compiled.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

#: How RE2 differs from Python's ``re``; ``scenario show`` says it.
DIFFERENCES = (
    r"patterns are RE2 syntax: \w, \d, \s and \b know ASCII only, $ is the very end of the text, "
    "and there is no look-around"
)
_LOADED = False  # whether RE2 is imported
_MEMORY = 2 << 20  # bytes of a compiled pattern; the package `re2` caches 128 of them
_LARGEST = 5000  # instructions of a compiled pattern: at worst each byte of a text runs all of them
# Bytes for a pattern that is checked. RE2 holds the GIL while it compiles, and what needs more than
# this takes up to a second, and has more than ``_LARGEST`` instructions.
_MEMORY_OF_CHECK = 1 << 19
# Instructions of all patterns of a scenario; one that RE2 gave up counts as some.
_LARGEST_SUM = 200_000
_GIVEN_UP = 20_000
_PIECE = 1 << 20  # characters that are encoded at once, as encoding holds the GIL
# {,3} repeats in Python, and means itself in RE2. The other alternatives skip escapes and classes.
_OPEN_REPETITION = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(\{,[0-9]+\})", re.DOTALL)
# An error of RE2, the piece of the pattern that it names, and an explanation. The first line that
# fits counts.
_MEANINGS = (
    ("invalid perl operator", r"\(\?<?[=!]", "RE2 has no look-around: use several rules"),
    ("invalid perl operator", r"\(\?>", "RE2 has no atomic groups, and needs none: write (?:"),
    ("invalid perl operator", r"\(\?P?[(=]?", "RE2 has neither back-references nor conditions"),
    ("invalid perl operator", r"\(\?#", "RE2 has no comments: remove it"),
    ("invalid perl operator", r".*", "RE2 has only the flags i, m, s and U: remove it"),
    ("invalid escape sequence", r"\\[0-9]", "RE2 has no back-references"),
    ("invalid escape sequence", r"\\Z", r"write \z for the end of the text"),
    ("invalid escape sequence", r"\\[uUN]", r"write the character itself, or \x{41} for A"),
    ("invalid escape sequence", r".*", r"RE2 does not know this escape: write \\ for a backslash"),
    ("invalid repetition size", r".*", "a part may be repeated up to 1000 times, the least first"),
    ("bad repetition operator", r".*", "RE2 has no possessive and no double repetition"),
    ("pattern too large", r".*", "it is too large for RE2: shorten it, or repeat less"),
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that RE2 accepts. A plain value: it is compiled when it is used."""

    text: str

    def found_in(self, encoded: bytes) -> bool:
        """Whether the pattern is found anywhere in a text, given as UTF-8."""
        return _compiled(self.text).search(encoded) is not None


class TooManyError(ValueError):
    """The patterns before this one are too large together, so it was not checked."""


# The instructions of the patterns that were read within ``bounded_together``.
_SUM: ContextVar[list[int] | None] = ContextVar("relace_mock_sum_of_patterns", default=None)


@contextlib.contextmanager
def bounded_together() -> Iterator[None]:
    """Bound the instructions of all patterns that are read within the block."""
    token = _SUM.set([])
    try:
        yield
    finally:
        _SUM.reset(token)


def read_pattern(text: str) -> Pattern:
    """Check a pattern. Raises ``ValueError`` with the reason and the place of a problem."""
    sizes = _SUM.get()
    if sizes is None:
        sizes = []
    if sum(sizes) > _LARGEST_SUM:
        raise TooManyError(
            f"the patterns before it have more than {_LARGEST_SUM} instructions in all: "
            "use fewer patterns, or shorter ones"
        )
    if repetition := next(_open_repetitions(text), None):
        closed = repetition.replace("{,", "{0,")
        raise ValueError(_told(text, repetition, f"write {closed}"))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(
            "it has half of a surrogate pair, which UTF-8 cannot encode: remove it"
        ) from None
    re2, _, options = _engine()
    try:
        size = re2.compile(text, options).programsize
        sizes.append(size)
    except re2.error as error:
        problem, _, piece = error.args[0].decode("utf-8", "replace").partition(": ")
        if problem.startswith("pattern too large"):
            sizes.append(_GIVEN_UP)
        raise ValueError(_told(text, piece, _meaning(problem, piece))) from None
    if size > _LARGEST:
        problem = f"{size} instructions, but at most {_LARGEST} are allowed"
        raise ValueError(f"it is too large for RE2, {problem}: shorten it, or repeat less")
    return Pattern(text)


def in_use() -> bool:
    """Whether this process has compiled a pattern, so that answering a request may take long."""
    return _LOADED


def encoded(text: str) -> bytes:
    """Encode a text for ``Pattern.found_in``, in pieces, between which other threads can run."""
    if len(text) <= _PIECE:
        return text.encode()
    return b"".join(text[at : at + _PIECE].encode() for at in range(0, len(text), _PIECE))


@functools.cache
def _engine() -> tuple[Any, Any, Any]:
    """The module ``re2``, its options, and those of a check.

    Its own log is off: errors become messages of ours.
    """
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only where a pattern exists

    options, of_check = re2.Options(), re2.Options()
    for each, memory in ((options, _MEMORY), (of_check, _MEMORY_OF_CHECK)):
        each.log_errors = False
        each.never_capture = True
        each.max_mem = memory
    global _LOADED  # noqa: PLW0603 - asked for each request, where `cache_info` is slow
    _LOADED = True
    return re2, options, of_check


def _compiled(text: str) -> Any:
    re2, options, _ = _engine()
    return re2.compile(text, options)


def _open_repetitions(text: str) -> Iterator[str]:
    return (found[1] for found in _OPEN_REPETITION.finditer(text) if found[1])


def _meaning(problem: str, piece: str) -> str:
    for known, form, words in _MEANINGS:
        if problem.startswith(known) and re.fullmatch(form, piece, re.DOTALL):
            return words
    return problem


def _told(text: str, piece: str, meaning: str) -> str:
    """An explanation, with the piece of the pattern that it is about and its place."""
    at = text.find("(?P=" if piece == "(?P" else piece)
    if not piece or at < 0 or len(piece) > len(text) / 2 > 20:
        return meaning
    return f"{piece} at character {at + 1}: {meaning}"
