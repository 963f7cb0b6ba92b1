"""The changes of the journal, for readers that follow it live, each at its own pace.

Nothing here runs while nobody follows: the feed subscribes to the journal with its first reader,
and ends the subscription with its last. Then a request only adds its history to a dictionary. What
changed is rendered later, once for all readers, on a thread that no request waits for. A history
that changed several times in between is rendered once.

The feed keeps the latest changes within a bound. A reader that asks for older ones is told how many
it missed, and reads the journal again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import orjson

from relace_mock.journal.events import Event, Finished
from relace_mock.journal.journal import History, Journal

#: Histories that may wait to be rendered; with more, every reader has missed them.
_WAITING = 5_000
#: Bytes of rendered changes that are kept for slow readers.
_KEPT = 8_000_000
#: Histories that are rendered in one go.
_AT_ONCE = 100
_GONE = "(gone)"  # no namespace has this name


class Change(NamedTuple):
    """An entry as JSON, new or changed; or, without ``entry``, a clearing of the journal.

    ``namespace`` is None if all namespaces were cleared.
    """

    namespace: str | None
    entry: bytes | None = None
    number: int = 0


class News(NamedTuple):
    """The changes since a position, the position after them, and how many were ``missed``."""

    changes: list[Change]
    position: int
    missed: int = 0


class Feed:
    """The latest changes of a journal. Safe to use from several threads.

    ``kept`` is the bound of the rendered changes, in bytes, and ``waiting`` that of the histories
    that are not rendered yet.
    """

    def __init__(self, journal: Journal, kept: int = _KEPT, waiting: int = _WAITING) -> None:
        self._journal = journal
        self._limit = kept
        self._most_waiting = waiting
        self._readers = 0
        self._waiting: dict[int, History | str] = {}
        self._clearings = 0
        self._missed = 0
        self._changes: deque[Change] = deque()
        self._bytes = 0
        self._first = 0  # the position of the oldest change that is kept
        self._lock = threading.Lock()  # of everything but `_waiting`
        self._rendering = threading.Lock()

    def join(self) -> int:
        """Follow the journal. Returns the position from which on ``news`` has all changes."""
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._journal.subscribe(self._note, self._note_clearing)
            return self.end

    def leave(self) -> None:
        """Stop following the journal."""
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._journal.unsubscribe(self._note, self._note_clearing)
                self._waiting.clear()
                self._forget_changes()

    @property
    def has_news(self) -> bool:
        """Whether something waits to be rendered. Fast, so that an event loop may ask."""
        return bool(self._waiting) or self._missed > 0

    @property
    def end(self) -> int:
        """The position after the latest rendered change."""
        return self._first + len(self._changes)

    def render(self) -> None:
        """Render what has changed. This takes long if much has, so do it on a thread."""
        if not self._rendering.acquire(blocking=False):
            return  # another reader is at it
        try:
            missed, self._missed = self._missed, 0
            if missed:
                with self._lock:
                    self._forget_changes()
                    self._first += missed
            for number in list(self._waiting):
                # Taken away first: a history that changes from now on is noted again.
                what = self._waiting.pop(number, _GONE)
                if isinstance(what, History):
                    if what.kept:
                        self._keep(Change(what.namespace, rendered(what), number))
                elif what is not _GONE:
                    self._keep(Change(what or None))
        finally:
            self._rendering.release()

    def news(self, position: int) -> News:
        """The rendered changes since a position."""
        with self._lock:
            if position < self._first:
                return News([], self.end, self._first - position)
            return News(list(islice(self._changes, position - self._first, None)), self.end)

    def snapshot(self, namespace: str | None = None, since: int = 0) -> Iterator[list[Change]]:
        """Yield all entries of a namespace, or of all, oldest first, some at a time.

        Those that were over before the event ``since`` are left out.
        """
        histories = [
            each for each in self._journal.histories(namespace) if not _was_over(each, since)
        ]
        for at in range(0, len(histories), _AT_ONCE):
            part = histories[at : at + _AT_ONCE]
            yield [
                Change(each.namespace, rendered(each), each.number) for each in part if each.kept
            ]

    def _note(self, history: History, _: Event) -> None:
        """Note on the thread of a request that its history has changed."""
        waiting = self._waiting
        if len(waiting) >= self._most_waiting and history.number not in waiting:
            self._missed += len(waiting)
            waiting.clear()
        waiting[history.number] = history

    def _note_clearing(self, namespace: str | None) -> None:
        self._clearings += 1
        self._waiting[-self._clearings] = namespace or ""

    def _keep(self, change: Change) -> None:
        with self._lock:
            self._changes.append(change)
            self._bytes += len(change.entry or b"")
            while self._bytes > self._limit:
                self._bytes -= len(self._changes.popleft().entry or b"")
                self._first += 1

    def _forget_changes(self) -> None:
        self._first += len(self._changes)
        self._changes.clear()
        self._bytes = 0


def rendered(history: History) -> bytes:
    """An entry as JSON, as the control API shows it."""
    return orjson.dumps(history.entry().shown())


def _was_over(history: History, since: int) -> bool:
    last = history.events[-1]
    return isinstance(last, Finished) and last.over is not None and last.over < since
