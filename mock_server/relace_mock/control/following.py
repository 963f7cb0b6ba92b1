"""Reads the journal of a running mock, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from relace_mock.control.connection import answered, over_a_socket

#: An entry, as the control API returns it.
Entry = dict[str, Any]
#: Takes the most entries to return. Returns the newest ones, oldest first, and the number dropped.
Fetch = Callable[[int | None], tuple[list[Entry], int]]


def journal_of(base_url: str, api_key: str | None, control_token: str | None) -> Fetch:
    """Return a function that reads the journal of a mock. It raises ``ServerError``.

    Without an API key it reads the requests of all keys.
    """
    send = over_a_socket(base_url)
    fields = {}
    if api_key is not None:
        fields["Authorization"] = f"Bearer {api_key}"
    if control_token is not None:
        fields["X-Mock-Control-Token"] = control_token

    def fetch(limit: int | None) -> tuple[list[Entry], int]:
        query = "" if limit is None else "?" + urlencode({"limit": limit})
        response = send("GET", f"/_mock/requests{query}", fields, b"")
        answer = answered(response, base_url)
        return answer["requests"], answer["dropped"]

    return fetch


class Follower:
    """Gives each entry of a journal once, when its exchange is over.

    It asks for the newest entries by their number, not by time: the clock of a key may be moved.
    Between two looks, the journal may be emptied, and the mock may be restarted.
    """

    def __init__(self, fetch: Fetch, *, all_keys: bool) -> None:
        self._fetch = fetch
        self._all_keys = all_keys
        self._newest = 0
        self._time: str | None = None
        self._pending: set[int] = set()
        #: Entries that were dropped before the last look could see them, if that is known.
        self.missed = 0
        #: Seconds that the last look took.
        self.took = 0.0

    def new(self) -> list[Entry]:
        """The entries whose exchanges are over since the last call. Raises ``ServerError``."""
        begun = time.monotonic()
        try:
            return self._look()
        finally:
            self.took = time.monotonic() - begun

    def _look(self) -> list[Entry]:
        self.missed = 0
        newest, _ = self._fetch(1)
        if not newest:
            self._pending.clear()
            return []
        number = newest[-1]["number"]
        if number < self._newest or (number == self._newest and newest[-1]["time"] != self._time):
            self._newest = 0  # another process: it counts from 1 again
            self._pending.clear()
        oldest = min([self._newest + 1, *self._pending])
        if oldest > number:
            return []
        entries, dropped = self._from(oldest, number - oldest + 1)
        wanted = [
            each
            for each in entries
            if each["number"] > self._newest or each["number"] in self._pending
        ]
        if self._all_keys and dropped and self._newest and entries:
            self.missed = max(0, entries[0]["number"] - self._newest - 1)
        self._pending = {each["number"] for each in wanted if each["outcome"] == "pending"}
        if entries:
            self._newest, self._time = entries[-1]["number"], entries[-1]["time"]
        return [each for each in wanted if each["outcome"] != "pending"]

    def _from(self, oldest: int, limit: int) -> tuple[list[Entry], int]:
        """The entries from a number on; further ones may arrive meanwhile."""
        while True:
            entries, dropped = self._fetch(limit)
            if len(entries) < limit or entries[0]["number"] <= oldest:
                return entries, dropped
            limit *= 2
