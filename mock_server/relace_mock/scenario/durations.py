"""Durations with their unit, as scenarios write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from relace_mock.durations import LONGEST, PATTERN, seconds_in
from relace_mock.scenario.kinds import Schema, found
from relace_mock.scenario.numbers import number_in, short_text
from relace_mock.scenario.source import Node

# Other spellings of the units, and days, which the format lacks. For messages only.
_SPELLINGS = {
    "ms": r"ms|msecs?|millis|milliseconds?",
    "s": r"s|secs?|seconds?",
    "m": r"m|mins?|minutes?",
    "h": r"h|hrs?|hours?",
}
_UNIT = "|".join(f"(?P<{unit}>{spellings})" for unit, spellings in _SPELLINGS.items())
_SPELT = re.compile(rf"(\d+(?:\.\d+)?|)\s*(?:{_UNIT}|(?P<d>d|days?))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration with its unit, ``250ms`` or ``60s``; its value is in seconds.

    ``zero``: 0 is allowed. ``whole``: the reason why only whole seconds are allowed.
    """

    zero: bool = True
    whole: str = ""

    def read(self, node: Node) -> float:
        """See ``Kind``."""
        seconds = seconds_in(node.value) if isinstance(node.value, str) else None
        if seconds is None:
            such = "2s or 1m" if self.whole else "250ms, 2s or 1m"
            node.fail(f"must be a duration such as {such}, not {found(node)}{self._remedy(node)}")
        if seconds > LONGEST:
            node.fail(f"must be at most a year, not {found(node)}")
        if seconds == 0 and not self.zero:
            node.fail(f"must be longer than 0, not {found(node)}")
        if self.whole and not round(seconds, 9).is_integer():
            near = max(round(seconds), 1)
            node.fail(f"must be whole seconds, not {found(node)}: {self.whole}; write {near}s")
        return round(seconds, 9) if self.whole else seconds

    def _remedy(self, node: Node) -> str:
        bare = node.written if type(node.value) in (int, float) else number_in(node)
        if bare:
            with_unit = f"{bare}s" if self.whole else f"{bare}ms or {bare}s"
            return f": write {with_unit}" if seconds_in(f"{bare}s") is not None else ""
        spelt = _SPELT.fullmatch(short_text(node))
        if spelt is None:
            return ""
        number, unit = spelt[1] or "1", spelt.lastgroup or "s"
        if unit == "d":
            number, unit = f"{float(number) * 24:g}", "h"
        return f": write {number}{unit}"

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string", "pattern": f"^{PATTERN}$"}
