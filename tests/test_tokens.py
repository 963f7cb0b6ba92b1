"""Token counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.vectors.tokens import count_tokens


def tokens(text: str) -> int:
    return count_tokens([text.encode()])[0]


def test_the_documented_example_costs_eight_tokens() -> None:
    assert sum(count_tokens([b"input 1", b"input 2"])) == 8


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),  # end of text
        ("foo", 2),
        ("foo bar", 3),
        ("foo  bar", 4),
        ("foo.bar", 3),
        ("2560", 5),
        ("a == b", 4),
        ("x\n\n    y", 5),
        ("naïve", 2),
        ("你好", 3),
        ("a 你", 4),
        ("x;\ny", 4),
        ("“a", 2),
        ("\na", 2),  # a break at the start is free
        ("a\n", 3),
        ("a \nb", 4),
        ("a. b", 4),
        ("(a", 2),
        ("((a", 3),
        (" 1", 3),
    ],
)
def test_tokens_are_runs_of_letters_digits_signs_and_blanks(text: str, count: int) -> None:
    assert tokens(text) == count


@given(st.lists(st.text(max_size=20), max_size=6))
def test_a_batch_costs_what_its_texts_cost_apart(texts: list[str]) -> None:
    assert count_tokens([text.encode() for text in texts]) == [tokens(text) for text in texts]


@given(st.text(max_size=30), st.text(max_size=30))
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert tokens(text + more) >= tokens(text)
