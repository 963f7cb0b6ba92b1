"""The mock in process, for httpx and httpx2, sync and async."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
from relace import AsyncRelace, Relace

import relace_mock

BODY = {"model": "relace-embed-v1", "input": ["input 1", "input 2"]}
URL = "https://api.relace.run/v1/code/embed"
KEY = {"Authorization": "Bearer k"}

libraries = pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda each: each.__name__)


@libraries
def test_a_client_is_answered_without_a_socket(library: ModuleType) -> None:
    with library.Client(transport=relace_mock.transport(), headers=KEY) as client:
        response = client.post(URL, json=BODY)
    assert type(response) is library.Response
    assert response.status_code == 200
    assert response.json()["usage"] == {"total_tokens": 8}


@libraries
def test_an_async_client_is_answered_without_a_socket(library: ModuleType) -> None:
    async def ask() -> Any:
        async with library.AsyncClient(transport=relace_mock.transport(), headers=KEY) as client:
            return await client.post(URL, json=BODY)

    assert asyncio.run(ask()).status_code == 200


def test_an_async_request_body_may_be_streamed() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"model": "m", '
        yield b'"input": ["a"]}'

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=relace_mock.transport(), headers=KEY) as client:
            headers = {"Content-Type": "application/json"}
            return await client.post(URL, content=pieces(), headers=headers)

    assert asyncio.run(ask()).status_code == 200


def test_one_transport_serves_both_libraries() -> None:
    transport = relace_mock.transport()
    answers = [
        library.Client(transport=transport, headers=KEY).post(URL, json=BODY).content
        for library in (httpx, httpx2)
    ]
    assert answers[0] == answers[1]


def test_the_transport_answers_like_the_server() -> None:
    inside = httpx.Client(transport=relace_mock.transport(dimensions=64), base_url="http://mock")
    with (
        relace_mock.running(dimensions=64) as server,
        httpx.Client(base_url=server.url) as outside,
    ):
        for method, path, headers, body in (
            ("POST", "/v1/code/embed", KEY, BODY),
            ("POST", "/v1/code/embed", {}, BODY),
            ("POST", "/v1/code/embed", KEY, {"model": "m"}),
            ("GET", "/v1/code/embed", KEY, None),
            ("POST", "/v1/elsewhere", KEY, BODY),
        ):
            one = inside.request(method, path, headers=headers, json=body)
            other = outside.request(method, path, headers=headers, json=body)
            assert (one.status_code, one.content) == (other.status_code, other.content)
            del other.headers["date"]
            assert dict(one.headers) == dict(other.headers)


def test_a_body_over_the_limit_gets_413() -> None:
    client = httpx.Client(transport=relace_mock.transport(max_body=10), headers=KEY)
    assert client.post(URL, json=BODY).status_code == 413


def test_the_transport_refuses_bad_settings() -> None:
    with pytest.raises(relace_mock.SettingsError):
        relace_mock.transport(dimensions=1)


def test_threads_may_share_a_transport() -> None:
    client = httpx.Client(transport=relace_mock.transport(cache_bytes=100_000), headers=KEY)

    def ask(number: int) -> bytes:
        body = {"model": "m", "input": [f"text {number % 7}", f"text {number % 5}"]}
        return client.post(URL, json=body).content

    alone = [ask(number) for number in range(35)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(35 * 4))) == alone * 4


def test_the_official_sdk_accepts_the_transport() -> None:
    sdk = Relace(api_key="rlc-x", http_client=httpx.Client(transport=relace_mock.transport()))
    answer = sdk.post("/code/embed", body=BODY, cast_to=object)
    assert isinstance(answer, dict) and len(answer["results"]) == 2


def test_the_official_async_sdk_accepts_the_transport() -> None:
    async def ask() -> Any:
        client = httpx.AsyncClient(transport=relace_mock.transport())
        async with AsyncRelace(api_key="rlc-x", http_client=client) as sdk:
            return await sdk.post("/code/embed", body=BODY, cast_to=object)

    assert len(asyncio.run(ask())["results"]) == 2


@libraries
def test_answers_can_be_streamed(library: ModuleType) -> None:
    client = library.Client(transport=relace_mock.transport(), headers=KEY)
    with client.stream("POST", URL, json=BODY) as response:
        content = b"".join(response.iter_raw())
    assert len(content) == int(response.headers["content-length"])


def test_head_gets_no_body() -> None:
    client = httpx.Client(transport=relace_mock.transport())
    assert (client.head(URL).status_code, client.head(URL).content) == (405, b"")


def test_a_long_method_is_not_in_the_message() -> None:
    client = httpx.Client(transport=relace_mock.transport())
    message = client.request("X" * 21, URL).json()["error"]
    assert message == "this method is not allowed here: use POST"


def test_requests_of_a_subclass_are_answered() -> None:
    class Request(httpx.Request):
        pass

    client = httpx.Client(transport=relace_mock.transport())
    assert client.send(Request("POST", URL, headers=KEY, json=BODY)).status_code == 200
    with pytest.raises(TypeError, match="is not a request of httpx or httpx2: use one"):
        relace_mock.transport().handle_request(Stranger())


class Stranger:
    """An object that looks like a request but is none."""

    method = "POST"
    url = httpx.URL(URL)
    headers = httpx.Headers()

    def read(self) -> bytes:
        return b""


@pytest.mark.parametrize("start", [relace_mock.transport, relace_mock.running, relace_mock.app])
def test_a_setting_without_its_name_is_one_line_with_the_right_form(start: Any) -> None:
    for given in ("flaky", 256, {"steps": [{"status": 429}]}):
        with pytest.raises(TypeError) as caught:
            start(given)
        assert "takes settings by name only: write " in str(caught.value)
        assert '(scenario="flaky") or ' in str(caught.value) and "\n" not in str(caught.value)
        assert ("plays a mapping" in str(caught.value)) == isinstance(given, dict)


@pytest.mark.parametrize("start", [relace_mock.transport, relace_mock.app])
def test_an_argument_of_running_is_named_as_such(start: Any) -> None:
    for keywords in ({"thread": True}, {"host": "::"}, {"port": 0}, {"max_connections": 1}):
        with pytest.raises(
            relace_mock.SettingsError, match=r"' belongs to running\(\), which starts"
        ):
            start(**keywords)
