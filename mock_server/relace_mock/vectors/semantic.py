"""The ``semantic`` space: sums of word directions, so similar code gets similar vectors.

A word adds three things to the vector of a text: a direction of its own, one of its first
four bytes, and a learned vector from ``table.bin``, if it is listed there. The learned
vectors of words that do the same thing, such as "delete" and "unlink", are near each other.
The hash of the whole text moves the sum a little, so that no two texts coincide.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from relace_mock.vectors.decimals import SCALE, arrays, cells
from relace_mock.vectors.draws import Integers, low_bytes_first, rounded_pairs, stream
from relace_mock.vectors.hashed import Components, HashSpace
from relace_mock.vectors.table import table
from relace_mock.vectors.words import TEXT_LIMIT, WordCounts, count_words

Floats = npt.NDArray[np.float32]

# 64-bit draws for a word and again for its prefix. Each draw is four places.
_DRAWS = 4
_PLACES = 2 * 4 * _DRAWS
# Places for each dimension of the learned vectors.
_SPREAD = 4
#: Ten times what a word counts by how often it occurs. A repeated word counts less each
#: time, as in BM25 with k1 = 0.8: 10, 12, 14, … 17.
SATURATION = np.array([180 * n // (10 * n + 8) for n in range(64)], np.int64)
# A component stays below 2**_SUM_BITS, so that it and the hash added to it are exact as
# float32.
_SUM_BITS = 23
# The hash of the whole text is 1/32 to 1/64 as long as the sum of its words.
_HASH_SHIFT = 13
_BATCH = 16  # texts computed at a time; more of them fall out of the processor's cache


class SemanticSpace:
    """Sums of word directions.

    The words and learned vectors of a text are scattered over 4,096 or 8,192 places, and
    one fast transform, a Hadamard matrix, turns the places into dense components.
    """

    def __init__(self, key: bytes, dimensions: int) -> None:
        self._whole = HashSpace(key, dimensions)
        self._keys = np.frombuffer(hashlib.sha256(key + b"words").digest(), "<u8")
        self._vector_key = hashlib.sha256(key + b"vectors").digest()
        self._dimensions = dimensions
        self._width = 4096 if dimensions <= 4096 else 8192

    def components(self, texts: Sequence[bytes]) -> Components:
        """See ``Space``."""
        batches = [self._components(batch) for batch in _batches(texts)]
        return np.concatenate(batches) if batches else np.empty((0, self._dimensions), np.int32)

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """See ``Space``."""
        rows: list[memoryview] = []
        for batch in _batches(texts):
            rows += arrays(cells(self._components(batch)))
        return rows

    def _components(self, texts: Sequence[bytes]) -> Components:
        counts = count_words([text[:TEXT_LIMIT] for text in texts])
        amounts = _amounts(counts, len(texts))
        places = self._scatter(counts, amounts.words, len(texts))
        where, signs = self._dimension_places
        places[:, where] += np.repeat(amounts.learned.astype(np.float32), _SPREAD, axis=1) * signs
        sums = self._rotate(places)
        whole = rounded_pairs().take(self._whole.draw(texts), mode="wrap").view(np.float32)
        whole *= amounts.hash_scale[:, None]
        sums += whole
        doubles = sums.astype(np.float64)
        doubles *= (SCALE / np.sqrt(_squares(doubles)))[:, None]
        return np.rint(doubles, out=doubles).astype(np.int32)

    def _scatter(self, counts: WordCounts, amounts: Integers, rows: int) -> Floats:
        """Add each word's amount, with its signs, to its places: ``(rows, width)``."""
        draws = np.empty((len(amounts), 2 * _DRAWS), np.uint64)
        draws[:, :_DRAWS] = stream(counts.word ^ self._keys[0], _DRAWS)
        draws[:, _DRAWS:] = stream(counts.prefix ^ self._keys[1], _DRAWS)
        # Of the 16 bits of a draw, the first is the sign and the next are the place.
        signed = low_bytes_first(draws).view("<u2") >> (16 - self._width.bit_length())
        places = signed + (counts.text * (2 * self._width))[:, None]
        sums = np.bincount(
            places.ravel(),
            np.repeat(amounts.astype(np.float64), _PLACES),
            minlength=rows * 2 * self._width,
        ).reshape(rows, 2, self._width)
        return np.subtract(sums[:, 0], sums[:, 1], dtype=np.float32, casting="same_kind")

    def _rotate(self, places: Floats) -> Floats:
        """The first ``dimensions`` components of the Hadamard transform of each row.

        The matrix is a Kronecker product, so two small products do. Every sum in them
        is a whole number below 2**24, exact in whatever order it is made.
        """
        rows = len(places)
        low = (places.reshape(-1, 64) @ _hadamard(64)).reshape(rows, -1, 64)
        high = _hadamard(self._width // 64)[: -(-self._dimensions // 64)]
        rotated: Floats = np.matmul(high, low)
        return rotated.reshape(rows, -1)[:, : self._dimensions]

    @functools.cached_property
    def _dimension_places(self) -> tuple[npt.NDArray[np.intp], Floats]:
        """Places and signs of the learned dimensions, ``_SPREAD`` for each, all distinct."""
        start, step = np.frombuffer(self._vector_key, "<u8")[:2]
        number = np.arange(_SPREAD * table().dimensions, dtype=np.uint64)
        where = ((step | np.uint64(1)) * number + start) % np.uint64(self._width)
        drawn = low_bytes_first(stream(np.array([step]), -(-len(number) // 64)))
        bits = np.unpackbits(drawn.ravel(), bitorder="little")[: len(number)]
        return where.astype(np.intp), 1 - 2 * bits.astype(np.float32)


def _batches(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Runs of at most ``_BATCH`` texts whose words fit ``TEXT_LIMIT`` together."""
    first = size = 0
    for position, text in enumerate(texts):
        length = min(len(text), TEXT_LIMIT)
        if position > first and (position - first == _BATCH or size + length > TEXT_LIMIT):
            yield texts[first:position]
            first, size = position, 0
        size += length
    if first < len(texts):
        yield texts[first:]


class _Amounts(NamedTuple):
    """What the words of a batch of texts add to its places."""

    words: Integers  #: for each word: at each of its places
    learned: Integers  #: for each text and learned dimension: at each of its places
    hash_scale: Floats  #: for each text: the factor of its hash


def _amounts(counts: WordCounts, rows: int) -> _Amounts:
    known = table()
    row = known.rows(counts.word)
    times = SATURATION[np.minimum(counts.times, len(SATURATION) - 1)]
    times <<= counts.leads  # on the first line code says what it defines
    words = known.weights[row] * times
    learned = 2 * known.step * _sums(counts.text, row, times, rows)
    total = _PLACES * np.bincount(counts.text, words, minlength=rows)
    total += _SPREAD * np.abs(learned).sum(axis=1)
    excess = np.maximum(_bit_length(total) - _SUM_BITS, 0)
    words >>= excess[counts.text]
    learned >>= excess[:, None]
    squares = _PLACES * np.bincount(counts.text, words * words, minlength=rows)
    squares += _SPREAD * np.square(learned).sum(axis=1)
    length_bits = (_bit_length(squares) - 1) // 2
    exponents = np.maximum(length_bits - _HASH_SHIFT, 0).astype(np.intc)  # as ldexp takes them
    return _Amounts(words, learned, np.ldexp(np.float32(1), exponents))


def _sums(text: Integers, row: Integers, times: Integers, rows: int) -> Integers:
    """The sum of each text's learned vectors, times how often: ``(rows, dimensions)``.

    A product of matrices, in float32: every sum is below 7 * 34 * 16,384 < 2**22.
    """
    vectors = table().vectors
    listed = np.flatnonzero(row < len(vectors))
    factors = np.zeros((rows, len(listed)), np.float32)
    factors[text[listed], np.arange(len(listed))] = times[listed]
    sums: Integers = (factors @ vectors[row[listed]].astype(np.float32)).astype(np.int64)
    return sums


def _bit_length(numbers: npt.NDArray[Any]) -> Integers:
    """Return the bit length of each of some whole numbers below 2**53."""
    bits: Integers = np.frexp(numbers)[1].astype(np.int64)
    return bits


def _squares(whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The square of each row's length, exact before it becomes a double."""
    squares: npt.NDArray[np.float64] = np.einsum("ij,ij->i", whole, whole)
    if squares.max(initial=0) < 1 << 53:
        return squares
    integers = whole.astype(np.int64)  # the sum is below 2**63: see _SUM_BITS
    exact: Integers = np.einsum("ij,ij->i", integers, integers)
    return exact.astype(np.float64)


@functools.cache
def _hadamard(order: int) -> Floats:
    """The Sylvester-Hadamard matrix: entry (i, j) is -1 to the number of ones in i & j."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
