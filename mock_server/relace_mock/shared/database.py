"""Calls of the script in ``store.lua``, for one replica.

A replica joins the run of the others, or begins one. If Redis was emptied or replaced, the script
refuses every operation before it changes anything, and the replica joins again.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from relace_mock.clock import MONOTONIC
from relace_mock.settings import ServerError
from relace_mock.shared.codec import (
    Scenarios,
    UnknownScenarioError,
    decode_counter,
    decode_default,
    decode_state,
    encode_default,
    text_of,
)
from relace_mock.shared.link import Link
from relace_mock.state.model import Counter, Default, State
from relace_mock.state.store import StoreError

_ALIVE = 10.0  # seconds after its last sign of life until a replica counts as stopped
#: Seconds between two signs of life.
BEAT = 2.0
_TRIES = 5  # how often a scenario may be replaced while it is read
_NAMES = 100_000  # used namespaces that are remembered
_AT_ONCE = 1000  # names in one call
_BODIES = 4096  # bodies whose counters a namespace keeps


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a store. ``idle`` and ``ttl`` are in seconds."""

    namespaces: int
    idle: float
    records: int = 10_000
    size: int = 32_000_000
    ttl: float = 86_400.0


class Seen(NamedTuple):
    """What the store held at one moment. Times are in seconds."""

    raw_state: bytes
    raw_counter: bytes
    state: State
    counter: Counter
    default: Default
    wall: float
    steady: float
    forgotten: int
    lost: bool
    record: int


class Database:
    """The shared data of one run. Safe to use from several threads.

    ``settings`` are those in which all replicas must agree. ``clock`` replaces the time of Redis.
    """

    def __init__(
        self,
        link: Link,
        prefix: str,
        limits: Limits,
        default: Default,
        settings: dict[str, Any],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._link = link
        self._meta = f"{prefix}:meta"
        self._prefix = prefix
        self._clock = clock
        self._default = default
        self._settings = settings
        self.member = secrets.token_hex(8)
        self._joining = threading.Lock()
        self._guard = threading.Lock()
        self._used: OrderedDict[str, float] = OrderedDict()
        self._idle = limits.idle
        self.scenarios = Scenarios()
        if default.installed:
            self.scenarios.keep(default.installed)
        self._limits = json.dumps(
            {
                "namespaces": limits.namespaces,
                "idle": limits.idle * 1e6,
                "records": limits.records,
                "bytes": limits.size,
                "ttl": max(int(limits.ttl), 1),
                "bodies": _BODIES,
            }
        )
        self._run = ""
        self.join()

    def key(self, name: str, part: str = "") -> str:
        """The key of a part of a namespace; the hash tag keeps its keys together."""
        return f"{self._prefix}:{self._run}:{{{name}}}{part}"

    def common(self, part: str) -> str:
        """The key of something that all namespaces share."""
        return f"{self._prefix}:{self._run}:{part}"

    def join(self) -> None:
        """Join the run of the other replicas, or begin one.

        Raises ``ServerError`` if replicas with other settings are using the store.
        """
        before, self._run = self._run, secrets.token_hex(8)
        answer = self._call(
            "join",
            self.member,
            _ALIVE * 1e6,
            orjson.dumps(self._settings, option=orjson.OPT_SORT_KEYS),
            encode_default(self._default),
            text_of(None, self._default.installed).removeprefix(b"="),
            before,
        )
        if answer[0] == b"other":
            self._run = before
            raise ServerError(self._differences(orjson.loads(answer[1])))
        self._run = answer[1].decode()
        if before and before != self._run:
            self._tell_lost()

    def _tell_lost(self) -> None:
        """Mark the namespaces that this replica has used as lost: the old run is gone."""
        since = MONOTONIC() - self._idle
        lost = [name for name, used in list(self._used.items()) if used > since]
        for start in range(0, len(lost), _AT_ONCE):
            self._call("lost", *lost[start : start + _AT_ONCE])

    def call(self, operation: str, *arguments: str | bytes | float) -> Any:
        """Run an operation of the script. Raises ``StoreError``."""
        run = self._run
        if operation == "settle":
            self._use(str(arguments[0]))
        answer = self._call(operation, *arguments)
        if answer != b"strange":
            return answer
        with self._joining:
            if self._run == run:
                try:
                    self.join()
                except ServerError as error:
                    raise StoreError(str(error)) from None
        return self._call(operation, *arguments)

    def _use(self, name: str) -> None:
        with self._guard:
            self._used[name] = MONOTONIC()
            self._used.move_to_end(name)
            if len(self._used) > _NAMES:
                self._used.popitem(last=False)

    def look(self, name: str, body: bytes | None) -> Seen:
        """Read a namespace, and the counter of a body."""
        return self.seen(name, body, self.call("look", name, (body or b"").hex()))

    def seen(self, name: str, body: bytes | None, answer: list[Any]) -> Seen:
        """Read the answer of an operation.

        A scenario that this process has not read yet takes more round trips.
        """
        for _ in range(_TRIES):
            try:
                return self._decoded(answer)
            except UnknownScenarioError:
                for key in (self._meta, self.key(name)):
                    if text := self._link.command("HGET", key, "scenario"):
                        self.scenarios.learn(text)
                answer[:7] = self.call("look", name, (body or b"").hex())[:7]
        raise StoreError(
            "the store does not have the text of an installed scenario: install the scenario again"
        )

    def default(self) -> tuple[bytes, Default]:
        """Read the server's default."""
        seen = self.call("look", "", "")
        return seen[2], self.seen("", None, seen).default

    def command(self, *words: str) -> Any:
        """Run one command of Redis."""
        return self._link.command(*words)

    def commands(self, words: list[tuple[str, ...]]) -> list[Any]:
        """Run several commands of Redis in one round trip."""
        return self._link.commands(words)

    def close(self) -> None:
        """Close the connections."""
        self._link.close()

    def beat(self) -> None:
        """Tell the other replicas that this one is alive."""
        self.call("beat", self.member, _ALIVE * 1e6)

    def leave(self) -> None:
        """Tell the other replicas that this one stops."""
        self.call("leave", self.member)

    def _call(self, operation: str, *arguments: str | bytes | float) -> Any:
        given = "" if self._clock is None else f"{self._clock() * 1e6:.0f}"
        prefix = f"{self._prefix}:{self._run}:"
        return self._link.run(
            self._meta, self._run, prefix, self._limits, given, operation, *arguments
        )

    def _decoded(self, answer: list[Any]) -> Seen:
        raw_state, raw_counter, raw_default, wall, steady, forgotten, lost = answer[:7]
        default = decode_default(raw_default, self.scenarios)
        state = decode_state(raw_state, self.scenarios) if raw_state else State(seen=default.marks)
        return Seen(
            raw_state or b"",
            raw_counter or b"",
            state,
            decode_counter(raw_counter) if raw_counter else _NEW,
            default,
            float(wall) / 1e6,
            float(steady) / 1e6,
            int(forgotten or 0),
            bool(lost),
            answer[7] if len(answer) > 7 else 0,
        )

    def _differences(self, others: dict[str, Any]) -> str:
        mine = self._settings
        names = [name for name in mine if others.get(name) != mine[name]]
        named = ", ".join(
            f"{name} is {others.get(name)} there and {mine[name]} here" for name in names
        )
        return (
            f"other replicas use the store {self._link.shown} with other settings: {named}; "
            "start this one like them, or with another --store-prefix"
        )


_NEW = Counter()
