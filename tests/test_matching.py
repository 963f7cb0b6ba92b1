"""A rule that an earlier one covers is refused, so nothing may be called covered that is not."""

from __future__ import annotations

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from mock_server.exchange import EmbedRequest, OutputDtype, Received
from mock_server.scenario.matching import OUTCOMES, Exchange, covers, first_miss
from mock_server.scenario.model import When

DTYPES: tuple[OutputDtype, ...] = ("float", "binary")
PATTERNS = (re.compile("^a"), re.compile("b"))


def some_of(*values: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


WHENS = st.builds(
    When,
    input_contains=st.sampled_from((None, "", "a", "ab")),
    input_matches=st.sampled_from((None, *PATTERNS)),
    model=st.sampled_from((None, "m", "n")),
    output_dtype=st.sampled_from((None, "float", "binary")),
    min_inputs=st.sampled_from((None, 1, 2)),
    max_inputs=st.sampled_from((None, 1, 2)),
    header=st.sampled_from((None, {}, {"A": "1"}, {"A": "1", "B": "2"})),
    attempt=some_of(1, 2),
    would_be=some_of(200, 400, 429),
)
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


@given(WHENS, WHENS)
def test_what_covers_a_condition_holds_wherever_that_does(when: When, other: When) -> None:
    meets = [exchange for exchange in EXCHANGES if first_miss(other, exchange) is None]
    if covers(when, other):
        assert all(first_miss(when, exchange) is None for exchange in meets)


@given(WHENS)
def test_every_condition_covers_itself_and_is_covered_by_none(when: When) -> None:
    assert covers(when, when)
    assert covers(When(), when)
