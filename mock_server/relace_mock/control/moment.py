"""Reads a time from the query of a URL."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# The journal writes `+00:00` at the end of a time. In a query, `+` stands for a blank.
_BLANK_FOR_PLUS = re.compile(r"(T[\d:.]+) (?=\d\d(:?\d\d)?$)")


def since_1970(value: str) -> float:
    """Seconds since 1970, from a number or an ISO 8601 time (UTC if it names no zone).

    Raises ``ValueError`` that names the valid forms.
    """
    try:
        if value.replace(".", "", 1).isdecimal():
            return float(value)
        moment = datetime.fromisoformat(_BLANK_FOR_PLUS.sub(r"\1+", value.upper()))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("seconds since 1970, or a time such as 2026-01-01T00:00:00Z") from None
