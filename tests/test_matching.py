"""``covers``: a covered rule is refused, so a rule must never be called covered wrongly."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.messages import EmbedRequest, OutputDtype, Received
from relace_mock.scenario.matching import OUTCOMES, Exchange, covers, first_miss
from relace_mock.scenario.rule import When

DTYPES: tuple[OutputDtype, ...] = ("float", "binary")
PATTERNS = (re.compile("^a"), re.compile("b"))


VALUES: dict[str, list[Any]] = {
    "input_contains": [None, "", "a", "ab", "ba"],
    "input_matches": [None, *PATTERNS],
    "model": [None, "m", "n"],
    "output_dtype": [None, *DTYPES],
    "min_inputs": [None, 1, 2],
    "max_inputs": [None, 1, 2],
    "header": [None, {}, {"A": "1"}, {"A": "1", "B": "2"}],
    "attempt": [(), (1,), (2,), (1, 2)],
    "would_be": [(), (200,), (400,), (200, 400), (200, 429)],
}
WHENS = st.builds(When, **{key: st.sampled_from(values) for key, values in VALUES.items()})
REQUESTS = [
    EmbedRequest(model, texts, dtype)
    for model, texts, dtype in product("mn", (["ab"], ["b", "a"]), DTYPES)
]
EXCHANGES = [
    Exchange(Received("POST", "/", headers, b"", 0), request, outcome, attempt, attempt, b"")
    for headers in ([(b"a", b"1")], [(b"a", b"1"), (b"b", b"2")])
    for attempt in (1, 2)
    for outcome in OUTCOMES
    for request in (REQUESTS if outcome in (200, 429) else [None])
]


def refuted(when: When, other: When) -> list[Exchange]:
    """Return the requests that match ``other`` but not ``when``."""
    meets = [exchange for exchange in EXCHANGES if first_miss(other, exchange) is None]
    return [exchange for exchange in meets if first_miss(when, exchange) is not None]


@pytest.mark.parametrize("key", VALUES)
def test_no_value_of_a_condition_covers_another_that_matches_more(
    key: str,
) -> None:
    for one, other in product(VALUES[key], repeat=2):
        when, beside = When(**{key: one}), When(**{key: other})
        assert not covers(when, beside) or not refuted(when, beside), (one, other)


@given(WHENS, WHENS)
def test_a_covering_rule_matches_every_request_that_the_covered_rule_matches(
    when: When, other: When
) -> None:
    assert not covers(when, other) or not refuted(when, other)


@given(WHENS)
def test_every_rule_is_covered_by_itself_and_by_an_empty_condition(when: When) -> None:
    assert covers(when, when)
    assert covers(When(), when)


@pytest.mark.parametrize(
    ("when", "other"),
    [
        (When(input_contains="a"), When(input_contains="ab")),
        (When(min_inputs=1), When(min_inputs=2)),
        (When(min_inputs=1), When(model="m")),
        (When(max_inputs=2), When(max_inputs=1)),
        (When(header={"A": "1"}), When(header={"B": "2", "A": "1"})),
        (When(attempt=(2, 1)), When(attempt=(1,))),
        (When(would_be=(400, 200)), When(would_be=(200,))),
        (When(would_be=(200, 429)), When(output_dtype="binary")),
        (When(model="m"), When(model="m", input_matches=PATTERNS[0])),
    ],
)
def test_a_weaker_condition_covers_a_stronger_one(when: When, other: When) -> None:
    assert covers(when, other)
    assert not covers(other, when)
