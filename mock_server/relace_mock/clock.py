"""Time, which tests can move: seconds since 1970, real but for what was added."""

from __future__ import annotations

import time
from collections.abc import Callable

#: The real time, in seconds since 1970.
Clock = Callable[[], float]

REAL: Clock = time.time
