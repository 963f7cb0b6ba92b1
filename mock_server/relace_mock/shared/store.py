"""A store of states in Redis. A change is a compare-and-set: read, compute, write if unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from relace_mock.shared.codec import (
    encode_counter,
    encode_default,
    encode_state,
    follows_default,
    text_of,
)
from relace_mock.shared.database import Database, Seen
from relace_mock.shared.locks import Locks
from relace_mock.state.model import Counter, Default, State
from relace_mock.state.store import Change, Counts, FullError, Glimpse, Now, Result


class Entered(NamedTuple):
    """What a change adds to the journal: the number of a record, two parts, and their bytes."""

    record: int
    read: bytes
    decision: bytes
    size: int


_NOTHING = ("", b"", b"", 0)


class RedisStore:
    """See ``Store``."""

    def __init__(self, database: Database, patience: float) -> None:
        self._database = database
        self.locks = Locks(patience)

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        """See ``Store``."""
        with self.locks.held(name):
            seen = self._database.look(name, body)
            return self.settle(name, body, seen, change)

    def settle(
        self,
        name: str,
        body: bytes | None,
        seen: Seen,
        change: Change[Result],
        enter: Callable[[Result], Entered] | None = None,
    ) -> Result:
        """Apply a change to the state that was ``seen``, in one round trip.

        If the state has changed since, apply the change to the new state, in another round trip.
        The caller holds the lock of the namespace. ``enter`` gives the part of the journal that is
        written in the same step.
        """
        while True:
            now = Now(seen.wall + seen.default.advanced, seen.default)
            state = seen.state.caught_up(seen.default)
            now = now._replace(time=now.time + state.advanced)
            # The counters of an earlier story were dropped, or will be.
            changed, counter, result = change(state, seen.counter, now)
            entered = enter(result) if enter else _NOTHING
            answer = self._database.call(
                "settle",
                name,
                (body or b"").hex(),
                seen.raw_state,
                seen.raw_counter,
                encode_state(changed),
                encode_counter(counter) if counter != seen.counter else seen.raw_counter,
                _ends(changed, now),
                "1" if changed.story != seen.state.story else "0",
                text_of(seen.state.installed, changed.installed),
                *entered,
            )
            if answer == b"done":
                if changed.installed is not None:
                    self._database.scenarios.keep(changed.installed)
                return result
            if answer == b"full":
                raise FullError("all namespaces are in use")
            seen = self._database.seen(name, body, answer)._replace(record=seen.record)

    def revise(self, name: str, body: bytes, change: Callable[[Counter], Counter]) -> None:
        """See ``Store``."""
        seen = self._database.look(name, body)
        while seen.raw_counter:
            after = encode_counter(change(seen.counter))
            answer = self._database.call("revise", name, body.hex(), seen.raw_counter, after)
            if answer == b"done":
                return
            seen = self._database.look(name, body)

    def time_of(self, name: str) -> tuple[float, float]:
        """See ``Store``."""
        seen = self._database.look(name, None)
        moved = seen.default.advanced + seen.state.caught_up(seen.default).advanced
        return seen.wall + moved, moved

    def look(self, name: str) -> Glimpse:
        """See ``Store``."""
        seen = self._database.look(name, None)
        state = seen.state.caught_up(seen.default)
        same_story = seen.state.story == state.story
        return Glimpse(
            state,
            seen.wall + seen.default.advanced + state.advanced,
            seen.forgotten if same_story else 0,
            seen.lost and same_story,
        )

    def forget(self, name: str) -> None:
        """See ``Store``."""
        self._database.call("forget", name)

    def default(self) -> Default:
        """See ``Store``."""
        return self._database.default()[1]

    def update_default(self, change: Callable[[Default], Default]) -> Default:
        """See ``Store``."""
        while True:
            raw, before = self._database.default()
            after = change(before)
            everyone = after.marks.resets_of_all != before.marks.resets_of_all
            text = text_of(before.installed, after.installed)
            answer = self._database.call(
                "default", raw, encode_default(after), text, "1" if everyone else "0"
            )
            if answer == b"done":
                if after.installed is not None:
                    self._database.scenarios.keep(after.installed)
                return after

    def installed_size(self) -> int:
        """See ``Store``."""
        size: int = self._database.call("counts")[3]
        return size

    def names(self) -> list[str]:
        """See ``Store``."""
        keys = [self._database.common(part) for part in ("loose", "protected")]
        found = self._database.commands([("ZRANGE", key, "0", "-1") for key in keys])
        return [name.decode() for names in found for name in names]

    def followers(self) -> list[str]:
        """See ``Store``."""
        names = self.names()
        found = self._database.commands(
            [("HGET", self._database.key(name), "state") for name in names]
        )
        pairs = zip(names, found, strict=True)
        return [name for name, raw in pairs if raw is None or follows_default(raw)]

    def counts(self) -> Counts:
        """See ``Store``."""
        kept, evicted, lost, *_ = self._database.call("counts")
        return Counts(kept, evicted, lost)


def _ends(state: State, now: Now) -> str:
    """Until when a namespace may not be dropped, in microseconds of real time: see ``protect``."""
    if not state.is_protected(now.time):
        return ""
    if state.spent is None or state.is_protected(state.spent.ends):
        return "inf"
    moved = now.default.advanced + state.advanced
    return f"{(state.spent.ends - moved) * 1e6:.0f}"
