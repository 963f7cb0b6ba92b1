"""Text to unit vectors that are the same to the last digit on every machine.

Two spaces. In ``hash``, vectors are independent: nothing but the whole text decides.
In ``lexical``, like code gets like vectors: every word adds a direction of its own, and
the hash of the whole text moves the sum a little, so that no two texts coincide.

Integers throughout, then for each vector one square root and one division, for each
component one product and one rounding, all correctly rounded by IEEE 754: nothing here
depends on a processor, a library version or the order of a sum.
``docs/embedding.md`` is the specification. A change that moves a digit raises
``ALGORITHM``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from relace_mock.settings import SpaceName
from relace_mock.vectors.decimals import SCALE, arrays, cells
from relace_mock.vectors.draws import (
    RADII,
    Integers,
    low_bytes_first,
    pairs,
    rounded_pairs,
    stream,
)
from relace_mock.vectors.words import TEXT_LIMIT, WordCounts, count_words, weights

ALGORITHM = 1

Floats = npt.NDArray[np.float32]
Components = npt.NDArray[np.int32]

# 64-bit draws for a word and again for its prefix. Each draw is four places.
_DRAWS = 4
_PLACES = 2 * 4 * _DRAWS
# A repeated word counts less each time, as in BM25 with k1 = 1.2: 10, 13, 15, … 21.
_SATURATION = np.array([220 * n // (10 * n + 12) for n in range(64)], np.int64)
# A text's components stay below _PLACES * 2**_AMOUNT_BITS = 2**23, so that they and the
# hash added to them are exact as float32.
_AMOUNT_BITS = 18
# The hash of the whole text is 1/32 to 1/64 as long as the sum of its words.
_HASH_SHIFT = 13
# Texts computed at a time. More of them fall out of the processor's cache.
_LEXICAL_BATCH = 16
_HASH_BATCH = 32


class Space(Protocol):
    """Where the texts of one model lie."""

    def components(self, texts: Sequence[bytes]) -> Components:
        """Unit vectors of UTF-8 texts, ``(len(texts), dimensions)``, in 1 / ``SCALE``.

        Each vector depends on its own text only.
        """

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """The same vectors as JSON arrays, each without its closing bracket."""


def space_key(name: SpaceName, *, model: str, dimensions: int, seed: int) -> bytes:
    """32 bytes that stand for a space: everything but the text that moves a vector."""
    return hashlib.sha256(
        f"relace-mock {ALGORITHM}\n{name}\n{seed}\n{dimensions}\n{model}".encode()
    ).digest()


def space(name: SpaceName, key: bytes, dimensions: int) -> Space:
    """The space of a key; ``dimensions`` is a multiple of 8 up to 8192."""
    return (HashSpace if name == "hash" else LexicalSpace)(key, dimensions)


class HashSpace:
    """Independent vectors: random points of the plane, seeded by the text.

    Every text has the same radii, in an order rolled by its hash, so all vectors have the
    same length before they are scaled, and each pair is one of 4,096 that can be kept
    as numbers and as text.
    """

    def __init__(self, key: bytes, dimensions: int) -> None:
        self._hash = hashlib.sha256(key)
        self._pairs = dimensions // 2
        radii = 256 * (16 * np.arange(2 * self._pairs) // self._pairs % 16)
        radii = radii.astype(np.uint16)  # a quarter of what has to be moved
        self._rolled = np.lib.stride_tricks.sliding_window_view(radii, self._pairs)

    def draw(self, texts: Sequence[bytes]) -> npt.NDArray[np.intp]:
        """Which pair stands where: ``(len(texts), dimensions / 2)`` indexes into pairs."""
        digests = []
        for text in texts:
            hasher = self._hash.copy()
            hasher.update(text)
            digests.append(hasher.digest()[:16])
        seeds, rolls = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2).T
        angles = low_bytes_first(stream(seeds, -(-self._pairs // 8)))[:, : self._pairs]
        index: npt.NDArray[np.uint16] = self._rolled[rolls % self._pairs]
        index += angles
        return index.astype(np.intp)

    def components(self, texts: Sequence[bytes]) -> Components:
        """See ``Space``."""
        components: Components = self._codebook[self.draw(texts)]
        return components.reshape(len(texts), -1)

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """See ``Space``."""
        rows: list[memoryview] = []
        for batch in _batches(texts, _HASH_BATCH):
            rows += arrays(self._written.take(self.draw(batch), mode="wrap"))
        return rows

    @functools.cached_property
    def _codebook(self) -> Components:
        squares = np.sum(RADII[self._rolled[0] // 256] ** 2)
        scale = SCALE / (np.sqrt(np.float64(squares)) * (1 << 20))
        codebook: Components = np.rint(pairs() * scale).astype(np.int32)
        return codebook

    @functools.cached_property
    def _written(self) -> npt.NDArray[Any]:
        return cells(self._codebook).view("V24").ravel()


class LexicalSpace:
    """Sums of word directions.

    The direction of a word is a signed sum of ``_PLACES`` rows of a Hadamard matrix. The
    words of a text are scattered over that many places, and one fast transform turns
    the places into dense components.
    """

    def __init__(self, key: bytes, dimensions: int) -> None:
        self._whole = HashSpace(key, dimensions)
        self._keys = np.frombuffer(hashlib.sha256(key + b"words").digest(), "<u8")
        self._dimensions = dimensions
        self._width = 4096 if dimensions <= 4096 else 8192

    def components(self, texts: Sequence[bytes]) -> Components:
        """See ``Space``."""
        batches = [self._components(batch) for batch in _batches(texts, _LEXICAL_BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, self._dimensions), np.int32)

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """See ``Space``."""
        rows: list[memoryview] = []
        for batch in _batches(texts, _LEXICAL_BATCH):
            rows += arrays(cells(self._components(batch)))
        return rows

    def _components(self, texts: Sequence[bytes]) -> Components:
        counts = count_words([text[:TEXT_LIMIT] for text in texts])
        amounts, hash_scale = _amounts(counts, len(texts))
        sums = self._rotate(self._scatter(counts, amounts, len(texts)))
        whole = rounded_pairs().take(self._whole.draw(texts), mode="wrap").view(np.float32)
        whole *= hash_scale[:, None]
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


def _batches(texts: Sequence[bytes], most: int) -> Iterator[Sequence[bytes]]:
    """Runs of at most ``most`` texts whose words fit ``TEXT_LIMIT`` together."""
    first = size = 0
    for position, text in enumerate(texts):
        length = min(len(text), TEXT_LIMIT)
        if position > first and (position - first == most or size + length > TEXT_LIMIT):
            yield texts[first:position]
            first, size = position, 0
        size += length
    if first < len(texts):
        yield texts[first:]


def _amounts(counts: WordCounts, rows: int) -> tuple[Integers, Floats]:
    """What each word adds to its places, and the factor of each text's hash."""
    repeats = np.minimum(counts.times, len(_SATURATION) - 1)
    amounts = weights(counts.word) * _SATURATION[repeats]
    amounts <<= counts.leads  # on the first line code says what it defines
    excess = _bit_length(np.bincount(counts.text, amounts, minlength=rows)) - _AMOUNT_BITS
    amounts >>= np.maximum(excess, 0)[counts.text]
    squares = _PLACES * np.bincount(counts.text, amounts * amounts, minlength=rows)
    length_bits = (_bit_length(squares) - 1) // 2
    exponents = np.maximum(length_bits - _HASH_SHIFT, 0).astype(np.intc)  # as ldexp takes them
    return amounts, np.ldexp(np.float32(1), exponents)


def _bit_length(numbers: npt.NDArray[Any]) -> Integers:
    """Give the bits of whole numbers below 2**53."""
    bits: Integers = np.frexp(numbers)[1].astype(np.int64)
    return bits


def _squares(whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The square of each row's length, exact before it becomes a double."""
    squares: npt.NDArray[np.float64] = np.einsum("ij,ij->i", whole, whole)
    if squares.max(initial=0) < 1 << 53:
        return squares
    integers = whole.astype(np.int64)  # the sum is below 2**63: see _AMOUNT_BITS
    exact: Integers = np.einsum("ij,ij->i", integers, integers)
    return exact.astype(np.float64)


@functools.cache
def _hadamard(order: int) -> Floats:
    """The Sylvester-Hadamard matrix: entry (i, j) is -1 to the number of ones in i & j."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
