"""The journal: what an entry says, which entries there are, and how many are kept."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.control.description import document
from relace_mock.keys import namespace_of
from tests.conftest import KEY
from tests.sockets import connect, read_all, send
from tests.steering import Steering, ask, entries, until

BODY = {"model": "m", "input": ["a"]}


@pytest.fixture(params=["httptools", "h11"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with relace_mock.running(http=request.param, dimensions=8, max_body=1000) as server:
        yield server


def test_an_entry_holds_the_request_and_the_status(running: RunningServer) -> None:
    body = json.dumps(BODY)
    ask(running, content=body, json=None, headers=KEY | {"content-type": "application/json"})
    (entry,) = entries(running)
    assert entry["request"]["method"] == "POST"
    assert entry["request"]["path"] == "/v1/code/embed"
    assert entry["request"]["body"] == body
    assert entry["request"]["length"] == len(body)
    assert len(entry["request"]["xxh3_128"]) == 32
    assert ["content-type", "application/json"] in entry["request"]["headers"]
    assert (entry["outcome"], entry["status"], entry["attempt"]) == ("answered", 200, 1)
    assert entry["namespace"] == namespace_of("rlc-test")
    assert entry["duration"] > 0
    assert entry["violations"] == entry["near_misses"] == entry["mutations"] == []


def test_the_client_of_an_entry_is_the_address_of_the_connection(running: RunningServer) -> None:
    """The verdict tells connections apart by it, so a header must not change it."""
    ask(running, headers=KEY | {"X-Forwarded-For": "192.0.2.1"})
    (entry,) = entries(running)
    assert entry["client"].startswith("127.0.0.1:")


def test_the_entry_of_a_refusal_lists_the_contract_violations(running: RunningServer) -> None:
    ask(running, json={"model": "m"})
    (entry,) = entries(running)
    assert (entry["outcome"], entry["status"]) == ("refused", 400)
    assert entry["violations"] == ["input is required"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/code/embed", b"", 405),
        ("POST", "/v1/embeddings", b"{}", 404),
        ("POST", "/v1/code/embed", b"x" * 1001, 413),
    ],
)
def test_refusals_that_no_scenario_can_change_are_journalled(
    running: RunningServer, method: str, path: str, body: bytes, status: int
) -> None:
    running.control("rlc-test").play({"steps": [{"status": 299, "body": {}, "times": "forever"}]})
    answer = httpx.request(method, running.url + path, content=body, headers=KEY)
    assert answer.status_code == status
    (entry,) = entries(running)
    assert (entry["status"], entry["outcome"], entry["step"]) == (status, "refused", None)


def test_a_malformed_request_is_journalled_and_gets_the_usual_json_error(
    running: RunningServer,
) -> None:
    with connect(running.url) as connection:
        connection.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    (entry,) = entries(running)
    assert (entry["status"], entry["outcome"], entry["namespace"]) == (400, "refused", "anonymous")
    assert entry["violations"][0].startswith("Not a valid HTTP/1.1 request: ")


def test_a_request_whose_body_is_cut_off_is_journalled_as_client_aborted(
    running: RunningServer,
) -> None:
    send(running.url, b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    (entry,) = entries(running, 1)
    assert (entry["status"], entry["outcome"]) == (None, "client_aborted")
    assert (entry["request"]["length"], entry["request"]["body"]) == (1, "{")


def test_a_client_that_leaves_before_a_late_answer_is_journalled_as_client_aborted(
    running: RunningServer,
) -> None:
    running.control("rlc-test").play({"steps": [{"delay": "60s"}]})
    with pytest.raises(httpx.ReadTimeout):
        ask(running, timeout=0.05)
    (entry,) = entries(running, 1)
    assert entry["outcome"] == "client_aborted"


def test_an_entry_is_pending_from_the_arrival_of_its_request(running: RunningServer) -> None:
    with connect(running.url) as connection:
        connection.sendall(b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        (entry,) = entries(running, 1, pending=True)
        assert (entry["outcome"], entry["status"]) == ("pending", None)


def test_near_misses_count_toward_the_bytes_of_the_journal() -> None:
    rules = [{"when": {"model": f"{n}"}, "steps": [{"status": 500}]} for n in range(100)]
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        server.control("rlc-test").play({"rules": rules})
        for text in "abcdefghijklmnopqrstuvwxyz":
            ask(server, json={"model": "m", "input": [text]})
        assert 5 <= len(entries(server)) <= 15  # near misses of about 8 KB each


def test_filters_select_entries_and_limit_keeps_the_newest(running: RunningServer) -> None:
    running.control("rlc-test").play("server-error-once")
    for text in "abcd":
        ask(running, json={"model": "m", "input": [text]})
    assert [entry["status"] for entry in entries(running)] == [500, 200, 200, 200]
    assert len(entries(running, status=500)) == 1
    assert len(entries(running, scenario="server-error-once")) == 4
    assert entries(running, scenario="flaky") == []
    assert [
        json.loads(entry["request"]["body"])["input"] for entry in entries(running, limit=2)
    ] == [["c"], ["d"]]
    third = entries(running)[2]["time"]
    assert [entry["number"] for entry in entries(running, since=third)] == [3, 4]
    assert entries(running, since="2999-01-01") == []


@pytest.mark.parametrize(
    "query",
    ["status=9", "status=x", "limit=0", "since=soon", "colour=red", "limit=1&limit=2", "limit=٣"],
)
def test_a_bad_filter_is_refused(running: RunningServer, query: str) -> None:
    assert httpx.get(f"{running.url}/_mock/requests?{query}").status_code == 400


def test_near_misses_say_why_no_rule_matched(running: RunningServer) -> None:
    rule = {"steps": [{"status": 500}]}
    conditions: list[dict[str, Any]] = [
        {"input_contains": "password"},
        {"input_matches": "^b+$"},
        {"model": "other"},
        {"output_dtype": "binary"},
        {"min_inputs": 2},
        {"header": {"X-Team": "search"}},
        {"attempt": [2, 3]},
        {"would_be": [400, 401]},
    ]
    running.control("rlc-test").play({"rules": [rule | {"when": when} for when in conditions]})
    ask(running)
    (entry,) = entries(running)
    assert [(miss["rule"], miss["why"]) for miss in entry["near_misses"]] == [
        (0, "input_contains: no input contains 'password'"),
        (1, "input_matches: '^b+$' is found in no input"),
        (2, "model: is not 'other'"),
        (3, "output_dtype: is not 'binary'"),
        (4, "min_inputs: 2, and the request has another number"),
        (5, "header: the request lacks X-Team: search"),
        (6, "attempt: is none of 2, 3"),
        (7, "would_be: is none of 400, 401"),
    ]
    ask(running, json={"model": "m", "input": ["password"]})
    assert entries(running)[-1]["near_misses"] == []


def test_an_entry_says_which_rule_and_step_answered_and_how_the_scenario_was_chosen(
    running: RunningServer,
) -> None:
    rules = [
        {"when": {"model": "other"}, "steps": [{"status": 400}]},
        {"when": {}, "steps": [{"normal": True}, {"mutate": "omit_usage"}, {"fault": "reset"}]},
    ]
    running.control("rlc-test").play({"name": "mine", "rules": rules})
    ask(running)
    ask(running)
    with pytest.raises(httpx.ReadError):
        ask(running)
    ask(running, headers=KEY | {"X-Mock-Scenario": "server-error"})
    ask(running, headers=KEY | {"Prefer": "code=401"})
    ask(running, headers={"Authorization": "Bearer mock.bad-request.x"})
    found = [
        (entry["chosen_by"], entry["scenario"], entry["rule"], entry["step"], entry["status"])
        for entry in entries(running)
    ]
    assert found == [
        ("installed", "mine", 1, 0, 200),
        ("installed", "mine", 1, 1, 200),
        ("installed", "mine", 1, 2, None),
        ("header", "server-error", 0, 0, 500),
        ("prefer", None, None, None, 401),
        ("key", "bad-request", 0, 0, 400),
    ]
    assert entries(running)[1]["mutations"] == ["omit_usage"]
    assert entries(running)[2]["fault"] == "reset"


def test_the_journal_keeps_journal_size_entries_and_counts_dropped_ones() -> None:
    with relace_mock.running(dimensions=8, journal_size=3) as server:
        for text in "abcde":
            ask(server, json={"model": "m", "input": [text]})
        assert [entry["number"] for entry in entries(server)] == [3, 4, 5]
        assert httpx.get(f"{server.url}/_mock/requests").json()["dropped"] == 2
        assert httpx.get(f"{server.url}/_mock/health").json()["journal"]["dropped"] == 2


def test_the_journal_keeps_journal_bytes_bytes() -> None:
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        for number in range(8):
            ask(server, json={"model": "m", "input": [f"{number}" * 30_000]})
        assert 1 <= len(entries(server)) <= 3
        assert entries(server)[-1]["number"] == 8


def test_the_first_64_kib_of_a_long_body_are_kept_with_its_true_length() -> None:
    with relace_mock.running(dimensions=8) as server:
        ask(server, json={"model": "m", "input": ["x" * 100_000]})
        (entry,) = entries(server)
    assert len(entry["request"]["body"]) == 65536
    assert entry["request"]["length"] > 100_000


def test_an_idle_key_without_a_scenario_is_evicted_for_a_new_one() -> None:
    with relace_mock.running(dimensions=8, max_namespaces=2) as server:
        server.control("rlc-one").play("server-error")
        for key in ("rlc-two", "rlc-three", "rlc-one"):
            status = ask(server, headers={"Authorization": f"Bearer {key}"}).status_code
            assert status == (500 if key == "rlc-one" else 200)
        health = httpx.get(f"{server.url}/_mock/health").json()
    assert health["namespaces"] == {"kept": 2, "evicted": 1}


def test_a_key_without_room_gets_500_that_names_the_setting_and_no_finding() -> None:
    with relace_mock.running(dimensions=8, max_namespaces=2) as server:
        server.control("rlc-one").play("server-error-once")
        server.control("rlc-two").play("server-error-once")
        third = server.control("rlc-three")
        with pytest.raises(relace_mock.ServerError, match="--max-namespaces"):
            third.play("server-error-once")
        answer = ask(server, headers={"Authorization": "Bearer rlc-three"})
        assert answer.status_code == 500
        assert "--max-namespaces" in answer.json()["error"]
        assert not third.verdict().findings
        server.control("rlc-one").forget()
        assert ask(server, headers={"Authorization": "Bearer rlc-three"}).status_code == 200


def test_state_that_was_idle_for_too_long_is_evicted_and_the_verdict_says_so() -> None:
    with relace_mock.running(dimensions=8, max_namespaces=1, namespace_ttl=0.05) as server:
        first, second = server.control("rlc-one"), server.control("rlc-two")
        first.play("server-error")
        until(lambda: _plays(second), "room for a second key")
        ask(server, headers={"Authorization": "Bearer rlc-two"})
        ask(server, headers={"Authorization": "Bearer rlc-one"})
        verdict = first.verdict()
        assert [finding.rule for finding in verdict.findings] == ["state_forgotten"]
        assert not verdict.ok
        with pytest.raises(AssertionError, match="relace-mock: not ok:\n  state_forgotten"):
            verdict.assert_ok()
        everything = httpx.get(f"{server.url}/_mock/verdict").json()
        rules = document()["components"]["schemas"]["Verdict"]["properties"]["findings"]
        known = rules["items"]["properties"]["rule"]["enum"]
        assert {finding["rule"] for finding in everything["findings"]} <= set(known)
        first.forget()
        assert not first.verdict().findings


def _plays(control: relace_mock.RemoteControl) -> bool:
    try:
        control.play("flaky")
    except relace_mock.ServerError:
        return False
    return True


def test_a_busy_key_pushes_only_its_own_entries_out_of_the_journal() -> None:
    with relace_mock.running(dimensions=8, journal_size=10) as server:
        ask(server, headers={"Authorization": "Bearer rlc-quiet"})
        for number in range(20):
            ask(server, json={"model": "m", "input": [f"{number}"]})
        assert server.control("rlc-quiet").verdict().ok
        assert not server.control("rlc-test").verdict().complete


def test_control_requests_are_not_in_the_journal(running: RunningServer) -> None:
    httpx.get(f"{running.url}/_mock/health")
    httpx.get(f"{running.url}/_mock/nothing")
    assert entries(running) == []


def test_bytes_of_removed_entries_are_not_counted() -> None:
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-test\r\n"
        connections = [connect(server.url) for _ in range(6)]
        for connection in connections:
            connection.sendall(head + b"Content-Length: 20000\r\n\r\n")
        entries(server, 6, pending=True)
        httpx.post(f"{server.url}/_mock/reset", json={"all": True})
        for connection in connections:
            connection.sendall(b"x" * 20000)
            connection.recv(9)
            connection.close()
        for _ in range(3):
            ask(server)
        assert len(entries(server, 3)) == 3


def test_headers_count_toward_the_bytes_of_the_journal() -> None:
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        for _ in range(10):
            ask(server, headers=KEY | {"X-Long": "x" * 60_000})
        assert len(entries(server, 1)) == 1


@pytest.mark.parametrize("fault", ["reset_mid_body", "close_keep_alive", "malformed_chunk"])
def test_a_client_that_leaves_before_its_fault_is_journalled_as_client_aborted(
    running: RunningServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    steering = Steering(running.url)
    steering.play({"fault": fault, "delay": "300ms"})
    with steering.connect() as connection:
        connection.sendall(steering.request())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    (entry,) = entries(running, 1)
    assert entry["outcome"] == "client_aborted"
    assert not caplog.records


def test_a_refused_request_is_journalled_as_refused_even_if_it_used_a_step(
    running: RunningServer,
) -> None:
    running.control("rlc-test").play({"steps": [{"normal": True}, {"delay": "1ms"}]})
    for _ in range(2):
        ask(running, json={"model": "m"})
    assert [entry["outcome"] for entry in entries(running, 2)] == ["refused", "refused"]
