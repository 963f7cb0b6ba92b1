"""The journal as server-sent events: ``GET /_mock/events``.

A stream begins with the entries that the journal has, between the events ``snapshot`` and ``live``.
Then each ``entry`` is a new one, or replaces the one with its number. ``cleared`` says that the
entries of a namespace, or of all, are gone. A reader that falls behind gets ``behind``, with the
number of changes that it missed, and a new snapshot.

A client that reconnects with ``Last-Event-ID`` gets only what changed since, if that is known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from relace_mock.control.frames import frame
from relace_mock.control.polling import PolledReader
from relace_mock.journal.connections import EVENTS
from relace_mock.journal.feed import Change, Feed
from relace_mock.journal.journal import Entries, Journal
from relace_mock.messages import Received

# Events that other threads may not have entered yet, though they have their numbers.
_UNDER_WAY = 100
# Seconds between two snapshots for one reader that falls behind again and again.
_REST = 2.0
_AT_ONCE = 256 * 1024  # bytes of entries that are sent together


class Events:
    """The streams of a journal."""

    def __init__(self, journal: Entries) -> None:
        self._journal = journal
        self._feed = Feed(journal) if isinstance(journal, Journal) else None
        self._run = os.urandom(4).hex()  # ids of another run of the server are void

    def past(self, received: Received, namespace: str | None) -> bytes:
        """A stream that ends after the snapshot, for shells that cannot follow the journal."""
        reader = self.reader(received, namespace)
        try:
            return b"".join(reader.past())
        finally:
            reader.leave()

    def reader(self, received: Received, namespace: str | None) -> Reader | PolledReader:
        """A reader of the entries of a namespace, or of all. It must ``leave`` at the end."""
        journal = self._journal
        if self._feed is None or not isinstance(journal, Journal):
            return PolledReader(journal, namespace)
        known = self._known(received, journal)
        return Reader(journal, self._feed, self._run, namespace, known)

    def _known(self, received: Received, journal: Journal) -> int:
        """The number of the event up to which the client knows the journal; 0 if it does not."""
        given = received.header(b"last-event-id")
        run, _, number = given[0].partition("-") if len(given) == 1 else ("", "", "")
        if run != self._run or not (number.isascii() and number.isdecimal() and len(number) < 19):
            return 0
        known = max(int(number) - _UNDER_WAY, 0)
        return known if known > journal.cleared else 0


class Reader:
    """One stream. The iterators take long, so run each step of them on a thread."""

    def __init__(
        self, journal: Journal, feed: Feed, run: str, namespace: str | None, known: int
    ) -> None:
        self._journal = journal
        self._feed = feed
        self._run = run
        self._namespace = namespace
        self._known = known
        self._rested = 0.0
        self._position = feed.join()

    def leave(self) -> None:
        """End the stream."""
        self._feed.leave()

    def past(self) -> Iterator[bytes]:
        """Yield the entries that the journal has; after ``Last-Event-ID``, what changed since."""
        number = next(EVENTS)
        self._rested = time.monotonic() + _REST
        if not self._known:
            yield frame("snapshot", {"entries": len(self._journal)})
        for part in self._feed.snapshot(self._namespace, self._known):
            yield _frames(part)
        self._known = 0
        yield frame("live", {"dropped": self._journal.dropped(self._namespace)}, self._id(number))

    def has_news(self) -> bool:
        """Whether ``news`` will probably yield something. Fast."""
        return self._feed.has_news or self._feed.end > self._position

    def news(self) -> Iterator[bytes]:
        """Yield what has changed since the last time."""
        number = next(EVENTS)
        self._feed.render()
        news = self._feed.news(self._position)
        if news.missed:
            if time.monotonic() >= self._rested:
                self._position = news.position
                yield frame("behind", {"missed": news.missed})
                yield from self.past()
            return
        self._position = news.position
        wanted = [
            change
            for change in news.changes
            if self._namespace is None or change.namespace in (None, self._namespace)
        ]
        for part in _parts(wanted):
            yield _frames(part)
        if wanted:
            yield b"id: %b\n\n" % self._id(number).encode()

    def _id(self, number: int) -> str:
        return f"{self._run}-{number}"


def _parts(changes: list[Change]) -> Iterator[list[Change]]:
    """Divide changes into parts, so that little data waits for a slow client."""
    part, size = [], 0
    for change in changes:
        part.append(change)
        size += len(change.entry or b"")
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _frames(changes: Iterable[Change]) -> bytes:
    """Events one after another."""
    return b"".join(
        frame("cleared", {"namespace": namespace})
        if entry is None
        else b"event: entry\ndata: %b\n\n" % entry
        for namespace, entry, _ in changes
    )
