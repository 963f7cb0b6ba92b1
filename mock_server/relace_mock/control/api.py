"""The control API: scenarios, journal and clock, under ``/_mock/``.

``control.yaml`` describes it and holds the schemas. A request acts on the namespace of its
own key; without one, on the server's default.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from relace_mock import rendering, yaml_loader
from relace_mock.auth import bearer_key
from relace_mock.control import filters
from relace_mock.control.guard import Guard
from relace_mock.control.settling import pauses
from relace_mock.messages import Headers, Received, Reply
from relace_mock.pipeline import Pipeline
from relace_mock.scenario import engine
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.selection import named_by
from relace_mock.scenario.source import SIZE_LIMIT, Node, parse
from relace_mock.state.namespaces import ANONYMOUS, Installed, Namespace, namespace_of
from relace_mock.version import __version__

PREFIX = "/_mock/"
#: Bytes of a body.
BODY_LIMIT = SIZE_LIMIT
_JSON = (b"content-type", b"application/json")


class _BadRequestError(Exception):
    """A control request that cannot be honoured."""

    def __init__(self, problem: str, status: int = 400, headers: Headers = ()) -> None:
        super().__init__(problem)
        self.status = status
        self.headers = headers


class Control:
    """Answers control requests. Safe to use from several threads."""

    def __init__(self, pipeline: Pipeline, guard: Guard) -> None:
        self._pipeline = pipeline
        self._script = pipeline.script
        self._guard = guard
        self._routes: dict[str, dict[str, Callable[[Received], Any]]] = {
            "health": {"GET": self._health},
            "openapi.json": {
                "GET": lambda received: document() | {"servers": [{"url": received.server_url}]}
            },
            "scenario.schema.json": {"GET": lambda _: _scenario_schema()},
            "scenarios": {"GET": self._list},
            "scenario": {"GET": self._show, "PUT": self._install, "DELETE": self._remove},
            "requests": {"GET": self._requests, "DELETE": self._clear},
            "verdict": {"GET": self._verdict},
            "clock": {"POST": self._advance},
            "reset": {"POST": self._reset},
            "namespace": {"DELETE": self._forget},
            "new-call": {"POST": self._new_call},
        }

    def pauses(self, received: Received) -> Iterator[float]:
        """Yield seconds to sleep before ``answer``, while the request waits for others."""
        try:
            if self._route(received) != self._requests:
                return
            seconds = _filters(received).get("settle", 0.0)
            key = _key(received)
        except _BadRequestError:
            return  # `answer` will say what is wrong
        name = namespace_of(key) if key else None
        yield from pauses(seconds, lambda: self._pipeline.journal.is_pending(name))

    def answer(self, received: Received) -> Reply:
        """The reply to a request whose path begins with ``PREFIX``."""
        try:
            answer = self._route(received)(received)
        except _BadRequestError as error:
            return rendering.error(error.status, str(error), error.headers)
        except ScenarioError as error:
            return rendering.error(400, str(error))
        if answer is None:
            return Reply(204, (rendering.MARK,), ())
        return Reply(200, (_JSON, rendering.MARK), (orjson.dumps(answer),))

    def refuses(self, head: Received) -> bool:
        """Whether a request is refused for its head, whatever body would follow."""
        try:
            self._route(head)
        except _BadRequestError:
            return True
        return False

    def _route(self, received: Received) -> Callable[[Received], Any]:
        methods = self._routes.get(received.path.removeprefix(PREFIX))
        if methods is None:
            known = ", ".join(PREFIX + name for name in self._routes)
            raise _BadRequestError(f"there is nothing here; there is {known}", 404)
        method = "GET" if received.method == "HEAD" else received.method
        if method not in methods:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            raise _BadRequestError(
                f"{received.method[:20]} is not allowed here: use {allowed}",
                405,
                ((b"allow", allowed.encode()),),
            )
        public = ("health", "openapi.json", "scenario.schema.json")
        if received.path.removeprefix(PREFIX) not in public:
            if problem := self._guard.problem(received):
                raise _BadRequestError(problem, 403)
            if received.length > BODY_LIMIT:
                raise _BadRequestError(
                    f"the body has {received.length} bytes; {BODY_LIMIT} are taken here", 413
                )
        return methods[method]

    def _health(self, _: Received) -> dict[str, Any]:
        settings = self._pipeline.settings
        journal, namespaces = self._pipeline.journal, self._script.namespaces
        return {
            "status": "ok",
            "version": __version__,
            "embedding": settings.embedding,
            "dimensions": settings.dimensions,
            "seed": settings.seed,
            "cache": self._pipeline.embedder.cache_state()._asdict(),
            "journal": {"entries": len(journal.entries()), "dropped": journal.dropped},
            "namespaces": {"kept": len(namespaces), "evicted": namespaces.evicted},
        }

    def _list(self, _: Received) -> dict[str, Any]:
        library = self._script.library
        found = [(name, library.get(name)) for name in library.names()]
        return {
            "scenarios": [
                {"name": name, "description": scenario.description}
                for name, scenario in found
                if scenario
            ]
        }

    def _show(self, received: Received) -> dict[str, Any]:
        key = _key(received)

        def show(namespace: Namespace) -> dict[str, Any]:
            by, scenario = self._script.playing(namespace, named_by(key))
            return {
                "chosen_by": by,
                "name": scenario.name if scenario else None,
                "scenario": scenario.source if scenario else None,
                "position": engine.shown(scenario, namespace.positions) if scenario else [],
                "forgotten": namespace.forgotten,
            }

        return self._script.namespaces.change(namespace_of(key), show)

    def _install(self, received: Received) -> dict[str, Any]:
        key = _key(received)
        if named_by(key):
            raise _BadRequestError(
                "this key names its scenario itself (mock.NAME.anything): use another key", 409
            )
        self._play(key, self._installed(received.body))
        return self._show(received)

    def _remove(self, received: Received) -> dict[str, Any]:
        self._play(_key(received), None)
        return self._show(received)

    def _play(self, key: str | None, installed: Installed | None) -> None:
        if key is None:
            self._script.namespaces.install_default(installed)
            return

        def play(namespace: Namespace) -> None:
            namespace.installed = installed
            namespace.rewind()

        self._script.namespaces.change(namespace_of(key), play)

    def _installed(self, body: bytes) -> Installed:
        parsed = parse(body, "scenario")
        node = parsed.top
        if not parsed.mistakes and isinstance(node.value, dict) and node.value.keys() == {"name"}:
            name: Node = node.value["name"]
            library = self._script.library
            if not isinstance(name.value, str):
                name.fail("must be a string, the name of a scenario")
            if library.get(name.value) is None:
                name.fail(library.unknown(name.value))
            return Installed(name.value, None)
        from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

        scenario = read(body, "scenario", "unnamed")
        return Installed(scenario.name, scenario)

    def _requests(self, received: Received) -> dict[str, Any]:
        key = _key(received)
        journal = self._pipeline.journal
        name = namespace_of(key) if key else None
        entries = journal.entries(name)
        dropped = journal.dropped_of(name)
        entries = filters.chosen(entries, _filters(received))
        return {"requests": [entry.shown() for entry in entries], "dropped": dropped}

    def _verdict(self, received: Received) -> dict[str, Any]:
        from relace_mock.control.verdict import judge  # noqa: PLC0415 - seldom asked for

        key = _key(received)
        name = namespace_of(key) if key else None
        journal = self._pipeline.journal
        entries = journal.entries(name)
        dropped = journal.dropped_of(name)  # asked for last: what went meanwhile, too
        verdict = judge(entries, dropped)
        return {
            "ok": verdict.ok,
            "complete": verdict.complete,
            "requests": verdict.requests,
            "findings": [asdict(finding) for finding in verdict.findings],
        }

    def _clear(self, received: Received) -> None:
        key = _key(received)
        self._pipeline.journal.clear(namespace_of(key) if key else None)

    def _advance(self, received: Received) -> dict[str, Any]:
        seconds = _body(received, "Advance")["advance"]
        key = _key(received)
        namespaces = self._script.namespaces
        try:
            if key is None:
                namespaces.advance_default(seconds)
                now, _ = namespaces.time_of(ANONYMOUS)
            else:
                now = namespaces.advance(namespace_of(key), seconds)
        except OverflowError as error:
            raise _BadRequestError(str(error)) from None
        return {"now": datetime.fromtimestamp(now, UTC).isoformat()}

    def _reset(self, received: Received) -> None:
        everything = bool(received.body) and _body(received, "Reset").get("all", False)
        key = _key(received)
        if everything:
            self._script.namespaces.reset_all()
            self._pipeline.journal.clear()
        elif key is None:
            for name in [*self._script.namespaces.reset_default(), ANONYMOUS]:
                self._pipeline.journal.clear(name)
        else:
            self._script.namespaces.change(namespace_of(key), Namespace.reset)
            self._pipeline.journal.clear(namespace_of(key))

    def _forget(self, received: Received) -> None:
        key = _key(received)
        if key is None:
            raise _BadRequestError("send the key of the namespace: Authorization: Bearer KEY")
        self._script.namespaces.forget(namespace_of(key))
        self._pipeline.journal.clear(namespace_of(key))

    def _new_call(self, received: Received) -> None:
        self._script.namespaces.change(namespace_of(_key(received)), Namespace.new_call)


@functools.cache
def document() -> dict[str, Any]:
    """The description of this API, with the schema of a scenario in it."""
    text = (Path(__file__).parent / "control.yaml").read_bytes()
    described: dict[str, Any] = yaml_loader.load(text)
    scenario = {key: value for key, value in _scenario_schema().items() if key != "$schema"}
    described["components"]["schemas"]["Scenario"] = scenario
    return described


def _scenario_schema() -> dict[str, Any]:
    from relace_mock.scenario.model import json_schema  # noqa: PLC0415 - loaded when a scenario is first played

    return json_schema()


def _key(received: Received) -> str | None:
    key = bearer_key(received)
    if key is None and received.header(b"authorization"):
        raise _BadRequestError("Authorization must be `Bearer KEY`, or not there")
    return key


def _body(received: Received, schema: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        raise _BadRequestError(f"the body is not JSON: {error}") from None
    try:
        _validator(schema).validate(body)
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the body"
        raise _BadRequestError(f"{where}: {error.message}") from None
    return body


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(document()["components"]["schemas"][schema])


def _filters(received: Received) -> dict[str, Any]:
    try:
        return filters.read(received.query)
    except ValueError as error:
        raise _BadRequestError(str(error)) from None
