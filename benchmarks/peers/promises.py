"""Test whether scriptable servers keep the promises that relace-mock makes to parallel clients.

Each server is scripted in its own way: with a scenario of relace-mock, with the states of a
scenario of WireMock, or with a list of responses of mountebank.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any

import servers
import subjects as known
from subjects import PATH, Subject

ROUNDS, CLIENTS, ALLOWED = 50, 16, 5
_HEADERS = {"Authorization": "Bearer rlc-peers", "Content-Type": "application/json"}
_BODY = json.dumps({"model": "m", "input": ["x"]})
#: Scripts a server before a round; takes its port, and what the next requests get.
Tell = Callable[[int, str], None]


def table(subjects: list[Subject]) -> str:
    """Test each server, and return the table."""
    head = f"| {CLIENTS} clients at once, {ROUNDS} rounds | one failure: exactly one client got it "
    head += f"| a quota of {ALLOWED}: exactly {ALLOWED} got through | a reset reached the client |"
    lines = [head, "|---|--:|--:|--:|"]
    for name, tell in (
        ("relace-mock", _mock),
        ("WireMock", _wiremock),
        ("mountebank", _mountebank),
    ):
        subject = next((each for each in subjects if each.name == name), None)
        if subject is not None:
            with _running(subject) as port:
                lines.append(f"| {name} | " + " | ".join(_kept(port, tell)) + " |")
    return "\n".join(lines)


def _kept(port: int, tell: Tell) -> Iterator[str]:
    """For each promise, the number of rounds in which it was kept."""
    for told, expected in (
        ("fail once", Counter({200: CLIENTS - 1, 500: 1})),
        ("quota", Counter({200: ALLOWED, 429: CLIENTS - ALLOWED})),
    ):
        kept = 0
        for _ in range(ROUNDS):
            tell(port, told)
            kept += _answers(port) == expected
        yield f"{kept} of {ROUNDS}"
    resets = 0
    for _ in range(ROUNDS):
        tell(port, "reset")
        try:
            _ask(port)
        except http.client.RemoteDisconnected:  # also a ConnectionResetError, but no reset
            pass
        except ConnectionResetError:
            resets += 1
    yield f"{resets} of {ROUNDS}"


def _answers(port: int) -> Counter[int]:
    """Let all clients send one request at once, and count the statuses that they get."""
    barrier = Barrier(CLIENTS)

    def one() -> int:
        barrier.wait()
        return _ask(port)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return Counter(future.result() for future in [clients.submit(one) for _ in range(CLIENTS)])


def _ask(port: int) -> int:
    return _send(port, "POST", PATH, _BODY)


def _send(port: int, method: str, path: str, body: str | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, _HEADERS)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _mock(port: int, told: str) -> None:
    scenario: dict[str, Any] = {
        "fail once": {"steps": [{"status": 500}, {"normal": True, "times": "forever"}]},
        "quota": {"rate_limit": {"requests": ALLOWED, "per": "60s"}},
        "reset": {"steps": [{"fault": "reset"}]},
    }[told]
    assert _send(port, "PUT", "/_mock/scenario", json.dumps(scenario)) < 300


def _wiremock(port: int, told: str) -> None:
    """Scenarios of WireMock: a mapping for each state, and the state after it."""
    good: dict[str, Any] = {"status": 200, "jsonBody": {"results": []}}
    if told == "fail once":
        replies = [{"status": 500}, good]
    elif told == "quota":
        replies = [*[good] * ALLOWED, {"status": 429}]
    else:
        replies = [{"fault": "CONNECTION_RESET_BY_PEER"}]
    _send(port, "DELETE", "/__admin/mappings")
    states = ["Started", *(f"after {number}" for number in range(1, len(replies)))]
    for state, after, reply in zip(states, [*states[1:], states[-1]], replies, strict=True):
        mapping = {
            "request": {"method": "POST", "urlPath": PATH},
            "response": reply,
            "scenarioName": "promise",
            "requiredScenarioState": state,
            "newScenarioState": after,
        }
        assert _send(port, "POST", "/__admin/mappings", json.dumps(mapping)) < 300
    assert _send(port, "POST", "/__admin/scenarios/reset") < 300


def _mountebank(port: int, told: str) -> None:
    """A list of responses, each repeated a number of times; the imposter is recreated each time."""
    good: dict[str, Any] = {"is": {"statusCode": 200, "body": {"results": []}}}
    forever = 1_000_000
    responses = {
        "fail once": [{"is": {"statusCode": 500}}, good | {"repeat": forever}],
        "quota": [good | {"repeat": ALLOWED}, {"is": {"statusCode": 429}, "repeat": forever}],
        "reset": [{"fault": "CONNECTION_RESET_BY_PEER"}],
    }[told]
    imposter = {"protocol": "http", "host": "127.0.0.1", "port": port}
    imposter["stubs"] = [{"responses": responses}]
    _send(port + 1, "DELETE", f"/imposters/{port}")
    assert _send(port + 1, "POST", "/imposters", json.dumps(imposter)) == 201


@contextlib.contextmanager
def _running(subject: Subject) -> Iterator[int]:
    """Run a server on all cores, and yield its port once it answers."""
    port = servers.free_port()
    with TemporaryDirectory() as name:
        process = subprocess.Popen(
            subject.command(Path(name), port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=known.environment(),
            cwd=name,
        )
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if _ask(port) == 200:
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{subject.name} did not start")
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()
