"""Waits for pending exchanges: the filter ``settle`` of the journal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from relace_mock.durations import seconds_in
from relace_mock.state.store import StoreError

_PAUSE = 0.005  # seconds between two checks
_LONGEST = 60.0  # seconds


def settle(value: str) -> float:
    """Return the seconds of a duration such as ``2s``.

    Raises ``ValueError`` for any other text, for more than a minute, and for hours.
    """
    seconds = seconds_in(value)
    if seconds is None or seconds > _LONGEST or value.endswith("h"):
        raise ValueError("a duration such as 250ms or 2s, at most 1m")
    return seconds


def pauses(seconds: float, is_pending: Callable[[], bool]) -> Iterator[float]:
    """Yield the seconds of one pause after another while something is pending.

    The caller sleeps, because an event loop sleeps in its own way. The number of pauses is limited
    as well as the time, because a test in the same process may freeze the clock.
    """
    end = time.monotonic() + seconds
    for _ in range(math.ceil(seconds / _PAUSE)):
        try:
            if not is_pending() or time.monotonic() >= end:
                return
        except StoreError:
            return  # the answer will say what is wrong
        yield _PAUSE
