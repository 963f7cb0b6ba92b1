"""Unknown HTTP methods get the same answer with either HTTP parser."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.serving import protocols
from relace_mock.serving import server as server_module
from relace_mock.settings import Http
from tests.conftest import KEY
from tests.sockets import connect, read_answers

METHODS = [
    "FOO",
    "QUERY",
    "post",
    "Post",
    "get",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "M-SEARCH",
    "SOURCE",
    "PRI",
    "OPTIONS",
    "PATCH",
    "A",
    "X" * 300,
    "!#$%&'*+-.^_`|~09az",
]
GOOD = json.dumps({"model": "m", "input": ["a"]}).encode()
REST = (
    f"Host: 127.0.0.1\r\nAuthorization: Bearer rlc-test\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(GOOD)}\r\n\r\n"
).encode() + GOOD


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, Any]]]:
    """Read ``count`` answers; return the status and the JSON body of each."""
    found = read_answers(connection, count)
    return [(int(line.split()[1]), json.loads(body)) for line, body in found]


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_method_gets_405_and_the_connection_stays_open(
    server: RunningServer, method: str
) -> None:
    with connect(server.url) as connection:
        first = f"{method} /v1/code/embed HTTP/1.1\r\n".encode() + REST
        second = b"POST /v1/code/embed HTTP/1.1\r\n" + REST
        connection.sendall(first + second + first + second)
        refused, answered, again, last = answers(connection, 4)
    shown = method if len(method) <= 20 else "this method"  # the method may be a key
    assert refused == (405, {"error": f"{shown} is not allowed here: use POST"})
    assert again == refused
    assert (answered[0], last[0]) == (200, 200)


@pytest.mark.parametrize("method", ["FOO", "post"])
def test_an_unknown_method_is_in_the_journal(server: RunningServer, method: str) -> None:
    with connect(server.url) as connection:
        connection.sendall(f"{method} /v1/code/embed HTTP/1.1\r\n".encode() + REST)
        answers(connection, 1)
    entry = httpx.get(f"{server.url}/_mock/requests", headers=KEY).json()["requests"][-1]
    assert (entry["request"]["method"], entry["status"]) == (method, 405)
    assert entry["request"]["length"] == len(GOOD)


def test_an_unknown_method_on_another_path_gets_404_or_405(server: RunningServer) -> None:
    with connect(server.url) as connection:
        for path in ("/elsewhere", "/openapi.json", "/_mock/health"):
            connection.sendall(f"FOO {path} HTTP/1.1\r\n".encode() + REST)
        assert [status for status, _ in answers(connection, 3)] == [404, 405, 405]


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_an_unknown_method_may_come_in_pieces(
    monkeypatch: pytest.MonkeyPatch, http: Http, size: int
) -> None:
    whole: Any = protocols.protocol_class(http, print)

    class InPieces(whole):  # type: ignore[misc] # made while this runs
        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), size):
                super().data_received(data[start : start + size])

    monkeypatch.setattr(server_module, "protocol_class", lambda *_: InPieces)
    with relace_mock.running(http=http) as server, connect(server.url) as connection:
        for method in ("SPARKLE", "POST", "post", "GETTING"):
            connection.sendall(f"{method} /v1/code/embed HTTP/1.1\r\n".encode() + REST)
        assert [status for status, _ in answers(connection, 4)] == [405, 200, 405, 405]


@pytest.mark.parametrize("line", [b"F(O /x HTTP/1.1", b"FOO", b" FOO /x HTTP/1.1", b"\x16\x03\x01"])
def test_a_malformed_method_is_refused(server: RunningServer, line: bytes) -> None:
    with connect(server.url) as connection:
        connection.sendall(line + b"\r\n\r\n")
        assert connection.recv(13) == b"HTTP/1.1 400 "
