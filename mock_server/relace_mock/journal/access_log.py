"""The access log: one line for each request, once it is over."""

from __future__ import annotations

from collections.abc import Callable

from relace_mock.journal.events import Event, Finished
from relace_mock.journal.journal import History
from relace_mock.journal.line import Lines, summary_of


class AccessLog:
    """A reader of the journal that gives each line to ``write``, which must not block."""

    def __init__(self, write: Callable[[str], None], *, colour: bool = False) -> None:
        self._write = write
        self._lines = Lines(colour=colour)

    def __call__(self, history: History, event: Event) -> None:
        """Write the line of a request that is over."""
        if isinstance(event, Finished):
            self._write(self._lines.line(summary_of(history.entry())))
