"""Keeps records of requests within bounds, and shares the room fairly between namespaces.

Two totals are bounded: the number of records and their bytes. When one is exceeded, the shelf drops
the oldest record of the namespace that holds most of it. So a client that never stops pushes out
its own records, not those of others. The shelf counts dropped records by namespace, because a
verdict must say when it did not see every request.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

_NAMES = 100_000  # namespaces whose number of dropped records is remembered


class Shelved(Protocol):
    """A record. ``size`` is in bytes; ``kept`` is false once the record was dropped."""

    number: int
    namespace: str
    size: int
    kept: bool


_Record = TypeVar("_Record", bound=Shelved)


_NUMBER, _BYTES = 0, 1  # the two amounts that are bounded


class _Holder(Generic[_Record]):
    """The records of one namespace, its two amounts, and an upper bound of each."""

    __slots__ = ("bounds", "held", "name", "records")

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: deque[_Record] = deque()
        self.held = [0, 0]
        self.bounds = [0, 0]


class Shelf(Generic[_Record]):
    """Records in order of arrival. Not safe to use from several threads: the caller locks.

    To find the namespace that holds most takes logarithmic time at worst. A heap has an upper bound
    for each namespace, and corrects the bound that comes to the top unless its amount is above all
    other bounds. So a namespace whose amount goes up and down below its bound costs nothing.
    """

    def __init__(self, size: int, byte_limit: int) -> None:
        self._size = size
        self._byte_limit = byte_limit
        self._count = 0
        self._holders: dict[str, _Holder[_Record]] = {}
        self._heaps: tuple[list[tuple[int, str]], ...] = ([], [])
        self._bytes = 0
        self._went: OrderedDict[str, int] = OrderedDict()
        self._went_of_forgotten = 0
        #: Records dropped to make room since the start, of all namespaces.
        self.dropped = 0

    def __len__(self) -> int:
        """Records that are kept."""
        return self._count

    def add(self, record: _Record) -> None:
        """Keep a record, the newest."""
        holder = self._holders.get(record.namespace)
        if holder is None:
            holder = self._holders[record.namespace] = _Holder(record.namespace)
        holder.records.append(record)
        self._count += 1
        number = holder.held[_NUMBER] = holder.held[_NUMBER] + 1
        if number > holder.bounds[_NUMBER]:
            self._raise_bound(holder, _NUMBER)
        self._hold(holder, record.size)
        if self._count > self._size:
            self._drop_oldest(self._most(_NUMBER))
        if self._bytes > self._byte_limit:
            self._shrink()

    def grow(self, record: _Record, size: int) -> None:
        """Count ``size`` more bytes of a record."""
        if record.kept:
            record.size += size
            self._hold(self._holders[record.namespace], size)
            if self._bytes > self._byte_limit:
                self._shrink()

    def _hold(self, holder: _Holder[_Record], size: int) -> None:
        self._bytes += size
        held = holder.held[_BYTES] = holder.held[_BYTES] + size
        if held > holder.bounds[_BYTES]:
            self._raise_bound(holder, _BYTES)

    def _shrink(self) -> None:
        while self._bytes > self._byte_limit:
            self._drop_oldest(self._most(_BYTES))

    def records(self, namespace: str | None = None) -> list[_Record]:
        """Records of a namespace, or all, oldest first."""
        if namespace is not None:
            holder = self._holders.get(namespace)
            return list(holder.records) if holder else []
        every = (holder.records for holder in self._holders.values())
        return list(heapq.merge(*every, key=lambda record: record.number))

    def went(self, namespace: str | None = None) -> int:
        """Number of records dropped to make room since ``clear``, of a namespace or of all.

        If the exact number is no longer known, this is too high, never too low.
        """
        if namespace is not None and namespace in self._went:
            return self._went[namespace]
        known = sum(self._went.values()) if namespace is None else 0
        return known + self._went_of_forgotten

    def clear(self, namespace: str | None = None) -> None:
        """Drop the records of a namespace, or all, and count dropped records from 0 again."""
        names: Iterable[str] = list(self._holders) if namespace is None else (namespace,)
        for name in names:
            holder = self._holders.pop(name, None)
            for record in holder.records if holder else ():
                self._take(record)
        if namespace is None:
            self._went.clear()
            self._went_of_forgotten = 0
        else:
            self._went.pop(namespace, None)

    def _raise_bound(self, holder: _Holder[_Record], amount: int) -> None:
        # Leave some room above the amount, so that a namespace that grows is not entered each time.
        holder.bounds[amount] = holder.held[amount] * 5 // 4
        heap = self._heaps[amount]
        heapq.heappush(heap, (-holder.bounds[amount], holder.name))
        if len(heap) > 64 + 4 * len(self._holders):  # most pairs are outdated
            heap[:] = [(-each.bounds[amount], each.name) for each in self._holders.values()]
            heapq.heapify(heap)

    def _most(self, amount: int) -> _Holder[_Record]:
        """The namespace that holds most of an amount; of equals, the first by name."""
        heap = self._heaps[amount]
        while True:
            bound, name = heap[0]
            holder = self._holders.get(name)
            if holder is None or holder.bounds[amount] != -bound:
                heapq.heappop(heap)  # outdated
                continue
            held = holder.held[amount]
            others = heap[1:3]  # the second largest bound is one of them
            if held == -bound or not others or held > -min(others)[0]:
                return holder
            holder.bounds[amount] = held
            heapq.heapreplace(heap, (-held, name))

    def _drop_oldest(self, holder: _Holder[_Record]) -> None:
        record = holder.records.popleft()
        holder.held[_NUMBER] -= 1
        holder.held[_BYTES] -= record.size
        self._take(record)
        if not holder.records:
            del self._holders[holder.name]
        self.dropped += 1
        self._went[holder.name] = self._went.get(holder.name, 0) + 1
        if len(self._went) > _NAMES:
            self._went_of_forgotten += self._went.popitem(last=False)[1]

    def _take(self, record: _Record) -> None:
        record.kept = False
        self._count -= 1
        self._bytes -= record.size
