"""Long work of one namespace leaves threads to the others."""

from __future__ import annotations

import threading

import httpx
import pytest

import relace_mock
from relace_mock.control import api
from relace_mock.messages import Received, Reply
from relace_mock.scenario.patterns import Pattern
from relace_mock.serving.shares import Shares
from tests.sockets import connect
from tests.steering import ask

EMBED = (
    b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-slow\r\n"
    b"Content-Type: application/json\r\nContent-Length: 27\r\n\r\n"
    b'{"model":"m","input":["a"]}'
)
READ = b"GET /_mock/trace HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer rlc-slow\r\n\r\n"


def test_an_owner_gets_its_share_and_the_rest_of_its_work_waits() -> None:
    shares, released = Shares(3, 2, "test"), threading.Event()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        released.wait(60)
        return number

    held = [shares.of("one").submit(work, number) for number in range(5)]
    assert shares.of("other").submit(lambda: "done").result(60) == "done"
    assert len(begun) <= 2
    released.set()
    assert [each.result(60) for each in held] == list(range(5))
    assert sorted(begun) == [0, 1, 2, 3, 4]
    assert not shares._running
    assert not shares._waiting


def test_cancelled_work_is_left_out_and_an_error_is_that_of_the_caller() -> None:
    shares, released = Shares(1, 1, "test"), threading.Event()
    share = shares.of("one")
    first = share.submit(released.wait, 60)
    second, third = share.submit(int, "1"), share.submit(int, "x")
    assert second.cancel()
    released.set()
    assert first.result(60) is True
    with pytest.raises(ValueError, match="invalid literal"):
        third.result(60)


def test_searches_of_one_key_do_not_stop_the_searches_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()
    search = Pattern.found_in

    def slow(self: Pattern, encoded: bytes) -> bool:
        if self.text == "slow":
            released.wait(60)
        return search(self, encoded)

    monkeypatch.setattr(Pattern, "found_in", slow)
    with relace_mock.running(dimensions=8, thread=True) as server:
        for key, pattern in (("rlc-slow", "slow"), ("rlc-other", "other")):
            rule = {"when": {"input_matches": pattern}, "steps": [{"status": 500}]}
            server.control(key).play({"rules": [rule]})
        held = [connect(server.url) for _ in range(40)]
        for connection in held:
            connection.sendall(EMBED)
        assert ask(server.control("rlc-other")).status_code == 200
        released.set()
        for connection in held:
            assert connection.recv(12) == b"HTTP/1.1 200"
            connection.close()


def test_control_requests_of_one_key_do_not_stop_those_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()
    trace = api.Control._trace

    def slow(self: api.Control, received: Received) -> Reply:
        released.wait(60)
        return trace(self, received)

    monkeypatch.setattr(api.Control, "_trace", slow)
    with relace_mock.running(dimensions=8, thread=True) as server:
        held = [connect(server.url) for _ in range(10)]
        for connection in held:
            connection.sendall(READ)
        key = {"Authorization": "Bearer rlc-other"}
        asked = httpx.get(f"{server.url}/_mock/scenario", headers=key, timeout=60)
        assert asked.status_code == 200
        released.set()
        for connection in held:
            assert connection.recv(12) == b"HTTP/1.1 200"
            connection.close()
