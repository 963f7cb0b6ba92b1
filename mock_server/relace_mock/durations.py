"""Durations with their unit, such as ``250ms`` or ``60s``, wherever a user writes one."""

from __future__ import annotations

import re

#: Seconds of each unit.
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
#: A number and its unit, as a regular expression of two groups.
PATTERN = rf"([0-9]+(?:\.[0-9]+)?)({'|'.join(UNITS)})"
#: Seconds of the longest duration that any setting takes: a year.
LONGEST = 366 * 86400.0

_MOST = 40  # characters of a duration


def seconds_in(text: str) -> float | None:
    """The seconds of a duration such as ``250ms``; None for any other text."""
    match = re.fullmatch(PATTERN, text) if len(text) <= _MOST else None
    return float(match[1]) * UNITS[match[2]] if match else None
