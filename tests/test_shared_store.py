"""Replicas that share a Redis behave as one server, whichever of them a client reaches."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer, ServerError, Settings
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.shared.database import Limits
from tests.recordings import embed, recorded, source
from tests.redis_server import new_prefix, shared
from tests.steering import Steering, ask, until
from tests.test_concurrency import Client, connect
from tests.test_store import database

Replicas = tuple[RunningServer, RunningServer]
SAME = ("same",) * 32


@contextlib.contextmanager
def replica(prefix: str, **settings: Any) -> Iterator[RunningServer]:
    settings = {"dimensions": 8, "store": shared().url, "store_timeout": 60.0, **settings}
    with relace_mock.running(store_prefix=prefix, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def prefix() -> str:
    return new_prefix()


@pytest.fixture(scope="module")
def replicas(prefix: str) -> Iterator[Replicas]:
    with replica(prefix) as first, replica(prefix) as second:
        yield first, second


@pytest.fixture
def controls(replicas: Replicas, request: pytest.FixtureRequest) -> list[RemoteControl]:
    """Controls of one key, one for each replica."""
    key = f"rlc-{abs(hash(request.node.nodeid))}"
    return [server.control(key) for server in replicas]


def clients(replicas: Replicas, count: int) -> list[Any]:
    return [connect(replicas[number % 2]) for number in range(count)]


async def at_once(replicas: Replicas, key: str, texts: Sequence[str] = SAME) -> Counter[int]:
    """Send each text to the replicas in turn, from a client of its own at once; count statuses."""
    connected: list[Client] = await asyncio.gather(*clients(replicas, len(texts)))
    asked = (client.ask(key, text) for client, text in zip(connected, texts, strict=True))
    statuses = await asyncio.gather(*asked)
    for client in connected:
        client.close()
    return Counter(statuses)


def test_a_one_shot_failure_meets_exactly_one_client_of_two_replicas(replicas: Replicas) -> None:
    for number in range(10):
        counts = asyncio.run(at_once(replicas, f"mock.server-error-once.{number}"))
        assert counts == {500: 1, 200: 31}, number


def test_a_quota_lets_exactly_its_number_through_whatever_the_replica(
    replicas: Replicas, controls: list[RemoteControl]
) -> None:
    for _ in range(3):
        controls[0].play({"rate_limit": {"requests": 7, "per": "1h"}})
        assert asyncio.run(at_once(replicas, controls[0].api_key)) == {200: 7, 429: 25}


def test_the_steps_of_a_script_go_to_requests_in_the_order_of_their_arrival(
    controls: list[RemoteControl],
) -> None:
    controls[0].play({"steps": [{"status": 500 + number} for number in range(6)]})
    statuses = [ask(controls[number % 2]).status_code for number in range(7)]
    assert statuses == [500, 501, 502, 503, 504, 505, 200]


def test_chance_and_vectors_agree_on_every_replica(controls: list[RemoteControl]) -> None:
    rule = {"when": {}, "chance": 0.5, "steps": [{"status": 500}], "repeat": True}

    def fates(*of: RemoteControl) -> list[int]:
        of[0].play({"rules": [rule]})
        bodies = [{"model": "m", "input": [f"text {number}"]} for number in range(20)]
        return [ask(of[n % len(of)], body).status_code for n, body in enumerate(bodies)]

    alone = fates(controls[0])
    assert fates(*controls) == alone
    assert set(alone) == {200, 500}
    controls[0].play({"steps": [{"normal": True, "times": "forever"}]})
    assert ask(controls[0]).content == ask(controls[1]).content


def test_a_scenario_a_clock_and_a_reset_apply_to_all_replicas(
    controls: list[RemoteControl],
) -> None:
    first, second = controls
    first.play({"steps": [{"status": 503, "times": 2}], "rate_limit": {"requests": 3, "per": "1h"}})
    assert [ask(first).status_code, ask(second).status_code] == [503, 503]
    assert ask(second).headers["x-ratelimit-remaining"] == "0"
    assert ask(first).status_code == 429
    second.advance(3600)
    assert ask(first).status_code == 200
    first.reset()
    assert ask(second).status_code == 503
    assert len(first.requests) == 1
    second.play("ok") if "ok" in names(second) else second.play({"steps": [{"status": 418}]})
    shown = [
        Steering(c.base_url[:-3], c.api_key).control("GET", "scenario").json() for c in controls
    ]
    assert shown[0] == shown[1]


def names(control: RemoteControl) -> list[str]:
    found = httpx.get(f"{control.base_url[:-3]}/_mock/scenarios").json()["scenarios"]
    return [scenario["name"] for scenario in found]


def test_the_default_scenario_and_the_common_clock_apply_to_all_replicas() -> None:
    prefix = new_prefix()
    with replica(prefix) as first, replica(prefix) as second:
        body = {"steps": [{"status": 504}]}
        httpx.put(f"{first.url}/_mock/scenario", json=body).raise_for_status()
        assert ask(second).status_code == 504
        assert ask(first).status_code == 200
        httpx.post(f"{second.url}/_mock/clock", json={"advance": 3600}).raise_for_status()
        times = [httpx.post(f"{s.url}/_mock/clock", json={"advance": 0}) for s in (first, second)]
        assert times[1].json()["now"] > times[0].json()["now"]
        httpx.post(f"{first.url}/_mock/reset", json={"all": True}).raise_for_status()
        assert [ask(second).status_code, ask(first).status_code] == [504, 200]
        assert httpx.get(f"{second.url}/_mock/requests").json()["requests"][0]["number"] == 3


def test_the_journal_has_every_request_once_and_in_one_order(replicas: Replicas) -> None:
    key = "rlc-journal"
    texts = [f"text {number}" for number in range(40)]
    statuses = asyncio.run(at_once(replicas, key, texts))
    assert statuses == {200: 40}
    journals = [Steering(server.url, key).journal(settle="5s") for server in replicas]
    assert journals[0] == journals[1]
    numbers = [entry["number"] for entry in journals[0]]
    assert numbers == sorted(set(numbers)) and len(numbers) == 40
    sent = Counter(json.loads(entry["request"]["body"])["input"][0] for entry in journals[0])
    assert sent == Counter(texts)


def test_an_entry_shows_the_same_as_with_a_store_in_memory(controls: list[RemoteControl]) -> None:
    scenario = {
        "rules": [
            {"when": {"input_contains": "no such text"}, "steps": [{"status": 500}]},
            {"when": {"attempt": 1}, "steps": [{"mutate": "drop_result"}]},
            {"when": {"attempt": 2}, "steps": [{"status": 503, "headers": {"Retry-After": "1"}}]},
            {"when": {"attempt": 3}, "steps": [{"fault": "empty"}]},
        ]
    }

    def played(server: str, key: str) -> list[dict[str, Any]]:
        steering = Steering(server, key)
        steering.play(scenario)
        with contextlib.suppress(httpx.RemoteProtocolError):
            for body in ({"model": "m", "input": ["a", "b"]}, {"model": "m", "input": [7]}):
                steering.ask(body)
        steering.ask({"model": "m", "input": "one"}, params={"api_key": key})
        return steering.journal(settle="5s")

    def comparable(entry: dict[str, Any]) -> dict[str, Any]:
        request = entry["request"]
        request["headers"] = [pair for pair in request["headers"] if pair[0] != "host"]
        # A shared store keeps no answers.
        for varying in ("number", "time", "duration", "client", "answer"):
            entry.pop(varying)
        return entry

    key = "rlc-compared"
    with relace_mock.running(dimensions=8) as alone:
        expected = [comparable(entry) for entry in played(alone.url, key)]
    found = [comparable(entry) for entry in played(controls[0].base_url[:-3], key)]
    assert found == expected
    assert len(found) == 3


def test_the_next_request_after_a_success_is_a_first_attempt_on_any_replica(
    controls: list[RemoteControl],
) -> None:
    """The end of a request is stored after its answer, but takes effect before the next request."""
    clients = [Steering(control.base_url[:-3], control.api_key) for control in controls]
    for number in range(40):
        assert clients[number % 2].ask().status_code == 200
    assert {entry["attempt"] for entry in clients[0].journal(settle="5s")} == {1}


def test_a_success_that_the_client_did_not_wait_for_counts_as_an_attempt(
    controls: list[RemoteControl],
) -> None:
    steering = Steering(controls[0].base_url[:-3], controls[0].api_key)
    steering.play({"normal": True, "delay": "10s"})
    with steering.connect() as connection:
        connection.sendall(steering.request())
        until(steering.journal, "the request")
    until(lambda: steering.last()["outcome"] == "client_aborted", "the client has left")
    other = Steering(controls[1].base_url[:-3], controls[1].api_key)
    body = steering.request().partition(b"\r\n\r\n")[2]
    other._client.post("/v1/code/embed", content=body, headers={"Content-Type": "application/json"})
    assert other.last()["attempt"] == 2


@pytest.mark.parametrize("left", [True, False])
def test_a_success_that_was_counted_but_not_delivered_is_taken_back(left: bool) -> None:
    pipeline = Pipeline(Settings(dimensions=8, store=shared().url, store_prefix=new_prefix()))
    body = b'{"model": "m", "input": ["a"]}'
    headers = [(b"authorization", b"Bearer rlc-a"), (b"content-type", b"application/json")]
    for _ in range(2):
        exchange = pipeline.handle(Received("POST", "/v1/code/embed", headers, b"", 0), "x:1")
        exchange.read(body, len(body))
        exchange.answer()
        exchange.finish(left=left)
        until(lambda: not pipeline.journal.is_pending(), "the end of the request")
    attempts = [entry.attempt for entry in pipeline.journal.entries()]
    pipeline.ledger.close()
    assert attempts == ([1, 2] if left else [1, 1])


def test_settle_waits_for_requests_of_every_replica(controls: list[RemoteControl]) -> None:
    controls[0].play({"steps": [{"normal": True, "delay": "300ms"}]})
    asking = threading.Thread(target=ask, args=(controls[0],))
    asking.start()
    until(controls[1].journal, "the request")
    (entry,) = controls[1].journal(settle="30s")
    asking.join()
    assert entry.outcome == "answered"


def test_a_verdict_is_the_same_on_every_replica(controls: list[RemoteControl]) -> None:
    controls[0].play({"steps": [{"status": 401, "times": 2}]})
    for number in range(3):
        ask(controls[number % 2])
    verdicts = [control.verdict() for control in controls]
    assert verdicts[0] == verdicts[1]
    assert [finding.rule for finding in verdicts[0].failures] == ["retried_non_retryable"] * 2


def test_gaps_between_replicas_count_with_the_time_of_the_store(
    controls: list[RemoteControl],
) -> None:
    first, second = controls
    first.play({"steps": [{"status": 429, "headers": {"Retry-After": "30"}, "times": 2}]})
    ask(first)
    second.advance(31)
    ask(second)
    ask(first)
    assert [f.rule for f in second.verdict().failures] == ["retry_after_ignored"]


def test_a_deleted_namespace_is_gone_everywhere(controls: list[RemoteControl]) -> None:
    controls[0].play({"steps": [{"status": 500, "times": "forever"}]})
    ask(controls[0])
    controls[1].forget()
    assert ask(controls[0]).status_code == 200
    assert len(controls[0].requests) == 1


def test_a_body_that_arrives_slowly_is_in_the_journal_from_the_beginning(
    controls: list[RemoteControl],
) -> None:
    steering = Steering(controls[0].base_url[:-3], controls[0].api_key)
    whole = steering.request()
    with steering.connect() as connection:
        connection.sendall(whole[:-5])
        (entry,) = until(controls[1].journal, "the head of a request")
        assert (entry.outcome, entry.status) == ("pending", None)
        connection.sendall(whole[-5:])
        assert b" 200 " in connection.recv(1000)
    last = steering.last()
    assert last["request"]["body"] == whole.partition(b"\r\n\r\n")[2].decode()
    assert (last["number"], last["status"]) == (entry.number, 200)


def test_a_client_that_leaves_before_its_body_is_entered_once(
    controls: list[RemoteControl],
) -> None:
    steering = Steering(controls[0].base_url[:-3], controls[0].api_key)
    with steering.connect() as connection:
        connection.sendall(steering.request()[:-5])
    until(lambda: [e.outcome for e in controls[1].journal()] == ["client_aborted"], "its end")


def test_malformed_requests_are_in_the_shared_journal(replicas: Replicas) -> None:
    steering = Steering(replicas[0].url)
    with steering.connect() as connection:
        connection.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        assert b"400" in connection.recv(1000)

    def entered() -> bool:
        found = httpx.get(f"{replicas[1].url}/_mock/requests?status=400").json()["requests"]
        return any("Not a valid HTTP" in str(entry["violations"]) for entry in found)

    until(entered, "the refusal")


def monitored(server: RunningServer, key: str, delay: str) -> tuple[list[str], list[str]]:
    """The Redis operations of one request: those before its answer, and all."""
    steering = Steering(server.url, key)
    steering.play({"normal": True, "delay": delay, "times": "forever"})
    steering.ask()  # now the store has the script, and this replica has the scenario
    with shared().client() as client, client.monitor() as monitor:
        operations: list[str] = []

        def listen() -> None:
            for command in monitor.listen():
                words = command["command"].split()
                if words[0] == "PING":
                    return
                if words[0].startswith("EVALSHA") and f" {name} " in command["command"]:
                    operations.append(
                        re.findall(r" (arrive|settle|finish|look) ", command["command"])[0]
                    )

        name = steering.journal()[0]["namespace"]
        listening = threading.Thread(target=listen)
        listening.start()
        steering._client.post("/v1/code/embed", json={"model": "m", "input": ["b"]})
        until(lambda: "finish" in operations, "the end of the request")
        client.ping()
        listening.join()
    return operations[: operations.index("finish")], operations


def test_a_request_takes_two_round_trips_before_its_answer_and_one_after(
    replicas: Replicas,
) -> None:
    before, every = monitored(replicas[0], "rlc-trips", "1ms")
    assert before == ["arrive", "settle"]
    assert every == ["arrive", "settle", "finish"]


def test_every_key_of_the_store_has_the_prefix_and_expires() -> None:
    prefix = new_prefix()
    with replica(prefix, store_ttl=7200.0) as server:
        control = server.control("rlc-expiring")
        control.play({"steps": [{"status": 500}], "rate_limit": {"requests": 9, "per": "1h"}})
        ask(control)
        ask(control)
        control.journal(settle="5s")
        client = shared().client()
        keys = client.keys(f"{prefix}:*")
        assert len(keys) > 8
        for key in keys:
            assert 7000 < client.ttl(key) <= 7200, key
    tags = {re.findall(r"\{(\w+)\}", key)[0] for key in keys if "{" in key}
    assert len(tags) == 1, "one hash tag a namespace"
    assert not any(len(re.findall(r"\{", key)) > 1 for key in keys)


def test_no_api_key_is_in_the_store() -> None:
    prefix, secret = new_prefix(), "rlc-5ecre75ecre75ecre75ecre75ecre75e"
    with replica(prefix) as server:
        steering = Steering(server.url, secret)
        steering.play({"steps": [{"status": 429}]})
        steering.ask({"model": "m", "input": [f"with {secret}"]}, params={"api_key": secret})
        steering.ask(headers={"Cookie": f"session={secret}", "X-Custom": secret})
        steering.ask({"model": secret})
        assert len(steering.journal(settle="5s")) == 3
        client = shared().client()
        for key in client.keys(f"{prefix}:*"):
            kind = client.type(key)
            values = {
                "hash": client.hgetall,
                "string": client.get,
                "set": client.smembers,
                "list": lambda name: client.lrange(name, 0, -1),
                "zset": lambda name: client.zrange(name, 0, -1),
            }[kind](key)
            assert "5ecre7" not in f"{key} {values}"


def test_replicas_with_other_settings_do_not_start_and_say_which() -> None:
    prefix = new_prefix()
    with replica(prefix, seed=1):
        with pytest.raises(ServerError) as told, replica(prefix, seed=2, dimensions=16):
            pass
        assert "seed is 1 there and 2 here" in str(told.value)
        assert "dimensions is 8 there and 16 here" in str(told.value)
        assert "--store-prefix" in str(told.value)
        with replica(new_prefix(), seed=2):
            pass


def test_replicas_replay_a_recording_and_the_shared_journal_says_where_vectors_come_from(
    tmp_path: Path,
) -> None:
    prefix = new_prefix()
    with relace_mock.running(thread=True, dimensions=8) as endpoint:
        file = recorded(endpoint.base_url, tmp_path / "recording.jsonl", ["a"])
    moved = tmp_path / "other" / file.name
    moved.parent.mkdir()
    shutil.copy(file, moved)
    with replica(prefix, replay=file) as first, replica(prefix, replay=moved) as second:
        for server in (first, second):
            assert source(embed(server.base_url, "a")) == "recorded"
            assert embed(server.base_url, "new").status_code == 500
        second.control("rlc-test").journal(settle="5s")
        told = httpx.get(f"{second.url}/_mock/requests", timeout=60).json()["requests"]
        assert [entry["source"] for entry in told] == ["recorded", None] * 2
        moved.write_bytes(moved.read_bytes() * 2)
        with pytest.raises(ServerError) as told, replica(prefix, replay=moved):
            pass
        assert "replay is recording.jsonl (" in str(told.value)


def test_the_key_for_the_upstream_is_neither_stored_nor_shown_to_other_replicas() -> None:
    prefix, secret = new_prefix(), "upstream-5ecret"
    with replica(prefix, upstream="http://127.0.0.1:9", upstream_key=secret):
        told = f"{shared().client().hgetall(f'{prefix}:meta')}"
        assert "127.0.0.1:9" in told
        assert "5ecret" not in told
        with pytest.raises(ServerError) as refused, replica(prefix):
            pass
        assert "upstream is http://127.0.0.1:9 there and None here" in str(refused.value)
        assert "5ecret" not in str(refused.value)


def test_a_replica_of_another_version_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = new_prefix()
    with replica(prefix):
        monkeypatch.setattr("relace_mock.shared.opening.__version__", "9.9.9")
        with (
            pytest.raises(ServerError, match=r"version is .* there and 9\.9\.9 here"),
            replica(prefix),
        ):
            pass


def test_replicas_with_another_seed_can_start_after_all_others_have_stopped() -> None:
    prefix = new_prefix()
    with replica(prefix, seed=1) as server:
        server.control("rlc-a").play({"steps": [{"status": 500}]})
    with replica(prefix, seed=2) as server:
        assert ask(server.control("rlc-a")).status_code == 200


def test_state_outlives_a_restart_of_all_replicas() -> None:
    prefix = new_prefix()
    scenario = {"steps": [{"status": 500}, {"status": 502}]}
    with replica(prefix) as server:
        server.control("rlc-a").play(scenario)
        assert ask(server.control("rlc-a")).status_code == 500
        server.control("rlc-a").journal(settle="5s")
    with replica(prefix) as server:
        control = server.control("rlc-a")
        assert ask(control).status_code == 502
        assert [entry.status for entry in control.requests] == [500, 502]
        assert control.verdict().complete


def test_a_full_journal_drops_from_the_namespace_that_holds_most() -> None:
    prefix = new_prefix()
    with replica(prefix, journal_size=6) as first, replica(prefix, journal_size=6) as second:
        quiet, loud = first.control("rlc-quiet"), first.control("rlc-loud")
        for server in (first, second):
            ask(server.control("rlc-quiet"))
        for number in range(8):
            ask((first, second)[number % 2].control("rlc-loud"))
        assert len(quiet.journal(settle="5s")) == 2
        assert len(loud.journal(settle="5s")) == 4
        assert quiet.verdict().complete
        assert not second.control("rlc-loud").verdict().complete
        assert not loud.verdict().ok
        loud.reset()
        ask(loud)
        assert loud.verdict().complete


def test_a_journal_is_bounded_by_its_bytes() -> None:
    with replica(new_prefix(), journal_bytes=20_000) as server:
        control = server.control("rlc-large")
        for number in range(6):
            ask(control, {"model": "m", "input": [f"{number} " * 2000]})
        assert 1 <= len(control.journal(settle="5s")) < 6
        assert not control.verdict().complete


def test_a_request_with_a_new_key_is_refused_if_all_namespaces_are_in_use() -> None:
    with replica(new_prefix(), max_namespaces=2) as server:
        for key in ("rlc-a", "rlc-b"):
            server.control(key).play({"steps": [{"status": 500}]})
        refused = ask(server.control("rlc-c"))
        assert (refused.status_code, "--max-namespaces" in refused.text) == (500, True)
        assert server.control("rlc-c").requests[-1].status == 500


def test_in_process_clients_can_share_a_store(replicas: Replicas, prefix: str) -> None:
    transport = relace_mock.transport(dimensions=8, store=shared().url, store_prefix=prefix)
    control = replicas[0].control("rlc-transport")
    control.play({"steps": [{"status": 502}, {"status": 503}]})
    with httpx.Client(transport=transport, base_url="http://mock/v1") as client:
        headers = {"Authorization": "Bearer rlc-transport"}
        body = {"model": "m", "input": ["a"]}
        assert client.post("/code/embed", json=body, headers=headers).status_code == 502
    assert ask(control).status_code == 503
    assert [entry.status for entry in control.requests] == [502, 503]


def test_health_counts_what_all_replicas_hold(replicas: Replicas) -> None:
    ask(replicas[0])
    found = [httpx.get(f"{server.url}/_mock/health").json() for server in replicas]
    assert found[0]["journal"] == found[1]["journal"]
    assert found[0]["namespaces"]["kept"] >= 1


def test_no_process_without_a_shared_store_imports_redis() -> None:
    code = (
        "import sys, relace_mock\n"
        "with relace_mock.running(thread=True, dimensions=8): pass\n"
        "assert 'redis' not in sys.modules and 'relace_mock.shared.store' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_step_back_of_the_clock_of_redis_does_not_reorder_the_journal() -> None:
    """The steady time of the store continues, so gaps stay positive."""
    held = database(new_prefix(), Limits(10, 60))
    first = held.look("a", None)
    meta = held._meta
    later = json.dumps(int((time.time() + 3600) * 1e6))
    shared().client().hset(meta, "last", later)
    second = held.look("a", None)
    third = held.look("a", None)
    assert second.wall < first.wall + 60
    assert second.steady >= first.steady + 3500
    assert third.steady >= second.steady
