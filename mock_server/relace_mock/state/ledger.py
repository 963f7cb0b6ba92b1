"""The interface by which an exchange writes to journal and store, in memory or in a shared store.

A shared store makes fewer round trips than there are entries: it combines the arrival with reading
the state, and the decision with changing it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple, Protocol

from relace_mock.clock import MONOTONIC
from relace_mock.journal.connections import EVENTS, Connections
from relace_mock.journal.entry import packed
from relace_mock.journal.events import Arrived, BodyRead, Decided, Event, Finished
from relace_mock.journal.journal import Entries, History, Journal
from relace_mock.messages import Received
from relace_mock.state.model import Counter
from relace_mock.state.ruling import Ruling
from relace_mock.state.store import Change, Store


class Outline(NamedTuple):
    """An answer before its vectors are computed: what the journal says of it.

    ``succeeds`` says that it is a whole 2xx, sent at once.
    """

    decided: Decided
    succeeds: bool


class Ledger(Protocol):
    """Journal and store of a pipeline. Safe to use from several threads."""

    @property
    def store(self) -> Store:
        """The states of all namespaces."""

    @property
    def journal(self) -> Entries:
        """The journal of all namespaces."""

    @property
    def threads(self) -> Executor | None:
        """Threads that may wait for the network; None if no method does."""

    def begin(self, head: Received, namespace: str, client: str) -> History:
        """Begin the history of a request whose head has arrived. It never waits."""

    def arrive(self, history: History) -> None:
        """Enter a request whose body takes long to arrive. It never waits."""

    def decide(
        self,
        history: History,
        read: BodyRead,
        body: bytes,
        change: Change[Ruling],
        outlined: Callable[[Ruling], Outline],
    ) -> Ruling:
        """Enter a body, and make the change that its request makes.

        ``body`` is the hash that tells attempts apart.
        Raises ``FullError`` or ``StoreError``.
        """

    def give_up(self, history: History) -> None:
        """Note that ``decide`` took too long. It never waits."""

    def note(self, history: History, event: Event) -> None:
        """Enter another event. It never waits."""

    def finish(self, history: History, finished: Finished, body: bytes, *, delivered: bool) -> None:
        """Enter the end of an exchange. It never waits.

        ``delivered`` says that a counted attempt with this body got a whole 2xx.
        """

    def close(self) -> None:
        """Write what is left, and release all resources."""


class LocalLedger:
    """See ``Ledger``. Journal and store are in this process."""

    threads: Executor | None = None

    def __init__(self, store: Store, journal: Journal, connections: Connections) -> None:
        self.store = store
        self.journal: Journal = journal
        self._connections = connections

    def begin(self, head: Received, namespace: str, client: str) -> History:
        """See ``Ledger``."""
        time, moved = self.store.time_of(namespace)
        return self.journal.begin(
            Arrived(
                namespace,
                client,
                head.method,
                head.path,
                head.query,
                packed(head.headers),
                time,
                MONOTONIC(),
                moved,
                next(EVENTS),
                self._connections.find(client),
            )
        )

    def arrive(self, history: History) -> None:
        """See ``Ledger``."""

    def decide(
        self,
        history: History,
        read: BodyRead,
        body: bytes,
        change: Change[Ruling],
        outlined: Callable[[Ruling], Outline],  # noqa: ARG002 - `note` gets the decision
    ) -> Ruling:
        """See ``Ledger``."""
        self.journal.append(history, read)
        return self.store.update(history.namespace, body, change)

    def give_up(self, history: History) -> None:
        """See ``Ledger``."""

    def note(self, history: History, event: Event) -> None:
        """See ``Ledger``."""
        self.journal.append(history, event)

    def finish(self, history: History, finished: Finished, body: bytes, *, delivered: bool) -> None:
        """See ``Ledger``."""
        self.journal.append(history, finished)
        if delivered:
            self.store.revise(history.namespace, body, Counter.succeeded)

    def close(self) -> None:
        """See ``Ledger``."""
