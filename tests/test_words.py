"""Words: how a text is split, and the identity and weight of a word."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.vectors.table import PATH, table, written
from relace_mock.vectors.words import count_words, identity
from tests.golden import NEAR

ROOT = Path(__file__).parent.parent


def counted(*texts: str) -> list[dict[int, int]]:
    """Return, for each text, the identities of its words and how often each occurs."""
    found: list[dict[int, int]] = [{} for _ in texts]
    counts = count_words([text.encode() for text in texts])
    for text, word, count in zip(
        counts.text.tolist(), counts.word.tolist(), counts.times.tolist(), strict=True
    ):
        found[text][word] = count
    return found


def expected(words: list[str]) -> dict[int, int]:
    return {identity(word.encode()): words.count(word) for word in words}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t_-", []),
        ("foo", ["foo"]),
        ("foo Foo FOO foo_bar", ["foo", "foo", "foo", "foo", "bar"]),
        ("parseHTTPHeader2xx", ["parse", "http", "header", "2", "xx"]),
        ("HTTP", ["http"]),
        ("x1y22", ["x", "1", "y", "22"]),
        ("ABc", ["a", "bc"]),
        ("naïve été", ["naïve", "été"]),
        ("你好abc", ["你", "好abc"]),
        ("a\0b", ["a", "b"]),
        ("😀", ["😀"]),
    ],
)
def test_texts_split_into_words(text: str, words: list[str]) -> None:
    assert counted(text) == [expected(words)]


@given(st.lists(st.text("abAB1_ é你\n", max_size=20), max_size=5))
def test_each_text_of_a_batch_is_counted_by_itself(texts: list[str]) -> None:
    assert counted(*texts) == [counted(text)[0] for text in texts]


@given(st.text("abcXYZ019_ .", max_size=40))
def test_splitting_agrees_with_a_regular_expression(text: str) -> None:
    """The regular expression defines a word in ASCII text."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", text)
    assert counted(text) == [expected([word.lower() for word in words])]


def test_words_with_the_same_upper_bits_of_identity_count_as_one() -> None:
    """The first of them in the text replaces the other."""
    one, other = NEAR
    assert identity(one.encode()) >> 8 == identity(other.encode()) >> 8
    assert counted(f"{one} {other}", f"{other} {one}") == [
        {identity(one.encode()): 2},
        {identity(other.encode()): 2},
    ]


def test_a_prefix_is_the_identity_of_the_first_four_bytes() -> None:
    counts = count_words([b"parsing ab"])
    prefixes = dict(zip(counts.word.tolist(), counts.prefix.tolist(), strict=True))
    assert prefixes == {
        identity(b"parsing"): identity(b"pars"),
        identity(b"ab"): identity(b"ab"),
    }


def test_frequent_words_weigh_less_than_rare_ones() -> None:
    words = np.array([identity(word) for word in (b"the", b"header", b"zyzzyva")], np.uint64)
    the, header, unlisted = table().weights[table().rows(words)].tolist()
    assert the < header
    assert the < unlisted == table().weights[-1]


def test_the_spellings_in_the_repository_are_those_of_the_table() -> None:
    spelled = (ROOT / "scripts/vectors/words.txt").read_text().split()
    identities = sorted(identity(word.encode()) for word in spelled)
    assert identities == table().identities.tolist()


def test_a_table_is_written_as_it_is_read() -> None:
    assert written(table()) == PATH.read_bytes()
