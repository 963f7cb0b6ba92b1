"""The events of every request, within bounds, in the order of arrival.

The only place where events are appended. Whoever wants to follow them subscribes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from relace_mock.journal.entry import Entry, folded
from relace_mock.journal.events import Arrived, Event, Finished
from relace_mock.journal.shelf import Shelf


class History:
    """The events of one request. ``size`` is in bytes; ``kept`` is false once it was dropped."""

    __slots__ = ("events", "kept", "namespace", "number", "size")

    def __init__(self, number: int, arrived: Arrived) -> None:
        self.number = number
        self.namespace = arrived.namespace
        self.size = arrived.size
        self.kept = True
        self.events: list[Event] = [arrived]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to the request."""
        return isinstance(self.events[-1], Finished)

    def entry(self) -> Entry:
        """The request as far as it has come."""
        return folded(self.number, tuple(self.events))


#: Is told of each event, on the thread where it happened: it must neither wait nor fail.
Reader = Callable[[History, Event], None]


class Journal:
    """Histories of requests, at most ``size`` of them and about ``byte_limit`` bytes.

    Safe to use from several threads.
    """

    def __init__(self, size: int, byte_limit: int) -> None:
        self._shelf: Shelf[History] = Shelf(size, byte_limit)
        self._number = 0
        self._lock = threading.Lock()
        self._readers: tuple[Reader, ...] = ()
        self._pending: dict[str, set[History]] = {}

    def subscribe(self, reader: Reader) -> None:
        """Tell a reader of every event from now on."""
        self._readers += (reader,)

    def begin(self, arrived: Arrived) -> History:
        """Enter a request whose head has come."""
        with self._lock:
            self._number += 1
            history = History(self._number, arrived)
            self._shelf.add(history)
            self._pending.setdefault(history.namespace, set()).add(history)
        for reader in self._readers:
            reader(history, arrived)
        return history

    def append(self, history: History, event: Event) -> None:
        """Enter what happened next to a request."""
        with self._lock:
            history.events.append(event)
            if history.is_over:
                self._discard(history)
            if size := event.size:
                self._shelf.grow(history, size)
        for reader in self._readers:
            reader(history, event)

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Entries of a namespace, or all, oldest first."""
        with self._lock:
            histories = self._shelf.records(namespace)
        return [history.entry() for history in histories]

    def is_pending(self, namespace: str | None = None) -> bool:
        """Whether an exchange of a namespace, or any, is not over."""
        with self._lock:
            if namespace is None:
                return any(map(_any_kept, self._pending.values()))
            return _any_kept(self._pending.get(namespace, ()))

    def _discard(self, history: History) -> None:
        pending = self._pending.get(history.namespace)
        if pending is not None:
            pending.discard(history)
            if not pending:
                del self._pending[history.namespace]

    def clear(self, namespace: str | None = None) -> None:
        """Drop the histories of a namespace, or all."""
        with self._lock:
            self._shelf.clear(namespace)

    def dropped(self, namespace: str | None = None) -> int:
        """How many histories were dropped to make room, of a namespace or of all, since ``clear``.

        Where that is no longer known, this counts too many, never too few.
        """
        with self._lock:
            return self._shelf.went(namespace)

    def __len__(self) -> int:
        """Histories that are kept."""
        return len(self._shelf)

    @property
    def dropped_since_start(self) -> int:
        """How many histories were dropped to make room since the start, of all namespaces."""
        return self._shelf.dropped


def _any_kept(histories: Iterable[History]) -> bool:
    """Whether the journal still has one of these."""
    return any(history.kept for history in histories)
