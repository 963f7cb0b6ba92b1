"""The change that one request makes to the state of its namespace: scenario, quota, script.

Pure, so a store may run it again: (state, counter, now) to (state, counter, ruling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relace_mock import contract
from relace_mock.messages import EmbedRequest, Headers, Received, Replaying, Request
from relace_mock.refusals import Refusal, rate_limited, unknown_scenario
from relace_mock.scenario import engine, patterns
from relace_mock.scenario.engine import NOTHING, Decision
from relace_mock.scenario.library import Library
from relace_mock.scenario.matching import Inputs, Occasion, look_through
from relace_mock.scenario.selection import Wish, wish_of
from relace_mock.settings import Settings, parse_rate
from relace_mock.state import quota
from relace_mock.state.model import Counter, Default, State
from relace_mock.state.quota import Limit
from relace_mock.state.store import Change, Now

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario


# Bytes that can be searched within some hundredths of a second: those of a body times the rules.
_SEARCHED_AT_ONCE = 4_000_000
# A shorter body can be searched for the texts of every scenario: it has at most ``RULE_LIMIT`` rules.
_SHORT_BODY = 4000


def may_search(length: int) -> bool:
    """Whether a scenario could take long to search the inputs of a body of this length."""
    return patterns.in_use() or length > _SHORT_BODY


class Ruling(NamedTuple):
    """The decision about one request, made from the state of its namespace.

    ``outcome`` is the outcome before the script; it may be a refusal by the quota. ``preferred`` is
    a status that the request itself asked for. ``fields`` are the header fields of the quota.
    ``now`` is the namespace's time in seconds since 1970. ``attempt`` is None if none was counted.
    ``replaying`` is the recording that the key replays.
    """

    outcome: Request | Refusal
    decision: Decision = NOTHING
    preferred: int | None = None
    fields: Headers = ()
    now: float = 0.0
    chosen_by: str | None = None
    scenario: Scenario | None = None
    attempt: int | None = None
    replaying: Replaying | None = None


class Chosen(NamedTuple):
    """The scenario that answers: who chose it, and the scenario or the unknown name."""

    by: str | None = None
    scenario: Scenario | None = None
    unknown: str | None = None


_NO_SCENARIO = Chosen()


class Rules:
    """Makes the state change of each request. ``library`` has the scenarios known by name."""

    def __init__(self, settings: Settings, library: Library) -> None:
        self.library = library
        self._seed = settings.scenario_seed
        self._reset_form = settings.rate_limit_reset
        self._limit: Limit | None = None
        if settings.rate_limit:
            requests, per = parse_rate(settings.rate_limit)
            self._limit = Limit(requests, per, reset=settings.rate_limit_reset)

    def change(
        self,
        received: Received,
        outcome: Request | Refusal,
        body_hash: bytes,
        key: str | None,
        inputs: Inputs | None = None,
    ) -> Change[Ruling]:
        """The change that a request makes; ``outcome`` is what it would get without any state."""
        wish = wish_of(received, key, contract.documented_statuses)
        before_scripts = isinstance(outcome, Refusal) and (
            not outcome.scriptable or outcome.status in (401, 404)
        )

        # A key that names its scenario does not follow the server's default.
        by_key = wish is not None and wish.by == "key"

        def change(state: State, counter: Counter, now: Now) -> tuple[State, Counter, Ruling]:
            if state.names_its_own is not by_key:
                state = state._replace(names_its_own=by_key)
            by, scenario, unknown = self.chosen(wish, state, now.default)
            if unknown is not None and not before_scripts:
                refusal = unknown_scenario(self.library.unknown(unknown))
                state, _, fields = self._charge(state, None, refusal, now.time)
                return state, counter, Ruling(refusal, fields=fields, chosen_by=by)
            asked = outcome
            if scenario and scenario.dimensions and isinstance(asked, EmbedRequest):
                asked = asked._replace(dimensions=scenario.dimensions)
            preferred = wish.status if wish else None
            state, so_far, fields = self._charge(
                state, scenario, asked, now.time, is_free=preferred is not None
            )
            if isinstance(so_far, Refusal) and not so_far.scriptable:
                return state, counter, Ruling(so_far, NOTHING, None, fields, now.time, by, scenario)
            if preferred is not None:  # RFC 7240: for this one answer, so no attempt is counted
                if isinstance(so_far, Refusal):
                    preferred = None
                ruling = Ruling(so_far, NOTHING, preferred, fields, now.time, by, scenario)
                return state, counter, ruling._replace(replaying=state.replaying)
            counter = counter.counted(state)
            decision = NOTHING
            if scenario is not None:
                occasion = Occasion(
                    received,
                    None if isinstance(outcome, Refusal) else outcome,
                    so_far.status if isinstance(so_far, Refusal) else 200,
                    counter.attempts,
                    counter.arrivals,
                    body_hash,
                    inputs,
                )
                before = state.position(scenario.digest) or engine.start(scenario)
                position, decision = engine.decide(scenario, before, occasion, self._seed)
                if position is not before:
                    state = state.moved(scenario.digest, position)
            ruling = Ruling(
                so_far,
                decision,
                None,
                fields,
                now.time,
                by,
                scenario,
                counter.attempts,
                state.replaying,
            )
            return state, counter, ruling

        return change

    def searches(
        self, received: Received, length: int, key: str | None, state: State, default: Default
    ) -> bool:
        """Whether the scenario searches the inputs for so long that other requests would wait."""
        wish = wish_of(received, key, contract.documented_statuses)
        scenario = self.chosen(wish, state, default).scenario
        if scenario is None:
            return False
        long = length * len(scenario.rules) > _SEARCHED_AT_ONCE
        return scenario.has_patterns or (long and scenario.looks_into_inputs)

    def looked_through(
        self,
        received: Received,
        outcome: Request | Refusal,
        key: str | None,
        state: State,
        default: Default,
    ) -> Inputs | None:
        """Search the inputs of a request before the store locks its namespace.

        The state may change before the store runs the change. Then the change itself searches.
        """
        if isinstance(outcome, Refusal):
            return None
        inputs = Inputs(outcome.searched)
        wish = wish_of(received, key, contract.documented_statuses)
        scenario = self.chosen(wish, state, default).scenario
        if scenario is not None and scenario.looks_into_inputs:
            look_through(scenario.rules, received, outcome, inputs)
        return inputs

    def chosen(self, wish: Wish | None, state: State, default: Default) -> Chosen:
        """The scenario that answers a request with this wish."""
        if wish and wish.name is not None:
            scenario = self.library.get(wish.name)
            return Chosen(wish.by, scenario, None if scenario else wish.name)
        if wish and wish.status:
            return Chosen(wish.by)
        installed = state.installed or default.installed
        if installed is None:
            return _NO_SCENARIO
        scenario = installed.scenario or self.library.get(installed.name)
        by = "installed" if state.installed else "default"
        return Chosen(by, scenario, None if scenario else installed.name)

    def _charge(
        self,
        state: State,
        scenario: Scenario | None,
        outcome: Request | Refusal,
        now: float,
        *,
        is_free: bool = False,
    ) -> tuple[State, Request | Refusal, Headers]:
        """Count a request against the scenario's quota or the server's; a refusal costs nothing."""
        limit = self._limit
        if scenario and (given := scenario.rate_limit):
            form = given.reset or self._reset_form
            limit = Limit(given.requests, given.per, given.retry_after, form)
        if limit is None:
            return state, outcome, ()
        cost = 0 if is_free or isinstance(outcome, Refusal) else 1
        spent, stands = quota.charge(state.spent, limit, now, cost)
        if stands.exceeded:
            outcome = rate_limited(limit.requests, limit.per)
        return state._replace(spent=spent), outcome, quota.headers(stands, now)
