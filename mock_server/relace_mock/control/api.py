"""The control API: scenarios, journal and clock, under ``/_mock/``.

``control.yaml`` describes it and holds the schemas. A request with a key acts on the namespace of
that key, and a request without a key on the server's default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from relace_mock import rendering
from relace_mock.control import filters
from relace_mock.control.description import document, scenario_schema
from relace_mock.control.guard import Guard
from relace_mock.control.reading import BadRequestError, body_of, key_of
from relace_mock.control.replaying import ReplayControl
from relace_mock.control.settling import pauses
from relace_mock.keys import ANONYMOUS, namespace_of
from relace_mock.messages import Received, Reply
from relace_mock.pipeline import Pipeline
from relace_mock.refusals import out_of_room
from relace_mock.scenario import engine
from relace_mock.scenario.library import KEPT_LIMIT
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.selection import Wish, named_by
from relace_mock.scenario.source import SIZE_LIMIT, Node, parse
from relace_mock.state.model import (
    Installed,
    State,
    with_default_installed,
    with_default_later,
    with_default_reset,
)
from relace_mock.state.store import FullError, StoreError
from relace_mock.version import __version__

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

PREFIX = "/_mock/"
#: The most bytes of a request body.
BODY_LIMIT = SIZE_LIMIT
# The event loop itself answers requests of at most so many bytes, for at most so many entries.
_SHORT_BODY = 4096
_SHORT_JOURNAL = 50
_JSON = (b"content-type", b"application/json")


class Control:
    """Answers control requests. Safe to use from several threads."""

    def __init__(self, pipeline: Pipeline, guard: Guard) -> None:
        self._pipeline = pipeline
        self._rules = pipeline.rules
        self._store = pipeline.store
        self._guard = guard
        self.waits = pipeline.ledger.threads is not None  # for the network
        self._routes: dict[str, dict[str, Callable[[Received], Any]]] = {
            "health": {"GET": self._health},
            "openapi.json": {
                "GET": lambda received: document() | {"servers": [{"url": received.server_url}]}
            },
            "scenario.schema.json": {"GET": lambda _: scenario_schema()},
            "scenarios": {"GET": self._list},
            "scenario": {"GET": self._show, "PUT": self._install, "DELETE": self._remove},
            "recording": ReplayControl(pipeline, self._change).routes,
            "requests": {"GET": self._requests, "DELETE": self._clear},
            "verdict": {"GET": self._verdict},
            "clock": {"POST": self._advance},
            "reset": {"POST": self._reset},
            "namespace": {"DELETE": self._forget},
            "new-call": {"POST": self._new_call},
        }

    def pauses(self, received: Received) -> Iterator[float]:
        """Yield seconds to sleep before ``answer``, while ``settle`` waits for other requests."""
        try:
            if self._route(received) != self._requests:
                return
            seconds = _filters(received).get("settle", 0.0)
            key = key_of(received)
        except BadRequestError:
            return  # `answer` will say what is wrong
        name = namespace_of(key) if key else None
        yield from pauses(seconds, lambda: self._pipeline.journal.is_pending(name))

    def is_short(self, received: Received) -> bool:
        """Whether ``answer`` takes so little time that an event loop can wait for it."""
        if len(received.body) > _SHORT_BODY or self.waits:
            return False
        name = received.path.removeprefix(PREFIX)
        if name in ("requests", "verdict"):
            return len(self._pipeline.journal) <= _SHORT_JOURNAL
        return name not in ("openapi.json", "scenario.schema.json", "scenarios", "recording")

    def answer(self, received: Received) -> Reply:
        """The reply to a request whose path begins with ``PREFIX``."""
        try:
            answer = self._route(received)(received)
        except BadRequestError as error:
            return rendering.error(error.status, str(error), error.headers)
        except (ScenarioError, StoreError) as error:
            return rendering.error(400 if isinstance(error, ScenarioError) else 500, str(error))
        if answer is None:
            return Reply(204, (rendering.MARK,), ())
        return Reply(200, (_JSON, rendering.MARK), (orjson.dumps(answer),))

    def refuses(self, head: Received) -> bool:
        """Whether the head alone is reason to refuse a request, whatever its body."""
        try:
            self._route(head)
        except BadRequestError:
            return True
        return False

    def _route(self, received: Received) -> Callable[[Received], Any]:
        methods = self._routes.get(received.path.removeprefix(PREFIX))
        if methods is None:
            known = ", ".join(PREFIX + name for name in self._routes)
            raise BadRequestError(f"the control API has no such path: use one of {known}", 404)
        method = "GET" if received.method == "HEAD" else received.method
        if method not in methods:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            raise BadRequestError(
                f"{received.method[:20]} is not allowed here: use {allowed}",
                405,
                ((b"allow", allowed.encode()),),
            )
        public = ("health", "openapi.json", "scenario.schema.json")
        if received.path.removeprefix(PREFIX) not in public:
            if problem := self._guard.problem(received):
                raise BadRequestError(problem, 403)
            if received.length > BODY_LIMIT:
                raise BadRequestError(
                    f"the body has {received.length} bytes: send at most {BODY_LIMIT}", 413
                )
        return methods[method]

    def _health(self, _: Received) -> dict[str, Any]:
        settings = self._pipeline.settings
        journal, counts = self._pipeline.journal, self._store.counts()
        return {
            "status": "ok",
            "version": __version__,
            "embedding": settings.embedding,
            "dimensions": settings.dimensions,
            "seed": settings.seed,
            "cache": self._pipeline.answers.embedder.cache_state()._asdict(),
            "journal": {"entries": len(journal), "dropped": journal.dropped_since_start},
            "namespaces": {"kept": counts.kept, "evicted": counts.evicted},
        }

    def _list(self, _: Received) -> dict[str, Any]:
        library = self._rules.library
        found = [(name, library.get(name)) for name in library.names()]
        return {
            "scenarios": [
                {"name": name, "description": scenario.description}
                for name, scenario in found
                if scenario
            ]
        }

    def _show(self, received: Received) -> dict[str, Any]:
        key = key_of(received)
        named = named_by(key)
        held = self._store.look(namespace_of(key))
        wish = Wish("key", named) if named else None
        by, scenario, _ = self._rules.chosen(wish, held.state, self._store.default())
        positions = dict(held.state.positions)
        return {
            "chosen_by": by,
            "name": scenario.name if scenario else None,
            "scenario": scenario.source if scenario else None,
            "position": engine.shown(scenario, positions) if scenario else [],
            "forgotten": held.forgotten,
        }

    def _install(self, received: Received) -> dict[str, Any]:
        key = key_of(received)
        if named_by(key):
            raise BadRequestError(
                "a key mock.NAME.anything names its scenario itself: install with another key", 409
            )
        installed = self._installed(received.body)
        size = installed.scenario.size if installed.scenario else 0
        if size and self._store.installed_size() + size > KEPT_LIMIT:
            raise BadRequestError(
                f"the installed scenarios would have more than {KEPT_LIMIT} bytes in all: "
                "remove some with DELETE /_mock/scenario, or install one by its name",
                413,
            )
        self._play(key, installed)
        return self._show(received)

    def _remove(self, received: Received) -> dict[str, Any]:
        self._play(key_of(received), None)
        return self._show(received)

    def _play(self, key: str | None, installed: Installed | None) -> None:
        if key is None:
            self._store.update_default(lambda default: with_default_installed(default, installed))
        else:
            self._change(key, lambda state: state.playing(installed))

    def _change(self, key: str | None, change: Callable[[State], State]) -> float:
        """Change the state of a key's namespace, and return the time there."""
        try:
            return self._store.update(
                namespace_of(key),
                None,
                lambda state, counter, now: (change(state), counter, now.time),
            )
        except FullError:
            refusal = out_of_room(self._pipeline.settings.max_namespaces)
            raise BadRequestError(refusal.detail, refusal.status) from None

    def _installed(self, body: bytes) -> Installed:
        parsed = parse(body, "scenario")
        node = parsed.top
        if not parsed.mistakes and isinstance(node.value, dict) and node.value.keys() == {"name"}:
            name: Node = node.value["name"]
            library = self._rules.library
            if not isinstance(name.value, str):
                name.fail("must be a string, the name of a scenario")
            scenario = library.get(name.value)
            if scenario is None:
                name.fail(library.unknown(name.value))
            self._can_play(scenario)
            return Installed(name.value, None)
        from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

        scenario = read(body, "scenario", "unnamed", self._pipeline.settings.dimensions)
        self._can_play(scenario)
        return Installed(scenario.name, scenario, body if self.waits else b"")

    def _can_play(self, scenario: Scenario) -> None:
        steps = [step for rule in scenario.rules for step in rule.steps]
        if problem := self._pipeline.answers.problem_with(steps):
            raise BadRequestError(problem)

    def _requests(self, received: Received) -> dict[str, Any]:
        key = key_of(received)
        journal = self._pipeline.journal
        name = namespace_of(key) if key else None
        entries = journal.entries(name)
        dropped = journal.dropped(name)
        entries = filters.chosen(entries, _filters(received))
        return {"requests": [entry.shown() for entry in entries], "dropped": dropped}

    def _verdict(self, received: Received) -> dict[str, Any]:
        from relace_mock.control.verdict import judge  # noqa: PLC0415 - seldom asked for

        key = key_of(received)
        name = namespace_of(key) if key else None
        journal = self._pipeline.journal
        entries = journal.entries(name)
        dropped = journal.dropped(name)  # read last, so that it counts what was dropped meanwhile
        lost = self._store.look(name).lost if name else self._store.counts().lost > 0
        verdict = judge(entries, dropped, forgotten=lost)
        return {
            "ok": verdict.ok,
            "complete": verdict.complete,
            "requests": verdict.requests,
            "findings": [asdict(finding) for finding in verdict.findings],
        }

    def _clear(self, received: Received) -> None:
        key = key_of(received)
        self._pipeline.journal.clear(namespace_of(key) if key else None)

    def _advance(self, received: Received) -> dict[str, Any]:
        seconds = body_of(received, "Advance")["advance"]
        key = key_of(received)
        try:
            if key is None:
                self._store.update_default(lambda default: with_default_later(default, seconds))
            else:
                self._change(key, lambda state: state.later(seconds))
        except OverflowError as error:
            raise BadRequestError(str(error)) from None
        now, _ = self._store.time_of(namespace_of(key))
        return {"now": datetime.fromtimestamp(now, UTC).isoformat()}

    def _reset(self, received: Received) -> None:
        everything = bool(received.body) and body_of(received, "Reset").get("all", False)
        key = key_of(received)
        journal = self._pipeline.journal
        if key is not None and not everything:
            self._change(key, State.reset)
            journal.clear(namespace_of(key))
            return
        store = self._store
        followers = store.followers()
        store.update_default(lambda default: with_default_reset(default, everyone=everything))
        if everything:
            journal.clear()
        else:
            for name in (*followers, ANONYMOUS):
                journal.clear(name)

    def _forget(self, received: Received) -> None:
        key = key_of(received)
        if key is None:
            raise BadRequestError("no key: send that of the namespace, Authorization: Bearer KEY")
        self._store.forget(namespace_of(key))
        self._pipeline.journal.clear(namespace_of(key))

    def _new_call(self, received: Received) -> None:
        self._change(key_of(received), State.with_new_call)


def _filters(received: Received) -> dict[str, Any]:
    try:
        return filters.read(received.query)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
