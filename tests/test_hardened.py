"""What once broke the mock, and must not again: odd requests, odd stories, odd moments."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer, ServerError
from relace_mock.state.quota import Limit, Spent, charge
from tests.conftest import KEY

SECRET = "sk-secret-abcdefgh"
BODY = {"model": "m", "input": ["a"]}


@pytest.fixture(scope="module", params=["httptools", "h11"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with relace_mock.running(http=request.param, dimensions=8) as server:
        yield server


@pytest.fixture(autouse=True)
def from_the_beginning(running: RunningServer) -> None:
    httpx.post(f"{running.url}/_mock/reset", json={"all": True})
    httpx.delete(f"{running.url}/_mock/scenario")


def ask(server: RunningServer, key: str = "rlc-test", **given: Any) -> httpx.Response:
    options: dict[str, Any] = {"json": BODY, "headers": {"Authorization": f"Bearer {key}"}, **given}
    return httpx.post(f"{server.base_url}/code/embed", **options)


def send(server: RunningServer, raw: bytes, *, reset: bool = False) -> None:
    """Send bytes and hang up, in order or not."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(raw)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def entries(server: RunningServer, count: int) -> list[dict[str, Any]]:
    """The journal, once it has so many entries and all are complete."""
    while True:
        found: list[dict[str, Any]] = httpx.get(f"{server.url}/_mock/requests").json()["requests"]
        if len(found) >= count and all(entry["outcome"] != "pending" for entry in found):
            return found


HEAD = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % SECRET.encode()


@pytest.mark.parametrize(
    "body", [b'{"model":[],"input":["x"]}', b'{"model":"m","input":["x"],"z":' + b"[" * 1000]
)
def test_no_body_that_was_cut_off_breaks_the_verdict(running: RunningServer, body: bytes) -> None:
    send(running, HEAD + b"Content-Length: 9999\r\n\r\n" + body)
    entries(running, 1)
    assert httpx.get(f"{running.url}/_mock/verdict").json()["requests"] == 1


def test_a_date_beyond_the_calendar_in_retry_after_is_no_date(running: RunningServer) -> None:
    control = running.control("rlc-date")
    date = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
    control.play({"steps": [{"status": 503, "headers": {"Retry-After": date}}]})
    assert [ask(running, "rlc-date").status_code for _ in range(2)] == [503, 200]
    assert control.verdict().ok


@pytest.mark.parametrize(
    "story",
    [
        '{"seed": 99999999999999999999999, "steps": [{"status": 500}]}',
        '{"steps": [{"status": 500, "body": {"n": 99999999999999999999999}}]}',
        '{"steps": [{"fault": "drip", "bytes_per_second": 1' + "0" * 400 + "}]}",
        "steps: [{status: 0x" + "F" * 5000 + "}]",
        '{"steps": [{"delay": {"lognormal": {"median": "1s", "sigma": 1000000}}}]}',
        '{"name": ["a"]}',
        '{"name": null}',
        "{when: {max_inputs: 1}, steps: [{mutate: shuffle_results}]}",
        "{when: {output_dtype: binary}, steps: [{mutate: nan_component}]}",
    ],
    ids=["seed", "body", "pace", "status", "sigma", "name", "null", "one input", "binary"],
)
def test_a_story_that_cannot_be_told_is_refused_and_not_installed(
    running: RunningServer, story: str
) -> None:
    text = f"rules:\n- {story}" if story.startswith("{when") else story
    answer = httpx.put(f"{running.url}/_mock/scenario", content=text, headers=KEY)
    assert answer.status_code == 400
    assert "Node(" not in answer.text
    assert ask(running).status_code == 200


