"""State, counters and the default as JSON, as the shared store keeps them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import orjson

from relace_mock.messages import Replaying
from relace_mock.scenario.limits import KEPT_LIMIT
from relace_mock.state.model import Counter, Default, Installed, Marks, State
from relace_mock.state.quota import Spent


class UnknownScenarioError(Exception):
    """The text of an installed scenario must be read first, with ``Scenarios.learn``."""


class Scenarios:
    """The installed scenarios that this process has read, by digest. Bounded by their size."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, Installed] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def find(self, digest: str) -> Installed:
        """Return a scenario. Raises ``UnknownScenarioError``."""
        with self._lock:
            if digest not in self._read:
                raise UnknownScenarioError(digest)
            self._read.move_to_end(digest)
            return self._read[digest]

    def learn(self, text: bytes) -> None:
        """Read the text of a scenario, which is valid: another process has read it before."""
        from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

        scenario = read(text, "scenario", "unnamed")
        self.keep(Installed(scenario.name, scenario, text))

    def keep(self, installed: Installed) -> None:
        """Remember a scenario that was installed here."""
        scenario = installed.scenario
        if scenario is None:
            return
        with self._lock:
            if scenario.digest in self._read:
                return
            self._read[scenario.digest] = installed
            self._size += scenario.size
            while self._size > KEPT_LIMIT and len(self._read) > 1:
                _, old = self._read.popitem(last=False)
                self._size -= old.scenario.size if old.scenario else 0


def encode_state(state: State) -> bytes:
    """Write a state, without the text of its scenario."""
    spent = state.spent
    return orjson.dumps(
        {
            "installed": _reference(state.installed),
            "names_its_own": state.names_its_own,
            "positions": state.positions,
            "spent": [spent.since, spent.ends, spent.requests] if spent else None,
            "advanced": state.advanced,
            "story": state.story,
            "call": state.call,
            "seen": list(state.seen),
            "replaying": state.replaying,
        }
    )


def decode_state(raw: bytes, scenarios: Scenarios) -> State:
    """Read a state. Raises ``UnknownScenarioError``."""
    fields = orjson.loads(raw)
    spent = fields["spent"]
    return State(
        _installed(fields["installed"], scenarios),
        fields["names_its_own"],
        tuple((digest, tuple(position)) for digest, position in fields["positions"]),
        Spent(*spent) if spent else None,
        fields["advanced"],
        fields["story"],
        fields["call"],
        Marks(*fields["seen"]),
        Replaying(*fields["replaying"]) if fields["replaying"] else None,
    )


def follows_default(raw: bytes) -> bool:
    """Whether a state follows the server's default."""
    fields = orjson.loads(raw)
    return fields["installed"] is None and not fields["names_its_own"]


def encode_default(default: Default) -> bytes:
    """Write the server's default, without the text of its scenario."""
    return orjson.dumps([_reference(default.installed), default.advanced, list(default.marks)])


def decode_default(raw: bytes, scenarios: Scenarios) -> Default:
    """Read the server's default. Raises ``UnknownScenarioError``."""
    installed, advanced, marks = orjson.loads(raw)
    return Default(_installed(installed, scenarios), advanced, Marks(*marks))


def encode_counter(counter: Counter) -> bytes:
    """Write the counter of a body."""
    return orjson.dumps(list(counter))


def decode_counter(raw: bytes) -> Counter:
    """Read the counter of a body."""
    return Counter(*orjson.loads(raw))


def _reference(installed: Installed | None) -> list[str | None] | None:
    if installed is None:
        return None
    return [installed.name, installed.scenario.digest if installed.scenario else None]


def _installed(reference: Any, scenarios: Scenarios) -> Installed | None:
    if reference is None:
        return None
    name, digest = reference
    return Installed(name, None) if digest is None else scenarios.find(digest)


def text_of(before: Installed | None, after: Installed | None) -> bytes:
    """The text to store for a new scenario; ``=`` if there is nothing to change."""
    if _reference(before) == _reference(after):
        return b"="
    return after.text if after and after.scenario else b""
