"""The shelf keeps the journal within its bounds, and is fair to each namespace."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.journal.shelf import Shelf


@dataclass
class Record:
    """A stand-in for an entry of the journal."""

    number: int
    namespace: str
    size: int = 10
    kept: bool = True


def filled(shelf: Shelf[Record], *groups: tuple[str, int]) -> Shelf[Record]:
    """Fill a shelf with groups of records; each group is a namespace and a number of records."""
    number = 0
    for namespace, count in groups:
        for _ in range(count):
            number += 1
            shelf.add(Record(number, namespace))
    return shelf


def numbers(shelf: Shelf[Record], namespace: str | None = None) -> list[int]:
    return [record.number for record in shelf.records(namespace)]


def test_a_busy_namespace_pushes_out_only_its_own_records() -> None:
    shelf = filled(Shelf(10, 10_000), ("quiet", 3), ("loud", 500))
    assert numbers(shelf, "quiet") == [1, 2, 3]
    assert numbers(shelf, "loud") == list(range(497, 504))
    assert (shelf.went("quiet"), shelf.went("loud"), shelf.went()) == (0, 493, 493)


def test_over_the_byte_limit_the_namespace_with_most_bytes_loses_records_first() -> None:
    shelf: Shelf[Record] = Shelf(100, 100)
    shelf.add(Record(1, "large", size=60))
    for number in range(2, 6):
        shelf.add(Record(number, "small"))
    shelf.add(Record(6, "small", size=15))
    assert numbers(shelf) == [2, 3, 4, 5, 6]
    assert shelf.went("large") == 1


def test_a_record_that_grows_past_the_byte_limit_is_dropped() -> None:
    shelf: Shelf[Record] = Shelf(100, 100)
    record = Record(1, "a")
    shelf.add(record)
    shelf.grow(record, 89)
    assert (len(shelf), record.kept) == (1, True)
    shelf.grow(record, 2)
    assert (len(shelf), record.kept) == (0, False)
    shelf.grow(record, 1000)
    assert shelf.went("a") == 1


def test_a_shelf_of_size_0_keeps_nothing_and_counts_what_it_dropped() -> None:
    shelf = filled(Shelf(0, 100), ("a", 3))
    assert (numbers(shelf), shelf.went("a")) == ([], 3)


@pytest.mark.parametrize("namespace", ["a", None])
def test_clear_also_clears_the_count_of_dropped_records(namespace: str | None) -> None:
    shelf = filled(Shelf(3, 1000), ("a", 5), ("b", 1))
    shelf.clear(namespace)
    assert (numbers(shelf, "a"), shelf.went("a")) == ([], 0)
    assert numbers(shelf) == ([6] if namespace else [])
    assert shelf.dropped == 3


@given(
    adds=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 30))),
    size=st.integers(0, 12),
    byte_limit=st.integers(0, 120),
)
def test_a_shelf_agrees_with_a_naive_one(
    adds: list[tuple[str, int]], size: int, byte_limit: int
) -> None:
    shelf: Shelf[Record] = Shelf(size, byte_limit)
    kept: list[Record] = []
    for number, (namespace, weight) in enumerate(adds):
        record = Record(number, namespace, weight)
        shelf.add(record)
        kept.append(Record(number, namespace, weight))
        while len(kept) > size or sum(each.size for each in kept) > byte_limit:
            by_number = len(kept) > size
            held = {
                each.namespace: sum(
                    1 if by_number else other.size
                    for other in kept
                    if other.namespace == each.namespace
                )
                for each in kept
            }
            most = min(held, key=lambda name: (-held[name], name))  # of equals, the first by name
            kept.remove(next(each for each in kept if each.namespace == most))
        assert [each.number for each in kept] == numbers(shelf)
