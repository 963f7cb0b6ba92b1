"""Waiting for exchanges that are not complete: the filter ``settle`` of the journal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from relace_mock.durations import seconds_in

_PAUSE = 0.005  # seconds between two looks at what is pending
_LONGEST = 60.0  # seconds


def settle(value: str) -> float:
    """Return a duration such as ``2s`` in seconds. Raises ``ValueError``."""
    seconds = seconds_in(value)
    if seconds is None or seconds > _LONGEST:
        raise ValueError("a duration such as 250ms or 2s, at most 1m")
    return seconds


def pauses(seconds: float, is_pending: Callable[[], bool]) -> Iterator[float]:
    """Yield seconds to sleep, one pause after another, while something is pending.

    The caller sleeps, so that an event loop can do it too. Pauses are counted as well as timed:
    where the mock runs in the process of a test, the clock may be frozen.
    """
    end = time.monotonic() + seconds
    for _ in range(math.ceil(seconds / _PAUSE)):
        if not is_pending() or time.monotonic() >= end:
            return
        yield _PAUSE
