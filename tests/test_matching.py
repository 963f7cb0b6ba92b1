"""``covers``: a covered rule is refused, so a rule must never be called covered wrongly."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.messages import EmbedRequest, OutputDtype, Received
from relace_mock.scenario.matching import Occasion, first_miss
from relace_mock.scenario.patterns import read_pattern
from relace_mock.scenario.when import OUTCOMES, When

DTYPES: tuple[OutputDtype, ...] = ("float", "binary")
PATTERNS = (read_pattern("^a"), read_pattern("b"))


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
OCCASIONS = [
    Occasion(Received("POST", "/", headers, b"", 0), request, outcome, attempt, attempt, b"")
    for headers in ([(b"a", b"1")], [(b"a", b"1"), (b"b", b"2")])
    for attempt in (1, 2)
    for outcome in OUTCOMES
    for request in (REQUESTS if outcome in (200, 429) else [None])
]


def refuted(when: When, other: When) -> list[Occasion]:
    """The requests that meet ``other`` but not ``when``."""
    meets = [occasion for occasion in OCCASIONS if first_miss(other, occasion) is None]
    return [occasion for occasion in meets if first_miss(when, occasion) is not None]


@pytest.mark.parametrize("key", VALUES)
def test_no_value_of_a_condition_covers_another_that_matches_more(
    key: str,
) -> None:
    for one, other in product(VALUES[key], repeat=2):
        when, beside = When(**{key: one}), When(**{key: other})
        assert not when.covers(beside) or not refuted(when, beside), (one, other)


@given(WHENS, WHENS)
def test_what_covers_several_conditions_holds_wherever_they_do(when: When, other: When) -> None:
    assert not when.covers(other) or not refuted(when, other)


@given(WHENS)
def test_every_condition_covers_itself_and_no_condition_at_all_covers_it(when: When) -> None:
    assert when.covers(when)
    assert When().covers(when)


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
def test_what_asks_for_less_covers_what_asks_for_more(when: When, other: When) -> None:
    assert when.covers(other)
    assert not other.covers(when)
