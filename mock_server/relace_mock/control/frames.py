"""The form of a server-sent event."""

from __future__ import annotations

from collections.abc import Mapping

import orjson


def frame(name: str, data: Mapping[str, object], number: str | None = None) -> bytes:
    """Write one event. JSON has no line breaks, so each event has one ``data`` line."""
    identity = f"id: {number}\n" if number else ""
    return f"event: {name}\n{identity}data: ".encode() + orjson.dumps(data) + b"\n\n"
