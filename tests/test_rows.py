"""The cache of rendered vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from relace_mock import Settings
from relace_mock.messages import EmbedRequest, OutputDtype
from relace_mock.vectors import rows
from relace_mock.vectors.rows import Embedder, Row, RowCache
from relace_mock.vectors.semantic import SemanticSpace


def embed(
    embedder: Embedder, *texts: str, model: str = "m", dtype: OutputDtype = "float"
) -> list[list[float]]:
    embedded = embedder.embed(EmbedRequest(model, texts, dtype))
    return [json.loads(bytes(row) + b"]") for row in embedded.rows]


def test_a_text_seen_before_is_not_computed_again() -> None:
    embedder = Embedder(Settings(dimensions=64))
    first = embed(embedder, "a", "b")
    assert embed(embedder, "b", "a") == first[::-1]
    state = embedder.cache_state()
    assert (state.rows, state.hits, state.misses) == (2, 2, 2)


def test_a_text_that_stands_twice_in_a_request_is_computed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedder = Embedder(Settings(dimensions=64))
    computed: list[bytes] = []
    compute = SemanticSpace.rows

    def note(self: SemanticSpace, texts: Sequence[bytes]) -> list[memoryview]:
        computed.extend(texts)
        return compute(self, texts)

    monkeypatch.setattr(SemanticSpace, "rows", note)
    one, other = embed(embedder, "a", "a")
    assert one == other
    assert computed == [b"a"]


def test_a_row_kept_twice_counts_once() -> None:
    """Two threads may compute the same text at once."""
    cache = RowCache(10_000)
    cache.keep(b"space", "float", {"a": Row(b"[1", 1)})
    once = cache.state()
    cache.keep(b"space", "float", {"a": Row(b"[1", 1)})
    assert cache.state() == once


def test_a_row_of_the_hash_space_is_cached_when_its_text_comes_again() -> None:
    embedder = Embedder(Settings(dimensions=64, embedding="hash"))
    first = embed(embedder, "a", "b")
    assert embedder.cache_state().rows == 0
    assert embed(embedder, "a") == first[:1]
    assert embedder.cache_state().rows == 1
    assert embed(embedder, "a") == first[:1]
    assert embedder.cache_state().hits == 1


def test_the_memory_of_texts_seen_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_REMEMBERED", 1)
    embedder = Embedder(Settings(dimensions=64, embedding="hash"))
    embed(embedder, "a", "b")
    embed(embedder, "c")  # the embedder remembers only one text, so it forgets the others
    embed(embedder, "c")
    assert embedder.cache_state().rows == 1
    embed(embedder, "a")
    assert embedder.cache_state().rows == 1


def test_models_and_data_types_are_cached_separately() -> None:
    embedder = Embedder(Settings(dimensions=64))
    ways = [
        embed(embedder, "a"),
        embed(embedder, "a", model="n"),
        embed(embedder, "a", dtype="binary"),
    ]
    assert all(one != other for i, one in enumerate(ways) for other in ways[:i])


def test_the_cache_stays_within_its_bytes_and_drops_the_least_recently_used_row() -> None:
    embedder = Embedder(Settings(dimensions=64, cache_bytes=4000))  # about three rows
    embed(embedder, "a", "b", "c")
    embed(embedder, "a")
    embed(embedder, "d")
    before = embedder.cache_state()
    assert before.bytes <= 4000
    embed(embedder, "a")
    assert embedder.cache_state().hits == before.hits + 1
    embed(embedder, "b")
    assert embedder.cache_state().misses == before.misses + 1


def test_a_row_in_use_stays_cached_while_rows_of_another_model_come_and_go() -> None:
    embedder = Embedder(Settings(dimensions=64, cache_bytes=4000))  # about three rows
    embed(embedder, "used", model="mine")
    for number in range(20):
        embed(embedder, f"{number}")
        embed(embedder, "used", model="mine")
    assert embedder.cache_state().hits == 20


def test_a_text_larger_than_the_cache_is_answered_and_not_cached() -> None:
    embedder = Embedder(Settings(dimensions=64, cache_bytes=3500))
    embed(embedder, "a")
    embed(embedder, "word " * 1000)
    assert embedder.cache_state().rows == 1


def test_every_text_is_computed_when_the_cache_is_off() -> None:
    embedder = Embedder(Settings(dimensions=64, cache_bytes=0))
    assert embed(embedder, "a") == embed(embedder, "a")
    assert embedder.cache_state().hits == 0


@pytest.mark.parametrize("bit_order", ["big", "little"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_binary_is_the_sign_bits_of_float(bit_order: str, dtype: str) -> None:
    """Law 5 of docs/embedding.md."""
    settings = Settings(dimensions=64, binary_dtype=dtype, bit_order=bit_order)  # type: ignore[arg-type]
    embedder = Embedder(settings)
    (floats,) = embed(embedder, "def f(x): return x")
    (packed,) = embed(embedder, "def f(x): return x", dtype="binary")
    assert len(packed) == 8
    assert all(isinstance(byte, int) for byte in packed)
    assert (min(packed) < 0) == (dtype == "int8")
    for position, value in enumerate(floats):
        byte = int(packed[position // 8]) % 256
        shift = 7 - position % 8 if bit_order == "big" else position % 8
        assert byte >> shift & 1 == (value > 0)
