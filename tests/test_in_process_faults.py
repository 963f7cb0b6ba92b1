"""Faults in process: each raises the exception that a client gets over a socket."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

import relace_mock
from relace_mock.scenario.faults import FAULTS
from tests.conftest import KEY

URL = "http://in-process/v1/code/embed"
BODY = {"model": "m", "input": ["a"]}
RAISES = {
    "reset": "ReadError",
    "reset_mid_body": "ReadError",
    "empty": "RemoteProtocolError",
    "garbage": "RemoteProtocolError",
    "truncate": "RemoteProtocolError",
    "malformed_chunk": "RemoteProtocolError",
    "hang": "ReadTimeout",
}
ARRIVES = {"close_keep_alive", "drip"}


def play(step: dict[str, Any]) -> Any:
    transport = relace_mock.transport(dimensions=8)
    transport.control("rlc-test").play({"steps": [step]})
    return transport


def outcome(library: ModuleType, transport: Any, *, is_async: bool, timeout: float | None) -> str:
    """Return the name of the exception, or the status."""

    async def ask_async() -> Any:
        async with library.AsyncClient(transport=transport, timeout=timeout) as client:
            return await client.post(URL, json=BODY, headers=KEY)

    try:
        if is_async:
            response = asyncio.run(ask_async())
        else:
            with library.Client(transport=transport, timeout=timeout) as client:
                response = client.post(URL, json=BODY, headers=KEY)
    except library.HTTPError as error:
        return type(error).__name__
    return str(response.status_code)


def test_every_fault_either_raises_an_exception_or_gives_an_answer() -> None:
    assert RAISES.keys() | ARRIVES == FAULTS.keys()
    assert not RAISES.keys() & ARRIVES


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_raises_the_exception_of_a_socket_and_the_next_request_is_served(
    fault: str, library: ModuleType, is_async: bool
) -> None:
    pace = {"bytes_per_second": 100_000} if fault == "drip" else {}
    transport = play({"fault": fault, **pace})
    seen = [outcome(library, transport, is_async=is_async, timeout=0.05) for _ in range(2)]
    assert seen == [RAISES.get(fault, "200"), "200"]
    first, second = transport.control("rlc-test").requests
    assert (first.outcome, first.fault, second.outcome) == ("faulted", fault, "answered")
    assert (first.status is None) == (not FAULTS[fault].sends_head)


def test_a_hang_without_a_read_timeout_is_refused_because_it_would_never_end() -> None:
    with pytest.raises(ValueError, match="without a read timeout"):
        outcome(httpx, play({"fault": "hang"}), is_async=False, timeout=None)


def test_a_delay_longer_than_the_read_timeout_raises_read_timeout() -> None:
    transport = play({"delay": "60s"})
    assert outcome(httpx, transport, is_async=False, timeout=0.01) == "ReadTimeout"
    (request,) = transport.control("rlc-test").requests
    assert request.outcome == "client_aborted"


def test_a_delay_shorter_than_the_read_timeout_is_waited_for() -> None:
    transport = play({"delay": "20ms"})
    assert outcome(httpx, transport, is_async=True, timeout=30) == "200"
    (request,) = transport.control("rlc-test").requests
    assert request.duration is not None
    assert request.duration >= 0.02


def test_a_cancelled_request_is_journalled_as_client_aborted() -> None:
    transport = play({"delay": "60s"})

    async def leave() -> None:
        async with httpx.AsyncClient(transport=transport) as client:
            call = client.post(URL, json=BODY, headers=KEY, timeout=None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call, 0.05)

    asyncio.run(leave())
    (request,) = transport.control("rlc-test").requests
    assert request.outcome == "client_aborted"
