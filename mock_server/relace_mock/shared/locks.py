"""One lock for each name that is in use."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from relace_mock.state.store import StoreError


class Locks:
    """Locks by name, so that requests of one process do not make each other repeat a change."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock of a name. Raises ``StoreError`` if others hold it for too long."""
        with self._guard:
            lock, users = self._locks.get(name) or (threading.Lock(), 0)
            self._locks[name] = lock, users + 1
        try:
            if not lock.acquire(timeout=self._patience):
                raise StoreError(
                    f"the store did not answer the requests before this one within "
                    f"{self._patience:g} s (--store-timeout)"
                )
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, users = self._locks[name]
                if users == 1:
                    del self._locks[name]
                else:
                    self._locks[name] = lock, users - 1
