"""The journal: the events of the latest requests, in order of arrival and within bounds.

Events are appended nowhere else. Readers subscribe to follow them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from relace_mock.journal.connections import EVENTS
from relace_mock.journal.entry import Entry, folded
from relace_mock.journal.events import Arrived, BodyRead, Event, Finished
from relace_mock.journal.shelf import Shelf


class History:
    """The events of one request. ``size`` is in bytes; ``kept`` is false once it was dropped.

    ``uncounted`` is the size of events that ``size`` does not count yet.
    """

    __slots__ = ("events", "kept", "namespace", "number", "size", "uncounted")

    def __init__(self, number: int, arrived: Arrived) -> None:
        self.number = number
        self.namespace = arrived[0]
        self.size = arrived.size
        self.uncounted = 0
        self.kept = True
        self.events: list[Event] = [arrived]

    def entry(self) -> Entry:
        """The request, and what has happened to it so far."""
        return folded(self.number, tuple(self.events))


#: Called with each event, on the thread where it happened. It must neither block nor raise.
Reader = Callable[[History, Event], None]
#: Called when the histories of a namespace, or all, were cleared. The same rules hold.
OnClear = Callable[[str | None], None]


class Entries(Protocol):
    """What the control API needs of a journal."""

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Entries of a namespace, or all, oldest first."""

    def is_pending(self, namespace: str | None = None) -> bool:
        """Whether an exchange is still under way, in a namespace or in any."""

    def clear(self, namespace: str | None = None) -> None:
        """Drop the entries of a namespace, or all."""

    def dropped(self, namespace: str | None = None) -> int:
        """Number of entries dropped to make room since ``clear``, of a namespace or of all."""

    def subscribe(self, reader: Reader) -> None:
        """Call a reader with every event of this process from now on."""

    def __len__(self) -> int:
        """Number of entries."""

    @property
    def dropped_since_start(self) -> int:
        """Number of entries dropped to make room since the start, of all namespaces."""


class Journal:
    """Histories of requests, at most ``size`` of them and about ``byte_limit`` bytes.

    Safe to use from several threads.
    """

    def __init__(self, size: int, byte_limit: int) -> None:
        self._shelf: Shelf[History] = Shelf(size, byte_limit)
        self._number = 0
        self._lock = threading.Lock()
        self._readers: tuple[Reader, ...] = ()
        self._on_clear: tuple[OnClear, ...] = ()
        #: The number of the event (``EVENTS``) at which histories were last cleared.
        self.cleared = 0
        self._pending: dict[int, History] = {}

    def subscribe(self, reader: Reader, on_clear: OnClear | None = None) -> None:
        """Call a reader with every event from now on, and ``on_clear`` with every clearing."""
        with self._lock:
            self._readers += (reader,)
            self._on_clear += (on_clear,) if on_clear else ()

    def unsubscribe(self, reader: Reader, on_clear: OnClear | None = None) -> None:
        """End a subscription."""
        with self._lock:
            self._readers = tuple(each for each in self._readers if each != reader)
            self._on_clear = tuple(each for each in self._on_clear if each != on_clear)

    def begin(self, arrived: Arrived) -> History:
        """Enter a request whose head has arrived."""
        with self._lock:
            self._number += 1
            history = History(self._number, arrived)
            self._shelf.add(history)
            self._pending[history.number] = history
        for reader in self._readers:
            reader(history, arrived)
        return history

    def append(self, history: History, event: Event) -> None:
        """Enter the next event of a request."""
        history.events.append(event)
        if isinstance(event, BodyRead):
            history.uncounted = event.size  # counts with the event that follows at once: one lock
        else:
            if isinstance(event, Finished):
                self._pending.pop(history.number, None)
                size = history.uncounted
            else:
                size = history.uncounted + event.size
            if size:
                history.uncounted = 0
                with self._lock:
                    self._shelf.grow(history, size)
        for reader in self._readers:
            reader(history, event)

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Entries of a namespace, or all, oldest first."""
        return [history.entry() for history in self.histories(namespace)]

    def histories(self, namespace: str | None = None) -> list[History]:
        """Histories of a namespace, or all, oldest first."""
        with self._lock:
            return self._shelf.records(namespace)

    def is_pending(self, namespace: str | None = None) -> bool:
        """Whether an exchange is still under way, in a namespace or in any."""
        return any(
            history.kept and namespace in (None, history.namespace)
            for history in list(self._pending.values())
        )

    def clear(self, namespace: str | None = None) -> None:
        """Drop the histories of a namespace, or all."""
        with self._lock:
            self._shelf.clear(namespace)
            self.cleared = next(EVENTS)
        for on_clear in self._on_clear:
            on_clear(namespace)

    def dropped(self, namespace: str | None = None) -> int:
        """Number of histories dropped to make room since ``clear``, of a namespace or of all.

        If the exact number is no longer known, this is too high, never too low.
        """
        with self._lock:
            return self._shelf.went(namespace)

    def __len__(self) -> int:
        """Number of histories in the journal."""
        return len(self._shelf)

    @property
    def dropped_since_start(self) -> int:
        """Number of histories dropped to make room since the start, of all namespaces."""
        return self._shelf.dropped
