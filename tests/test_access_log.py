"""The access log: one line on standard error for each request, which no request waits for."""

from __future__ import annotations

import re
import subprocess

import httpx

from tests.conftest import Serve

SECRET = "rlc-0123456789abcdef0123456789abcdef"
BODY = {"model": "m", "input": ["a", "b"]}


def lines_of(serve: Serve, *options: str, ask: int = 1) -> list[str]:
    with serve(*options) as process:
        url, headers = process.base_url, {"Authorization": f"Bearer {SECRET}"}
        for _ in range(ask):
            httpx.post(f"{url}/code/embed", json=BODY, headers=headers)
        httpx.get(f"{url}/%1B[2J?{SECRET}", headers=headers)
        process.popen.terminate()
        _, errors = process.popen.communicate()
    return errors.splitlines()


def test_each_request_is_logged_as_one_line_with_its_status_and_scenario(serve: Serve) -> None:
    first, second, third = lines_of(serve, "--access-log", "--scenario", "server-error-once", ask=2)
    beginning = r"\d\d:\d\d:\d\d\.\d{3}  [0-9a-f]{8}   "
    assert re.fullmatch(
        beginning + r"500  [\d.]+ ms  2 inputs  server-error-once rule 0 step 0", first
    )
    assert re.fullmatch(
        beginning + r"200  [\d.]+ ms  2 inputs  \d+ tokens  "
        r"server-error-once: normal service  attempt 2",
        second,
    )
    assert re.fullmatch(beginning + r"404  [\d.]+ ms  GET /v1/%1B.{1,3}2J.*", third)
    assert SECRET not in first + second + third


def test_the_access_log_is_off_by_default_when_standard_error_is_not_a_terminal(
    serve: Serve,
) -> None:
    assert lines_of(serve) == []


def test_requests_are_answered_even_if_nobody_reads_the_access_log(serve: Serve) -> None:
    """A pipe holds 64 KB; the server writes about 120 KB to one here."""
    with serve("--access-log", "--dimensions", "8") as process:
        assert process.popen.stderr is not None
        with httpx.Client(headers={"Authorization": "Bearer rlc-test"}) as client:
            for _ in range(1500):
                client.post(f"{process.base_url}/code/embed", json=BODY).raise_for_status()
        assert httpx.get(f"{process.base_url[:-3]}/_mock/health").status_code == 200
        process.popen.terminate()
        try:
            process.popen.wait(10)
        except subprocess.TimeoutExpired:  # pragma: no cover - what the test is to find
            raise AssertionError("the log kept the server from stopping") from None
