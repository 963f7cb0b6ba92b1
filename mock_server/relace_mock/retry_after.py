"""Reads the two forms of ``Retry-After`` (RFC 9110 section 10.2.3).

The value is a number of seconds in digits, or a date in one of the three forms of section 5.6.7.
Any other value is not valid: not `inf`, `1e3`, `+5`, `-1` or `1_0` either, which Python would read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECONDS = re.compile(r"[0-9]+")
#: The most seconds, some 30,000 years. A larger number counts as this one.
_FURTHEST = 1e12
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_DATES = [
    re.compile(form)
    for form in (
        f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",
        f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",
    )
]


def wait(field: str, now: float) -> float | None:
    """Seconds that a field asks to wait from ``now`` (seconds since 1970); None if not valid.

    A date in the past means 0 seconds.
    """
    if _SECONDS.fullmatch(field):
        return min(float(field), _FURTHEST)
    for form in _DATES:
        if match := form.fullmatch(field):
            try:
                return max(_timestamp(match, now) - now, 0.0)
            except ValueError:  # such as 31 February
                return None
    return None


def _timestamp(match: re.Match[str], now: float) -> float:
    year = int(match["year"])
    if len(match["year"]) == 2:  # at most 50 years ahead (RFC 9110 section 5.6.7)
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year // 100 * 100
        year -= 100 if year > this_year + 50 else 0
    second = min(int(match["second"]), 59)  # 60 is a leap second
    moment = datetime(
        year,
        _MONTHS.index(match["month"]) + 1,
        int(match["day"]),
        int(match["hour"]),
        int(match["minute"]),
        second,
        tzinfo=UTC,
    )
    return moment.timestamp()


def is_early(gap: float, asked: float) -> bool:
    """Whether a retry after ``gap`` seconds came before the seconds that were asked for.

    Clocks and schedulers differ a little: 5 % and 50 ms are allowed.
    """
    return gap < asked * 0.95 - 0.05
