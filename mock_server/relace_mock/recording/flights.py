"""Texts that the upstream is being asked for: other requests for a text wait for that answer."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)


class Flights:
    """Which texts are on their way. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._landed: dict[Hashable, threading.Event] = {}

    def claim(self, keys: Sequence[_Key]) -> tuple[list[_Key], list[threading.Event]]:
        """Claim the keys that nobody has claimed. Returns them, and an event for each other key."""
        with self._lock:
            mine = [key for key in keys if key not in self._landed]
            others = [self._landed[key] for key in keys if key in self._landed]
            landed = threading.Event()
            self._landed.update(dict.fromkeys(mine, landed))
        return mine, others

    def release(self, keys: Sequence[Hashable]) -> None:
        """Wake up those who wait for these keys, which are recorded now, or have failed."""
        with self._lock:
            landed = {self._landed.pop(key) for key in keys}
        for each in landed:
            each.set()
