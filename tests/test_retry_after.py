"""``Retry-After``: what a scenario writes, and which values the verdict reads as a wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.retry_after import wait
from relace_mock.scenario.describe import describe
from relace_mock.scenario.library import read_file

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("0", 0),
        ("5", 5),
        ("007", 7),
        ("9" * 400, 1e12),
        ("9" * 5000, 1e12),
        ("Thu, 01 Jan 2026 12:00:10 GMT", 10),
        ("Thursday, 01-Jan-26 12:00:10 GMT", 10),
        ("Thu Jan  1 12:00:10 2026", 10),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Thu, 31 Dec 2026 23:59:60 GMT", 364 * 86400 + 43199),
    ],
)
def test_a_number_or_a_date_is_read_as_a_wait(field: str, seconds: float) -> None:
    """A date may have any of the three HTTP forms; the time zone of the machine is ignored."""
    assert wait(field, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "field",
    [
        *["inf", "-inf", "nan", "1e3", "1_0", " 5 ", "+5", "-5", "5.0", "٥", "5s", "", "soon", "0x5"],
        *["Thu, 01 Jan 2026 12:00:10 +0000", "Thu, 01 Jan 2026 12:00:10", "Thu, 1 Jan 2026 12:00:10 GMT"],
        *["Thu, 31 Feb 2026 12:00:10 GMT", "Thu, 01 Jan 2026 25:00:10 GMT", "2026-01-01T12:00:10Z"],
        *["Thu, 01 Jan ٢٠٢٦ 12:00:10 GMT", "Thu, 01 Jan 0000 00:00:00 GMT", "5\n"],
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)  # fmt: skip
def test_any_other_value_is_not_a_wait(field: str) -> None:
    assert wait(field, NOW) is None


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8) as server:
        yield server


@pytest.fixture
def client(mock: RemoteControl) -> Iterator[httpx.Client]:
    key = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(base_url=mock.base_url, headers=key) as client:
        yield client


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/code/embed", json={"model": "m", "input": ["a"]})


def failures(mock: RemoteControl) -> list[str]:
    return [finding.rule for finding in mock.verdict().failures]


@pytest.mark.parametrize(
    "field",
    [
        *["inf", "1e3", "1_0", "+5", "-1", "nan", "5.5", "soon"],
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_the_verdict_demands_no_wait_for_an_invalid_retry_after(
    client: httpx.Client, mock: RemoteControl, field: str
) -> None:
    mock.play({"steps": [{"status": 503, "headers": {"Retry-After": field}}]})
    assert [ask(client).status_code, ask(client).status_code] == [503, 200]
    assert mock.verdict().ok


@pytest.mark.parametrize(
    "field",
    ["5", "9" * 500, "Fri, 31 Dec 2399 23:59:59 GMT", "Fri Dec 31 23:59:59 2399"],
    ids=["seconds", "many digits", "date", "asctime"],
)
def test_the_verdict_demands_the_wait_that_was_asked_for(
    client: httpx.Client, mock: RemoteControl, field: str
) -> None:
    mock.play({"steps": [{"status": 503, "headers": {"Retry-After": field}}]})
    ask(client)
    ask(client)
    assert failures(mock) == ["retry_after_ignored"]


@pytest.mark.parametrize(
    ("given", "field"), [("2s", "2"), ("1m", "60"), ("1h", "3600"), ("2000ms", "2"), ("0s", "0")]
)
@pytest.mark.parametrize("status", [301, 413, 429, 500, 503, 599])
def test_a_step_writes_retry_after_in_seconds(
    client: httpx.Client, mock: RemoteControl, status: int, given: str, field: str
) -> None:
    mock.play({"steps": [{"status": status, "retry_after": given}]})
    answer = ask(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, field)


def test_a_step_writes_retry_after_as_a_date_on_the_clock_of_the_key(
    client: httpx.Client, mock: RemoteControl
) -> None:
    """The date is rounded up, so that a client that obeys it is never too early."""
    mock.advance(86400)
    mock.play({"steps": [{"status": 429, "retry_after": {"date": "2s"}, "times": 3}]})
    field = ask(client).headers["retry-after"]
    assert field.endswith(" GMT")
    moment = parsedate_to_datetime(field)
    ahead = moment - datetime.fromisoformat(mock.requests[0].time)
    assert 2 <= ahead.total_seconds() <= 3.5
    mock.advance(3)
    ask(client)
    assert failures(mock) == []
    ask(client)
    assert failures(mock) == ["retry_after_ignored"]


def test_the_retry_after_of_a_step_replaces_that_of_the_quota(
    client: httpx.Client, mock: RemoteControl
) -> None:
    quota = {"requests": 1, "per": "1h", "retry_after": True}
    mock.play(
        {"rate_limit": quota, "steps": [{"normal": True}, {"status": 429, "retry_after": "7s"}]}
    )
    ask(client)
    assert ask(client).headers.get_list("retry-after") == ["7"]
    assert 3590 < int(ask(client).headers["retry-after"]) <= 3600


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ({"status": 429, "retry_after": "250ms"}, "must be whole seconds, not '250ms': Retry-After has no fractions of a second; write 1s"),
        ({"status": 429, "retry_after": {"date": "1.5s"}}, "retry_after.date: must be whole seconds"),
        ({"status": 429, "retry_after": 2}, "must be a duration such as 2s or 1m, not 2: write 2s"),
        ({"status": 429, "retry_after": True}, "must be a duration such as 2s or 1m, not true"),
        ({"status": 429, "retry_after": "9000h"}, "at most a year"),
        ({"status": 429, "retry_after": {"in": "2s"}}, "retry_after.in: is not a key here"),
        ({"status": 200, "body": 1, "retry_after": "2s"}, "works only with a status from 300 on, not with 200"),
        ({"retry_after": "2s"}, "needs a status from 300 on"),
        ({"fault": "reset", "retry_after": "2s"}, "needs a status from 300 on"),
        ({"mutate": "gzip", "retry_after": "2s"}, "needs a status from 300 on"),
        ({"status": 429, "retry_after": "2s", "headers": {"Retry-After": "2"}}, "headers.Retry-After: retry_after writes this field already"),
        ({"status": 429, "retry_after": "2s", "headers": {"RETRY-AFTER": None}}, "headers.RETRY-AFTER: retry_after writes this field already"),
    ],
)  # fmt: skip
def test_a_bad_retry_after_in_a_step_is_refused_with_the_reason(
    mock: RemoteControl, step: Any, problem: str
) -> None:
    with pytest.raises(relace_mock.ServerError) as caught:
        mock.play({"steps": [step]})
    assert problem in str(caught.value)


def test_scenario_show_describes_retry_after(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(
        "steps:\n  - {status: 429, retry_after: 2s}\n  - {status: 503, retry_after: {date: 1m}}\n"
    )
    lines = describe(read_file(path)).splitlines()
    assert lines[1].endswith("with its documented message, with Retry-After: 2")
    assert lines[2].endswith(", with Retry-After: a date 60 s ahead")
