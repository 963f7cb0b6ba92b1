"""The promises of every store, checked against a naive model."""

from __future__ import annotations

import concurrent.futures
import functools
import importlib
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from relace_mock.shared.database import Database, Limits
from relace_mock.shared.link import Link
from relace_mock.shared.store import RedisStore
from relace_mock.state.memory import MemoryStore
from relace_mock.state.model import (
    Counter,
    Default,
    Installed,
    State,
    with_default_installed,
    with_default_later,
    with_default_reset,
)
from relace_mock.state.quota import Spent
from relace_mock.state.store import Change, FullError, Now, Result, Store
from tests.redis_server import new_prefix, shared

NAMES = st.sampled_from(["a", "b", "c"])
BODIES = st.sampled_from([b"x", b"y"])
SECONDS = st.integers(1, 100)
SCENARIOS = st.sampled_from([Installed("one", None), Installed("two", None), None])


class Time:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Twice(MemoryStore):
    """A store that runs each change twice, as if it lost a race first."""

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        return super().update(name, body, run_twice(change))


class RedisTwice(RedisStore):
    """The same in Redis."""

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        return super().update(name, body, run_twice(change))


def run_twice(change: Change[Result]) -> Change[Result]:
    def run_again(state: State, counter: Counter, now: Now) -> tuple[State, Counter, Result]:
        change(state, counter, now)
        return change(state, counter, now)

    return run_again


Make = Callable[[int, float, Callable[[], float]], Store]


def in_memory(of: type[MemoryStore]) -> Make:
    return lambda limit, ttl, time: of(limit, ttl, Default(), clock=time, monotonic=time)


def in_redis(of: type[RedisStore]) -> Make:
    def make(limit: int, ttl: float, time: Callable[[], float]) -> Store:
        return of(database(new_prefix(), Limits(limit, ttl), time), 60)

    return make


def database(prefix: str, limits: Limits, time: Callable[[], float] | None = None) -> Database:
    return Database(link(), prefix, limits, Default(), {}, time)


@functools.cache
def link() -> Link:
    return Link(shared().url, 60)


STORES = {
    "memory": in_memory(MemoryStore),
    "memory, changes run twice": in_memory(Twice),
    "redis": in_redis(RedisStore),
    "redis, changes run twice": in_redis(RedisTwice),
}


def new_store(
    kind: str, *, limit: int = 100, ttl: float = 3600, time: Callable[[], float] | None = None
) -> Store:
    return STORES[kind](limit, ttl, time or Time())


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


# Changes like those of the pipeline and the control API.


def counted(state: State, counter: Counter, now: Now) -> tuple[State, Counter, Any]:
    """Count a request; return its attempt, its arrival and the time."""
    counter = counter.counted(state)
    return state, counter, (counter.attempts, counter.arrivals, now.time)


def stepped(state: State, counter: Counter, now: Now) -> tuple[State, Counter, int]:
    """Take the next step of a script with one rule; return its number."""
    (step,) = state.position("script") or (0,)
    return state.moved("script", (step + 1,)), counter, step


def spent(state: State, counter: Counter, now: Now) -> tuple[State, Counter, int]:
    """Spend one request of a quota per minute; return how much was spent before."""
    before = state.spent
    if before is None or now.time >= before.ends:
        before = Spent(now.time, now.time + 60, 0)
    after = Spent(before.since, before.ends, before.requests + 1)
    return state._replace(spent=after), counter, before.requests


def changed(to: Callable[[State], State]) -> Change[None]:
    return lambda state, counter, _: (to(state), counter, None)


@dataclass
class Model:
    """The expected content of one namespace, changed in place."""

    installed: Installed | None = None
    attempts: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    arrivals: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    steps: int = 0
    advanced: float = 0.0

    def rewind(self) -> None:
        self.attempts.clear()
        self.arrivals.clear()
        self.steps = 0

    def reset(self) -> None:
        self.rewind()
        self.advanced = 0.0