@pytest.mark.parametrize(
    ("headers", "options"),
    [
        ([], {"content": json.dumps({"model": "m", "input": ["a"], "output_dtype": SECRET})}),
        ([], {"params": {"api_key": SECRET}, "headers": {}}),
        ([], {"params": {"k": SECRET}, "headers": {"Authorization": f"Token {SECRET}"}}),
        ([("Authorization", "Bearer other-one"), ("X-Debug", SECRET)], {}),
    ],
    ids=["violation", "parameter", "scheme", "two fields"],
)
def test_no_key_is_in_the_journal(
    running: RunningServer, headers: list[tuple[str, str]], options: dict[str, Any]
) -> None:
    own = [("Authorization", f"Bearer {SECRET}"), ("Content-Type", "application/json")]
    httpx.post(f"{running.base_url}/code/embed", **{"headers": [*own, *headers], **options})
    assert SECRET not in json.dumps(entries(running, 1))


def test_no_key_is_in_a_body_that_was_cut_off(running: RunningServer) -> None:
    send(running, HEAD + b'Content-Length: 99\r\n\r\n{"input":["' + SECRET.encode())
    assert SECRET not in json.dumps(entries(running, 1))


def test_no_key_is_in_a_query_that_spells_it_in_percents(running: RunningServer) -> None:
    key = "sk-ab/cd+efghij=="
    ask(running, key, params={"q": key})
    text = json.dumps(entries(running, 1))
    assert key not in text and quote(key) not in text and quote(key, safe="") not in text


def test_no_key_of_other_letters_is_in_a_body(running: RunningServer) -> None:
    key = "clé-secret-1234"
    raw = key.encode("latin-1")
    body = b'{"model":"m","input":["%b"]}' % key.encode()
    head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    send(running, head + b"Authorization: Bearer %b\r\n" % raw + length + body)
    assert entries(running, 1)[0]["namespace"] != "anonymous"


def test_no_key_is_in_a_near_miss(running: RunningServer) -> None:
    when = {"header": {"Authorization": f"Bearer {SECRET}x"}}
    running.control("rlc-test").play({"rules": [{"when": when, "steps": [{"status": 500}]}]})
    ask(running)
    (entry,) = entries(running, 1)
    assert entry["near_misses"][0]["why"] == "header: the request lacks Authorization"


def test_a_no_break_space_is_a_character_of_a_key(running: RunningServer) -> None:
    """0xA0 ends the UTF-8 of an à."""
    head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    body = json.dumps(BODY).encode()
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    send(running, head + b"Authorization: Bearer rlc-\xc3\xa0-x\r\n" + length + body)
    assert entries(running, 1)[0]["namespace"] != "anonymous"


def test_bytes_of_entries_that_are_gone_are_not_counted() -> None:
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        url = urlsplit(server.url)
        connections = [socket.create_connection((url.hostname, url.port)) for _ in range(6)]
        for connection in connections:
            connection.sendall(HEAD + b"Content-Length: 20000\r\n\r\n")
        while len(httpx.get(f"{server.url}/_mock/requests").json()["requests"]) < 6:
            pass
        httpx.post(f"{server.url}/_mock/reset", json={"all": True})
        for connection in connections:
            connection.sendall(b"x" * 20000)
            connection.recv(9)
            connection.close()
        for _ in range(3):
            ask(server)
        assert len(entries(server, 3)) == 3


def test_a_long_head_counts_as_what_it_is() -> None:
    with relace_mock.running(dimensions=8, journal_bytes=100_000) as server:
        for _ in range(10):
            ask(server, headers=KEY | {"X-Long": "x" * 60_000})
        assert len(entries(server, 1)) == 1


