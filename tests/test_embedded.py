"""``relace_mock.app()``: the mock as a plain ASGI application under any server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

import relace_mock
from relace_mock.scenario.faults import FAULTS
from tests.steering import until

HEADERS = {"Authorization": "Bearer rlc-test"}
BODY = {"model": "m", "input": ["a"]}
NEED_SOCKET = [name for name, fault in FAULTS.items() if fault.needs_socket]


async def asked(
    app: Any, method: str, path: str, client: tuple[str, int] = ("127.0.0.1", 1), **request: Any
) -> httpx.Response:
    transport = httpx.ASGITransport(app, client=client)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=HEADERS
    ) as http:
        return await http.request(method, path, **request)


def ask(app: Any, method: str, path: str, **request: Any) -> httpx.Response:
    return asyncio.run(asked(app, method, path, **request))


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve the application with plain uvicorn, its own protocols and lifespan."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started, "the server")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def test_the_app_gives_the_same_vectors_as_the_transport() -> None:
    answer = ask(relace_mock.app(dimensions=8), "POST", "/v1/code/embed", json=BODY)
    with httpx.Client(transport=relace_mock.transport(dimensions=8)) as client:
        other = client.post("http://localhost/v1/code/embed", json=BODY, headers=HEADERS)
    assert answer.content == other.content


def test_plain_uvicorn_serves_the_app_with_documents_control_and_journal() -> None:
    with served(relace_mock.app(dimensions=8)) as url:
        steps = {"steps": [{"status": 503}, {"fault": "drip", "bytes_per_second": 1e6}]}
        assert httpx.put(f"{url}/_mock/scenario", json=steps, headers=HEADERS).status_code == 200
        statuses = [
            httpx.post(f"{url}/v1/code/embed", json=BODY, headers=HEADERS).status_code
            for _ in range(3)
        ]
        assert statuses == [503, 200, 200]
        journal = httpx.get(f"{url}/_mock/requests", headers=HEADERS).json()["requests"]
        assert [entry["outcome"] for entry in journal] == ["answered", "faulted", "answered"]
        assert httpx.get(f"{url}/openapi.json").json()["openapi"]
        assert httpx.get(f"{url}/v1/code%2Fembed").status_code == 404


def test_the_app_works_mounted_below_another_application() -> None:
    outer = Starlette(routes=[Mount("/relace", relace_mock.app(dimensions=8))])
    assert ask(outer, "POST", "/relace/v1/code/embed", json=BODY).status_code == 200
    assert ask(outer, "GET", "/relace/_mock/health").json()["status"] == "ok"
    assert ask(outer, "POST", "/relace/v1/code/other", json=BODY).status_code == 404


def test_the_app_works_without_the_optional_keys_of_an_asgi_scope() -> None:
    """ASGI makes ``raw_path``, ``client``, ``server`` and more optional."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/v1/ä", "headers": []}
    app = relace_mock.app(dimensions=8)

    async def ask_it() -> None:
        await app(scope, receive, send)

    asyncio.run(ask_it())
    assert sent[0]["status"] == 404


@pytest.mark.parametrize("fault", NEED_SOCKET)
def test_a_fault_that_needs_the_socket_is_refused_by_name(fault: str) -> None:
    app = relace_mock.app(dimensions=8)
    steps = {"steps": [{"fault": fault}]}
    answer = ask(app, "PUT", "/_mock/scenario", json=steps)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{fault}: relace_mock.app() has no socket")
    assert ask(app, "POST", "/v1/code/embed", json=BODY).status_code == 200


def test_a_scenario_that_needs_the_socket_is_refused_when_a_request_chooses_it() -> None:
    chosen = {"X-Mock-Scenario": "connection-reset"}
    answer = ask(relace_mock.app(dimensions=8), "POST", "/v1/code/embed", json=BODY, headers=chosen)
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("reset: ")


def test_a_default_scenario_that_needs_the_socket_is_refused_at_the_start() -> None:
    with pytest.raises(relace_mock.SettingsError, match="connection-reset: reset: "):
        relace_mock.app(scenario="connection-reset")


def test_only_this_machine_may_control_the_app_without_a_token() -> None:
    app = relace_mock.app(dimensions=8)
    assert ask(app, "GET", "/_mock/verdict").status_code == 200
    assert ask(app, "GET", "/_mock/verdict", client=("192.0.2.1", 1)).status_code == 403
    app = relace_mock.app(dimensions=8, control_token="t")  # noqa: S106 - of this test alone
    token = {"X-Mock-Control-Token": "t"}
    far = ("192.0.2.1", 1)
    assert ask(app, "GET", "/_mock/verdict", client=far, headers=token).status_code == 200


@pytest.mark.parametrize("waits_for", ["its body", "its answer"])
def test_a_request_whose_task_the_server_cancels_is_over(waits_for: str) -> None:
    """Some servers cancel the task of a request when its client leaves."""
    app = relace_mock.app(dimensions=8)
    received: list[Any] = []
    if waits_for == "its answer":
        ask(app, "PUT", "/_mock/scenario", json={"steps": [{"delay": "1h"}]})
        received.append({"type": "http.request", "body": json.dumps(BODY).encode()})

    async def receive() -> Any:
        return received.pop(0) if received else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    head = {**HEADERS, "Content-Type": "application/json", "Content-Length": "30"}
    fields = [(name.lower().encode(), value.encode()) for name, value in head.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/code/embed", "headers": fields}

    async def leave() -> Any:
        request = asyncio.ensure_future(app(scope, receive, send))
        for _ in range(10):
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        return (await asked(app, "GET", "/_mock/requests")).json()["requests"]

    (entry,) = asyncio.run(leave())
    assert entry["outcome"] == "client_aborted"
