"""Any scenario, with requests in any order, against a model that plays scenarios naively.

The model turns a rule into the endless list of its answers. It does not know how chance is
drawn. Each draw tells it limits between which the number must lie, and it requires the same
number wherever seed, rule, body and count are the same.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from relace_mock.control.api import Control
from relace_mock.control.guard import Guard
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.settings import Settings

Json = dict[str, Any]
KEYS = ["rlc-one", "rlc-two"]
BODIES: dict[str, tuple[Json, int]] = {
    "single": ({"model": "m", "input": ["alone"]}, 200),
    "pair": ({"model": "m", "input": ["a", "needle b"]}, 200),
    "other model": ({"model": "n", "input": ["a", "b", "c"]}, 200),
    "binary": ({"model": "m", "input": ["a"], "output_dtype": "binary"}, 200),
    "invalid": ({"model": "m", "input": []}, 400),
}
# Bundled scenarios that requests choose by header, as their files define them.
BUNDLED: dict[str, Json] = {
    "server-error-once": {"steps": [{"status": 500}]},
    "rate-limited-twice": {"steps": [{"status": 429, "times": 2}]},
    "outage-then-recovery": {
        "steps": [
            {"fault": "reset", "times": 2},
            {"status": 500, "times": 3},
            {"status": 429},
            {"normal": True},
        ]
    },
}
HEADLESS = ("reset", "empty", "garbage", "hang")
UNHARMED = (None, "drip", "close_keep_alive")

_ACTIONS: list[Json] = [
    {"status": 500},
    {"status": 429},
    {"status": 401},
    {"status": 201, "body": {}},
    {"normal": True},
    {"fault": "reset"},
    {"fault": "truncate"},
    {"fault": "close_keep_alive"},
    {"mutate": "omit_usage"},
    {"mutate": "shuffle_results"},
]
actions = strategies.sampled_from(_ACTIONS)
conditions = strategies.fixed_dictionaries(
    {},
    optional={
        "would_be": strategies.sampled_from([200, 400, 429, [200, 400]]),
        "attempt": strategies.sampled_from([1, 2, [1, 3], [2, 4]]),
        "model": strategies.sampled_from(["m", "n"]),
        "output_dtype": strategies.sampled_from(["float", "binary"]),
        "min_inputs": strategies.integers(1, 3),
        "input_contains": strategies.sampled_from(["needle", "a"]),
        "input_matches": strategies.sampled_from(["^b", "e+d"]),
        "header": strategies.just({"X-Client": "eager"}),
    },
)


requests = strategies.tuples(
    strategies.sampled_from(KEYS),
    strategies.sampled_from(sorted(BODIES)),
    strategies.sampled_from([None, None, None, *BUNDLED]),
    strategies.booleans(),
    strategies.sampled_from([False, False, False, True]),
)


@strategies.composite
def scripts(draw: strategies.DrawFn) -> Json:
    """Draw steps, and whether they repeat."""
    steps = draw(strategies.lists(actions, min_size=1, max_size=3))
    told = [step | {"times": draw(strategies.integers(1, 3))} for step in steps]
    end = draw(strategies.sampled_from(["end", "repeat", "forever"]))
    if end == "forever":
        told[-1]["times"] = "forever"
    return {"steps": told} | ({"repeat": True} if end == "repeat" else {})


@strategies.composite
def scenarios(draw: strategies.DrawFn) -> Json:
    """Draw a scenario; a few are refused because a later rule is never reached."""
    scenario: Json = {"seed": draw(strategies.integers(0, 1))}
    if draw(strategies.booleans()):
        scenario["rate_limit"] = {"requests": draw(strategies.integers(1, 3)), "per": "60s"}
    if draw(strategies.booleans()):
        return scenario | draw(scripts())
    rules = []
    for _ in range(draw(strategies.integers(1, 3))):
        told = draw(scripts()) | {"when": draw(conditions)}
        if draw(strategies.booleans()):
            told["chance"] = draw(strategies.sampled_from([0.3, 0.5, 0.7]))
        rules.append(told)
    return scenario | {"rules": rules}


def answers(told: Json) -> Iterator[int | None]:
    """Yield the step number of each answer of a rule, endlessly; None is normal service."""
    while True:
        for number, step in enumerate(told["steps"]):
            times = step.get("times", 1)
            yield from itertools.repeat(number) if times == "forever" else [number] * times
        if not told.get("repeat"):
            yield from itertools.repeat(None)


class Script:
    """A rule as one key plays it: the answers to come, and how many of each were given."""

    def __init__(self, told: Json) -> None:
        self.coming = answers(told)
        self.next = next(self.coming)
        self.given = [0] * len(told["steps"])

    def give(self) -> None:
        if self.next is not None:
            self.given[self.next] += 1
        self.next = next(self.coming)


@dataclass
class Place:
    """The state of one key in the model."""

    own: Json | None = None
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    opened: float | None = None
    used: int = 0
    advanced: float = 0.0

    def rewind(self) -> None:
        self.scripts, self.attempts, self.arrivals = {}, {}, {}
        self.opened, self.used = None, 0


def rules_of(scenario: Json | None) -> list[Json]:
    if scenario is None:
        return []
    return (
        scenario["rules"]
        if "rules" in scenario
        else [{"when": {}} | scenario]
        if "steps" in scenario
        else []
    )


def matches(when: Json, body: Json | None, would_be: int, attempt: int, *, eager: bool) -> bool:
    """Whether a condition holds; ``body`` is None if it is not valid."""

    def among(wanted: Any, value: int) -> bool:
        return value in (wanted if isinstance(wanted, list) else [wanted])

    checks = [
        "would_be" not in when or among(when["would_be"], would_be),
        "attempt" not in when or among(when["attempt"], attempt),
        "header" not in when or eager,
    ]
    about = set(when) - {"would_be", "attempt", "header"}
    if body is None:
        return all(checks) and not about
    texts = body["input"]
    checks += [
        body["model"] == when.get("model", body["model"]),
        body.get("output_dtype", "float")
        == when.get("output_dtype", body.get("output_dtype", "float")),
        len(texts) >= when.get("min_inputs", 0),
        any(when.get("input_contains", "") in text for text in texts),
        "input_matches" not in when
        or any(
            text.startswith("b") if when["input_matches"] == "^b" else "eed" in text or "ed" in text
            for text in texts
        ),
    ]
    return all(checks)


class Plays(RuleBasedStateMachine):
    """Compare the pipeline and the control API, without a socket, with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_000_000.0
        self.pipeline = Pipeline(Settings(dimensions=8, embedding="hash"), lambda: self.time)
        self.api = Control(self.pipeline, Guard())
        self.places = {key: Place() for key in KEYS}
        self.default: Json | None = None
        self.common = 0.0
        self.draws: dict[tuple[Any, ...], tuple[float, float]] = {}

    def control(self, method: str, name: str, key: str | None, body: Any = None) -> tuple[int, Any]:
        fields = [(b"authorization", f"Bearer {key}".encode())] if key else []
        content = b"" if body is None else json.dumps(body).encode()
        reply = self.api.answer(Received(method, f"/_mock/{name}", fields, content, len(content)))
        return reply.status, json.loads(reply.body) if reply.body else None

    @initialize()
    def start(self) -> None:
        for key in KEYS:  # so that every key exists when a request changes all of them
            self.control("GET", "scenario", key)

    @rule(key=strategies.sampled_from(KEYS), scenario=scenarios())
    def install(self, key: str, scenario: Json) -> None:
        status, _ = self.control("PUT", "scenario", key, scenario)
        if status == 200:
            self.places[key].own = scenario
            self.places[key].rewind()

    @rule(key=strategies.sampled_from(KEYS))
    def remove(self, key: str) -> None:
        self.control("DELETE", "scenario", key)
        self.places[key].own = None
        self.places[key].rewind()

    @rule(scenario=scenarios())
    def install_default(self, scenario: Json) -> None:
        status, _ = self.control("PUT", "scenario", None, scenario)
        if status == 200:
            self.default = scenario
            for place in self.places.values():
                if place.own is None:
                    place.rewind()

    @rule(key=strategies.sampled_from(KEYS))
    def reset(self, key: str) -> None:
        self.control("POST", "reset", key)
        self.places[key].rewind()
        self.places[key].advanced = 0.0

    @rule()
    def reset_default(self) -> None:
        self.control("POST", "reset", None)
        self.common = 0.0
        for place in self.places.values():
            if place.own is None:
                place.rewind()
                place.advanced = 0.0

    @rule()
    def reset_all(self) -> None:
        self.control("POST", "reset", None, {"all": True})
        self.common = 0.0
        for place in self.places.values():
            place.rewind()
            place.advanced = 0.0

    @rule(key=strategies.sampled_from(KEYS))
    def new_call(self, key: str) -> None:
        self.control("POST", "new-call", key)
        self.places[key].attempts = {}

    @rule(key=strategies.sampled_from([*KEYS, None]), seconds=strategies.sampled_from([1, 59, 61]))
    def advance(self, key: str | None, seconds: int) -> None:
        self.control("POST", "clock", key, {"advance": seconds})
        if key is None:
            self.common += seconds
        else:
            self.places[key].advanced += seconds

    @rule(seconds=strategies.sampled_from([0.5, 30, 60]))
    def wait(self, seconds: float) -> None:
        self.time += seconds

    @rule(requests=strategies.lists(requests, min_size=1, max_size=12))
    def ask(self, requests: list[tuple[str, str, str | None, bool, bool]]) -> None:
        for key, name, chosen, eager, left in requests:
            self._ask(key, name, chosen, eager=eager, left=left)

    @rule(
        key=strategies.sampled_from(KEYS),
        name=strategies.sampled_from(sorted(BODIES)),
        count=strategies.integers(2, 8),
    )
    def insist(self, key: str, name: str, count: int) -> None:
        for _ in range(count):
            self._ask(key, name, None, eager=False, left=False)

    def _ask(self, key: str, name: str, chosen: str | None, *, eager: bool, left: bool) -> None:
        """Send one request, and compare its entry with the model."""
        body, natural = BODIES[name]
        fields = [
            (b"authorization", f"Bearer {key}".encode()),
            (b"content-type", b"application/json"),
        ]
        fields += [(b"x-client", b"eager")] if eager else []
        fields += [(b"x-mock-scenario", chosen.encode())] if chosen else []
        content = json.dumps(body).encode()
        received = Received("POST", "/v1/code/embed", fields, content, len(content))
        exchange = self.pipeline.handle(received, "model")
        exchange.read(content, len(content))
        answer = exchange.answer()
        exchange.finish(left=left)
        shown = self.pipeline.journal.entries()[-1].shown()

        place = self.places[key]
        scenario = BUNDLED[chosen] if chosen else place.own or self.default
        would_be = self._charge(place, scenario, natural)
        place.attempts[name] = place.attempts.get(name, 0) + 1
        place.arrivals[name] = place.arrivals.get(name, 0) + 1
        assert shown["attempt"] == place.attempts[name]
        valid = body if natural == 200 else None
        step = self._step(place, chosen, scenario, shown, name, valid, would_be, eager=eager)

        fault = step.get("fault")
        status = step.get("status", would_be)
        assert shown["status"] == (None if fault in HEADLESS else status)
        assert shown["fault"] == fault
        outcome = "faulted" if fault else "answered"
        if left:
            outcome = "client_aborted"
        elif not fault and "status" not in step and would_be != 200:
            outcome = "refused"
        assert shown["outcome"] == outcome
        if status == 429 and not fault:
            names = {field for field, _ in answer.reply.headers}
            assert {b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"} <= names
        if not left and fault in UNHARMED and 200 <= status < 300:
            place.attempts[name] = 0

    def _charge(self, place: Place, scenario: Json | None, natural: int) -> int:
        """Return the outcome before rules, quota included."""
        limit = (scenario or {}).get("rate_limit")
        if limit is None or natural != 200:
            return natural
        now = self.time + self.common + place.advanced
        if place.opened is None or not place.opened <= now < place.opened + 60:
            place.opened, place.used = now, 0
        if place.used >= limit["requests"]:
            return 429
        place.used += 1
        return 200

    def _step(
        self,
        place: Place,
        chosen: str | None,
        scenario: Json | None,
        shown: Json,
        name: str,
        body: Json | None,
        would_be: int,
        *,
        eager: bool,
    ) -> Json:
        """Return the step that the model expects, after comparing it with the entry; {} for none."""
        told = rules_of(scenario)
        identity = chosen or json.dumps(scenario)
        scripts = place.scripts.setdefault(identity, [Script(rule) for rule in told])
        for index, rule_ in enumerate(told):
            if not matches(
                rule_.get("when", {}), body, would_be, place.attempts[name], eager=eager
            ):
                continue
            if "chance" in rule_:
                arrivals = place.arrivals[name]
                missed = shown["rule"] is None or shown["rule"] > index
                self._learn(
                    (scenario or {}).get("seed", 0),
                    index,
                    name,
                    arrivals,
                    rule_["chance"],
                    missed=missed,
                )
                if missed:
                    continue
                number = next(itertools.islice(answers(rule_), arrivals - 1, None))
            else:
                number = scripts[index].next
            assert shown["rule"] == index
            step = {} if number is None else rule_["steps"][number]
            if "mutate" in step and not self._can_lie(step["mutate"], body, would_be):
                assert shown["not_applicable"] == (would_be == 200)
                assert shown["step"] is None
                return {}
            assert (shown["step"], shown["not_applicable"]) == (number, False)
            if "chance" not in rule_:
                scripts[index].give()
            return step
        assert (shown["rule"], shown["step"]) == (None, None)
        return {}

    def _can_lie(self, mutation: str, body: Json | None, would_be: int) -> bool:
        if body is None or would_be != 200:
            return False
        return mutation != "shuffle_results" or len(body["input"]) > 1

    def _learn(
        self, seed: int, index: int, name: str, arrivals: int, chance: float, *, missed: bool
    ) -> None:
        drawn = (seed, index, name, arrivals)
        low, high = self.draws.get(drawn, (0.0, 1.0))
        low, high = (max(low, chance), high) if missed else (low, min(high, chance))
        assert low < high, f"{drawn} gave two different numbers"
        self.draws[drawn] = low, high

    @invariant()
    def the_positions_shown_are_the_models(self) -> None:
        for key, place in self.places.items():
            scenario = place.own or self.default
            _, shown = self.control("GET", "scenario", key)
            assert (shown["scenario"] is None) == (scenario is None)
            if scenario is None:
                continue
            told = place.scripts.get(json.dumps(scenario)) or [
                Script(rule) for rule in rules_of(scenario)
            ]
            assert shown["position"] == [
                {
                    "rule": index,
                    "steps": [
                        {"given": given, "times": step.get("times", 1)}
                        for step, given in zip(rule_["steps"], script.given, strict=True)
                    ],
                }
                for index, (rule_, script) in enumerate(zip(rules_of(scenario), told, strict=True))
                if "chance" not in rule_
            ]


TestPlays = Plays.TestCase
TestPlays.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
