"""Filters in a query of the journal: ``status``, ``scenario``, ``since``, ``limit``, ``settle``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from relace_mock.control.moment import since_1970
from relace_mock.control.parameters import BadRequestError
from relace_mock.control.settling import settle
from relace_mock.excerpts import quoted
from relace_mock.journal.entry import Entry
from relace_mock.messages import Received


def read(query: bytes) -> dict[str, Any]:
    """Read the filters of a query string. Raises ``ValueError`` for an unknown or bad one."""
    wanted: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in _KINDS:
            raise ValueError(f"{quoted(name, 40)} is not a filter: use {', '.join(_KINDS)}")
        if name in wanted:
            raise ValueError(f"the filter {name} is given twice: give it once")
        try:
            wanted[name] = _KINDS[name](value)
        except ValueError as error:
            raise ValueError(f"{name} must be {error}, not {quoted(value, 40)}") from None
    return wanted


def name_in(received: Received) -> str | None:
    """The ``name`` in the query of ``GET /_mock/scenarios``. Raises ``BadRequestError``."""
    given = parse_qsl(received.query.decode("latin-1"), keep_blank_values=True)
    if any(name != "name" for name, _ in given) or len(given) > 1:
        raise BadRequestError(
            "the only filter here is name, given once: write ?name=rate-limited-twice"
        )
    return given[0][1] if given else None


def chosen(entries: list[Entry], wanted: dict[str, Any]) -> list[Entry]:
    """The entries that pass the filters. ``limit`` keeps only the newest of them."""
    if "status" in wanted:
        entries = [entry for entry in entries if entry.status == wanted["status"]]
    if "scenario" in wanted:
        entries = [entry for entry in entries if _name(entry) == wanted["scenario"]]
    if "since" in wanted:
        since = wanted["since"] - 1e-6  # the journal shows times rounded to microseconds
        entries = [entry for entry in entries if entry.arrived.time >= since]
    return entries[-wanted["limit"] :] if "limit" in wanted else entries


def _status(value: str) -> int:
    if not value.isdecimal() or not value.isascii() or int(value[:4]) not in range(100, 600):
        raise ValueError("a status from 100 to 599")
    return int(value)


def _limit(value: str) -> int:
    if not value.isdecimal() or not value.isascii() or len(value) > 9 or int(value) < 1:
        raise ValueError("a whole number, at least 1")
    return int(value)


def _name(entry: Entry) -> str | None:
    return entry.scenario.name if entry.scenario else None


_KINDS: dict[str, Callable[[str], Any]] = {
    "status": _status,
    "scenario": str,
    "since": since_1970,
    "limit": _limit,
    "settle": settle,
}
