"""Requests that a client sends on one connection before it reads the answers to earlier ones."""

from __future__ import annotations

from typing import Any

import pytest

import relace_mock
from relace_mock.serving import protocols
from relace_mock.serving import server as server_module
from tests.sockets import connect, read_answers
from tests.steering import entries

GET = b"GET /x%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-test\r\n"
    b"Content-Type: application/json\r\nContent-Length: 27\r\n\r\n"
    b'{"model":"m","input":["a"]}'
)


def test_only_some_requests_of_a_connection_are_parsed_ahead_and_all_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    whole: Any = protocols.protocol_class("httptools", print)

    class Counted(whole):  # type: ignore[misc] # made while this runs
        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            seen.append(len(self.pipeline))

    monkeypatch.setattr(server_module, "protocol_class", lambda *_: Counted)
    count = 5000  # about 170 KB, so the server also stops reading for a while
    with relace_mock.running(http="httptools") as server, connect(server.url) as connection:
        connection.sendall(b"".join(GET % number for number in range(count)))
        answers = read_answers(connection, count)
    assert {status for status, _ in answers} == {"HTTP/1.1 404 Not Found"}
    assert len(seen) == count
    assert max(seen) <= protocols.MOST_WAITING


def test_a_request_that_hangs_ends_when_the_client_leaves_though_others_wait_behind_it() -> None:
    with relace_mock.running(http="httptools", dimensions=8) as server:
        server.control("rlc-test").play({"steps": [{"fault": "hang"}]})
        with connect(server.url) as connection:
            connection.sendall(2 * POST)
            entries(server, 1, pending=True)
        (entry,) = entries(server, 1)
    assert entry["fault"] == "hang"
