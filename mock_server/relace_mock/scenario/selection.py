"""Which scenario answers a request.

Strongest first: the header ``X-Mock-Scenario``; the header ``Prefer: code=…``; the key
itself, ``mock.NAME.anything``; the scenario installed for the key; the server's default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from relace_mock.messages import Received

_CODE = re.compile(r'\s*code\s*=\s*"?(\d{3})"?\s*', re.IGNORECASE)
_KEY = re.compile(r"mock\.([A-Za-z0-9_-]+)\..+")


class Wish(NamedTuple):
    """A scenario or a status that the request itself asks for. ``by`` says where it asks."""

    by: str
    name: str | None = None
    status: int | None = None


def wish_of(
    received: Received, key: str | None, documented: Callable[[], frozenset[int]]
) -> Wish | None:
    """The strongest wish of a request. Codes that are not ``documented`` are ignored (RFC 7240)."""
    for field in received.header(b"x-mock-scenario"):
        return Wish("header", name=field)
    for field in received.header(b"prefer"):
        for preference in field.split(","):
            match = _CODE.fullmatch(preference.partition(";")[0])
            if match and int(match[1]) in documented():
                return Wish("prefer", status=int(match[1]))
    name = named_by(key)
    return Wish("key", name=name) if name else None


def named_by(key: str | None) -> str | None:
    """The scenario that a key such as ``mock.NAME.x`` names; None for any other key."""
    if key is None or not key.startswith("mock."):
        return None
    match = _KEY.fullmatch(key)
    return match[1] if match else None
