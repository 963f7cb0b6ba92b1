"""The event stream of a journal that several processes share.

Only the store knows the requests of all processes, so the stream reads the journal from time to
time and sends the changes. A stream begins with a whole snapshot, with or without
``Last-Event-ID``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import orjson

from relace_mock.control.frames import frame
from relace_mock.journal.journal import Entries

_PAUSE = 1.0  # seconds between two reads
# Reading a long journal is work for the store. So the time between two reads is at least this many
# times as long as the last read took.
_REST = 5


class PolledReader:
    """One stream, with the methods of ``Reader``."""

    def __init__(self, journal: Entries, namespace: str | None) -> None:
        self._journal = journal
        self._namespace = namespace
        self._shown: dict[int, bytes] = {}
        self._next = 0.0

    def leave(self) -> None:
        """End the stream."""

    def past(self) -> Iterator[bytes]:
        """Yield the entries that the journal has."""
        yield frame("snapshot", {"entries": len(self._journal)})
        yield from self._changes()
        yield frame("live", {"dropped": self._journal.dropped(self._namespace)})

    def has_news(self) -> bool:
        """Whether it is time to look for news."""
        return time.monotonic() >= self._next

    def news(self) -> Iterator[bytes]:
        """Yield what has changed since the last time."""
        yield from self._changes()

    def _changes(self) -> Iterator[bytes]:
        began = time.monotonic()
        entries = self._journal.entries(self._namespace)
        shown = {entry.number: orjson.dumps(entry.shown()) for entry in entries}
        changed = [raw for number, raw in shown.items() if self._shown.get(number) != raw]
        if self._shown and not shown:
            yield frame("cleared", {"namespace": self._namespace})
        self._shown = shown
        ended = time.monotonic()
        self._next = ended + max(_PAUSE, _REST * (ended - began))
        if changed:
            yield b"".join(b"event: entry\ndata: %b\n\n" % raw for raw in changed)
