"""UNI: every JSON string is a valid text, and different texts get different vectors."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from relace_contract.properties import holds_for, strings
from relace_contract.server.answers import alike, depart, embedded, expect, vectors
from relace_contract.server.subject import Server

#: For each check, a text that some servers refuse, and one that some servers take for the same.
PAIRS: dict[str, tuple[str, str]] = {
    "UNI-empty": ("", "a"),
    "UNI-nul": ("a\0b", "a"),
    "UNI-astral": ("x = '🦀'", "x = '🐍'"),
    "UNI-normal-form": ("caf\u00e9", "cafe\u0301"),
    "UNI-line-separator": ("a\u2028b", "a\nb"),
    "UNI-blanks": (" a", "a"),
    "UNI-newline-at-end": ("a\n", "a"),
    "UNI-case": ("Value", "value"),
}


def _check(identity: str) -> Callable[[Server], None]:
    one, other = PAIRS[identity]

    def check(server: Server) -> None:
        _differ(server, one, other)

    return check


def long_tail(server: Server) -> None:
    """UNI-long: texts of 20,000 characters that differ only at the end get different vectors."""
    start = "value = compute(value)\n" * 900
    rows, trip = embedded(server, [start + "a", start + "b"])
    if alike(rows[:1], rows[1:]):
        raise depart("texts that differ at their end get the same vector", trip)


#: Changes that turn a text into a different text.
_CHANGES: tuple[Callable[[str], str], ...] = (
    lambda text: text + " ",
    lambda text: "\t" + text,
    lambda text: text + "\0",
    lambda text: text * 2,
    str.swapcase,
    lambda text: " ".join(reversed(text.split(" "))),
    lambda text: unicodedata.normalize("NFD", text + "é"),
)


def distinct(server: Server) -> None:
    """UNI-distinct."""
    from hypothesis import strategies as st  # noqa: PLC0415 - takes a moment

    words = st.lists(st.sampled_from(["def", "f", "x", "=", "1"]), min_size=2, max_size=4)
    text = strings(max_size=30) | words.map(" ".join)

    def judge(text: str) -> None:
        for change in _CHANGES:
            if change(text) != text:
                _differ(server, text, change(text))

    holds_for(server.options, text, judge, size=len)


def _differ(server: Server, one: str, other: str) -> None:
    trip = server.embed([one, other])
    expect(trip, 200, what=f"the texts {one!a} and {other!a}")
    rows = vectors(trip, 2)
    if alike(rows[:1], rows[1:]):
        raise depart(f"{one!a} and {other!a} get the same vector", trip)


CHECKS: dict[str, Callable[[Server], None]] = {
    **{identity: _check(identity) for identity in PAIRS},
    "UNI-long": long_tail,
    "UNI-distinct": distinct,
}
