"""``--time-scale``: delays, drips and hangs take more or less time than written."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock.answers import Answer
from relace_mock.messages import Reply
from tests.conftest import Serve
from tests.steering import BODY, Steering

FAST = 1e-6
DAY = {"steps": [{"status": 500, "delay": "1h", "times": "forever"}]}
DRIP = {"steps": [{"fault": "drip", "bytes_per_second": 1, "times": "forever"}]}
URL = "http://mock/v1/code/embed"
KEY = {"Authorization": "Bearer rlc-test"}


def test_time_scale_shortens_delays_and_drips(serve: Serve) -> None:
    """A delay of an hour and a drip of half an hour end within the client's timeout of a minute."""
    with serve("--time-scale", str(FAST)) as process:
        steering = Steering(process.base_url.removesuffix("/v1"))
        steering.play(DAY)
        assert steering.ask().status_code == 500
        steering.play(DRIP)
        response = steering.ask()
        assert (response.status_code, len(response.json()["results"])) == (200, 2)


@pytest.mark.parametrize("scenario", [DAY, DRIP])
def test_time_scale_shortens_delays_and_drips_in_process(scenario: dict[str, Any]) -> None:
    transport = relace_mock.transport(time_scale=FAST)
    transport.control("rlc-test").play(scenario)
    with httpx.Client(transport=transport, headers=KEY) as client:
        assert client.post(URL, json=BODY).status_code in (200, 500)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, headers=KEY) as client:
            return await client.post(URL, json=BODY)

    assert asyncio.run(ask()).status_code in (200, 500)


def test_time_scale_shortens_a_hang_in_process() -> None:
    transport = relace_mock.transport(time_scale=FAST)
    transport.control("rlc-test").play({"steps": [{"fault": "hang"}]})
    with (
        httpx.Client(transport=transport, headers=KEY, timeout=3600) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(URL, json=BODY)


def test_time_scale_above_1_slows_a_drip() -> None:
    reply = Reply(200, (), ())
    assert Answer(reply, time_scale=4.0).measure.bytes_per_second == 1024 / 4


def test_time_scale_above_1_lengthens_a_delay() -> None:
    """A client with a timeout of 100 ms does not get an answer with a delay of 10 ms."""
    transport = relace_mock.transport(time_scale=100)
    transport.control("rlc-test").play({"steps": [{"status": 500, "delay": "10ms"}]})
    with (
        httpx.Client(transport=transport, headers=KEY, timeout=0.1) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(URL, json=BODY)


def test_time_scale_does_not_change_the_clock_and_the_quota_of_a_key() -> None:
    with relace_mock.running(time_scale=FAST, rate_limit="1/1h", dimensions=8) as server:
        steering = Steering(server.url)
        assert [steering.ask().status_code for _ in range(2)] == [200, 429]
        steering.control("POST", "clock", json={"advance": 3601})
        assert steering.ask().status_code == 200


@pytest.mark.parametrize(
    "scale", [0, -1, 101, float("nan"), float("inf"), True, "1", None], ids=repr
)
def test_what_is_no_scale_is_refused(scale: Any) -> None:
    with pytest.raises(
        relace_mock.SettingsError, match=r"above 0 and at most 100, such as 0\.001, not "
    ):
        relace_mock.Settings(time_scale=scale)


@pytest.mark.parametrize("scale", [0.001, 1, 2.5, 100])
def test_a_good_time_scale_is_accepted(scale: float) -> None:
    assert relace_mock.Settings(time_scale=scale).time_scale == scale
