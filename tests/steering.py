"""One key of a running server, as the tests steer and watch it."""

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
from urllib.parse import urlsplit

import httpx

BODY = {"model": "relace-embed-v1", "input": ["a", "b"]}
#: For servers without TLS: to read the authorities of the system takes a while each time.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_Found = TypeVar("_Found")
_numbers = itertools.count()


def until(look: Callable[[], _Found | None], what: str) -> _Found:
    """What ``look`` finds, as soon as it finds something; a minute is for ever."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline, f"this never came: {what}"
        time.sleep(0.005)
    return found


class Steering:
    """A key that no one else has, and what it plays. ``url`` is the server's, without ``/v1``."""

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
        """The answer of the control API to a request of this key."""
        return self._client.request(method, f"/_mock/{path}", **request)

    def play(self, scenario: Any, *more: Any) -> None:
        """Install a scenario: a mapping, or its steps."""
        if "steps" not in scenario and "rules" not in scenario and "rate_limit" not in scenario:
            scenario = {"steps": [scenario, *more]}
        response = self.control("PUT", "scenario", json=scenario)
        assert response.status_code == 200, response.text

    def ask(self, body: Any = None, **request: Any) -> httpx.Response:
        """An answer of the endpoint."""
        return self._client.post("/v1/code/embed", json=body or BODY, **request)

    def journal(self, **filters: Any) -> list[dict[str, Any]]:
        """The entries of this key."""
        response = self.control("GET", "requests", params=filters)
        assert response.status_code == 200, response.text
        entries: list[dict[str, Any]] = response.json()["requests"]
        return entries

    def last(self) -> dict[str, Any]:
        """The last entry, once its exchange is over."""

        def look() -> dict[str, Any] | None:
            entries = self.journal()
            return entries[-1] if entries and entries[-1]["outcome"] != "pending" else None

        return until(look, "an entry that is not pending")

    def connect(self) -> socket.socket:
        """A TCP connection to the server, without TLS."""
        url = urlsplit(self.url)
        return socket.create_connection((url.hostname, url.port), timeout=60)

    def request(self, body: bytes | None = None, *headers: str) -> bytes:
        """The bytes of a request."""
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
