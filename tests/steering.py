"""Ask a running server, read its journal, and steer what it does to one key."""

from __future__ import annotations

import itertools
import json
import os
import socket
import ssl
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from relace_mock import RemoteControl, RunningServer
from tests import sockets
from tests.conftest import KEY

BODY = {"model": "relace-embed-v1", "input": ["a", "b"]}
#: For servers without TLS: reading the system's certificate authorities takes time.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_Found = TypeVar("_Found")
_numbers = itertools.count()


def until(look: Callable[[], _Found | None], what: str) -> _Found:
    """Call ``look`` until it returns something true, and return that; fail after a minute.

    ``what`` names the awaited thing in the message of the failure.
    """
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline, f"this did not come within a minute: {what}"
        time.sleep(0.005)
    return found


def ask(at: RunningServer | RemoteControl, body: Any = None, **given: Any) -> httpx.Response:
    """Send a valid request to the endpoint: to a server with ``KEY``, or with the key of a control.

    ``body`` replaces the JSON, and ``given`` any other argument of httpx.
    """
    key = {"Authorization": f"Bearer {at.api_key}"} if isinstance(at, RemoteControl) else KEY
    body = {"model": "m", "input": ["a"]} if body is None else body
    options: dict[str, Any] = {"json": body, "headers": key, "timeout": 60, **given}
    return httpx.post(f"{at.base_url}/code/embed", **options)


def entries(
    server: RunningServer, count: int = 0, *, pending: bool = False, **filters: Any
) -> list[dict[str, Any]]:
    """Return the journal of all keys once it has ``count`` entries and none is pending.

    With ``pending``, do not wait for the pending ones. ``filters`` are those of the control API.
    """

    def look() -> tuple[list[dict[str, Any]]] | None:
        response = httpx.get(f"{server.url}/_mock/requests", params=filters)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["requests"]
        over = pending or all(entry["outcome"] != "pending" for entry in found)
        return (found,) if over and len(found) >= count else None

    return until(look, f"a journal of {count} entries")[0]


class Steering:
    """A new key: send requests with it, and control their answers.

    ``url`` is the server's, without ``/v1``.
    """

    def __init__(
        self, url: str, key: str | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self.url = url
        self.key = key or f"rlc-test-{os.getpid()}-{next(_numbers)}"
        self.context = context
        self.verify = context or NO_AUTHORITIES
        self.headers = {"Authorization": f"Bearer {self.key}"}
        self._client = httpx.Client(
            base_url=url, headers=self.headers, verify=self.verify, timeout=60
        )
        weakref.finalize(self, self._client.close)

    def control(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request of this key to the control API."""
        return self._client.request(method, f"/_mock/{path}", **request)

    def play(self, scenario: Any, *more: Any) -> None:
        """Install a scenario, given as a mapping or as its steps."""
        if "steps" not in scenario and "rules" not in scenario and "rate_limit" not in scenario:
            scenario = {"steps": [scenario, *more]}
        response = self.control("PUT", "scenario", json=scenario)
        assert response.status_code == 200, response.text

    def ask(self, body: Any = None, **request: Any) -> httpx.Response:
        """Send a request of this key to the endpoint."""
        return self._client.post("/v1/code/embed", json=body or BODY, **request)

    def journal(self, **filters: Any) -> list[dict[str, Any]]:
        """Return the journal entries of this key."""
        response = self.control("GET", "requests", params=filters)
        assert response.status_code == 200, response.text
        entries: list[dict[str, Any]] = response.json()["requests"]
        return entries

    def last(self) -> dict[str, Any]:
        """Return the last entry of this key once it is not pending."""

        def look() -> dict[str, Any] | None:
            found = self.journal()
            return found[-1] if found and found[-1]["outcome"] != "pending" else None

        return until(look, "an entry that is not pending")

    def connect(self) -> socket.socket:
        """Open a TCP connection to the server, without TLS."""
        return sockets.connect(self.url)

    def request(self, body: bytes | None = None, *headers: str) -> bytes:
        """Write a request of this key as bytes."""
        body = json.dumps(BODY).encode() if body is None else body
        head = [
            "POST /v1/code/embed HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        return "\r\n".join([*head, "", ""]).encode() + body
