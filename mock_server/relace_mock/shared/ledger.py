"""Enters requests into the shared store: two round trips before an answer, and one after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from relace_mock.clock import MONOTONIC, REAL
from relace_mock.journal.connections import EVENTS
from relace_mock.journal.entry import packed
from relace_mock.journal.events import Arrived, BodyRead, Decided, Event, Finished
from relace_mock.journal.journal import History
from relace_mock.messages import Received
from relace_mock.shared import records
from relace_mock.shared.database import Database, Seen
from relace_mock.shared.journal import SharedJournal
from relace_mock.shared.pulse import Pulse
from relace_mock.shared.store import Entered, RedisStore
from relace_mock.state.ledger import Outline
from relace_mock.state.model import Counter, State
from relace_mock.state.ruling import Ruling
from relace_mock.state.store import Change, Now, StoreError

_THREADS = 32
_TRIES = 3  # tries to complete a record whose number is not known


class SharedHistory(History):
    """A history, and how much of it the store has.

    ``is_sent`` says that the arrival was sent; ``number`` is 0 until the store has answered.
    ``late`` says that the body was not sent with it. ``told`` is the decision that the store has.
    ``success`` has the attempts, the story and the call of a success that was counted before it was
    delivered. ``given_up`` says that the client got another answer.
    """

    __slots__ = ("given_up", "is_sent", "late", "lock", "moved", "success", "told")

    def __init__(self, arrived: Arrived) -> None:
        super().__init__(0, arrived)
        self.lock = threading.Lock()
        self.is_sent = False
        self.late = False
        self.given_up = False
        self.told: Decided | None = None
        self.moved = 0.0
        self.success: tuple[int, int, int] | None = None


class _Deciding:
    """The change of one request, with its entry in the journal. It may run several times."""

    def __init__(
        self,
        history: SharedHistory,
        change: Change[Ruling],
        outlined: Callable[[Ruling], Outline],
    ) -> None:
        self._history = history
        self._change = change
        self._outlined = outlined

    def change(self, state: State, counter: Counter, now: Now) -> tuple[State, Counter, Ruling]:
        history = self._history
        if history.given_up:  # the client has its answer: change nothing
            raise StoreError("the request was given up")
        history.moved = now.default.advanced + state.advanced
        state, counter, ruling = self._change(state, counter, now)
        outline = self._outlined(ruling)
        history.told, history.success = outline.decided, None
        if outline.succeeds and ruling.attempt is not None:
            # Count it now: the client may send its next request before the end is entered.
            history.success = ruling.attempt, state.story, state.call
            counter = counter.succeeded()
        return state, counter, ruling

    def entered(self, _: Ruling) -> Entered:
        history, decided = self._history, self._history.told
        assert decided is not None
        return Entered(history.number, *_parts(history, decided))


class SharedLedger:
    """See ``Ledger``. ``complain`` gets a line when the store fails, and when it works again."""

    def __init__(
        self, database: Database, patience: float, complain: Callable[[str], None]
    ) -> None:
        self.threads = ThreadPoolExecutor(_THREADS, "relace-mock store")
        self._database = database
        self._pulse = Pulse(database, complain)
        self.store = RedisStore(database, patience)
        self.journal = SharedJournal(database, self._pulse.missing)

    def begin(self, head: Received, namespace: str, client: str) -> SharedHistory:
        """See ``Ledger``. The times are those of this process; the store has its own."""
        arrived = Arrived(
            namespace,
            client,
            head.method,
            head.path,
            head.query,
            packed(head.headers),
            REAL(),
            MONOTONIC(),
            0.0,
            next(EVENTS),
        )
        history = SharedHistory(arrived)
        for reader in self.journal.readers:
            reader(history, arrived)
        return history

    def arrive(self, history: History) -> None:
        """See ``Ledger``."""
        assert isinstance(history, SharedHistory)
        self.threads.submit(self._arrive, history)

    def decide(
        self,
        history: History,
        read: BodyRead,
        body: bytes,
        change: Change[Ruling],
        outlined: Callable[[Ruling], Outline],
    ) -> Ruling:
        """See ``Ledger``."""
        assert isinstance(history, SharedHistory)
        self._tell(history, read)
        deciding = _Deciding(history, change, outlined)
        name = history.namespace
        with self.store.locks.held(name), history.lock:
            try:
                seen = self._seen(history, body)
                return self.store.settle(name, body, seen, deciding.change, deciding.entered)
            except StoreError as error:
                self._pulse.failed(str(error))
                # They may or may not be in the store, so `finish` enters them again.
                history.told = history.success = None
                raise

    def give_up(self, history: History) -> None:
        """See ``Ledger``."""
        assert isinstance(history, SharedHistory)
        history.given_up = True

    def note(self, history: History, event: Event) -> None:
        """See ``Ledger``."""
        self._tell(history, event)
        if isinstance(event, Finished):
            self._later(history, b"", delivered=False)

    def finish(self, history: History, finished: Finished, body: bytes, *, delivered: bool) -> None:
        """See ``Ledger``."""
        self._tell(history, finished)
        self._later(history, body, delivered=delivered)

    def close(self) -> None:
        """See ``Ledger``."""
        self.threads.shutdown()
        self._pulse.close()
        self._database.close()

    def _tell(self, history: History, event: Event) -> None:
        history.events.append(event)
        for reader in self.journal.readers:
            reader(history, event)

    def _seen(self, history: SharedHistory, body: bytes) -> Seen:
        """Read the state, and enter the request if it was not entered when its head came."""
        if history.given_up:
            raise StoreError("the store did not answer the requests before this one in time")
        if history.is_sent:
            seen = self._database.look(history.namespace, body)
            return seen._replace(record=history.number)
        return self._database.seen(history.namespace, body, self._enter(history, body))

    def _enter(self, history: SharedHistory, body: bytes = b"") -> list[object]:
        """Enter a request into the journal; once, even if the reply is lost."""
        entry = history.entry()
        history.late = not entry.read.length
        read = b"" if history.late else records.body(entry)
        size = entry.arrived.size + entry.read.size
        history.is_sent = True
        self._pulse.unsure(history.namespace, 1)
        answer: list[object] = self._database.call(
            "arrive",
            history.namespace,
            body.hex(),
            records.arrival(entry),
            self._ticket(history),
            read,
            size,
        )
        self._pulse.unsure(history.namespace, -1)
        history.number = int(str(answer[7]))
        return answer

    def _ticket(self, history: SharedHistory) -> str:
        """An id by which the store finds the record of a request; unique among all replicas."""
        return f"{self._database.member}-{history.entry().arrived.came}"

    def _arrive(self, history: SharedHistory) -> None:
        with history.lock:
            if not history.is_sent:
                try:
                    self._enter(history)
                except StoreError as error:
                    self._pulse.failed(str(error))

    def _later(self, history: History, body: bytes, *, delivered: bool) -> None:
        assert isinstance(history, SharedHistory)
        self.threads.submit(self._finish, history, body, delivered=delivered)

    def _finish(self, history: SharedHistory, body: bytes, *, delivered: bool) -> None:
        """Complete the record of a request, and its counter; later if the store fails now."""
        with history.lock:
            try:
                if not history.is_sent:
                    self._enter(history)
                self._finished(history, body, delivered=delivered, tries=1)
            except StoreError as error:
                self._pulse.failed(str(error))
                self._pulse.later(
                    partial(self._finished, history, body, delivered=delivered, tries=2)
                )

    def _finished(
        self, history: SharedHistory, body: bytes, *, delivered: bool, tries: int
    ) -> None:
        """Complete a record. ``tries`` counts from 1; a later try may find it complete already."""
        entry = history.entry()
        told, decided = history.told, entry.decided
        is_new = told is None or decided._replace(tokens=None, sent=None) != told
        parts = _parts(history, decided) if is_new else (b"", b"", 0)
        change: tuple[str | int, ...] = ("", "", "")
        if history.success is not None and not delivered:
            change = history.success
        elif history.success is None and delivered:
            change = ("0", "", "")
        answer = self._database.call(
            "finish",
            history.namespace,
            body.hex(),
            history.number or "",
            self._ticket(history),
            "1" if tries > 1 else "0",
            *parts,
            entry.outcome,
            "" if decided.tokens is None else decided.tokens,
            *change,
        )
        if history.number:
            return
        # The reply to `arrive` was lost. Redis may even run `arrive` after this call.
        if answer != b"done" and tries < _TRIES:
            again = partial(self._finished, history, body, delivered=delivered, tries=tries + 1)
            self._pulse.later(again)
            return
        self._pulse.unsure(history.namespace, -1)
        if answer != b"done":
            self._pulse.missed(history.namespace)


def _parts(history: SharedHistory, decided: Decided) -> tuple[bytes, bytes, int]:
    """The parts of a record that a decision completes, and how many bytes they add."""
    entry = replace(history.entry(), decided=decided)
    late = history.late and entry.read.length > 0
    size = decided.size + (entry.read.size if late else 0)
    return records.body(entry) if late else b"", records.decision(entry, history.moved), size
