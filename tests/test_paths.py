"""Paths are compared as they were sent, by both HTTP parsers and in process."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from tests.conftest import KEY
from tests.sockets import connect, read_all

BODY = json.dumps({"model": "m", "input": ["a"]}).encode()
OTHERS = [
    "/v1/code%2Fembed",
    "/v1/code%2fembed",
    "/v1%2Fcode%2Fembed",
    "/%76%31/code/embed",
    "/v1/code/%65mbed",
    "/v1/code/embed%20",
    "/v1/code/embed%00",
    "/v1/code%252Fembed",
    "//v1/code/embed",
    "/v1//code/embed",
    "/v1/./code/embed",
    "/v1/code/../code/embed",
    "/v1/code/embed/",
    "/v1/code/embed;a",
    "/v1/code/embed#x",
    "/V1/code/embed",
    "/v1/code/Embed",
    "/openapi%2Ejson",
    "/%6Fpenapi.json",
    "/openapi.json/",
    "/%5Fmock/health",
    "/_mock%2Fhealth",
    "//_mock/health",
]


def ask(server: RunningServer, method: str, target: str) -> tuple[int, dict[str, str]]:
    """Send a request target unchanged; return the status and the body."""
    url = urlsplit(server.url)
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer rlc-test\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
    )
    with connect(server.url) as connection:
        connection.sendall(head.encode() + BODY)
        received = read_all(connection)
    status, _, rest = received.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_another_spelling_of_the_path_gets_404(
    server: RunningServer, method: str, target: str
) -> None:
    status, body = ask(server, method, target)
    assert status == 404
    assert body["error"].endswith(
        "the endpoints are POST /v1/code/embed, POST /v2/code/rank, POST /v1/code/rank"
    )


@pytest.mark.parametrize("target", OTHERS)
def test_another_spelling_of_the_path_gets_404_in_process(target: str) -> None:
    sent = httpx.URL("http://mock").copy_with(raw_path=target.partition("#")[0].encode())
    if sent.raw_path == b"/v1/code/embed":
        pytest.skip("httpx sends it in the one spelling")
    with httpx.Client(transport=relace_mock.transport(), headers=KEY) as client:
        assert client.post(sent, json={"model": "m", "input": ["a"]}).status_code == 404


@pytest.mark.parametrize(
    "target", ["/_mock/health%2F", "/_mock/%68ealth", "/_mock//health", "/_mock/health/"]
)
def test_another_spelling_of_a_control_path_gets_404(server: RunningServer, target: str) -> None:
    status, body = ask(server, "GET", target)
    assert status == 404
    assert body["error"].startswith("the control API has no such path: use one of /_mock/health")
    assert body["error"].endswith("did you mean /_mock/health?") or "%" in target


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("/_mock/requests/", "requests"),
        ("/_mock/request", "requests"),
        ("/_mock/Verdict", "verdict"),
        ("/_mock/scenarios//", "scenarios"),
        ("/_mock/new_call", "new-call"),
    ],
)
def test_a_control_path_that_is_almost_right_gets_the_right_one_named(
    server: RunningServer, target: str, meant: str
) -> None:
    status, body = ask(server, "GET", target)
    assert status == 404
    assert body["error"].endswith(f"; did you mean /_mock/{meant}?")


@pytest.mark.parametrize("query", ["", "?a=b"])
def test_the_address_of_the_page_without_its_slash_leads_to_the_page(
    server: RunningServer, query: str
) -> None:
    before = httpx.get(f"{server.url}/_mock/requests").json()["requests"]
    answer = httpx.get(f"{server.url}/_mock{query}", follow_redirects=True)
    assert [each.status_code for each in answer.history] == [308]
    assert str(answer.url) == f"{server.url}/_mock/"
    assert "<title>relace-mock</title>" in answer.text
    assert httpx.get(f"{server.url}/_mock/requests").json()["requests"] == before
    assert ask(server, "GET", "/_mocks")[0] == 404
    assert len(httpx.get(f"{server.url}/_mock/requests").json()["requests"]) == len(before) + 1


def test_the_address_of_the_page_without_its_slash_leads_to_the_page_in_process() -> None:
    with httpx.Client(transport=relace_mock.transport(), base_url="http://mock") as client:
        assert client.get("/_mock", follow_redirects=True).status_code == 200
        assert client.get("/_mock/requests").json()["requests"] == []


@pytest.mark.parametrize("target", ["/v1/code/embed", "/v1/code/embed?a=b%2F", "/v1/code/embed?"])
def test_a_query_is_not_part_of_the_path(server: RunningServer, target: str) -> None:
    assert ask(server, "POST", target)[0] == 200


def test_the_path_of_a_whole_url_is_compared_as_it_was_sent(server: RunningServer) -> None:
    assert ask(server, "POST", f"{server.url}/v1/code/embed")[0] == 200
    assert ask(server, "POST", f"{server.url}/v1/code%2Fembed")[0] == 404


def test_the_journal_shows_the_path_as_it_was_sent(server: RunningServer) -> None:
    ask(server, "POST", "/v1/code%2Fembed?a=%41")
    entry = httpx.get(f"{server.url}/_mock/requests", headers=KEY).json()["requests"][-1]
    assert (entry["request"]["path"], entry["request"]["query"]) == ("/v1/code%2Fembed", "a=%41")


@pytest.mark.parametrize(
    "target", ["/rlc-test", "/rlc%2Dtest", "/a/%72lc-test/b", "/rlc%252Dtest", "/rlc%25252Dtest"]
)
def test_a_key_in_a_path_is_hidden_in_every_encoding(server: RunningServer, target: str) -> None:
    ask(server, "POST", target)
    entry = httpx.get(f"{server.url}/_mock/requests", headers=KEY).json()["requests"][-1]
    assert "test" not in entry["request"]["path"]
    assert "<key " in entry["request"]["path"]
    assert "the API key is in the URL, where logs keep it" in entry["violations"]
