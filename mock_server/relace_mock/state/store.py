"""The interface of a store of states, whatever keeps them.

A store runs a change on the newest state of a namespace and keeps its result. If two are
made at once, one of them may run again on what the other left. So a change is a pure
function of what it is given: it must not write, draw, or look at a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from relace_mock.state.model import Counter, Default, State

Result = TypeVar("Result")


class Now(NamedTuple):
    """The moment of a change, as the store has it.

    ``time`` is the namespace's own: seconds since 1970, with what its clock and the common
    clock were moved.
    """

    time: float
    default: Default


#: From the newest values to those to keep, and what the caller of ``update`` gets.
Change = Callable[[State, Counter, Now], tuple[State, Counter, Result]]


class FullError(Exception):
    """There is no room for another namespace: a test relies on every one that is kept."""


class Counts(NamedTuple):
    """How many namespaces are kept, and how many were dropped to make room.

    ``lost`` counts those that lost something that a test may have relied on.
    """

    kept: int
    evicted: int
    lost: int


class Glimpse(NamedTuple):
    """What a namespace holds, for those who only look.

    ``forgotten`` counts the bodies whose counters were dropped. ``lost``: something that a
    test may have relied on was dropped since the last reset.
    """

    state: State
    time: float
    forgotten: int
    lost: bool


class Store(Protocol):
    """States and counters by namespace. Safe to use from several threads."""

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        """Change the state of a namespace, and the counter of a body, in one step.

        ``body`` is the hash of one, or None for a change that is about no body. A namespace
        that is not kept yet is created. Raises ``FullError`` where there is no room for it.
        """

    def revise(self, name: str, body: bytes, change: Callable[[Counter], Counter]) -> None:
        """Change the counter of a body, if it is kept."""

    def time_of(self, name: str) -> tuple[float, float]:
        """Time in a namespace, in seconds since 1970, and by how many its clocks were moved."""

    def look(self, name: str) -> Glimpse:
        """What a namespace holds now; a fresh state if it is not kept. Changes nothing."""

    def forget(self, name: str) -> None:
        """Drop a namespace, and that anything of it was ever lost."""

    def default(self) -> Default:
        """What namespaces without a scenario of their own follow."""

    def update_default(self, change: Callable[[Default], Default]) -> Default:
        """Change the default in one step; gives what it then is."""

    def installed_size(self) -> int:
        """Bytes of all installed scenarios that are not in the library."""

    def names(self) -> list[str]:
        """The namespaces that are kept."""

    def counts(self) -> Counts:
        """How full the store is."""
