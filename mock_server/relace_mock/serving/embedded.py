"""The mock as a plain ASGI application, for any server and for ``httpx.ASGITransport``."""

from __future__ import annotations

import asyncio
import weakref
from typing import Unpack
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from relace_mock.control.guard import Guard, is_loopback
from relace_mock.keywords import SettingsKeywords, by_name, settings_from
from relace_mock.pipeline import Pipeline
from relace_mock.serving.app import create_app
from relace_mock.serving.plain import plain_wire_of
from relace_mock.settings import SettingsError


@by_name("PUT /_mock/scenario")
def app(**settings: Unpack[SettingsKeywords]) -> ASGIApp:
    """Return the mock as an ASGI application: endpoint, documents and control API.

    Any ASGI server can run it, alone or mounted in another application. Faults that need the
    socket (``reset``, ``empty``, ``garbage``, ``truncate``, ``malformed_chunk``,
    ``reset_mid_body``, ``close_keep_alive``) are refused by name: use ``relace_mock.running()`` for
    them. ``httpx.ASGITransport`` has no timeouts, so ``hang`` never ends there: use
    ``relace_mock.transport()`` instead.

    Clients on this machine may use the control API. Others need the ``control_token``.

    Args:
        settings: fields of ``Settings``.

    Raises:
        SettingsError: for a bad setting, and for a scenario with one of these faults.
    """
    pipeline = Pipeline(settings_from(settings), has_sockets=False)
    token = pipeline.settings.control_token
    near, far = (
        create_app(pipeline, Guard(loopback=loopback, token=token), plain_wire_of)
        for loopback in (True, False)
    )
    _refuse_default_scenario(pipeline)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send, pipeline)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            host, _ = scope.get("client") or ("127.0.0.1", 0)
            served = near if is_loopback(host) else far
            await served(_with_raw_path(scope), receive, send)

    weakref.finalize(application, pipeline.answers.sources.close)
    return application


def _refuse_default_scenario(pipeline: Pipeline) -> None:
    name = pipeline.settings.scenario
    installed = pipeline.store.default().installed
    scenario = pipeline.rules.library.get(installed.name) if installed else None
    steps = [step for rule in scenario.rules for step in rule.steps] if scenario else []
    if problem := pipeline.answers.problem_with(steps):
        raise SettingsError(f"scenario {name}: {problem}")


def _with_raw_path(scope: Scope) -> Scope:
    """The scope with the path as it was sent, relative to where the application is mounted."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    return {
        "server": None,
        "scheme": "http",
        "query_string": b"",
        **scope,
        "client": scope.get("client"),
        "raw_path": raw.removeprefix(quote(scope.get("root_path", "")).encode()),
        "path": scope["path"].removeprefix(scope.get("root_path", "")),
        "root_path": "",
    }


async def _live(receive: Receive, send: Send, pipeline: Pipeline) -> None:
    """Complete the lifespan events: there is nothing to start, and only a shared store to close."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await asyncio.to_thread(pipeline.ledger.close)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
