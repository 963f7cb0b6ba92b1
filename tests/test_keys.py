"""API keys are shown nowhere: not in the journal, the verdict, messages or logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.keys import namespace_of
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from tests.conftest import Serve
from tests.sockets import connect, read_all, send
from tests.steering import ask, entries

SECRET = "rlc-0123456789abcdef0123456789abcdef"
BEARER = {"Authorization": f"Bearer {SECRET}"}
BODY = {"model": "m", "input": ["a"]}
HEAD = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(params=["httptools", "h11"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with relace_mock.running(http=request.param, dimensions=8) as server:
        yield server


def test_the_journal_shows_no_key_wherever_a_client_puts_it(running: RunningServer) -> None:
    ask(
        running,
        params={"key": SECRET},
        json=BODY | {"input": [f"curl -H {SECRET}"], "api_key": SECRET},
        headers={
            **BEARER,
            "X-Api-Key": SECRET,
            "Cookie": "session=abc",
            "X-Note": f"my {SECRET}",
        },
    )
    httpx.get(f"{running.url}/{SECRET}", headers=BEARER)
    httpx.get(running.url, headers={"Authorization": f"Basic {SECRET}"})
    httpx.get(running.url, headers={"Authorization": SECRET})
    for odd in (f"{SECRET} Bearer", f"{SECRET} x y", f"Bearer {SECRET} x", f"{SECRET},Bearer x"):
        httpx.get(running.url, headers={"Authorization": odd})
    text = json.dumps(entries(running))
    assert SECRET not in text
    assert "session=abc" not in text
    assert f"<key {namespace_of(SECRET)[:8]}>" in text
    assert text.count("the API key is in the URL, where logs keep it") == 2


def test_the_journal_shows_no_key_of_an_in_process_client_that_sends_line_breaks() -> None:
    transport = relace_mock.transport(dimensions=8)
    with httpx.Client(transport=transport, base_url="http://mock") as client:
        fields = {"Authorization": f"Bearer {SECRET}\nsecond-half", "X-A:b\n": "c\nd"}
        client.post("/v1/code/embed", json=BODY, headers=fields)
        client.post("/v1/code/embed", json=BODY, headers={"Authorization": "Bearer k\n"})
        text = client.get("/_mock/requests").text
    assert SECRET not in text and "second-half" not in text
    assert '["x-a:b ","<hidden>"]' in text


def test_a_key_in_quotes_or_in_another_header_is_hidden_in_every_header(
    running: RunningServer,
) -> None:
    for fields in (
        {"Authorization": f'Bearer "{SECRET}"'},
        {"Authorization": f"Bearer {SECRET}, x"},
        {"X-Api-Key": SECRET},
        {**BEARER, SECRET: "as a name"},
    ):
        ask(running, headers=fields | {"User-Agent": SECRET})
    text = json.dumps(entries(running))
    assert SECRET not in text
    assert text.count("<key ") >= 8


def test_a_kept_body_does_not_end_with_part_of_a_key() -> None:
    with relace_mock.running(dimensions=8) as server:
        for before in range(65536 - 60, 65536 - 20):
            ask(server, content=b" " * before + SECRET.encode(), json=None, headers=BEARER)
        bodies = [entry["request"]["body"] for entry in entries(server)]
    assert len(bodies) == 40
    assert not any(SECRET[:8] in body for body in bodies)


def test_the_verdict_shows_no_key_that_was_written_in_json_escapes() -> None:
    spelled = "".join(f"\\u{ord(character):04x}" for character in SECRET)
    fields = BEARER | {"Content-Type": "application/json"}
    with relace_mock.running(dimensions=8) as server:
        for other in "abc":
            body = f'{{"model": "m", "input": ["{spelled}", "{other}"]}}'
            assert ask(server, content=body, json=None, headers=fields).status_code == 200
        verdict = server.control(SECRET).verdict()
    assert [finding.rule for finding in verdict.findings] == ["duplicate_work"]
    assert SECRET not in str(verdict.findings)


def test_the_repr_of_an_entry_or_exchange_shows_no_key() -> None:
    """Pytest prints both when a test fails."""
    headers = [(b"authorization", f"Bearer {SECRET}".encode())]
    body = SECRET.encode()
    received = Received("POST", f"/{SECRET}", headers, body, len(body), body)
    pipeline = Pipeline(relace_mock.Settings(dimensions=8))
    exchange = pipeline.handle(received, "c")
    exchange.read(body, len(body))
    exchange.answer()
    (entry,) = pipeline.journal.entries()
    assert SECRET not in repr(entry)
    assert SECRET not in repr(exchange)


def test_logs_and_messages_of_the_server_show_no_key(serve: Serve) -> None:
    with serve("--api-key", "rlc-known") as process:
        url = process.base_url.removesuffix("/v1")
        answers = [
            httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=BEARER),
            httpx.put(f"{url}/_mock/scenario", content=b"{", headers=BEARER),
            httpx.put(f"{url}/_mock/scenario", json={"name": "none"}, headers=BEARER),
            httpx.get(f"{url}/_mock/scenario", headers=BEARER),
            httpx.get(f"{url}/_mock/health", headers=BEARER),
            httpx.get(f"{url}/_mock/verdict", headers=BEARER),
        ]
        process.popen.terminate()
        out, errors = process.popen.communicate()
    assert SECRET not in "".join(answer.text for answer in answers) + out + errors


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
def test_the_journal_shows_no_key_in_its_notes_about_a_bad_request(
    running: RunningServer, headers: list[tuple[str, str]], options: dict[str, Any]
) -> None:
    own = [*BEARER.items(), ("Content-Type", "application/json")]
    httpx.post(f"{running.base_url}/code/embed", **{"headers": [*own, *headers], **options})
    assert SECRET not in json.dumps(entries(running, 1))


def test_the_journal_shows_no_key_in_a_body_that_was_cut_off(running: RunningServer) -> None:
    head = HEAD + b"Authorization: Bearer %b\r\nContent-Length: 99\r\n\r\n" % SECRET.encode()
    send(running.url, head + b'{"input":["' + SECRET.encode())
    assert SECRET not in json.dumps(entries(running, 1))


def test_the_journal_shows_no_percent_encoded_key_in_a_query(running: RunningServer) -> None:
    key = "sk-ab/cd+efghij=="
    ask(running, headers={"Authorization": f"Bearer {key}"}, params={"q": key})
    text = json.dumps(entries(running, 1))
    assert key not in text and quote(key) not in text and quote(key, safe="") not in text


def test_a_latin_1_key_repeated_in_a_utf_8_body_is_journalled(
    running: RunningServer,
) -> None:
    key = "clé-secret-1234"
    body = b'{"model":"m","input":["%b"]}' % key.encode()
    fields = b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
    send(running.url, HEAD + fields % (key.encode("latin-1"), len(body)) + body)
    (entry,) = entries(running, 1)
    assert entry["namespace"] != "anonymous"


def test_a_near_miss_shows_no_key(running: RunningServer) -> None:
    when = {"header": {"Authorization": f"Bearer {SECRET}x"}}
    running.control("rlc-test").play({"rules": [{"when": when, "steps": [{"status": 500}]}]})
    ask(running)
    (entry,) = entries(running, 1)
    assert entry["near_misses"][0]["why"] == "header: the request lacks Authorization"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"X-Mock-Scenario": SECRET}, BODY),
        ({}, BODY | {"output_dtype": SECRET}),
        ({}, BODY | {"output_dtype": f"something {SECRET}"}),
    ],
    ids=["a scenario", "a value", "a value that is cut"],
)
def test_the_message_of_a_refusal_does_not_repeat_the_key(
    running: RunningServer, fields: dict[str, str], body: dict[str, Any]
) -> None:
    answer = ask(running, headers=BEARER | fields, json=body)
    assert answer.status_code == 400
    assert SECRET[:12] not in answer.text
    assert SECRET[:12] not in json.dumps(entries(running))


def test_a_method_that_has_the_key_is_shown_nowhere(running: RunningServer) -> None:
    answer = httpx.request(SECRET, f"{running.base_url}/code/embed", headers=BEARER)
    assert SECRET[:12].lower() not in answer.text.lower()
    assert SECRET[:12].lower() not in json.dumps(entries(running)).lower()


def test_the_control_api_repeats_no_key(running: RunningServer) -> None:
    """The key is neither in the scenario that it shows, nor in its message about a wrong one."""

    def asked(method: str, path: str, body: object = None, **params: str) -> str:
        url = f"{running.url.removesuffix('/v1')}/_mock/{path}"
        return httpx.request(method, url, headers=BEARER, json=body, params=params).text

    escaped = SECRET.replace("-", "%2D")
    rule = {
        "when": {"input_contains": SECRET},
        "steps": [{"status": 500, "body": {"error": escaped}}],
    }
    told = [
        asked("PUT", "scenario", {"name": "mine", "rules": [rule]}),
        asked("GET", "scenario"),
        asked("PUT", "scenario", {"name": SECRET}),
        asked("PUT", "scenario", {"steps": [{SECRET: 1}]}),
        asked("PUT", "scenario", {"rules": [{"when": {"input_matches": f"({SECRET}"}}]}),
        asked("POST", "clock", {"advance": SECRET}),
        asked("POST", "clock", {SECRET: 1}),
        asked("GET", "requests", since=SECRET),
        asked("GET", "requests", **{SECRET: "1"}),
        asked(SECRET.upper(), "scenario"),
    ]
    assert '"name":"mine"' in told[1]
    for text in told:
        assert SECRET[:12].lower() not in text.lower()
        assert escaped not in text


LONG = "kq7Zr9-Lm4Xw2-Pv8Tn6-Bd3Hy5-Js1Cf0"
OF_LONG = {"Authorization": f"Bearer {LONG}"}


def shows_a_part(text: str) -> bool:
    """Whether a text has six or more characters of ``LONG`` in a row."""
    return any(LONG[at : at + 6] in text for at in range(len(LONG) - 5))


@pytest.mark.parametrize("length", [240, 65536])
def test_the_kept_part_of_an_answer_does_not_end_with_part_of_a_key(length: int) -> None:
    with relace_mock.running(dimensions=8) as server:
        for off in range(0, len(LONG), 3):
            name = "a" * (length - off - len('{"results":[{"filename":"')) + LONG
            file = {"filename": name, "content": "x"}
            body = {"query": "x", "codebase": [file], "token_limit": 100_000}
            for path in ("/v1/code/rank", "/v2/code/rank"):
                sent = httpx.post(server.url + path, json=body, headers=OF_LONG)
                assert sent.status_code == 200
        answers = [entry["answer"] for entry in entries(server)]
    assert any(answer["cut"] for answer in answers)
    assert not any(shows_a_part(json.dumps(answer)) for answer in answers)


def test_a_kept_body_of_a_scenario_does_not_end_with_part_of_a_key() -> None:
    with relace_mock.running(dimensions=8) as server:
        for off in range(0, len(LONG), 3):
            step = {"status": 500, "body_text": "y" * (65536 - off) + LONG}
            server.control(LONG).play({"steps": [step]})
            ask(server, headers=OF_LONG)
        assert not shows_a_part(json.dumps([entry["answer"] for entry in entries(server)]))
        assert not shows_a_part(httpx.get(f"{server.url}/_mock/trace").text)


@pytest.mark.parametrize(
    "text",
    [
        'steps: [{status: "%s"}]',
        "steps: [{fault: %s}]",
        "steps: [{delay: %s}]",
        "steps: [{status: 429, retry_after: %s}]",
        "steps: [{%s: 5}]",
        "steps: [!%s x]",
        'steps: [{status: 500, headers: {"%s ": x}}]',
        "rate_limit: {requests: 3, per: %s}",
        "rules: [{when: {attempt: %s}, steps: [{status: 500}]}]",
        "name: %s",
    ],
)
def test_the_mistakes_of_a_scenario_show_no_part_of_a_key(text: str) -> None:
    with relace_mock.running(dimensions=8) as server:
        for before in range(0, 81, 3):
            content = text % ("p" * before + LONG)
            for method, path in (("PUT", "scenario"), ("POST", "check")):
                told = httpx.request(
                    method, f"{server.url}/_mock/{path}", content=content, headers=OF_LONG
                )
                assert told.status_code == (400 if method == "PUT" else 200)
                assert not shows_a_part(told.text)


@pytest.mark.parametrize(
    "query", ["scenarios?name=%s", "requests?status=%s", "requests?since=%s", "requests?%s=1"]
)
def test_a_bad_query_of_the_control_api_is_told_without_any_part_of_a_key(query: str) -> None:
    with relace_mock.running(dimensions=8) as server:
        for before in range(0, 81, 3):
            path = query % ("p" * before + LONG)
            told = httpx.get(f"{server.url}/_mock/{path}", headers=OF_LONG)
            assert told.status_code in (400, 404)
            assert not shows_a_part(told.text)


def test_an_unknown_scenario_in_a_header_is_told_without_any_part_of_a_key() -> None:
    with relace_mock.running(dimensions=8) as server:
        for before in range(0, 81, 3):
            chosen = {"X-Mock-Scenario": "p" * before + LONG}
            told = ask(server, headers=OF_LONG | chosen)
            assert told.status_code == 400
            assert not shows_a_part(told.text)
        assert not shows_a_part(json.dumps(entries(server)))


@pytest.mark.parametrize("name", [LONG, f"my-{LONG}-1"])
def test_a_scenario_that_is_named_like_the_key_is_shown_without_it(name: str) -> None:
    with relace_mock.running(dimensions=8) as server:
        server.control(LONG).play({"name": name, "steps": [{"status": 500}]})
        pages = ("requests", "namespaces", "trace", "scenario", "verdicts")
        before = [httpx.get(f"{server.url}/_mock/{page}").text for page in pages]
        assert ask(server, headers=OF_LONG).status_code == 500
        after = [httpx.get(f"{server.url}/_mock/{page}").text for page in pages]
        (entry,) = entries(server)
        assert not any(map(shows_a_part, before + after))
        assert entry["scenario"] == name.replace(LONG, f"<key {namespace_of(LONG)[:8]}>")


def test_a_default_scenario_that_is_named_like_a_key_is_shown_without_it() -> None:
    scenario = {"name": LONG, "steps": [{"status": 500}]}
    with relace_mock.running(dimensions=8) as server:
        httpx.put(f"{server.url}/_mock/scenario", json=scenario)
        assert ask(server, headers=OF_LONG).status_code == 500
        for page in ("requests", "namespaces", "trace"):
            assert not shows_a_part(httpx.get(f"{server.url}/_mock/{page}").text)


def test_the_access_log_shows_no_key_in_the_name_of_a_scenario(serve: Serve) -> None:
    with serve("--access-log", "--dimensions", "8") as process:
        url = process.base_url.removesuffix("/v1")
        scenario = {"name": LONG, "steps": [{"status": 500}]}
        httpx.put(f"{url}/_mock/scenario", json=scenario)
        httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=OF_LONG)
        httpx.get(f"{url}/_mock/requests", params={"settle": "1s"})
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert "rule 0 step 0" in errors
    assert not shows_a_part(errors)


def test_a_password_in_the_target_of_a_request_is_hidden(running: RunningServer) -> None:
    body = json.dumps(BODY | {"input": [LONG]}).encode()
    head = HEAD.replace(b"POST /", b"POST http://user:%b@localhost/" % LONG.encode())
    head += b"Authorization: Bearer another-key\r\nContent-Length: %d\r\n" % len(body)
    with connect(running.url) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    (entry,) = entries(running)
    assert entry["request"]["path"] == "/v1/code/embed"
    assert not shows_a_part(json.dumps(entry))
