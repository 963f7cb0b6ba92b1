"""The pace of requests: at once, or as slowly as the server's rate limit asks for.

The clock and the sleep are parameters, so that tests do not wait.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from relace_contract.judgement import CannotRun
from relace_contract.server.round_trip import RoundTrip

#: A reset above this number is Unix time; a smaller one is seconds from now.
_EPOCH = 1_000_000_000


@dataclass(slots=True)
class Pace:
    """Waits out 429s. ``gap`` is the least number of seconds between two requests."""

    gap: float = 0.0
    #: The most seconds to wait for one 429.
    patience: float = 5.0
    #: The most seconds to wait in the whole run.
    endurance: float = 60.0
    #: How often one request is sent if every answer is a 429.
    attempts: int = 5
    #: The most requests of the run, not counting repetitions after a 429; None for no limit.
    budget: int | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    #: Seconds waited so far, for 429s and gaps.
    waited: float = 0.0
    spent: int = 0
    _last: float = field(default=0.0, repr=False)

    def before(self) -> None:
        """Wait until another request may be sent. Raises ``CannotRun`` if the budget is spent."""
        if self.budget is not None and self.spent >= self.budget:
            raise CannotRun(f"the budget of {self.budget} requests is spent")
        self.spent += 1
        self.keep_gap()

    def keep_gap(self) -> None:
        """Wait until ``gap`` has passed since the last request."""
        left = self._last + self.gap - self.now()
        if left > 0 and self._last:
            self._wait(left)
        self._last = self.now()

    def after_429(self, trip: RoundTrip) -> bool:
        """Wait as long as a 429 asks for; return False instead if that is too long."""
        seconds = wait_asked_for(trip, self.now())
        if seconds is None:
            seconds = min(self.patience, 1.0 if self.budget is None else 20.0)
        if seconds > self.patience or self.waited + seconds > self.endurance:
            return False
        self._wait(seconds)
        return True

    def _wait(self, seconds: float) -> None:
        self.waited += seconds
        self.sleep(seconds)


def wait_asked_for(trip: RoundTrip, now: float) -> float | None:
    """Seconds that ``Retry-After`` or ``X-RateLimit-Reset`` asks for; None if neither does."""
    after = trip.header("retry-after")
    if after is not None:
        with contextlib.suppress(ValueError):
            return max(float(after), 0.0)
        with contextlib.suppress(ValueError, TypeError):
            return max(parsedate_to_datetime(after).timestamp() - now, 0.0)
    reset = window_end(trip.header("x-ratelimit-reset"), now)
    # A moment longer, because the reset may be rounded down.
    return None if reset is None else max(reset - now, 0.0) + 0.05


def window_end(reset: str | None, now: float) -> float | None:
    """Unix time of ``X-RateLimit-Reset``, None if it cannot be read.

    Its form is not documented: epoch seconds or milliseconds, seconds from now, or ISO 8601.
    """
    if reset is None:
        return None
    with contextlib.suppress(ValueError):
        number = float(reset)
        if number > _EPOCH * 100:
            return number / 1000
        return number if number > _EPOCH else now + number
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(reset)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
