"""Keeps records of requests within bounds, and fairly between the namespaces.

Two totals are bounded, the number of records and their bytes. When one is full, the oldest
record of the namespace that holds most of it goes: a client that asks without end pushes out
its own past, not that of others. What went is counted by namespace, as a verdict on the rest
would not be a verdict on all.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

_NAMES = 100_000  # namespaces of which it is remembered how many records went


class Shelved(Protocol):
    """What a shelf keeps. ``size`` is in bytes; ``kept`` is false once the record went."""

    number: int
    namespace: str
    size: int
    kept: bool


_Record = TypeVar("_Record", bound=Shelved)


class _Holdings:
    """How much each namespace holds, and which holds most, in logarithmic time at worst.

    The heap has an upper bound for each namespace, which is corrected when it comes to the top.
    So a namespace whose amount goes up and down below its bound costs nothing.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._bounds: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def add(self, namespace: str, amount: int) -> None:
        held = self._held.get(namespace, 0) + amount
        if held <= 0:
            self._held.pop(namespace, None)
            self._bounds.pop(namespace, None)
            return
        self._held[namespace] = held
        if held > self._bounds.get(namespace, 0):
            self._set_bound(namespace, held)

    def most(self) -> str:
        while True:
            amount, namespace = self._heap[0]
            held = self._held.get(namespace)
            if held == -amount:
                return namespace
            heapq.heappop(self._heap)
            if held is not None and self._bounds[namespace] == -amount:
                self._set_bound(namespace, held)

    def _set_bound(self, namespace: str, bound: int) -> None:
        self._bounds[namespace] = bound
        heapq.heappush(self._heap, (-bound, namespace))
        if len(self._heap) > 64 + 4 * len(self._held):
            self._heap = [(-bound, name) for name, bound in self._bounds.items()]
            heapq.heapify(self._heap)


class Shelf(Generic[_Record]):
    """Records in the order they came. Not safe to use from several threads: its user locks."""

    def __init__(self, size: int, byte_limit: int) -> None:
        self._size = size
        self._byte_limit = byte_limit
        self._records: OrderedDict[int, _Record] = OrderedDict()
        self._of: dict[str, deque[_Record]] = {}
        self._numbers = _Holdings()
        self._bytes = _Holdings()
        self._bytes_in_all = 0
        self._went: OrderedDict[str, int] = OrderedDict()
        self._went_of_forgotten = 0
        #: Records that went, of all namespaces, since the beginning.
        self.dropped = 0

    def __len__(self) -> int:
        """Records that are kept."""
        return len(self._records)

    def add(self, record: _Record) -> None:
        """Keep a record, the newest."""
        self._records[record.number] = record
        self._of.setdefault(record.namespace, deque()).append(record)
        self._numbers.add(record.namespace, 1)
        self._count_bytes(record, record.size)
        self._shrink()

    def grow(self, record: _Record, size: int) -> None:
        """Count so many more bytes of a record."""
        if record.kept:
            record.size += size
            self._count_bytes(record, size)
            self._shrink()

    def records(self, namespace: str | None = None) -> list[_Record]:
        """Those of a namespace, or all, oldest first."""
        return list(self._records.values() if namespace is None else self._of.get(namespace, ()))

    def went(self, namespace: str | None = None) -> int:
        """How many records of a namespace went, or of all, since the last ``clear``.

        Where that is no longer known, this counts too many, never too few.
        """
        if namespace is not None and namespace in self._went:
            return self._went[namespace]
        known = sum(self._went.values()) if namespace is None else 0
        return known + self._went_of_forgotten

    def clear(self, namespace: str | None = None) -> None:
        """Drop those of a namespace, or all, and forget that any went."""
        names: Iterable[str] = list(self._of) if namespace is None else (namespace,)
        for name in names:
            for record in self._of.pop(name, ()):
                self._take(record)
        if namespace is None:
            self._went.clear()
            self._went_of_forgotten = 0
        else:
            self._went.pop(namespace, None)

    def _shrink(self) -> None:
        while len(self._records) > self._size:
            self._drop_oldest(self._numbers.most())
        while self._bytes_in_all > self._byte_limit:
            self._drop_oldest(self._bytes.most())

    def _drop_oldest(self, namespace: str) -> None:
        records = self._of[namespace]
        self._take(records.popleft())
        if not records:
            del self._of[namespace]
        self.dropped += 1
        self._went[namespace] = self._went.get(namespace, 0) + 1
        if len(self._went) > _NAMES:
            self._went_of_forgotten += self._went.popitem(last=False)[1]

    def _take(self, record: _Record) -> None:
        record.kept = False
        del self._records[record.number]
        self._numbers.add(record.namespace, -1)
        self._count_bytes(record, -record.size)

    def _count_bytes(self, record: _Record, size: int) -> None:
        self._bytes_in_all += size
        self._bytes.add(record.namespace, size)
