"""The laws of the vectors (``docs/embedding.md``)."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relace_mock.settings import SpaceName
from relace_mock.vectors import semantic
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.embedding import Space, space, space_key

DIMENSIONS = [8, 24, 64, 2560, 4096, 8192]
UNRELATED = [
    "def parse_cookie(header): return dict(pair.split('=') for pair in header.split(';'))",
    "SELECT customer, SUM(amount) FROM orders GROUP BY customer HAVING COUNT(*) > 3",
    "matrix multiplication with blocked loops and prefetching",
    'fn main() { println!("hello"); }',
    "<button onClick={() => setOpen(!open)}>Toggle</button>",
]


def make(
    name: SpaceName = "semantic", dimensions: int = 2560, seed: int = 0, model: str = "m"
) -> Space:
    key = space_key(name, model=model, dimensions=dimensions, seed=seed)
    return space(name, key, dimensions)


def vectors(of: Space, *texts: str) -> npt.NDArray[np.float64]:
    return of.components([text.encode() for text in texts]) / SCALE


def cosine(of: Space, one: str, other: str) -> float:
    first, second = vectors(of, one, other)
    return float(first @ second)


both = pytest.mark.parametrize("name", ["semantic", "hash"])


@both
@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_vectors_have_unit_length(name: SpaceName, dimensions: int) -> None:
    """Law 2: within 1e-6, whatever the text."""
    texts = [*UNRELATED, "", " ", "a", "the", "word " * 5000, " ".join(map(str, range(30_000)))]
    lengths = np.linalg.norm(vectors(make(name, dimensions), *texts), axis=1)
    assert np.abs(lengths - 1).max() < 1e-6


@both
def test_components_are_dense_centred_and_nearly_normal(name: SpaceName) -> None:
    """Law 2: sign bits carry information."""
    texts = [f"{text} {n}" for text in UNRELATED for n in range(8)]
    scaled = vectors(make(name), *texts) * np.sqrt(2560)
    assert np.mean(scaled == 0) < 1e-3
    assert abs(scaled.mean()) < 0.02
    assert 2.7 < np.mean(scaled**4) < 3.3
    assert 0.45 < np.mean(scaled > 0) < 0.55


@both
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=40), data=st.data())
@settings(max_examples=40)
def test_a_vector_depends_on_its_text_only(
    name: SpaceName, texts: list[str], data: st.DataObject
) -> None:
    """Law 1: any batch, any position, any neighbours."""
    where = make(name, 64)
    position = data.draw(st.integers(0, len(texts) - 1))
    alone = where.components([texts[position].encode()])[0]
    together = where.components([text.encode() for text in texts])[position]
    assert (alone == together).all()


@both
def test_no_texts_have_no_vectors(name: SpaceName) -> None:
    where = make(name, 64)
    assert where.components([]).shape == (0, 64)
    assert where.rows([]) == []


@both
def test_a_long_text_in_a_batch_changes_no_other_vector(name: SpaceName) -> None:
    where = make(name, 64)
    texts = [b"a b", b"word " * 40_000, b"c d", b"x" * 200_000, b""]
    together = where.components(texts)
    for vector, text in zip(together, texts, strict=True):
        assert (vector == where.components([text])[0]).all()


@both
@given(one=st.text(max_size=30), other=st.text(max_size=30))
def test_different_texts_get_different_vectors(name: SpaceName, one: str, other: str) -> None:
    """Law 4."""
    first, second = make(name, 64).components([one.encode(), other.encode()])
    assert (one == other) == bool((first == second).all())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("parse the header", "parse the header "),
        ("parse the header", "header the parse"),
        ("getHeader", "get_header"),
        ("x == y", "x != y"),
        (
            unicodedata.normalize("NFC", "café value parse"),
            unicodedata.normalize("NFC", "café  value parse"),
        ),
    ],
)
def test_texts_with_the_same_words_have_near_but_different_vectors(one: str, other: str) -> None:
    """Law 4."""
    assert 0.95 < cosine(make(), one, other) < 1 - 1e-6


def test_composed_and_decomposed_characters_are_different_texts() -> None:
    """Law 4: nothing is normalised."""
    assert cosine(make(), "é", unicodedata.normalize("NFD", "é")) < 0.999


def test_similar_code_is_nearer_than_dissimilar_code() -> None:
    """Law 3."""
    where = make()
    query = "parse a cookie header"
    near = cosine(where, query, UNRELATED[0])
    assert near > 0.2
    assert all(cosine(where, query, text) < near / 2 for text in UNRELATED[1:])


@both
def test_unrelated_texts_are_nearly_orthogonal(name: SpaceName) -> None:
    """Law 3: below 0.1, typically 0.02."""
    made = vectors(make(name), *UNRELATED)
    cosines = np.abs((made @ made.T)[np.triu_indices(len(made), 1)])
    assert cosines.max() < 0.1
    assert cosines.mean() < 0.04


def test_identifiers_are_split_at_case_and_digits() -> None:
    """Law 3: ``parseHTTPHeader2`` has the same words as ``parse http header 2``."""
    assert cosine(make(), "parseHTTPHeader2", "parse http header 2") > 0.99
    assert cosine(make(), "parse_http_header", "PARSE-HTTP-HEADER") > 0.99


def test_inflected_forms_of_a_word_are_near() -> None:
    """Law 3: half of a word's weight is in its first letters."""
    assert 0.4 < cosine(make(), "parsing", "parser") < 0.6


def test_frequent_words_weigh_little() -> None:
    """Law 3."""
    where = make()
    assert cosine(where, "the cookie", "cookie") > 0.9 > cosine(where, "jar cookie", "cookie")


def test_a_word_counts_less_each_time_it_repeats() -> None:
    """Law 3: a hundred times is little more than ten times."""
    where = make()
    ten = cosine(where, "cookie " * 10 + "header", "cookie")
    hundred = cosine(where, "cookie " * 100 + "header", "cookie")
    assert ten < hundred < ten + 0.05


def test_words_of_the_first_line_count_double() -> None:
    """Law 3: a function is more like its name than like a word of its body."""
    where = make()
    code = "def parse_cookie(text):\n    splitter = tokenize(text)\n    return splitter"
    assert cosine(where, code, "cookie") > 1.3 * cosine(where, code, "tokenize")


@both
def test_each_seed_model_length_and_space_gives_unrelated_vectors(name: SpaceName) -> None:
    text = UNRELATED[0]
    (here,) = vectors(make(name), text)
    for other in (make(name, seed=1), make(name, model="m2")):
        assert abs(here @ vectors(other, text)[0]) < 0.1
    (shorter,) = vectors(make(name, 2552), text)
    assert abs(here[:2552] @ shorter) < 0.1
    assert abs(vectors(make("hash"), text)[0] @ vectors(make("semantic"), text)[0]) < 0.1


@both
def test_rows_are_the_components_as_json(name: SpaceName) -> None:
    texts = [text.encode() for text in [*UNRELATED, ""]]
    where = make(name)
    rows = [json.loads(bytes(row) + b"]") for row in where.rows(texts)]
    assert rows == (where.components(texts) / SCALE).tolist()


def test_no_texts_give_no_vectors() -> None:
    assert make().components([]).shape == (0, 2560)
    assert make().rows([]) == []


def test_sums_of_squares_above_2_to_the_53_are_exact() -> None:
    """Law 1: a sum of squares above 2**53 does not depend on the order it is made in."""
    components = np.full((1, 8192), (1 << 23) + 1, np.float64)
    exact = 8192 * ((1 << 23) + 1) ** 2
    assert exact > 1 << 53
    assert semantic._squares(components).tolist() == [float(exact)]
