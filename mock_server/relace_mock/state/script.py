"""The stages that have state: which scenario, its quota, its script.

All that one request changes is changed in one moment, under the lock of the namespaces.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from relace_mock import contract
from relace_mock.clock import Clock
from relace_mock.journal.journal import Entry
from relace_mock.messages import EmbedRequest, Headers, Received
from relace_mock.refusals import Refusal, rate_limited, unknown_scenario
from relace_mock.scenario import engine, patterns
from relace_mock.scenario.engine import NOTHING, Decision
from relace_mock.scenario.library import Library, names_a_file
from relace_mock.scenario.matching import Inputs, Occasion, look_through
from relace_mock.scenario.selection import Wish, wish_of
from relace_mock.settings import Settings, SettingsError, parse_rate
from relace_mock.state import quota
from relace_mock.state.namespaces import Installed, Namespace, Namespaces, namespace_of
from relace_mock.state.quota import Limit, Quota

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

# Bytes of a body that a thousand texts are looked for in within some hundredths of a second.
_SEARCHED_AT_ONCE = 64 * 1024


class Turn(NamedTuple):
    """What the state of a namespace decided about one request.

    ``outcome`` is the outcome so far, the quota's refusal included; ``preferred`` a status
    that the request asked for itself; ``fields`` the header fields of the quota.
    """

    outcome: EmbedRequest | Refusal
    decision: Decision = NOTHING
    preferred: int | None = None
    fields: Headers = ()
    now: float = 0.0


class Script:
    """Scenarios, namespaces and quotas. Safe to use from several threads."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.library, default = _open_library(settings)
        self.namespaces = Namespaces(settings.max_namespaces, default, clock)
        self._seed = settings.scenario_seed
        self._reset_form = settings.rate_limit_reset
        self._limit: Limit | None = None
        if settings.rate_limit:
            requests, per = parse_rate(settings.rate_limit)
            self._limit = Limit(requests, per, reset=settings.rate_limit_reset)

    def turn(
        self,
        received: Received,
        outcome: EmbedRequest | Refusal,
        entry: Entry,
        body_hash: bytes,
        key: str | None,
    ) -> Turn:
        """What a request gets; its namespace is the entry's, which is told who decided."""
        wish = wish_of(received, key, contract.documented_statuses())
        before_scripts = isinstance(outcome, Refusal) and (
            not outcome.scriptable or outcome.status in (401, 404)
        )

        inputs = self._looked_through(wish, received, outcome, entry.namespace)

        def take(namespace: Namespace) -> Turn:
            entry.chosen_by, scenario, unknown = self._chosen(wish, namespace)
            namespace.names_its_own = wish is not None and wish.by == "key"
            if unknown is not None and not before_scripts:
                refusal = unknown_scenario(self.library.unknown(unknown))
                now = self.namespaces.now(namespace)
                _, spent = self._charge(namespace, None, refusal, now)
                return Turn(refusal, fields=quota.headers(spent, now) if spent else ())
            entry.scenario = scenario
            now = self.namespaces.now(namespace)
            asked = outcome
            if scenario and scenario.dimensions and isinstance(asked, EmbedRequest):
                asked = asked._replace(dimensions=scenario.dimensions)
            so_far, spent = self._charge(namespace, scenario, asked, now)
            fields = quota.headers(spent, now) if spent else ()
            if isinstance(so_far, Refusal) and not so_far.scriptable:
                return Turn(so_far, fields=fields, now=now)
            if wish and wish.status:  # RFC 7240 asks for one answer; it leaves no trace
                preferred = wish.status if isinstance(so_far, EmbedRequest) else None
                return Turn(so_far, preferred=preferred, fields=fields, now=now)
            counts = namespace.count(body_hash)
            entry.attempt = counts.attempts
            if scenario is None:
                return Turn(so_far, fields=fields, now=now)
            request = outcome if isinstance(outcome, EmbedRequest) else None
            would_be = so_far.status if isinstance(so_far, Refusal) else 200
            occasion = Occasion(
                received, request, would_be, counts.attempts, counts.arrivals, body_hash, inputs
            )
            before = namespace.positions.get(scenario.digest) or engine.start(scenario)
            position, decision = engine.decide(scenario, before, occasion, self._seed)
            if position is not before:
                namespace.moved(scenario, position)
            return Turn(so_far, decision, fields=fields, now=now)

        return self.namespaces.change(entry.namespace, take)

    def searches(self, received: Received, key: str | None) -> bool:
        """Whether the scenario of a request searches its inputs for so long that others notice."""
        if not _may_search(received):
            return False
        wish = wish_of(received, key, contract.documented_statuses())
        scenario = self._likely(wish, namespace_of(key))
        if scenario is None:
            return False
        is_long = received.length > _SEARCHED_AT_ONCE
        return scenario.has_patterns or (is_long and scenario.looks_into_inputs)

    def _likely(self, wish: Wish | None, name: str) -> Scenario | None:
        """The scenario of a request, unless another is installed before it is its turn."""
        return self.namespaces.change(name, lambda namespace: self._chosen(wish, namespace)[1])

    def _looked_through(
        self, wish: Wish | None, received: Received, outcome: EmbedRequest | Refusal, name: str
    ) -> Inputs | None:
        """The inputs of a request, looked through before the namespaces are locked."""
        if isinstance(outcome, Refusal):
            return None
        inputs = Inputs(outcome.input)
        scenario = self._likely(wish, name) if _may_search(received) else None
        if scenario is not None and scenario.looks_into_inputs:
            look_through(scenario.rules, received, outcome, inputs)
        return inputs

    def made_up_fields(self, now: float) -> Headers:
        """The documented fields of a 429 that no quota stands behind."""
        return quota.made_up(now, self._reset_form)

    def playing(
        self, namespace: Namespace, named: str | None
    ) -> tuple[str | None, Scenario | None]:
        """Who chose what a namespace plays, header fields apart, and what that is.

        ``named`` is the name in the key itself.
        """
        by, scenario, _ = self._chosen(Wish("key", named) if named else None, namespace)
        return by, scenario

    def _chosen(
        self, wish: Wish | None, namespace: Namespace
    ) -> tuple[str | None, Scenario | None, str | None]:
        """Who chose, the scenario, and the name that there is not."""
        if wish and wish.name is not None:
            scenario = self.library.get(wish.name)
            return wish.by, scenario, None if scenario else wish.name
        if wish and wish.status:
            return wish.by, None, None
        installed = namespace.installed or self.namespaces.default
        by = "installed" if namespace.installed else "default"
        if installed is None:
            return None, None, None
        scenario = installed.scenario or self.library.get(installed.name)
        return by, scenario, None if scenario else installed.name

    def _charge(
        self,
        namespace: Namespace,
        scenario: Scenario | None,
        outcome: EmbedRequest | Refusal,
        now: float,
    ) -> tuple[EmbedRequest | Refusal, Quota | None]:
        """Spend of the quota, the scenario's or the server's; a refusal costs nothing."""
        limit = self._limit
        if scenario and (given := scenario.rate_limit):
            form = given.reset or self._reset_form
            limit = Limit(given.requests, given.per, given.retry_after, form)
        if limit is None:
            return outcome, None
        cost = 0 if isinstance(outcome, Refusal) else 1
        namespace.spent, state = quota.charge(namespace.spent, limit, now, cost)
        if state.exceeded:
            return rate_limited(limit.requests, limit.per), state
        return outcome, state


def _may_search(received: Received) -> bool:
    """Whether a scenario may search the inputs of a request for long."""
    return patterns.in_use() or received.length > _SEARCHED_AT_ONCE


def _open_library(settings: Settings) -> tuple[Library, Installed | None]:
    """The scenarios there are, and the server's default. Raises ``SettingsError``."""
    name = settings.scenario
    if name is not None and names_a_file(name):
        path = Path(name)
        library = Library(settings.scenarios, path)
        return library, Installed(library.name_of(path), None)
    library = Library(settings.scenarios)
    if name is None:
        return library, None
    if library.get(name) is None:
        raise SettingsError(library.unknown(name))
    return library, Installed(name, None)
