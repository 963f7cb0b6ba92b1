"""The control API: scenarios, journal and clock, under ``/_mock/``.

``control.yaml`` describes it and holds the schemas. A request with a key acts on the namespace of
that key, and a request without a key on the server's default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from relace_mock import rendering
from relace_mock.control import effort, filters, naming, overview, page_files, paths
from relace_mock.control.checking import checked
from relace_mock.control.description import document, scenario_schema
from relace_mock.control.events import Events, Reader
from relace_mock.control.guard import Guard
from relace_mock.control.parameters import NO_KEY, BadRequestError, Subject, body_of, subject_of
from relace_mock.control.paths import PREFIX
from relace_mock.control.polling import PolledReader
from relace_mock.control.replaying import ReplayControl
from relace_mock.control.settling import pauses
from relace_mock.journal.redaction import of_request
from relace_mock.keys import ANONYMOUS
from relace_mock.messages import Received, Reply
from relace_mock.pipeline import Pipeline
from relace_mock.refusals import method_shown, out_of_room
from relace_mock.scenario.limits import KEPT_LIMIT, SIZE_LIMIT
from relace_mock.scenario.mistakes import ScenarioError
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
    from relace_mock.scenario.source import Node

#: The most bytes of a request body.
BODY_LIMIT = SIZE_LIMIT
_JSON = (b"content-type", b"application/json")
#: Header fields of an event stream.
STREAM = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    rendering.MARK,
)


class Control:
    """Answers control requests. Safe to use from several threads."""

    def __init__(self, pipeline: Pipeline, guard: Guard) -> None:
        self._pipeline = pipeline
        self._rules = pipeline.rules
        self._store = pipeline.store
        self._guard = guard
        self.waits = pipeline.ledger.threads is not None  # for the network
        self._events = Events(pipeline.journal)
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
            "events": {"GET": self._past_events},
            "verdict": {
                "GET": lambda asked: overview.verdict(pipeline, subject_of(asked).namespace)
            },
            "verdicts": {"GET": lambda _: overview.verdicts(pipeline)},
            "namespaces": {"GET": lambda _: overview.namespaces(pipeline)},
            "check": {"POST": lambda asked: of_request(asked).values(checked(asked.body))},
            "vectors": {"POST": self._compare},
            "trace": {"GET": self._trace},
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
            name = subject_of(received).namespace
        except BadRequestError:
            return  # `answer` will say what is wrong
        yield from pauses(seconds, lambda: self._pipeline.journal.is_pending(name))

    def is_short(self, received: Received) -> bool:
        """Whether ``answer`` takes so little time that an event loop can wait for it."""
        return not self.waits and effort.is_short(received, self._pipeline)

    def answer(self, received: Received) -> Reply:
        """The reply to a request whose path ``is_control``."""
        try:
            answer = self._route(received)(received)
        except (BadRequestError, ScenarioError, StoreError) as error:
            status, fields = getattr(error, "status", 500), getattr(error, "headers", ())
            status = 400 if isinstance(error, ScenarioError) else status
            return rendering.error(status, of_request(received).line(str(error)), fields)
        if isinstance(answer, Reply):
            return answer
        if answer is None:
            return Reply(204, (rendering.MARK,), ())
        return Reply(200, (_JSON, rendering.MARK), (orjson.dumps(answer),))

    def stream(self, received: Received) -> Reader | PolledReader | None:
        """A reader for ``GET /_mock/events``, for shells that can follow it; else None."""
        if received.method != "GET" or received.path != f"{PREFIX}events":
            return None
        try:
            self._route(received)
            return self._events.reader(received, subject_of(received).namespace)
        except BadRequestError:
            return None  # `answer` will say what is wrong

    def refuses(self, head: Received) -> bool:
        """Whether the head alone is reason to refuse a request, whatever its body."""
        try:
            self._route(head)
        except BadRequestError:
            return True
        return False

    def _route(self, received: Received) -> Callable[[Received], Any]:
        name = paths.name_in(received.path)
        page = page_files.file_for(name)
        methods = self._routes.get(name)
        if page is not None:
            methods = {"GET": lambda _: page_files.reply_with(page)}
        if methods is None:
            raise paths.unknown(name, self._routes)
        method = "GET" if received.method == "HEAD" else received.method
        if method not in methods:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            raise BadRequestError(
                f"{method_shown(received.method)} is not allowed here: use {allowed}",
                405,
                ((b"allow", allowed.encode()),),
            )
        public = ("health", "openapi.json", "scenario.schema.json")
        if page is None and name not in public:
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

    def _list(self, received: Received) -> dict[str, Any]:
        library = self._rules.library
        wanted = filters.name_in(received)
        if wanted is not None and library.get(wanted) is None:
            raise BadRequestError(library.unknown(wanted), 404)
        found = [(name, library.get(name)) for name in ([wanted] if wanted else library.names())]
        return {
            "scenarios": [
                {"name": name, "description": scenario.description}
                | ({"text": library.text_of(name)} if wanted else {})
                for name, scenario in found
                if scenario
            ]
        }

    def _show(self, received: Received) -> dict[str, Any]:
        playing = overview.playing(self._pipeline, subject_of(received))
        own = {part: playing[part] for part in ("name", "scenario")}  # of the client
        playing.update(of_request(received).values(own))
        return playing

    def _install(self, received: Received) -> dict[str, Any]:
        subject = subject_of(received)
        if subject.names:
            raise BadRequestError(
                "a key mock.NAME.anything always plays the scenario NAME: use another key", 409
            )
        installed = naming.without_key(self._installed(received.body), received)
        size = installed.scenario.size if installed.scenario else 0
        if size and self._store.installed_size() + size > KEPT_LIMIT:
            raise BadRequestError(
                f"the installed scenarios would have more than {KEPT_LIMIT} bytes in all: "
                "remove some with DELETE /_mock/scenario, or install one by its name",
                413,
            )
        self._play(subject, installed)
        return self._show(received)

    def _remove(self, received: Received) -> dict[str, Any]:
        self._play(subject_of(received), None)
        return self._show(received)

    def _play(self, subject: Subject, installed: Installed | None) -> None:
        if subject.namespace is None:
            self._store.update_default(lambda default: with_default_installed(default, installed))
        else:
            self._change(subject, lambda state: state.playing(installed))

    def _change(self, subject: Subject, change: Callable[[State], State]) -> float:
        """Change the state of a namespace, and return the time there."""
        try:
            return self._store.update(
                subject.name,
                None,
                lambda state, counter, now: (change(state), counter, now.time),
            )
        except FullError:
            refusal = out_of_room(self._pipeline.settings.max_namespaces)
            raise BadRequestError(refusal.detail, refusal.status) from None

    def _installed(self, body: bytes) -> Installed:
        from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played
        from relace_mock.scenario.source import parse  # noqa: PLC0415 - the same

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
        scenario = read(body, "scenario", "unnamed", self._pipeline.settings.dimensions)
        self._can_play(scenario)
        return Installed(scenario.name, scenario, body if self.waits else b"")

    def _can_play(self, scenario: Scenario) -> None:
        steps = [step for rule in scenario.rules for step in rule.steps]
        if problem := self._pipeline.answers.problem_with(steps):
            raise BadRequestError(problem)

    def _requests(self, received: Received) -> dict[str, Any]:
        name = subject_of(received).namespace
        journal = self._pipeline.journal
        entries = journal.entries(name)
        dropped = journal.dropped(name)
        entries = filters.chosen(entries, _filters(received))
        return {"requests": [entry.shown() for entry in entries], "dropped": dropped}

    def _compare(self, received: Received) -> dict[str, Any]:
        from relace_mock.control.neighbours import compared  # noqa: PLC0415 - seldom asked for

        return compared(self._pipeline, body_of(received, "Texts")["texts"])

    def _trace(self, received: Received) -> Reply:
        from relace_mock.control import trace  # noqa: PLC0415 - seldom asked for

        subject = subject_of(received)
        entries = (
            orjson.dumps(each.shown()) for each in self._pipeline.journal.entries(subject.namespace)
        )
        dropped = self._pipeline.journal.dropped(subject.namespace)
        return trace.reply(entries, dropped)

    def _past_events(self, received: Received) -> Reply:
        past = self._events.past(received, subject_of(received).namespace)
        return Reply(200, STREAM, (past,))

    def _clear(self, received: Received) -> None:
        self._pipeline.journal.clear(subject_of(received).namespace)

    def _advance(self, received: Received) -> dict[str, Any]:
        seconds = body_of(received, "Advance")["advance"]
        subject = subject_of(received)
        try:
            if subject.namespace is None:
                self._store.update_default(lambda default: with_default_later(default, seconds))
            else:
                self._change(subject, lambda state: state.later(seconds))
        except OverflowError as error:
            raise BadRequestError(str(error)) from None
        now, _ = self._store.time_of(subject.name)
        return {"now": datetime.fromtimestamp(now, UTC).isoformat()}

    def _reset(self, received: Received) -> None:
        everything = bool(received.body) and body_of(received, "Reset").get("all", False)
        subject = subject_of(received)
        journal = self._pipeline.journal
        if subject.namespace is not None and not everything:
            self._change(subject, State.reset)
            journal.clear(subject.namespace)
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
        name = subject_of(received).namespace
        if name is None:
            raise BadRequestError(NO_KEY)
        self._store.forget(name)
        self._pipeline.journal.clear(name)

    def _new_call(self, received: Received) -> None:
        self._change(subject_of(received), State.with_new_call)


def _filters(received: Received) -> dict[str, Any]:
    try:
        return filters.read(received.query)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
