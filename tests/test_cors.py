"""``--cors``: which web pages may read the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock.settings import Http
from tests.conftest import Serve
from tests.steering import BODY, Steering

PAGE = "https://app.example"
KEY = {"Authorization": "Bearer rlc-page"}
ORIGIN = {"Origin": PAGE}
ASKS = ORIGIN | {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}
ALLOW = "access-control-allow-origin"


@pytest.fixture(scope="module", params=["httptools", "h11", "in process"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a mock that allows two origins, over a socket and in process."""
    cors = (PAGE, "HTTP://localhost:3000")
    if request.param == "in process":
        transport = relace_mock.transport(cors=cors, max_inputs=4)
        with httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as client:
            yield client
        return
    http: Http = request.param
    with (
        relace_mock.running(http=http, cors=cors, max_inputs=4) as server,
        httpx.Client(base_url=server.url, headers=KEY) as client,
    ):
        yield client


def named(value: str) -> set[str]:
    return {name.strip() for name in value.lower().split(",")}


@pytest.mark.parametrize("path", ["/v1/code/embed", "/openapi.json", "/elsewhere"])
def test_a_preflight_from_an_allowed_page_is_answered(client: httpx.Client, path: str) -> None:
    response = client.options(path, headers=ASKS)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers[ALLOW] == PAGE
    assert named(response.headers["access-control-allow-methods"]) == {"post", "get", "head"}
    assert named(response.headers["access-control-allow-headers"]) == {
        "authorization",
        "content-type",
        "x-stainless-lang",
    }
    assert int(response.headers["access-control-max-age"]) > 0
    assert "origin" in named(response.headers["vary"])


def test_a_preflight_without_requested_headers_is_told_the_headers_of_the_endpoint(
    client: httpx.Client,
) -> None:
    asks = {name: value for name, value in ASKS.items() if not name.endswith("Headers")}
    allowed = client.options("/v1/code/embed", headers=asks).headers["access-control-allow-headers"]
    assert named(allowed) == {"authorization", "content-type"}


def test_a_preflight_for_private_network_access_is_allowed(client: httpx.Client) -> None:
    asks = ASKS | {"Access-Control-Request-Private-Network": "true"}
    response = client.options("/v1/code/embed", headers=asks)
    assert response.headers["access-control-allow-private-network"] == "true"


def test_a_preflight_is_neither_journalled_nor_judged(client: httpx.Client) -> None:
    client.delete("/_mock/requests")
    client.options("/v1/code/embed", headers=ASKS)
    client.options("/v1/code/embed", headers=ASKS | {"Origin": "https://evil.example"})
    assert client.get("/_mock/requests").json()["requests"] == []
    client.post("/v1/code/embed", json=BODY, headers=ORIGIN)
    assert client.get("/_mock/verdict").json()["ok"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": BODY}, 200),
        ({"json": {}}, 400),
        ({"json": BODY, "headers": {"Authorization": ""}}, 401),
        ({"json": BODY, "url": "/elsewhere"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "OPTIONS"}, 405),
        ({"json": BODY | {"input": ["a"] * 5}}, 413),
        ({"content": b"x"}, 415),
        ({"json": BODY, "headers": {"Prefer": "code=429"}}, 429),
        ({"json": BODY, "headers": {"Prefer": "code=500"}}, 500),
        ({"json": BODY, "headers": {"X-Mock-Scenario": "no-such"}}, 400),
        ({"method": "GET", "url": "/openapi.json"}, 200),
    ],
)
def test_an_allowed_page_may_read_every_answer(
    client: httpx.Client, request_: dict[str, Any], status: int
) -> None:
    sent = {"method": "POST", "url": "/v1/code/embed"} | request_
    sent["headers"] = ORIGIN | request_.get("headers", {})
    response = client.request(**sent)
    assert response.status_code == status
    assert response.headers[ALLOW] == PAGE
    assert response.headers["vary"] == "origin"
    assert named(response.headers["access-control-expose-headers"]) == {
        "x-relace-mock",
        "x-relace-mock-source",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
    }


def test_a_step_may_override_a_cors_header(client: httpx.Client) -> None:
    scenario = {"steps": [{"status": 500, "headers": {"Access-Control-Allow-Origin": "null"}}]}
    client.put("/_mock/scenario", json=scenario)
    response = client.post("/v1/code/embed", json=BODY, headers=ORIGIN)
    client.delete("/_mock/scenario")
    assert response.headers.get_list(ALLOW) == ["null"]


