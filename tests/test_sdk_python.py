"""What the official Python SDK does when the service fails, shown by the bundled scenarios.

Every test plays one scenario to `relace` (2.1.0 when this was written), sync and async, and
checks the result and, in the journal, the requests. The SDK has no method for embeddings:
``client.post`` returns the JSON unchecked, so the SDK judges statuses and connections, not
vectors.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any, Literal

import pytest
import relace
from relace import AsyncRelace, Relace

from relace_mock import RecordedRequest, RemoteControl

TEXTS = ["def add(a, b): return a + b", "def sub(a, b): return a - b", "class Stack: pass"]
BODY = {"model": "relace-embed-v1", "input": TEXTS}
SLACK = 0.05  # seconds by which a timer may be early
#: Headers of a step that let the SDK retry at once, for tests that are not about waiting.
AT_ONCE = {"retry-after-ms": "1"}
#: For tests that take a second or more and need only one of the two clients.
only_sync = pytest.mark.parametrize("sdk", ["sync"], indirect=True)

Embed = Callable[[], Any]
Sdk = Callable[..., Embed]


@pytest.fixture(params=["sync", "async"])
def sdk(
    request: pytest.FixtureRequest, relace_mock: RemoteControl
) -> Iterator[Callable[..., Embed]]:
    """Make a client with options; return a function that embeds ``TEXTS`` with it."""
    how: Literal["sync", "async"] = request.param
    with ExitStack() as stack:

        def client(**options: Any) -> Embed:
            settings: dict[str, Any] = {"timeout": 30} | options
            settings |= {"base_url": relace_mock.base_url, "api_key": relace_mock.api_key}
            if how == "sync":
                sync = stack.enter_context(Relace(**settings))
                return lambda: sync.post("/code/embed", body=BODY, cast_to=object)
            runner = stack.enter_context(asyncio.Runner())
            others = AsyncRelace(**settings)
            stack.callback(lambda: runner.run(_closed(others)))
            return lambda: runner.run(
                _awaited(others.post("/code/embed", body=BODY, cast_to=object))
            )

        yield client


async def _awaited(answer: Awaitable[object]) -> Any:
    return await answer


async def _closed(client: AsyncRelace) -> None:
    await client.close()


def gaps(requests: list[RecordedRequest]) -> list[float]:
    """Return the seconds between the arrivals of requests."""
    times = [datetime.fromisoformat(request.time).timestamp() for request in requests]
    return [later - earlier for earlier, later in pairwise(times)]


def statuses(mock: RemoteControl) -> list[int | None]:
    return [request.status for request in mock.requests]


# Retries


def test_the_sdk_waits_for_retry_after_and_succeeds_after_two_429s(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    relace_mock.play("rate-limited-twice")
    assert len(sdk()()["results"]) == 3
    assert statuses(relace_mock) == [429, 429, 200]
    assert min(gaps(relace_mock.requests)) >= 1 - SLACK


def test_the_sdk_backs_off_when_there_is_no_retry_after(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    """It waits half a second, then one second, each up to a quarter shorter."""
    relace_mock.play("rate-limited-without-retry-after")
    sdk()()
    first, second = gaps(relace_mock.requests)
    assert first >= 0.375 - SLACK and second >= 0.75 - SLACK


@pytest.mark.parametrize("scenario", ["server-error-once", "bad-gateway"])
def test_the_sdk_retries_a_5xx(sdk: Sdk, relace_mock: RemoteControl, scenario: str) -> None:
    relace_mock.play(scenario)
    assert len(sdk()()["results"]) == 3
    assert [request.attempt for request in relace_mock.requests] == [1, 2]


@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        ("connection-reset", "reset"),
        ("garbage", "garbage"),
        ("truncated-body", "truncate"),
        ("reset-mid-body", "reset_mid_body"),
    ],
)
def test_the_sdk_retries_a_broken_connection_and_never_returns_half_an_answer(
    sdk: Sdk, relace_mock: RemoteControl, scenario: str, fault: str
) -> None:
    relace_mock.play(scenario)
    assert len(sdk()()["results"]) == 3
    assert [request.fault for request in relace_mock.requests] == [fault, None]


@only_sync
def test_the_sdk_times_out_a_hanging_request_and_retries(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    relace_mock.play("hang")
    assert len(sdk(timeout=1.0)()["results"]) == 3
    assert [request.outcome for request in relace_mock.requests] == ["faulted", "answered"]


def test_the_sdk_replaces_a_closed_connection_without_an_error(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    relace_mock.play("stale-connection")
    embed = sdk()
    for _ in range(3):
        assert len(embed()["results"]) == 3
    # A request on the closed connection never arrived.
    assert statuses(relace_mock) == [200, 200, 200]


def test_a_retry_has_the_same_body_and_a_retry_count(sdk: Sdk, relace_mock: RemoteControl) -> None:
    relace_mock.play({"steps": [{"status": 500, "headers": AT_ONCE, "times": 2}]})
    sdk()()
    bodies = {request.body for request in relace_mock.requests}
    assert [json.loads(body) for body in bodies] == [BODY]
    counts = [dict(request.headers)["x-stainless-retry-count"] for request in relace_mock.requests]
    assert counts == ["0", "1", "2"]


# Errors


@pytest.mark.parametrize(
    ("scenario", "error", "said"),
    [
        ("bad-request", relace.BadRequestError, "Invalid JSON in request body"),
        ("unauthorized", relace.AuthenticationError, "Authorized header required"),
        ("unauthorized-once", relace.AuthenticationError, "Authorized header required"),
        ("key-not-found", relace.NotFoundError, "API key not found"),
    ],
)
def test_the_sdk_raises_a_non_retryable_error_after_one_request(
    sdk: Sdk,
    relace_mock: RemoteControl,
    scenario: str,
    error: type[relace.APIStatusError],
    said: str,
) -> None:
    relace_mock.play(scenario)
    with pytest.raises(error, match=said) as raised:
        sdk()()
    assert raised.value.body == {"error": said}
    assert statuses(relace_mock) == [raised.value.status_code]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"status": 429, "headers": AT_ONCE}, relace.RateLimitError),
        ({"status": 500, "headers": AT_ONCE}, relace.InternalServerError),
        ({"status": 503, "headers": AT_ONCE}, relace.InternalServerError),
    ],
    ids=["429", "500", "503"],
)
@pytest.mark.parametrize("options", [{}, {"max_retries": 0}, {"max_retries": 5}], ids=str)
def test_the_sdk_gives_up_after_max_retries_with_the_last_error(
    sdk: Sdk,
    relace_mock: RemoteControl,
    step: dict[str, Any],
    error: type[relace.APIStatusError],
    options: dict[str, int],
) -> None:
    """The default is two retries."""
    relace_mock.play({"steps": [step | {"times": "forever"}]})
    with pytest.raises(error):
        sdk(**options)()
    assert statuses(relace_mock) == [step["status"]] * (options.get("max_retries", 2) + 1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", relace.APIConnectionError),
        ("reset_mid_body", relace.APIConnectionError),
        ("garbage", relace.APIConnectionError),
        ("hang", relace.APITimeoutError),
    ],
)
def test_the_sdk_raises_a_connection_error_when_the_connection_stays_broken(
    sdk: Sdk, relace_mock: RemoteControl, fault: str, error: type[Exception]
) -> None:
    relace_mock.play({"steps": [{"fault": fault, "times": "forever"}]})
    with pytest.raises(relace.APIConnectionError) as raised:
        sdk(max_retries=1, timeout=0.3 if fault == "hang" else 30)()
    assert type(raised.value) is error
    assert [request.fault for request in relace_mock.requests] == [fault, fault]


@only_sync
def test_the_sdk_raises_the_message_of_a_service_that_stays_down(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    relace_mock.play("server-error")
    with pytest.raises(relace.InternalServerError, match="Error fetching from origin server"):
        sdk(max_retries=1)()
    assert statuses(relace_mock) == [500, 500]


def test_calls_fail_during_an_outage_and_succeed_after_it(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    """With one retry, a call is two requests, and the third call is the first to succeed."""
    relace_mock.play(
        {
            "steps": [
                {"fault": "reset", "times": 2},
                {"status": 500, "headers": AT_ONCE, "times": 2},
                {"status": 429, "headers": AT_ONCE},
            ]
        }
    )
    embed = sdk(max_retries=1)
    with pytest.raises(relace.APIConnectionError):
        embed()
    with pytest.raises(relace.InternalServerError):
        embed()
    assert len(embed()["results"]) == 3
    assert statuses(relace_mock) == [None, None, 500, 500, 429, 200]


def test_the_sdk_raises_a_rate_limit_error_with_the_quota_headers(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    relace_mock.play("rate-limit-free-tier")
    embed = sdk(max_retries=0)
    for _ in range(3):
        embed()
    with pytest.raises(relace.RateLimitError) as raised:
        embed()
    assert raised.value.response.headers["x-ratelimit-remaining"] == "0"
    relace_mock.advance(60)
    assert len(embed()["results"]) == 3


# Headers about retrying


@only_sync
def test_the_sdk_honours_an_http_date_in_retry_after(sdk: Sdk, relace_mock: RemoteControl) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    field = {"Retry-After": format_datetime(until, usegmt=True)}
    relace_mock.play({"steps": [{"status": 429, "headers": field}]})
    sdk()()
    assert datetime.fromisoformat(relace_mock.requests[-1].time) >= until - timedelta(seconds=SLACK)


@only_sync
@pytest.mark.parametrize("value", ["0", "-1", "soon", "3600"])
def test_the_sdk_ignores_a_retry_after_that_is_invalid_or_over_a_minute(
    sdk: Sdk, relace_mock: RemoteControl, value: str
) -> None:
    """After one of more than a minute, the SDK therefore comes back too early."""
    relace_mock.play({"steps": [{"status": 429, "headers": {"Retry-After": value}}]})
    sdk()()
    (gap,) = gaps(relace_mock.requests)
    assert gap >= 0.375 - SLACK


def test_the_sdk_obeys_retry_after_ms_and_x_should_retry(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    """Relace documents neither header, but the SDK knows both."""
    relace_mock.play({"steps": [{"status": 500, "headers": {"retry-after-ms": "700"}}]})
    sdk()()
    assert gaps(relace_mock.requests)[0] >= 0.7 - SLACK  # its own wait is half a second at most
    relace_mock.reset()
    relace_mock.play({"steps": [{"status": 500, "headers": {"x-should-retry": "false"}}]})
    with pytest.raises(relace.InternalServerError):
        sdk()()
    assert statuses(relace_mock) == [500]
    relace_mock.reset()
    relace_mock.play({"steps": [{"status": 400, "headers": AT_ONCE | {"x-should-retry": "true"}}]})
    sdk()()
    assert statuses(relace_mock) == [400, 200]


# What the SDK leaves to its user


@only_sync
def test_the_timeout_of_the_sdk_is_for_each_read_and_not_for_the_call(
    sdk: Sdk, relace_mock: RemoteControl
) -> None:
    """The SDK waits for an answer that drips for longer than the timeout."""
    relace_mock.play({"steps": [{"fault": "drip", "bytes_per_second": 64_000}]})
    assert len(sdk(timeout=0.8, max_retries=0)()["results"]) == 3
    (request,) = relace_mock.requests
    assert request.duration is not None and request.duration > 1


def test_the_sdk_returns_a_mutated_200_unchecked(sdk: Sdk, relace_mock: RemoteControl) -> None:
    embed = sdk()

    def seen(mutation: str) -> Any:
        relace_mock.play({"steps": [{"mutate": mutation}]})
        return embed()

    results = seen("shuffle_results")["results"]
    assert [result["index"] for result in results] == [1, 2, 0]  # to be sorted by index
    assert len(seen("drop_result")["results"]) == 2
    assert len(seen("nest_results")["results"][0]) == 3
    assert len(seen("wrong_dimension")["results"][0]["embedding"]) == 1280
    assert math.isnan(seen("nan_component")["results"][0]["embedding"][0])
    assert "usage" not in seen("omit_usage")
    assert seen("html_body").startswith("<!DOCTYPE html>")  # text, where JSON was meant
    assert set(statuses(relace_mock)) == {200}


@pytest.mark.parametrize("mutation", ["truncated_json", "empty_body"])
def test_a_200_that_is_not_json_raises_json_decode_error_and_no_sdk_error(
    sdk: Sdk, relace_mock: RemoteControl, mutation: str
) -> None:
    """``except relace.RelaceError`` does not catch it, and it is not retried."""
    relace_mock.play({"steps": [{"mutate": mutation}]})
    with pytest.raises(json.JSONDecodeError):
        sdk()()
    assert statuses(relace_mock) == [200]
