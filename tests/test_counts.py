"""Messages count in the singular and the plural."""

from __future__ import annotations

import pytest

import relace_contract.counts
import relace_mock.counts
from relace_mock import refusals
from relace_mock.counts import counted, of_all
from relace_mock.scenario.describe import describe
from relace_mock.scenario.model import read


@pytest.mark.parametrize("counting", [relace_mock.counts.counted, relace_contract.counts.counted])
def test_one_is_singular_and_every_other_number_is_plural(counting: object) -> None:
    assert callable(counting)
    told = [counting(number, "text") for number in (0, 1, 2, 1000)]
    assert told == ["0 texts", "1 text", "2 texts", "1,000 texts"]
    told = [counting(number, "policy is", "policies are") for number in (1, 3)]
    assert told == ["1 policy is", "3 policies are"]


def test_a_part_of_a_whole_has_the_noun_of_the_whole_and_the_verb_of_the_part() -> None:
    assert of_all(1, 3, "text", one="is", many="are") == "1 of 3 texts is"
    assert of_all(2, 3, "text", one="is", many="are") == "2 of 3 texts are"
    assert of_all(1, 1, "text", one="is", many="are") == "1 of 1 text is"


def test_numbers_with_a_fraction_are_plural() -> None:
    assert [counted(each, "second") for each in (0.5, 1.0, 1.5)] == [
        "0.5 seconds",
        "1 second",
        "1.5 seconds",
    ]


def test_a_quota_of_one_is_told_in_the_singular() -> None:
    assert refusals.rate_limited(1, 1.0).detail == "1 request in 1 second is allowed"
    assert refusals.rate_limited(3, 60.0).detail == "3 requests in 60 seconds are allowed"


def test_a_scenario_is_told_in_the_singular_where_there_is_one() -> None:
    text = b"""
rate_limit: {requests: 1, per: 60s}
steps:
  - {fault: drip, bytes_per_second: 1}
  - {status: 500, body_text: "x"}
"""
    told = describe(read(text, "file.yaml", "mine"))
    assert "quota: 1 request in 60 s" in told
    assert "1 byte a second" in told
    assert "a body of 1 byte" in told
    rules = b"rules: [{when: {min_inputs: 1, max_inputs: 2}, steps: [{status: 500}]}]"
    told = describe(read(rules, "file.yaml", "mine"))
    assert "if it has 1 input or more and it has 2 inputs or fewer" in told
