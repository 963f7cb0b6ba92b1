"""Sources of time: the real time, and a time that never steps back."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

#: A function that returns a time in seconds.
Clock = Callable[[], float]

#: The real time, in seconds since 1970.
REAL: Clock = time.time
#: Seconds that never step back. Libraries that freeze time replace ``time.monotonic``, but not
#: ``time.clock_gettime``.
MONOTONIC: Clock = (
    functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, "clock_gettime")
    else time.monotonic
)