@pytest.mark.parametrize("fault", ["reset_mid_body", "close_keep_alive", "malformed_chunk"])
def test_a_client_that_leaves_before_its_fault_is_not_pending_for_ever(
    running: RunningServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    control = running.control(SECRET)
    control.play({"steps": [{"fault": fault, "delay": "300ms"}]})
    body = json.dumps(BODY).encode()
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    send(running, HEAD + length + body, reset=True)
    (entry,) = entries(running, 1)
    assert entry["outcome"] == "client_aborted"
    assert not caplog.records


def test_the_default_does_not_rewind_a_key_that_names_its_own_story(
    running: RunningServer,
) -> None:
    key = "mock.rate-limited-twice.own"
    assert [ask(running, key).status_code for _ in range(2)] == [429, 429]
    httpx.put(f"{running.url}/_mock/scenario", json={"name": "ok"})
    assert ask(running, key).status_code == 200


def test_a_clock_that_is_set_back_opens_a_new_window() -> None:
    spent, state = charge(Spent(3600.0, 3660.0, 1), Limit(1, 60), 0.0, 1)
    assert not state.exceeded
    assert spent == Spent(0.0, 60.0, 1)


def test_a_refusal_is_refused_though_a_step_was_used_on_it(running: RunningServer) -> None:
    running.control("rlc-test").play({"steps": [{"normal": True}, {"delay": "1ms"}]})
    for _ in range(2):
        ask(running, json={"model": "m"})
    assert [entry["outcome"] for entry in entries(running, 2)] == ["refused", "refused"]


def test_an_unknown_scenario_has_the_fields_of_the_quota_too() -> None:
    with relace_mock.running(dimensions=8, rate_limit="3/60s") as server:
        answer = ask(server, headers=KEY | {"X-Mock-Scenario": "none"})
    assert answer.status_code == 400
    assert answer.headers["x-ratelimit-remaining"] == "3"


def test_a_preference_leaves_no_trace(running: RunningServer) -> None:
    """Neither attempts nor chance move."""
    rule = {"when": {"attempt": 1}, "steps": [{"status": 503, "times": 9}]}
    running.control("rlc-test").play({"rules": [rule]})
    for _ in range(2):
        assert ask(running, headers=KEY | {"Prefer": "code=429"}).status_code == 429
    assert [ask(running).status_code for _ in range(2)] == [503, 200]


def test_a_cancelled_wait_in_process_is_a_client_that_left() -> None:
    transport = relace_mock.transport(dimensions=8)
    control = transport.control("rlc-test")
    control.play({"steps": [{"delay": "60s"}]})

    async def leave() -> None:
        async with httpx.AsyncClient(transport=transport) as client:
            call = client.post("http://x/v1/code/embed", json=BODY, headers=KEY, timeout=None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call, 0.05)

    asyncio.run(leave())
    assert [request.outcome for request in control.requests] == ["client_aborted"]


def test_in_process_there_is_no_web_page_to_keep_out() -> None:
    with httpx.Client(transport=relace_mock.transport(), base_url="http://mock") as client:
        assert client.get("/_mock/scenario").status_code == 200


def test_a_control_that_has_the_token_is_heard() -> None:
    with relace_mock.running(dimensions=8, control_token=SECRET) as server:
        server.control("rlc-test").play("server-error")
        assert ask(server).status_code == 500
        assert SECRET not in repr(server)
        with pytest.raises(ServerError, match="send the server's token"):
            relace_mock.RemoteControl(server.base_url, "rlc-test").play("ok")


def test_a_control_of_what_is_no_mock_says_so(running: RunningServer) -> None:
    with pytest.raises(ServerError, match="its port is no number"):
        relace_mock.RemoteControl("http://127.0.0.1:none/v1", "k")

    def elsewhere(*_: Any) -> tuple[int, bytes]:
        return 200, b"<html>"

    with pytest.raises(ServerError, match="is no relace-mock"):
        relace_mock.RemoteControl(running.base_url, "k", send=elsewhere).play("ok")


def test_a_refusal_costs_nothing_though_more_was_spent_than_there_is_now() -> None:
    """As when a scenario has a smaller quota than the one before it."""
    _, state = charge(Spent(0, 60, 5), Limit(3, 60), 1, 0)
    assert not state.exceeded
    _, state = charge(Spent(0, 60, 5), Limit(3, 60), 1, 1)
    assert state.exceeded