def test_an_allowed_page_may_read_a_dripped_answer(client: httpx.Client) -> None:
    client.put("/_mock/scenario", json={"steps": [{"fault": "drip", "bytes_per_second": 1e9}]})
    response = client.post("/v1/code/embed", json=BODY, headers=ORIGIN)
    client.delete("/_mock/scenario")
    assert (response.status_code, response.headers[ALLOW]) == (200, PAGE)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://app.example", "https://app.example:8443", "null", "*"],
)
def test_a_page_of_another_origin_may_not_read_answers(client: httpx.Client, origin: str) -> None:
    response = client.post("/v1/code/embed", json=BODY, headers={"Origin": origin})
    assert ALLOW not in response.headers
    assert response.headers["vary"] == "origin"  # so that no cache gives it to another page
    refused = client.options("/v1/code/embed", headers=ASKS | {"Origin": origin})
    assert refused.status_code == 403
    assert ALLOW not in refused.headers
    assert "--cors" in refused.json()["error"]


def test_origins_match_without_regard_to_case_or_default_port(client: httpx.Client) -> None:
    origin = "http://localhost:3000"
    response = client.post("/v1/code/embed", json=BODY, headers={"Origin": origin})
    assert response.headers[ALLOW] == origin
    with relace_mock.running(cors=("https://App.Example:443",), dimensions=8) as server:
        response = httpx.options(f"{server.base_url}/code/embed", headers=ASKS)
    assert response.headers[ALLOW] == PAGE


@pytest.mark.parametrize(
    "path", ["/_mock/requests", "/_mock/events", "/_mock/health", "/_mock/", "/_mock"]
)
def test_no_page_may_read_the_control_api(path: str) -> None:
    with relace_mock.running(cors=("*",), dimensions=8) as server:
        for method in ("OPTIONS", "GET"):
            response = httpx.request(method, server.url + path, headers=ASKS)
            assert not [name for name in response.headers if name.startswith("access-control")]
            # Health and the page itself are for everyone, but scripts of other origins get neither.
            assert response.status_code >= 400 or path in ("/_mock/health", "/_mock/", "/_mock")


def test_cors_with_a_star_lets_every_page_read_answers(serve: Serve) -> None:
    with serve("--cors", "*") as process:
        url = f"{process.base_url}/code/embed"
        for origin in ("https://a.example", "null"):
            asked = httpx.options(url, headers=ASKS | {"Origin": origin})
            assert (asked.status_code, asked.headers[ALLOW]) == (204, "*")
            answer = httpx.post(url, json=BODY, headers=KEY | {"Origin": origin})
            assert answer.headers[ALLOW] == "*"


def test_the_option_may_be_repeated_and_the_variable_separates_origins_by_blanks(
    serve: Serve,
) -> None:
    for process_ in (
        serve("--cors", "https://a.example", "--cors", "https://b.example"),
        serve(RELACE_MOCK_CORS="https://a.example https://b.example"),
    ):
        with process_ as process:
            url = f"{process.base_url}/code/embed"
            for origin in ("https://a.example", "https://b.example"):
                assert httpx.options(url, headers=ASKS | {"Origin": origin}).status_code == 204


def test_no_page_may_read_answers_when_the_option_is_missing() -> None:
    with relace_mock.running(dimensions=8) as server:
        steering = Steering(server.url)
        asked = httpx.options(f"{server.base_url}/code/embed", headers=ASKS)
        answered = steering.ask(headers=ORIGIN)
    assert (asked.status_code, answered.status_code) == (405, 200)
    for response in (asked, answered):
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert "vary" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?a",
        "https://user@app.example",
        "https://app.example:port",
        "https://",
        "https://*.example",
        "https://ä.example",
        "null",
        "",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(relace_mock.SettingsError, match="without a path, such as https://app"):
        relace_mock.Settings(cors=(origin,))


@pytest.mark.parametrize(
    "origin",
    ["*", "https://a", "http://localhost:3000", "http://[::1]:80", "chrome-extension://abc"],
)
def test_every_form_of_origin_that_browsers_send_is_accepted(origin: str) -> None:
    assert relace_mock.Settings(cors=(origin,)).cors == (origin,)
    with pytest.raises(relace_mock.SettingsError, match="tuple of origins"):
        relace_mock.Settings(cors=origin)  # type: ignore[arg-type]  # what is tested
