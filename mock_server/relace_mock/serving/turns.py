"""Short turns of the event loop, however many requests arrive at once.

A hundred requests that arrive together would all be answered in one turn. If each takes some
milliseconds, no other connection is read until all of them are answered. So a turn ends after
``_LONGEST`` seconds, and the loop looks at its connections before the next turn.
"""

from __future__ import annotations

import asyncio
import time

_LONGEST = 0.02


class Turns:
    """The turns of an event loop in which requests are answered."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # of this turn
        self._ends = 0.0

    async def next(self) -> None:
        """Wait for a turn that is not over."""
        while self.is_over():  # noqa: ASYNC110 - waits for a turn, not for an event
            await asyncio.sleep(0)

    def is_over(self) -> bool:
        """Whether a request should wait for the next turn before it does its work."""
        now, loop = time.monotonic(), asyncio.get_running_loop()
        if self._loop is not loop:  # a new turn, or a loop that ended within one
            self._loop, self._ends = loop, now + _LONGEST
            loop.call_soon(self._end)
        return now > self._ends

    def _end(self) -> None:
        self._loop = None
