"""The access log: one line on standard error for each request; no request waits for it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest

from relace_mock.journal.line import Lines, Summary
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
        beginning + r"500 +[\d.]+ ms +2 inputs +server-error-once, rule 0 step 0", first
    )
    assert re.fullmatch(
        beginning + r"200 +[\d.]+ ms +2 inputs +\d+ tokens  "
        r"server-error-once, normal service +attempt 2 after \d+ ms",
        second,
    )
    assert re.fullmatch(beginning + r"404 +[\d.]+ ms +GET /v1/%1B.{1,3}2J.*", third)
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
        except subprocess.TimeoutExpired:  # pragma: no cover - reached only if the test fails
            raise AssertionError("the log kept the server from stopping") from None


def test_the_access_log_is_coloured_on_a_terminal_unless_the_user_says_no() -> None:
    for no_color in ("", "1"):
        parent, child = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "relace_mock", "serve", "--port", "0", "--dimensions", "8"],
            stdout=subprocess.PIPE,
            stderr=child,
            text=True,
            env=os.environ | {"TERM": "xterm", "NO_COLOR": no_color},
        ) as serving:
            os.close(child)
            assert serving.stdout is not None
            url = serving.stdout.readline().split()[-1]
            httpx.post(f"{url}/code/embed", json=BODY, headers={"Authorization": "Bearer k"})
            line = os.read(parent, 4096).decode()
            serving.terminate()
        os.close(parent)
        assert ("\x1b[32m200\x1b[0m" in line) == (not no_color)
        assert "2 inputs" in line


def summary(**changes: Any) -> Summary:
    base = Summary(
        time=1.8e9,
        namespace="0123456789abcdef",
        status=200,
        duration=0.0012,
        outcome="answered",
        inputs=1,
        input_noun="input",
        tokens=12,
        source="computed",
        scenario=None,
        rule=None,
        step=None,
        does=(),
        attempt=1,
        retry_after=None,
        body="ab",
        target=None,
        refusal=None,
    )
    return base._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, "01234567   200       1.2 ms      1 input        12 tokens"),
        ({"duration": 12.5}, "01234567   200      12.50 s      1 input        12 tokens"),
        (
            {"namespace": "anonymous", "status": 401, "inputs": None, "tokens": None, "outcome": "refused", "refusal": "no key\nhere"},
            "anonymous  401       1.2 ms                                no key\ufffdhere",
        ),
        (
            {"status": None, "tokens": None, "scenario": "bad", "rule": 1, "step": 0, "does": ["reset"], "outcome": "faulted"},
            "01234567   -         1.2 ms      1 input                   bad, rule 1 step 0: reset  faulted",
        ),
        (
            {"scenario": "lies", "rule": 0, "step": 2, "does": ["shuffle_results", "omit_usage"]},
            "01234567   200       1.2 ms      1 input        12 tokens  lies, rule 0 step 2: shuffle_results, omit_usage",
        ),
        (
            {"status": None, "duration": None, "tokens": None, "outcome": "pending"},
            "01234567   -                     1 input                   pending",
        ),
        (
            {"outcome": "client_aborted", "target": "PUT /" + "x" * 100},
            "01234567   200       1.2 ms      1 input        12 tokens  PUT /" + "x" * 74 + "…  client aborted",
        ),
    ],
)  # fmt: skip
def test_a_line_has_its_columns_in_their_places(changes: Any, end: str) -> None:
    line = Lines(colour=False).line(summary(**changes))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.000  " + re.escape(end), line)


@pytest.mark.parametrize(
    ("retry_after", "gap", "said"),
    [
        (None, 0.25, "attempt 2 after 250 ms"),
        ("2", 2.04, "attempt 2 after 2.04 s (asked for 2 s)"),
        ("2", 1.5, "attempt 2 after 1.5 s (asked for 2 s: too early)"),
        ("Fri, 15 Jan 2027 08:00:10 GMT", 1.5, "attempt 2 after 1.5 s (asked for 9 s: too early)"),
        ("soon", 1.5, "attempt 2 after 1.5 s"),
        ("0", 0.0, "attempt 2 after 0 s (asked for 0 s)"),
        ("1", -0.5, "attempt 2"),
    ],
)
def test_a_retry_tells_its_gap_and_what_was_asked_for(
    retry_after: str | None, gap: float, said: str
) -> None:
    lines = Lines(colour=False)
    lines.line(summary(status=429, retry_after=retry_after, duration=1.0))
    lines.line(summary(namespace="another", attempt=2))
    line = lines.line(summary(time=1.8e9 + 1 + gap, attempt=2))
    assert line.endswith(f"tokens  {said}")


def test_the_memory_of_a_log_is_bounded() -> None:
    lines = Lines(colour=False)
    for number in range(10_010):
        lines.line(summary(body=str(number)))
    assert " after " not in lines.line(summary(body="0", attempt=2, time=1.9e9))
    assert " after " in lines.line(summary(body="10000", attempt=2, time=1.9e9))
