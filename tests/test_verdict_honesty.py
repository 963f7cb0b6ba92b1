"""The verdict is never good without evidence, and blames no client for what it did not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import freezegun
import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer, Settings, Verdict
from relace_mock.pipeline import Pipeline
from relace_mock.serving import in_process as in_process_module
from tests.sockets import connect, read_all
from tests.steering import ask

BODY = {"model": "m", "input": ["a"]}


def everyone(server: RunningServer) -> dict[str, Any]:
    """Return the verdict on all keys together."""
    answer: dict[str, Any] = httpx.get(f"{server.url}/_mock/verdict").json()
    return answer


def rules(verdict: Verdict | dict[str, Any]) -> list[str]:
    if isinstance(verdict, dict):
        return [finding["rule"] for finding in verdict["findings"]]
    return [finding.rule for finding in verdict.findings]


# Requests that the journal dropped.


def test_the_verdict_is_incomplete_when_large_batches_overflow_the_default_journal() -> None:
    """560 batches of 70 KB are more than 32 MB."""
    transport = relace_mock.transport(dimensions=8)
    mock = transport.control("rlc-large")
    headers = {"Authorization": "Bearer rlc-large"}
    with httpx.Client(transport=transport, base_url=mock.base_url, headers=headers) as client:
        for number in range(560):
            text = f"{number} " + "x" * 70_000
            client.post("/code/embed", json={"model": "m", "input": [text]})
    verdict = mock.verdict()
    assert (verdict.ok, verdict.complete, bool(verdict)) == (False, False, False)
    assert rules(verdict) == ["journal_incomplete"]
    with pytest.raises(AssertionError, match=r"not ok:\n  journal_incomplete: \d+ requests are no"):
        verdict.assert_ok()


@pytest.fixture
def short() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8, journal_size=3) as server:
        yield server


def test_only_the_key_whose_entries_were_dropped_gets_an_incomplete_verdict(
    short: RunningServer,
) -> None:
    loser, other = short.control("rlc-loser"), short.control("rlc-other")
    ask(other)
    for number in range(3):
        ask(loser, BODY | {"input": [f"{number}"]})
    assert (loser.verdict().complete, loser.verdict().requests) == (False, 2)
    assert (other.verdict().ok, other.verdict().complete) == (True, True)
    all_of_them = everyone(short)
    assert (all_of_them["ok"], all_of_them["complete"]) == (False, False)
    assert rules(all_of_them) == ["journal_incomplete"]
    with pytest.raises(AssertionError, match="journal_incomplete"):
        loser.verdict().assert_ok()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("DELETE", "requests", None), ("POST", "reset", None), ("POST", "reset", {"all": True})],
)
def test_emptying_the_journal_makes_the_verdict_complete_again(
    short: RunningServer, method: str, path: str, body: Any
) -> None:
    mock = short.control("rlc-again")
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    for number in range(5):
        ask(mock, BODY | {"input": [f"{number}"]})
    url = f"{short.url}/_mock/requests"
    assert httpx.get(url, headers=headers).json()["dropped"] == 2
    assert not mock.verdict().complete
    httpx.request(method, f"{short.url}/_mock/{path}", headers=headers, json=body)
    assert httpx.get(url, headers=headers).json()["dropped"] == 0
    ask(mock)
    assert (mock.verdict().ok, mock.verdict().complete) == (True, True)
    assert everyone(short)["complete"]


def test_emptying_the_journal_of_one_key_leaves_another_incomplete(short: RunningServer) -> None:
    one, other = short.control("rlc-one"), short.control("rlc-two")
    for mock in (one, other):
        for number in range(4):
            ask(mock, BODY | {"input": [f"{number}"]})
    one.reset()
    assert (one.verdict().complete, other.verdict().complete) == (True, False)


def test_a_journal_of_size_0_gives_no_good_verdict() -> None:
    with relace_mock.running(dimensions=8, journal_size=0) as server:
        mock = server.control("rlc-none")
        assert mock.verdict().complete
        ask(mock)
        assert not mock.verdict().complete


def test_the_memory_of_dropped_entries_is_bounded_and_errs_toward_incomplete() -> None:
    """With more keys than it remembers, the server never calls an incomplete verdict complete."""
    with relace_mock.running(dimensions=8, journal_size=1, max_namespaces=3) as server:
        mocks = [server.control(f"rlc-many-{number}") for number in range(8)]
        for mock in mocks:
            ask(mock)
            ask(mock)
        assert [mock.verdict().complete for mock in mocks] == [False] * 8


# Scripts and quotas of many keys.


def test_the_quotas_and_scripts_of_thousands_of_keys_are_kept() -> None:
    transport = relace_mock.transport(dimensions=8, rate_limit="1/1h", scenario="server-error-once")
    with httpx.Client(transport=transport, base_url="http://mock/v1") as client:

        def status(number: int) -> int:
            key = {"Authorization": f"Bearer rlc-{number}"}
            return client.post("/code/embed", json=BODY, headers=key).status_code

        keys = range(3000)
        assert {status(number) for number in keys} == {500}
        assert {status(number) for number in keys} == {429}


# Clocks that stand still or step back.


@pytest.fixture
def in_process() -> Iterator[tuple[RemoteControl, httpx.Client]]:
    transport = relace_mock.transport(dimensions=8)
    headers = {"Authorization": "Bearer rlc-clock"}
    with httpx.Client(transport=transport, base_url="http://mock/v1", headers=headers) as client:
        yield transport.control("rlc-clock"), client


def post(client: httpx.Client) -> int:
    return client.post("/code/embed", json=BODY).status_code


@pytest.mark.parametrize("seconds", [0, -3600, 3600], ids=["still", "back", "forward"])
def test_a_forbidden_retry_is_found_even_if_the_clock_stands_still_or_jumps(
    in_process: tuple[RemoteControl, httpx.Client], seconds: float
) -> None:
    mock, client = in_process
    mock.play({"steps": [{"status": 401}]})
    with freezegun.freeze_time("2026-01-01T12:00:00") as frozen:
        assert post(client) == 401
        frozen.tick(seconds)
        assert post(client) == 200
    assert rules(mock.verdict()) == ["retried_non_retryable"]


@pytest.mark.parametrize("seconds", [0, -3600, 3600], ids=["still", "back", "forward"])
def test_an_early_retry_is_found_even_if_the_clock_stands_still_or_jumps(
    in_process: tuple[RemoteControl, httpx.Client], seconds: float
) -> None:
    mock, client = in_process
    mock.play({"steps": [{"status": 429, "retry_after": "60s", "times": 2}]})
    with freezegun.freeze_time("2026-01-01T12:00:00") as frozen:
        post(client)
        frozen.tick(seconds)
        post(client)
        assert rules(mock.verdict()) == ["retry_after_ignored"]
        mock.reset()
        post(client)
        mock.advance(60)
        post(client)
        assert rules(mock.verdict()) == []


def test_a_retry_is_found_even_if_the_system_clock_is_set_back() -> None:
    """NTP may do that. Here each look at the clock is an hour earlier."""
    told = iter(range(10**9, 0, -3600))
    transport = in_process_module._Transport(Pipeline(Settings(dimensions=8), lambda: next(told)))
    mock = transport.control("rlc-ntp")
    mock.play({"steps": [{"status": 404}]})
    headers = {"Authorization": "Bearer rlc-ntp"}
    with httpx.Client(transport=transport, base_url="http://mock/v1", headers=headers) as client:  # type: ignore[arg-type]  # it serves two libraries
        post(client)
        post(client)
    assert rules(mock.verdict()) == ["retried_non_retryable"]


def test_a_retry_is_found_even_if_the_common_clock_is_reset() -> None:
    """The clock of all keys was advanced, and is reset between a failure and its retry."""
    with relace_mock.running(dimensions=8) as server:
        mock = server.control("rlc-common")
        httpx.post(f"{server.url}/_mock/clock", json={"advance": 3600})
        mock.play({"steps": [{"status": 401}]})
        ask(mock)
        httpx.post(f"{server.url}/_mock/reset")
        ask(mock)
        assert rules(mock.verdict()) == ["retried_non_retryable"]


# Requests that no client of Relace sends.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/favicon.ico"),
        ("GET", "/health"),
        ("GET", "/healthz?full=1"),
        ("GET", "/v1"),
        ("OPTIONS", "/"),
        ("OPTIONS", "/v1/code/embed"),
        ("GET", "/.well-known/appspecific/com.chrome.devtools.json"),
    ],
)
def test_a_probe_does_not_count_in_the_verdict(method: str, path: str) -> None:
    """It is neither a finding nor a tested request."""
    with relace_mock.running(dimensions=8) as server:
        cookie = {"Cookie": "session=of-another-application", "User-Agent": "probe"}
        httpx.request(method, f"{server.url}{path}", headers=cookie)
        assert (everyone(server)["ok"], everyone(server)["requests"]) == (False, 0)
        assert len(httpx.get(f"{server.url}/_mock/requests").json()["requests"]) == 1
        ask(server.control("rlc-good"))
        verdict = everyone(server)
        assert (verdict["ok"], verdict["requests"], verdict["findings"]) == (True, 1, [])


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/v1/embed", {"Authorization": "Bearer rlc-lost"}),
        ("GET", "/", {"Authorization": "Bearer rlc-lost"}),
        ("POST", "/v1/embed", {"Authorization": "Basic cmxjOmxvc3Q="}),
        ("POST", "/v1/embed", {"X-Api-Key": "rlc-lost"}),
        ("POST", "/v1/embed?api_key=rlc-lost", {}),
        ("POST", "/v1/code/embed", {}),
        ("GET", "/v1/code/embed", {}),
    ],
)
def test_a_client_that_asks_the_wrong_path_gets_a_contract_violation(
    method: str, path: str, headers: dict[str, str]
) -> None:
    with relace_mock.running(dimensions=8) as server:
        httpx.request(method, f"{server.url}{path}", headers=headers)
        verdict = everyone(server)
        assert (verdict["ok"], verdict["requests"]) == (False, 1)
        assert rules(verdict) == ["contract_violation"]


def test_a_malformed_request_is_a_contract_violation() -> None:
    with relace_mock.running(dimensions=8) as server:
        with connect(server.url) as connection:
            connection.sendall(b"no HTTP\r\n\r\n")
            read_all(connection)
        assert rules(everyone(server)) == ["contract_violation"]


def test_a_verdict_is_true_only_if_it_is_ok() -> None:
    with relace_mock.running(dimensions=8) as server:
        mock = server.control("rlc-truth")
        assert not mock.verdict()
        ask(mock)
        assert mock.verdict()
        ask(mock, {"model": "m", "input": []})
        assert not mock.verdict()


def test_the_verdict_over_http_says_whether_it_is_complete() -> None:
    with relace_mock.running(dimensions=8) as server:
        ask(server.control("rlc-http"))
        assert json.loads(httpx.get(f"{server.url}/_mock/verdict").content) == {
            "ok": True,
            "complete": True,
            "requests": 1,
            "findings": [],
        }
