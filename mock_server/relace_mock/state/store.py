"""The interface of a store of states, whatever its medium.

A store runs a change on the newest state of a namespace and keeps the result. If two changes run
at once, the store may run one of them again, on the result of the other. So a change must be a
pure function of its arguments: it must not write, draw random numbers, or read a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from relace_mock.state.model import Counter, Default, State

Result = TypeVar("Result")


class Now(NamedTuple):
    """Time and server default at the moment of a change.

    ``time`` is the namespace's time in seconds since 1970: the real time, plus the seconds that its
    own clock and the common clock were moved.
    """

    time: float
    default: Default


#: Takes the newest values. Returns the values to keep, and the result of ``update``.
Change = Callable[[State, Counter, Now], tuple[State, Counter, Result]]


class FullError(Exception):
    """No room for another namespace: all are protected, and none was idle for long enough."""


class StoreError(Exception):
    """A shared store cannot be used now. The message says why on one line, without an address.

    A change during which this was raised may or may not have been made.
    """


class Counts(NamedTuple):
    """How many namespaces are kept, and how many were dropped to make room.

    ``lost`` counts the namespaces that lost something a test may have relied on.
    """

    kept: int
    evicted: int
    lost: int


class Glimpse(NamedTuple):
    """A read-only view of a namespace.

    ``forgotten`` counts the bodies whose counters were dropped. ``lost`` says that something a test
    may have relied on was dropped since the last reset.
    """

    state: State
    time: float
    forgotten: int
    lost: bool


class Store(Protocol):
    """States and counters by namespace. Safe to use from several threads."""

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        """Change the state of a namespace, and the counter of a body, in one step.

        ``body`` is the hash of a request body, or None if the change concerns no body. A namespace
        that does not exist yet is created. Raises ``FullError`` if there is no room for it.
        """

    def revise(self, name: str, body: bytes, change: Callable[[Counter], Counter]) -> None:
        """Change the counter of a body, if it is kept."""

    def time_of(self, name: str) -> tuple[float, float]:
        """Time of a namespace in seconds since 1970, and how many seconds its clocks were moved."""

    def look(self, name: str) -> Glimpse:
        """View a namespace without a change; a fresh state if it does not exist."""

    def forget(self, name: str) -> None:
        """Drop a namespace, and the record that anything of it was lost."""

    def default(self) -> Default:
        """The server's default, which namespaces without a scenario of their own follow."""

    def update_default(self, change: Callable[[Default], Default]) -> Default:
        """Change the default in one step, and return the new one."""

    def installed_size(self) -> int:
        """Bytes of all installed scenarios that are not in the library."""

    def names(self) -> list[str]:
        """The names of all namespaces in the store."""

    def followers(self) -> list[str]:
        """The names of the namespaces that follow the server's default."""

    def counts(self) -> Counts:
        """How full the store is."""
