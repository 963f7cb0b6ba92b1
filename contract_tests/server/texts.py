"""UNI: every JSON string is a text, and texts that differ are not taken for one another."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from contract_tests.server.answers import alike, depart, embedded, expect
from contract_tests.server.properties import holds_for
from contract_tests.server.subject import Server

#: For each check, a text that some servers refuse, and one that they take for the same.
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
        exchange = server.embed([one, other])
        expect(exchange, 200, what=f"the texts {one!a} and {other!a}")
        rows, exchange = embedded(server, [one, other])
        if alike(rows[:1], rows[1:]):
            raise depart(f"{one!a} and {other!a} get the same vector", exchange)

    return check


def long_tail(server: Server) -> None:
    """UNI-long: what differs only at the end of 20,000 characters differs."""
    start = "value = compute(value)\n" * 900
    rows, exchange = embedded(server, [start + "a", start + "b"])
    if alike(rows[:1], rows[1:]):
        raise depart("texts that differ at their end get the same vector", exchange)


def distinct(server: Server) -> None:
    """UNI-distinct."""
    from hypothesis import strategies as st  # noqa: PLC0415 - takes a moment

    text = st.text(max_size=30) | st.sampled_from(["def f(x):\n    return x", "a b", "x=1"])
    changes = st.sampled_from(
        [
            lambda text: text + " ",
            lambda text: "\t" + text,
            lambda text: text + "\0",
            lambda text: unicodedata.normalize("NFD", text + "é"),
            lambda text: " ".join(reversed(text.split(" "))),
            lambda text: text.swapcase(),
            lambda text: text * 2,
        ]
    )

    def judge(drawn: tuple[str, Callable[[str], str]]) -> None:
        one, change = drawn
        other = change(one)
        if one != other:
            _differ(server, one, other)

    holds_for(server, st.tuples(text, changes), judge, size=_size)


def _differ(server: Server, one: str, other: str) -> None:
    exchange = server.embed([one, other])
    expect(exchange, 200, what="two texts")
    rows, exchange = embedded(server, [one, other])
    if alike(rows[:1], rows[1:]):
        raise depart(f"{one!a} and {other!a} get the same vector", exchange)


def _size(drawn: tuple[str, Any]) -> int:
    return len(drawn[0])


CHECKS: dict[str, Callable[[Server], None]] = {
    **{identity: _check(identity) for identity in PAIRS},
    "UNI-long": long_tail,
    "UNI-distinct": distinct,
}