class StoreAgainstModel(RuleBasedStateMachine):
    """After any sequence of changes, the store agrees with the naive model."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.store = new_store(self.kind, time=self.time)
        self.models: dict[str, Model] = {}
        self.advanced = 0.0

    def model(self, name: str) -> Model:
        return self.models.setdefault(name, Model())

    def now(self, name: str) -> float:
        return self.time.now + self.advanced + self.models.get(name, Model()).advanced

    @rule(name=NAMES, body=BODIES)
    def request(self, name: str, body: bytes) -> None:
        model = self.model(name)
        model.attempts[body] += 1
        model.arrivals[body] += 1
        expected = (model.attempts[body], model.arrivals[body], self.now(name))
        assert self.store.update(name, body, counted) == expected

    @rule(name=NAMES)
    def step(self, name: str) -> None:
        model = self.model(name)
        assert self.store.update(name, None, stepped) == model.steps
        model.steps += 1

    @rule(name=NAMES, body=BODIES)
    def succeed(self, name: str, body: bytes) -> None:
        self.store.revise(name, body, Counter.succeeded)
        if name in self.models:
            self.models[name].attempts[body] = 0

    @rule(name=NAMES)
    def new_call(self, name: str) -> None:
        self.store.update(name, None, changed(State.with_new_call))
        self.model(name).attempts.clear()

    @rule(name=NAMES, installed=SCENARIOS)
    def install(self, name: str, installed: Installed | None) -> None:
        self.store.update(name, None, changed(lambda state: state.playing(installed)))
        self.model(name).rewind()
        self.model(name).installed = installed

    @rule(name=NAMES, seconds=SECONDS)
    def advance(self, name: str, seconds: int) -> None:
        self.store.update(name, None, changed(lambda state: state.later(seconds)))
        self.model(name).advanced += seconds

    @rule(name=NAMES)
    def reset(self, name: str) -> None:
        self.store.update(name, None, changed(State.reset))
        self.model(name).reset()

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        self.store.forget(name)
        self.models.pop(name, None)

    @rule(installed=SCENARIOS)
    def install_default(self, installed: Installed | None) -> None:
        self.store.update_default(lambda default: with_default_installed(default, installed))
        for model in self.models.values():
            if model.installed is None:
                model.rewind()

    @rule(seconds=SECONDS)
    def advance_default(self, seconds: int) -> None:
        self.store.update_default(lambda default: with_default_later(default, seconds))
        self.advanced += seconds

    @rule(everyone=st.booleans())
    def reset_default(self, everyone: bool) -> None:
        self.store.update_default(lambda default: with_default_reset(default, everyone=everyone))
        self.advanced = 0.0
        for model in self.models.values():
            if everyone or model.installed is None:
                model.reset()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.time.now += seconds

    @invariant()
    def agrees(self) -> None:
        assert set(self.store.names()) == set(self.models)
        for name in ("a", "b", "c"):
            seen, model = self.store.look(name), self.models.get(name, Model())
            assert (seen.state.position("script") or (0,)) == (model.steps,)
            assert seen.state.installed == model.installed
            assert seen.time == self.now(name)
            assert not seen.lost


class TwiceAgainstModel(StoreAgainstModel):
    """The same with a store that runs each change twice."""

    kind = "memory, changes run twice"


TestStore = StoreAgainstModel.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestStoreTwice = TwiceAgainstModel.TestCase
TestStoreTwice.settings = TestStore.settings


class RedisAgainstModel(StoreAgainstModel):
    """The same with a store in Redis."""

    kind = "redis"


TestRedisStore = RedisAgainstModel.TestCase
TestRedisStore.settings = TestStore.settings


def test_concurrent_requests_get_every_step_once(kind: str) -> None:
    store = new_store(kind)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        steps = list(pool.map(lambda _: store.update("a", None, stepped), range(400)))
    assert sorted(steps) == list(range(400))


def test_each_change_sees_the_state_that_earlier_changes_left(kind: str) -> None:
    changes: list[Change[Any]] = [
        counted,
        stepped,
        spent,
        changed(State.with_new_call),
    ]
    for order in itertools.permutations(changes):
        store = new_store(kind)
        for change in order:
            store.update("a", b"x", change)
        state = store.look("a").state
        assert (state.position("script"), state.call) == ((1,), 1)
        assert state.spent == Spent(1000.0, 1060.0, 1)


def test_a_change_that_raises_changes_nothing(kind: str) -> None:
    store = new_store(kind)
    store.update("a", None, stepped)
    with pytest.raises(OverflowError):
        store.update("a", None, changed(lambda state: state.later(1e12)))
    assert store.update("a", None, stepped) == 1


def test_look_creates_no_namespace(kind: str) -> None:
    store = new_store(kind)
    assert store.look("a").state == State()
    assert store.names() == []


def test_the_least_recently_used_namespace_is_evicted_first(kind: str) -> None:
    store = new_store(kind, limit=2)
    for name in ("a", "b", "a", "c"):
        store.update(name, b"x", counted)
    assert sorted(store.names()) == ["a", "c"]
    assert store.counts() == (2, 1, 0)
    assert not store.look("b").lost


PROTECTING: dict[str, Change[Any]] = {
    "an installed scenario": changed(lambda state: state.playing(Installed("ok", None))),
    "an open window": spent,
    "a moved clock": changed(lambda state: state.later(1)),
    "a script under way": stepped,
}


@pytest.mark.parametrize("reason", PROTECTING)
def test_a_namespace_that_a_test_relies_on_is_not_evicted(kind: str, reason: str) -> None:
    store = new_store(kind, limit=3)
    store.update("kept", None, PROTECTING[reason])
    for name in map(str, range(20)):
        store.update(name, b"x", counted)
    assert "kept" in store.names()
    assert store.counts().kept == 3


def test_a_store_is_full_when_tests_rely_on_all_namespaces(kind: str) -> None:
    time = Time()
    store = new_store(kind, limit=2, time=time)
    for name in ("a", "b"):
        store.update(name, None, stepped)
    with pytest.raises(FullError):
        store.update("c", None, counted)
    assert store.update("a", None, stepped) == 1
    store.forget("b")
    store.update("c", None, counted)


def test_a_namespace_idle_for_the_ttl_is_evicted_and_marked_as_lost(kind: str) -> None:
    time = Time()
    store = new_store(kind, limit=2, ttl=60, time=time)
    for name in ("a", "b"):
        store.update(name, None, stepped)
    time.now += 59
    store.update("b", None, stepped)
    time.now += 1
    store.update("c", None, counted)
    assert sorted(store.names()) == ["b", "c"]
    assert store.look("a").lost
    store.forget("b")
    assert store.update("a", None, stepped) == 0
    assert store.look("a").lost, "the namespace came back without its old state"
    store.update("a", None, changed(State.reset))
    assert not store.look("a").lost


def test_a_namespace_may_be_evicted_once_its_quota_window_is_over(kind: str) -> None:
    time = Time()
    store = new_store(kind, limit=2, time=time)
    for name in ("a", "b"):
        store.update(name, None, spent)
    time.now += 61
    store.update("c", None, counted)
    assert not store.look("a").lost
    assert store.counts() == (2, 1, 0)


def test_the_counters_of_a_namespace_are_bounded_and_dropped_ones_are_counted(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("state.memory", "shared.database"):
        assert importlib.import_module(f"relace_mock.{module}")._BODIES == 4096
        monkeypatch.setattr(f"relace_mock.{module}._BODIES", 64)
    store = new_store(kind)
    for number in range(80):
        body = b"%d" % number
        store.update("a", body, counted)
        store.revise("a", body, Counter.succeeded)
    seen = store.look("a")
    assert (seen.forgotten, seen.lost) == (80 - 64, False)
    for number in range(80, 160):
        store.update("a", b"%d" % number, counted)
    assert store.look("a").lost, "attempts of calls that had not succeeded were dropped"
