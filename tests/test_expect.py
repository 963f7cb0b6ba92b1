"""``Expect: 100-continue``: the server asks for a body only after it accepted the head."""

from __future__ import annotations

import json

import pytest

from relace_mock import RunningServer
from tests.sockets import connect, read_all, read_head

GOOD = json.dumps({"model": "m", "input": ["a"]}).encode()
HEAD = {
    "Host": "127.0.0.1",
    "Authorization": "Bearer rlc-test",
    "Content-Type": "application/json",
    "Content-Length": str(len(GOOD)),
    "Expect": "100-continue",
}


def head(line: str = "POST /v1/code/embed HTTP/1.1", **fields: str | None) -> bytes:
    """Write a head; a header that is None is omitted."""
    changed = HEAD | {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in changed.items() if value is not None]
    return "\r\n".join([line, *lines, "", ""]).encode()


@pytest.mark.parametrize("wish", ["100-continue", "100-Continue", "sparkle, 100-continue"])
def test_a_good_head_gets_100_continue(server: RunningServer, wish: str) -> None:
    with connect(server.url) as connection:
        connection.sendall(head(Expect=wish))
        assert read_head(connection).startswith(b"HTTP/1.1 100 ")
        connection.sendall(GOOD)
        assert read_head(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(Authorization=None), 401),
        (head(Authorization="Basic x"), 401),
        (head(Authorization="Bearer rlc-stranger"), 404),
        (head("POST /v1/elsewhere HTTP/1.1"), 404),
        (head("POST /v1/code%2Fembed HTTP/1.1"), 404),
        (head("PUT /v1/code/embed HTTP/1.1"), 405),
        (head("FOO /v1/code/embed HTTP/1.1"), 405),
        (head(Content_Length="1000001"), 413),
        (head(Content_Length="1000001", Expect="100-Continue"), 413),
        (head(Content_Type="text/plain"), 415),
        (head(Content_Type=None), 415),
        (head(Content_Encoding="gzip"), 415),
        (head("POST /openapi.json HTTP/1.1"), 405),
        (head("POST /_mock/nothing HTTP/1.1"), 404),
        (head("PUT /_mock/requests HTTP/1.1"), 405),
        (head("PUT /_mock/scenario HTTP/1.1", Host="evil.example"), 403),
        (head("PUT /_mock/scenario HTTP/1.1", Content_Length="99000000"), 413),
    ],
)
def test_a_refused_head_gets_no_100_continue(
    server: RunningServer, sent: bytes, status: int
) -> None:
    """RFC 9110 section 10.1.1: the server sends a final status and closes the connection."""
    with connect(server.url) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer.lower()


def test_a_good_head_of_a_chunked_body_gets_100_continue(server: RunningServer) -> None:
    with connect(server.url) as connection:
        connection.sendall(head(Content_Length=None, Transfer_Encoding="chunked"))
        assert read_head(connection).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD))
        assert read_head(connection).startswith(b"HTTP/1.1 200 ")


def test_http_1_0_gets_no_100_continue(server: RunningServer) -> None:
    """RFC 9110 section 10.1.1: HTTP/1.0 does not know 100, so the header is ignored."""
    with connect(server.url) as connection:
        connection.sendall(head("POST /v1/code/embed HTTP/1.0") + GOOD)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("wish", ["sparkle", "100", "200-continue"])
def test_another_expectation_is_ignored(server: RunningServer, wish: str) -> None:
    """RFC 9110 section 10.1.1 allows 417, but does not ask for it."""
    with connect(server.url) as connection:
        connection.sendall(head(Expect=wish) + GOOD)
        assert read_head(connection).startswith(b"HTTP/1.1 200 ")


def test_a_body_sent_without_waiting_for_100_continue_is_read(server: RunningServer) -> None:
    with connect(server.url) as connection:
        connection.sendall(head() + GOOD)
        first = read_head(connection)
        if first.startswith(b"HTTP/1.1 100 "):
            first = read_head(connection)
        assert first.startswith(b"HTTP/1.1 200 ")
