"""The bundled scenarios: what each file says, and what a plain client sees."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml

import relace_mock
from relace_mock import RunningServer
from relace_mock.scenario.library import bundled_folder, read_file
from tests.sockets import connect, read_all

ROOT = Path(__file__).parent.parent
FILES = sorted(bundled_folder().glob("*.yaml"))
SCHEMA = bundled_folder() / "scenario.schema.json"
DIMENSIONS = 16
BODY = {"model": "relace-embed-v1", "input": ["def add(a, b): return a + b", "x", "y"]}

# What one client sees, request by request: a status with what is special about the answer,
# or the exception of httpx.
SEEN = {
    "bad-gateway": ["502 text/html", "200"],
    "bad-request": ["400 Invalid JSON in request body"] * 3,
    "connection-reset": ["ReadError", "200", "200"],
    "garbage": ["RemoteProtocolError", "200"],
    "hang": ["ReadTimeout", "200"],
    "key-not-found": ["404 API key not found"] * 3,
    "known-cosines": ["200"] * 2,  # tests/test_known_vectors.py has texts that it is about
    "missing-result": ["200, but indexes 0 1"] * 2,
    "missing-usage": ["200, but no usage"] * 2,
    "model-drift": ["200", "200, but other vectors", "200, but other vectors"],
    "nested-results": ["200, but nested"] * 2,
    "not-a-number": ["200, but NaN"] * 2,
    "ok": ["200"] * 3,
    "outage-then-recovery": [
        *["ReadError"] * 2,
        *["500 Error fetching from origin server"] * 3,
        "429 Rate limit exceeded, after 1",
        "200",
        "200",
    ],
    "ranker-down": ["200"] * 2,  # tests/test_rank_scenarios.py has the ranker's own
    "ranker-lies": ["200"] * 2,
    "rate-limited": ["429 Rate limit exceeded, after 1"] * 4,
    "rate-limited-twice": [*["429 Rate limit exceeded, after 1"] * 2, "200", "200"],
    "rate-limited-without-retry-after": [*["429 Rate limit exceeded"] * 2, "200"],
    "reset-mid-body": ["ReadError", "200"],
    "server-error": ["500 Error fetching from origin server"] * 4,
    "server-error-once": ["500 Error fetching from origin server", "200", "200"],
    "shuffled-results": ["200, but indexes 1 2 0"] * 2,
    "slow": ["ReadTimeout"],
    "slow-drip": ["200"],
    "stale-connection": ["200"],
    "truncated-body": ["RemoteProtocolError", "200"],
    "unauthorized": ["401 Authorized header required"] * 3,
    "unauthorized-once": ["401 Authorized header required", "200"],
    "wrong-dimension": ["200, but length 8"] * 2,
}
# Other tests below cover these.
OTHERS = {"flaky", "rate-limit-free-tier"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=DIMENSIONS) as server:
        yield server


@contextlib.contextmanager
def playing(server: RunningServer, name: str, of: str = "test") -> Iterator[httpx.Client]:
    """A client whose key chooses a scenario."""
    headers = {"Authorization": f"Bearer mock.{name}.{of}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client


def see(client: httpx.Client, timeout: float = 30, body: dict[str, Any] = BODY) -> str:
    """Return what a plain client sees of one request."""
    try:
        answer = client.post("/v1/code/embed", json=body, timeout=timeout)
    except httpx.TransportError as error:
        return type(error).__name__
    if answer.status_code == 200:
        return f"200{lie(answer.text)}"
    wait = answer.headers.get("retry-after")
    kind = answer.headers["content-type"]
    said = answer.json()["error"] if kind == "application/json" else kind
    return f"{answer.status_code} {said}{f', after {wait}' if wait else ''}"


def lie(text: str) -> str:
    """Say how an answer differs from the true one; an empty string if it does not."""
    answer, true = json.loads(text), json.loads(true_answer())
    if answer == true:
        return ""
    if "usage" not in answer:
        return ", but no usage"
    if isinstance(answer["results"][0], list):
        return ", but nested"
    return wrong_vectors(answer["results"], [result["embedding"] for result in true["results"]])


def wrong_vectors(given: list[dict[str, Any]], true: list[list[float]]) -> str:
    results = {result["index"]: result["embedding"] for result in given}
    if list(results) != [0, 1, 2]:
        right = all(vector == true[at] for at, vector in results.items())
        return f", but indexes {' '.join(map(str, results))}{'' if right else ' and vectors'}"
    if any(math.isnan(number) for vector in results.values() for number in vector):
        return ", but NaN"
    lengths = {len(vector) for vector in results.values()}
    if lengths != {DIMENSIONS}:
        return f", but length {' '.join(map(str, lengths))}"
    return ", but other vectors"


@functools.cache
def true_answer() -> str:
    with httpx.Client(transport=relace_mock.transport(dimensions=DIMENSIONS)) as client:
        headers = {"Authorization": "Bearer k"}
        return client.post("https://x/v1/code/embed", json=BODY, headers=headers).text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bundled_file_says_what_a_good_client_does_and_is_named_like_its_scenario(
    path: Path,
) -> None:
    text = path.read_text()
    assert re.match(r"# A good client [^\n]+\n(# [^\n]+\n)*# yaml-language-server: ", text)
    assert f"$schema={SCHEMA.name}\nname: {path.stem}\n" in text
    scenario = read_file(path)
    assert scenario.name == path.stem
    assert scenario.description.endswith(".")


def test_the_committed_schema_matches_the_model() -> None:
    """To update it: python scripts/scenario_schema.py > scenarios/scenario.schema.json."""
    script = [sys.executable, str(ROOT / "scripts" / "scenario_schema.py")]
    written = subprocess.run(script, capture_output=True, text=True, check=True)
    assert SCHEMA.read_text() == written.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bundled_file_is_valid_by_the_schema_that_editors_use(path: Path) -> None:
    jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(
        yaml.safe_load(path.read_text())
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [{"staus": 500}]},
        {"steps": [{"fault": "rest"}]},
        {"steps": [{"mutate": ["drop_results"]}]},
        {"steps": [{"status": "500"}]},
        {"rules": [{"steps": [{"status": 500}]}]},
        {"steps": [{"status": 500, "delay": "2 seconds"}]},
    ],
    ids=["key", "fault", "mutation", "type", "missing", "unit"],
)
def test_the_schema_that_editors_use_rejects_a_mistake(wrong: dict[str, Any]) -> None:
    validator = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert not validator.is_valid(wrong)


def test_every_bundled_scenario_has_a_test_in_this_file() -> None:
    assert {path.stem for path in FILES} == set(SEEN) | OTHERS
    assert not set(SEEN) & OTHERS


@pytest.mark.parametrize("name", SEEN)
def test_a_plain_client_sees_each_step_of_the_scenario(running: RunningServer, name: str) -> None:
    with playing(running, name) as client:
        for expected in SEEN[name]:
            patience = 0.2 if expected == "ReadTimeout" else 30
            assert see(client, patience) == expected


def test_rate_limit_free_tier_counts_down_and_refills_after_a_minute(
    running: RunningServer,
) -> None:
    with playing(running, "rate-limit-free-tier") as client:
        answers = [client.post("/v1/code/embed", json=BODY) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
        left = [answer.headers["x-ratelimit-remaining"] for answer in answers]
        assert left == ["2", "1", "0", "0"]
        assert "retry-after" not in answers[-1].headers
        client.post("/_mock/clock", json={"advance": 60}).raise_for_status()
        assert see(client) == "200"


def test_flaky_fails_one_request_in_five_the_same_ones_for_every_key(
    running: RunningServer,
) -> None:
    bodies = [BODY | {"model": f"model {number}"} for number in range(200)]
    fates = []
    for of in ("one", "another"):
        with playing(running, "flaky", of) as client:
            fates.append([see(client, body=body)[:3] for body in bodies])
    assert fates[0] == fates[1]
    counts = {fate: fates[0].count(fate) for fate in set(fates[0])}
    assert counts.keys() == {"200", "500", "Rea"}  # ReadError
    assert 10 <= counts["500"] <= 30 and 10 <= counts["Rea"] <= 30


def test_flaky_answers_every_body_after_some_retries(running: RunningServer) -> None:
    with playing(running, "flaky", "retries") as client:
        for number in range(30):
            body = BODY | {"model": f"model {number}"}
            assert any(see(client, body=body).startswith("200") for _ in range(5))


def test_slow_takes_two_seconds(running: RunningServer) -> None:
    with playing(running, "slow", "patient") as client:
        assert see(client) == "200"
        (entry,) = client.get("/_mock/requests").json()["requests"]
    assert entry["duration"] >= 1.95


def test_outage_then_recovery_ends_with_a_slow_answer(running: RunningServer) -> None:
    with playing(running, "outage-then-recovery", "slow") as client:
        for _ in range(7):
            see(client)
        *_, last = client.get("/_mock/requests").json()["requests"]
    assert last["status"] == 200 and last["duration"] >= 0.45


def test_slow_drip_outlives_a_read_timeout_and_takes_a_second_for_2000_bytes(
    running: RunningServer,
) -> None:
    with playing(running, "slow-drip", "drip") as client:
        answer = client.post("/v1/code/embed", json=BODY, timeout=5)
        (entry,) = client.get("/_mock/requests").json()["requests"]
    assert lie(answer.text) == ""
    # The first hundred bytes are sent at once.
    assert entry["duration"] >= (len(answer.content) - 200) / 2000 * 0.9


def test_stale_connection_closes_without_a_connection_header(running: RunningServer) -> None:
    content = json.dumps(BODY).encode()
    head = (
        f"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
        "Authorization: Bearer mock.stale-connection.raw\r\nContent-Type: application/json\r\n\r\n"
    )
    with connect(running.url) as connection:
        connection.sendall(head.encode() + content)
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" not in received.lower()
    assert lie(received.partition(b"\r\n\r\n")[2].decode()) == ""


def test_a_scenario_is_read_after_pyyaml_was_imported_a_second_time() -> None:
    # pytest's `pytester` removes the modules that a test imported; the C module of PyYAML stays.
    program = """
import sys, yaml
first = yaml.load("a: 1", yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
for name in [name for name in sys.modules if name.partition(".")[0] in ("yaml", "_yaml")]:
    del sys.modules[name]
from relace_mock.scenario.model import read
print(read(b"steps: [{status: 418}]", "the text", "unnamed").rules[0].steps[0].status)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "418\n"), done.stderr
