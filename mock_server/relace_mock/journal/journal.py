"""The events of every request, within bounds, in the order of arrival.

The only place where events are appended. Whoever wants to follow them subscribes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from relace_mock.journal.entry import Entry, folded
from relace_mock.journal.events import Arrived, Event, Finished
from relace_mock.journal.shelf import Shelf


class Record:
    """The events of one request. ``size`` is in bytes; ``kept`` is false once it was dropped."""

    __slots__ = ("events", "kept", "namespace", "number", "size")

    def __init__(self, number: int, arrived: Arrived) -> None:
        self.number = number
        self.namespace = arrived.namespace
        self.size = arrived.size
        self.kept = True
        self.events: list[Event] = [arrived]

    @property
    def is_pending(self) -> bool:
        """Whether the exchange is not over."""
        return not isinstance(self.events[-1], Finished)

    def entry(self) -> Entry:
        """The request as far as it has come."""
        return folded(self.number, tuple(self.events))


#: Is told of each event, on the thread where it happened: it must neither wait nor fail.
Reader = Callable[[Record, Event], None]


class Journal:
    """Records of requests, at most ``size`` of them and about ``byte_limit`` bytes.

    Safe to use from several threads.
    """

    def __init__(self, size: int, byte_limit: int) -> None:
        self._shelf: Shelf[Record] = Shelf(size, byte_limit)
        self._number = 0
        self._lock = threading.Lock()
        self._readers: tuple[Reader, ...] = ()

    def subscribe(self, reader: Reader) -> None:
        """Tell a reader of every event from now on."""
        self._readers += (reader,)

    def begin(self, arrived: Arrived) -> Record:
        """Enter a request whose head has come."""
        with self._lock:
            self._number += 1
            record = Record(self._number, arrived)
            self._shelf.add(record)
        for reader in self._readers:
            reader(record, arrived)
        return record

    def append(self, record: Record, event: Event) -> None:
        """Enter what happened next to a request."""
        with self._lock:
            record.events.append(event)
            if size := event.size:
                self._shelf.grow(record, size)
        for reader in self._readers:
            reader(record, event)

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Entries of a namespace, or all, oldest first."""
        with self._lock:
            records = self._shelf.records(namespace)
        return [record.entry() for record in records]

    def is_pending(self, namespace: str | None = None) -> bool:
        """Whether an exchange of a namespace, or any, is not over."""
        with self._lock:
            return any(record.is_pending for record in self._shelf.records(namespace))

    def clear(self, namespace: str | None = None) -> None:
        """Drop the records of a namespace, or all."""
        with self._lock:
            self._shelf.clear(namespace)

    def dropped(self, namespace: str | None = None) -> int:
        """How many records were dropped to make room, of a namespace or of all, since ``clear``.

        Where that is no longer known, this counts too many, never too few.
        """
        with self._lock:
            return self._shelf.went(namespace)

    def __len__(self) -> int:
        """Records that are kept."""
        return len(self._shelf)

    @property
    def dropped_since_start(self) -> int:
        """How many records were dropped to make room since the start, of all namespaces."""
        return self._shelf.dropped
