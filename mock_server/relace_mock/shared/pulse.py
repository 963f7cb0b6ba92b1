"""Signs of life of one replica, and lines about a store that fails."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable

from relace_mock.shared.database import BEAT, Database
from relace_mock.state.store import StoreError

_SOON = 0.25  # seconds until the next sign, if something waits for the store
_LATE = 10_000  # jobs that wait until the store works again; with more, the oldest are dropped
_NAMES = 10_000  # namespaces whose missed requests are counted apart


class Pulse:
    """A thread that tells the other replicas that this one is alive.

    ``complain`` gets a line when the store fails, and another when it works again.
    """

    def __init__(self, database: Database, complain: Callable[[str], None]) -> None:
        self._database = database
        self._complain = complain
        self._lock = threading.Lock()
        self._failing = False
        self._missed: Counter[str] = Counter()
        self._unsure: Counter[str] = Counter()
        self._late: deque[Callable[[], None]] = deque(maxlen=_LATE)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relace-mock pulse", daemon=True)
        self._thread.start()

    def failed(self, problem: str) -> None:
        """Write one line for the first of several failures."""
        with self._lock:
            before, self._failing = self._failing, True
        if not before:
            self._complain(f"relace-mock: {problem}; requests get 500 until it works again")

    def missed(self, name: str) -> None:
        """Count a request that the journal does not have."""
        with self._lock:
            known = name in self._missed or len(self._missed) < _NAMES
            self._missed[name if known else ""] += 1

    def unsure(self, name: str, count: int) -> None:
        """Count requests that the journal may or may not have."""
        with self._lock:
            self._unsure[name] += count
            if not self._unsure[name]:
                del self._unsure[name]

    def later(self, job: Callable[[], None]) -> None:
        """Do something once the store works again. It may raise ``StoreError`` again."""
        self._late.append(job)

    def missing(self, name: str | None) -> int:
        """Tell the store of the missed requests; return the number of unsure ones.

        Raises ``StoreError``.
        """
        self.tell_missed()
        with self._lock:
            return self._unsure.total() if name is None else self._unsure[name]

    def tell_missed(self) -> None:
        """Enter the number of missed requests into the store. Raises ``StoreError``."""
        while self._missed:
            with self._lock:
                if not self._missed:
                    return
                name, count = self._missed.popitem()
            try:
                self._database.call("missed", name, count)
            except StoreError:
                with self._lock:
                    self._missed[name] += count
                raise

    def close(self) -> None:
        """Stop, and tell the other replicas."""
        self._closing.set()
        self._thread.join()
        with contextlib.suppress(StoreError):
            self._database.leave()

    def _run(self) -> None:
        while not self._closing.wait(_SOON if self._failing or self._late else BEAT):
            try:
                self._database.beat()
                self.tell_missed()
                self._catch_up()
            except StoreError as error:
                self.failed(str(error))
                continue
            with self._lock:
                before, self._failing = self._failing, False
            if before:
                self._complain("relace-mock: the store works again")

    def _catch_up(self) -> None:
        for job in list(self._late):  # jobs that are added meanwhile wait until the next time
            job()
            with contextlib.suppress(ValueError):  # it was dropped, as many were added meanwhile
                self._late.remove(job)
