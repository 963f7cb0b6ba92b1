"""One reader of durations and one of cut texts serve every place where users write or read them."""

from __future__ import annotations

import re

import pytest

from relace_mock.control.description import document
from relace_mock.control.settling import settle
from relace_mock.durations import seconds_in
from relace_mock.excerpts import quoted, shortened
from relace_mock.scenario.library import names_a_file
from relace_mock.scenario.model import read
from relace_mock.settings import parse_rate


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("2s", 2), ("1.5m", 90), ("1h", 3600)]
)
def test_a_duration_means_the_same_in_a_setting_a_scenario_and_a_filter(
    text: str, seconds: float
) -> None:
    assert seconds_in(text) == seconds
    assert parse_rate(f"3/{text}") == (3, seconds)
    quota = read(f"rate_limit: {{requests: 3, per: {text}}}".encode(), "file", "name").rate_limit
    assert quota is not None and quota.per == seconds
    if seconds <= 60:
        assert settle(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["250ms", "2s", "1.5s", "1m", "61s", "0s", "1h", "0.01h", "2", ".5s", "5.s", "٢s", "2 s", ""],
)
def test_the_description_of_settle_admits_what_the_filter_reads(text: str) -> None:
    (settle_described,) = (
        parameter["schema"]
        for parameter in document()["paths"]["/_mock/requests"]["get"]["parameters"]
        if parameter["name"] == "settle"
    )
    described = re.fullmatch(settle_described["pattern"].strip("^$"), text) is not None
    try:
        settle(text)
    except ValueError:
        assert not described or text == "61s"  # too long, which no pattern can express
    else:
        assert described


@pytest.mark.parametrize("text", ["", "2", "s", "2 s", "-2s", "٢s", "1e3s", "2d", "9" * 50 + "s"])
def test_what_is_no_duration_has_no_seconds(text: str) -> None:
    assert seconds_in(text) is None


def test_a_text_too_long_for_a_message_ends_with_an_ellipsis() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert quoted("x" * 100, 10) == repr("x" * 9 + "…")
    assert quoted([1] * 100, 5) == "[1, …"


@pytest.mark.parametrize("text", ["a.yaml", "a.yml", "a.json", "folder/a", "folder\\a"])
def test_a_suffix_or_a_slash_makes_a_text_the_name_of_a_file(text: str) -> None:
    assert names_a_file(text)
    assert not names_a_file("rate-limited-twice")
