"""The verdict on a client: each test shows one bad habit, or a good one like it."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import BehaviourWarning, RemoteControl, RunningServer, Verdict
from relace_mock.settings import Http
from tests.sockets import send
from tests.steering import entries

BODY = {"model": "m", "input": ["a"]}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8, max_inputs=4) as server:
        yield server


@pytest.fixture
def client(mock: RemoteControl) -> Iterator[httpx.Client]:
    key = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(base_url=mock.base_url, headers=key) as client:
        yield client


def ask(client: httpx.Client, body: Any = BODY) -> int:
    return client.post("/code/embed", json=body).status_code


def rules(verdict: Verdict) -> list[tuple[str, str]]:
    return [(finding.rule, finding.level) for finding in verdict.findings]


def test_a_good_client_gets_a_good_verdict(client: httpx.Client, mock: RemoteControl) -> None:
    """The client obeys Retry-After, repeats the same body and keeps its connection."""
    mock.play("rate-limited-twice")
    assert ask(client) == 429
    mock.advance(1)
    assert ask(client) == 429
    mock.advance(1)
    assert ask(client) == 200
    verdict = mock.verdict()
    assert (verdict.ok, verdict.requests, rules(verdict)) == (True, 3, [])
    verdict.assert_ok()


def test_a_verdict_without_a_request_is_not_ok(mock: RemoteControl) -> None:
    assert not mock.verdict().ok
    with pytest.raises(AssertionError, match="no request arrived, so nothing was tested"):
        mock.verdict().assert_ok()


def test_a_request_against_the_contract_fails(client: httpx.Client, mock: RemoteControl) -> None:
    ask(client, {"model": "m", "input": []})
    verdict = mock.verdict()
    assert rules(verdict) == [("contract_violation", "fail")]
    with pytest.raises(AssertionError, match="contract_violation: input must not be empty"):
        verdict.assert_ok()


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_retry_after_a_final_answer_fails(
    client: httpx.Client, mock: RemoteControl, status: int
) -> None:
    mock.play({"steps": [{"status": status}]})
    assert [ask(client), ask(client)] == [status, 200]
    assert rules(mock.verdict()) == [("retried_non_retryable", "fail")]


def test_the_same_request_in_a_new_call_is_not_a_retry(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play({"steps": [{"status": 401}]})
    ask(client)
    mock.new_call()
    ask(client)
    assert rules(mock.verdict()) == []


def test_a_retry_before_retry_after_is_over_fails(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play("rate-limited-twice")
    ask(client)
    ask(client)
    mock.advance(0.99)  # within the slack of 5 % and 50 ms
    ask(client)
    assert rules(mock.verdict()) == [("retry_after_ignored", "fail")]


def test_retry_after_may_be_a_date(client: httpx.Client, mock: RemoteControl) -> None:
    date = {"Retry-After": "Fri, 31 Dec 2399 23:59:59 GMT"}
    mock.play({"steps": [{"status": 503, "headers": date}]})
    ask(client)
    ask(client)
    assert rules(mock.verdict()) == [("retry_after_ignored", "fail")]


def test_an_invalid_retry_after_demands_no_wait(client: httpx.Client, mock: RemoteControl) -> None:
    mock.play({"steps": [{"status": 503, "headers": {"Retry-After": "soon"}}]})
    ask(client)
    ask(client)
    assert rules(mock.verdict()) == []


def test_more_than_ten_attempts_fail_as_a_retry_storm(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play({"steps": [{"status": 500, "times": "forever"}]})
    for _ in range(10):
        ask(client)
        mock.advance(1)
    assert rules(mock.verdict()) == []
    ask(client)
    assert rules(mock.verdict()) == [("retry_storm", "fail")]


def test_retries_without_a_pause_warn(client: httpx.Client, mock: RemoteControl) -> None:
    mock.play({"steps": [{"status": 500, "times": 2}]})
    assert [ask(client), ask(client), ask(client)] == [500, 500, 200]
    verdict = mock.verdict()
    assert rules(verdict) == [("no_backoff", "warn")]
    assert verdict.ok
    with pytest.warns(BehaviourWarning, match="no_backoff: retry 2 came"):
        verdict.assert_ok()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_giving_up_after_one_temporary_failure_warns(
    client: httpx.Client, mock: RemoteControl, status: int
) -> None:
    mock.play({"steps": [{"status": status}]})
    ask(client)
    assert rules(mock.verdict()) == [("gave_up", "warn")]


def test_a_retry_with_another_body_fails(client: httpx.Client, mock: RemoteControl) -> None:
    mock.play({"steps": [{"status": 500}]})
    ask(client)
    ask(client, BODY | {"attempt": 2})
    assert ("body_changed_on_retry", "fail") in rules(mock.verdict())


@pytest.mark.parametrize("length", [60_000, 70_000, 2_000_000])
def test_a_retry_with_another_long_body_fails(
    client: httpx.Client, mock: RemoteControl, length: int
) -> None:
    """The journal keeps only the first 64 KB of a body."""
    mock.play({"steps": [{"status": 500}]})
    body = {"model": "m", "input": ["x" * length]}
    ask(client, body)
    ask(client, body | {"attempt": 2})
    assert ("body_changed_on_retry", "fail") in rules(mock.verdict())
    mock.reset()
    ask(client, body)
    ask(client, {"model": "m", "input": ["y" * length]})
    assert rules(mock.verdict()) == [("gave_up", "warn")]


def test_a_request_with_other_texts_is_not_a_retry(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play({"steps": [{"status": 500}]})
    ask(client)
    ask(client, BODY | {"input": ["b"]})
    assert rules(mock.verdict()) == [("gave_up", "warn")]


def numbered(number: int) -> dict[str, Any]:
    """A request whose text no other request has."""
    return {"model": "m", "input": [f"{number}"]}


def test_a_new_connection_for_every_request_warns(mock: RemoteControl) -> None:
    """The other connections are open, so they could have taken the request."""
    with contextlib.ExitStack() as clients:
        for number in range(6):
            key = {"Authorization": f"Bearer {mock.api_key}"}
            client = clients.enter_context(httpx.Client(base_url=mock.base_url, headers=key))
            ask(client, numbered(number))
        assert rules(mock.verdict()) == [("connection_per_request", "warn")]


@pytest.mark.parametrize(
    ("headers", "version"),
    [({}, ""), ({"Connection": "close"}, ""), ({}, "HTTP/1.0")],
    ids=["closed by the client", "Connection: close", "HTTP/1.0"],
)
def test_new_connections_after_closed_ones_give_no_warning(
    mock: RemoteControl, headers: dict[str, str], version: str
) -> None:
    """No connection was open and idle."""
    url = httpx.URL(mock.base_url)
    for number in range(8):
        connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=30)
        if version:
            connection._http_vsn, connection._http_vsn_str = 10, version  # type: ignore[attr-defined]
        fields = {"Authorization": f"Bearer {mock.api_key}", "Content-Type": "application/json"}
        content = json.dumps(numbered(number))
        connection.request("POST", "/v1/code/embed", content, fields | headers)
        assert connection.getresponse().read()
        connection.close()
    assert rules(mock.verdict()) == []


def test_new_connections_after_connection_close_give_no_warning(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play({"steps": [{"headers": {"Connection": "close"}, "times": "forever"}]})
    for number in range(8):
        ask(client, numbered(number))
    assert rules(mock.verdict()) == []


def test_parallel_connections_give_no_warning(mock: RemoteControl) -> None:
    """A pool opens a connection for each request under way; later it may use any of them."""
    mock.play({"steps": [{"delay": "100ms", "times": 8}]})
    key = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(base_url=mock.base_url, headers=key) as pool, ThreadPoolExecutor(8) as many:
        for _ in many.map(lambda number: ask(pool, numbered(number)), range(8)):
            pass
        for number in range(8, 16):
            ask(pool, numbered(number))
    assert rules(mock.verdict()) == []


def test_new_connections_after_the_server_broke_one_give_no_warning(
    client: httpx.Client, mock: RemoteControl
) -> None:
    mock.play({"steps": [{"fault": "close_keep_alive", "times": "forever"}]})
    for number in range(8):
        ask(client, {"model": "m", "input": [f"{number}"]})
    assert rules(mock.verdict()) == []


def test_a_batch_that_is_too_large_warns(client: httpx.Client, mock: RemoteControl) -> None:
    assert ask(client, {"model": "m", "input": ["a"] * 5}) == 413
    assert rules(mock.verdict()) == [("oversized_batch", "warn")]


def test_embedding_the_same_text_three_times_warns(
    client: httpx.Client, mock: RemoteControl
) -> None:
    for number in range(3):
        ask(client, {"model": "m", "input": ["the same", f"{number}"]})
    verdict = mock.verdict()
    assert rules(verdict) == [("duplicate_work", "warn")]
    assert verdict.findings[0].message == "1 text was embedded 3 times or more, such as 'the same'"


def test_a_bad_client_does_not_spoil_the_verdict_of_another_key(
    running: RunningServer, client: httpx.Client, mock: RemoteControl
) -> None:
    ask(client)
    httpx.post(f"{running.base_url}/code/embed", headers={"Authorization": "Bearer rlc-other"})
    assert rules(mock.verdict()) == []
    everyone = json.loads(httpx.get(f"{running.url}/_mock/verdict").text)
    assert "contract_violation" in [finding["rule"] for finding in everyone["findings"]]


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize(
    "body", [b'{"model":[],"input":["x"]}', b'{"model":"m","input":["x"],"z":' + b"[" * 1000]
)
def test_a_body_that_was_cut_off_does_not_break_the_verdict(http: Http, body: bytes) -> None:
    head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
    with relace_mock.running(dimensions=8, http=http) as server:
        send(server.url, head + body)
        entries(server, 1)
        assert httpx.get(f"{server.url}/_mock/verdict").json()["requests"] == 1
