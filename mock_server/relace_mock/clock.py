"""Time, which tests can move: seconds since 1970, real but for what was added."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

#: The real time, in seconds since 1970.
Clock = Callable[[], float]

REAL: Clock = time.time
#: Seconds that never step back. Libraries that freeze time replace ``time.monotonic``, but leave
#: this alone.
MONOTONIC: Clock = (
    functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, "clock_gettime")
    else time.monotonic
)
