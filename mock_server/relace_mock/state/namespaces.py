"""The state of each API key: script position, attempts, quota, clock.

Bounded: the least recently used namespace goes first, and it is counted. Everything that
changes state is one call under one lock, so clients that arrive together see each step
of a script exactly once.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from relace_mock.clock import REAL, Clock
from relace_mock.scenario.engine import Position
from relace_mock.state.quota import Spent

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

#: The namespace of requests without a key.
ANONYMOUS = "anonymous"
_BODIES = 4096  # different bodies whose attempts a namespace counts
_REMEMBERED = 1024  # characters of a key whose hash is remembered, at most
_SCRIPTS = 64  # scenarios whose positions a namespace keeps
# Seconds that a clock can be moved in all, a thousand years: dates end with the year 9999.
_FURTHEST = 1000 * 365.25 * 86400
_Result = TypeVar("_Result")


def namespace_of(key: str | None) -> str:
    """The name of a key's namespace: a hash, as keys are never written."""
    if key is None:
        return ANONYMOUS
    return (_hash_of if len(key) <= _REMEMBERED else _hash_of.__wrapped__)(key)


@functools.lru_cache(256)
def _hash_of(key: str) -> str:
    return hashlib.sha256(b"relace-mock namespace " + key.encode()).hexdigest()[:16]


class Installed(NamedTuple):
    """A scenario that was installed: by its name in the library, or as it is."""

    name: str
    scenario: Scenario | None


@dataclass(slots=True)
class Counts:
    """How often one body came: since the last success, and in all."""

    attempts: int = 0
    arrivals: int = 0


@dataclass(slots=True)
class Namespace:
    """What one key's requests depend on. ``advanced`` is in seconds."""

    name: str
    installed: Installed | None = None
    names_its_own: bool = False
    positions: OrderedDict[str, Position] = field(default_factory=OrderedDict)
    bodies: OrderedDict[bytes, Counts] = field(default_factory=OrderedDict)
    forgotten: int = 0
    spent: Spent | None = None
    advanced: float = 0.0

    def count(self, body_hash: bytes) -> Counts:
        """Count a request with this body."""
        counts = self.bodies.get(body_hash)
        if counts is None:
            counts = self.bodies[body_hash] = Counts()
            if len(self.bodies) > _BODIES:
                self.bodies.popitem(last=False)
                self.forgotten += 1
        else:
            self.bodies.move_to_end(body_hash)
        counts.attempts += 1
        counts.arrivals += 1
        return counts

    def new_call(self) -> None:
        """Begin the attempts of every body anew."""
        for counts in self.bodies.values():
            counts.attempts = 0

    def moved(self, scenario: Scenario, position: Position) -> None:
        """Keep where a script stands."""
        self.positions[scenario.digest] = position
        self.positions.move_to_end(scenario.digest)
        if len(self.positions) > _SCRIPTS:
            self.positions.popitem(last=False)

    def reset(self) -> None:
        """Rewind, and the real time again."""
        self.rewind()
        self.advanced = 0.0

    def rewind(self) -> None:
        """Scripts, attempts and quota from the beginning; the clock goes on."""
        self.positions.clear()
        self.bodies.clear()
        self.spent = None


class Namespaces:
    """All namespaces, at most ``limit``, and the default that those without their own follow."""

    def __init__(self, limit: int, default: Installed | None, clock: Clock = REAL) -> None:
        self._limit = limit
        self._clock = clock
        self._kept: OrderedDict[str, Namespace] = OrderedDict()
        self._lock = threading.Lock()
        self._advanced = 0.0
        self.default = default
        self.evicted = 0

    def change(self, name: str, action: Callable[[Namespace], _Result]) -> _Result:
        """Do something with one namespace while no one else does."""
        with self._lock:
            namespace = self._kept.get(name)
            if namespace is None:
                namespace = self._kept[name] = Namespace(name)
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
                    self.evicted += 1
            else:
                self._kept.move_to_end(name)
            return action(namespace)

    def forget(self, name: str) -> None:
        """Drop a namespace with everything in it."""
        with self._lock:
            self._kept.pop(name, None)

    def now(self, namespace: Namespace) -> float:
        """The time there."""
        return self._clock() + self._advanced + namespace.advanced

    def time_of(self, name: str) -> tuple[float, float]:
        """Current time of a namespace, even if it does not exist yet, and how far it was moved."""
        namespace = self._kept.get(name)
        moved = self._advanced + (namespace.advanced if namespace else 0.0)
        return self._clock() + moved, moved

    def succeeded(self, name: str, body_hash: bytes) -> None:
        """Begin the attempts of a body anew, in a namespace that may be gone."""
        with self._lock:
            namespace = self._kept.get(name)
            counts = namespace.bodies.get(body_hash) if namespace else None
            if counts:
                counts.attempts = 0

    def install_default(self, installed: Installed | None) -> None:
        """What every key plays that has no scenario of its own, from its beginning."""
        with self._lock:
            self.default = installed
            for namespace in self._followers():
                namespace.rewind()

    def advance(self, name: str, seconds: float) -> float:
        """Move the clock of one namespace; gives the time there. Raises ``OverflowError``."""

        def move(namespace: Namespace) -> float:
            namespace.advanced = _moved(namespace.advanced, seconds)
            return self.now(namespace)

        return self.change(name, move)

    def advance_default(self, seconds: float) -> None:
        """Move every clock. Raises ``OverflowError``."""
        with self._lock:
            self._advanced = _moved(self._advanced, seconds)

    def reset_default(self) -> list[str]:
        """Rewind those that follow the default, and the common clock; tells which."""
        with self._lock:
            self._advanced = 0.0
            followers = self._followers()
            for namespace in followers:
                namespace.reset()
            return [namespace.name for namespace in followers]

    def reset_all(self) -> None:
        """Rewind every one, and every clock."""
        with self._lock:
            self._advanced = 0.0
            for namespace in self._kept.values():
                namespace.reset()

    def __len__(self) -> int:
        return len(self._kept)

    def _followers(self) -> list[Namespace]:
        return [
            namespace
            for namespace in self._kept.values()
            if namespace.installed is None and not namespace.names_its_own
        ]


def _moved(advanced: float, seconds: float) -> float:
    if advanced + seconds > _FURTHEST:
        raise OverflowError("a clock can be moved by a thousand years in all: reset it")
    return advanced + seconds
