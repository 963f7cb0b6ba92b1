"""Text to words: where a text splits, and what identifies a word.

All of it is integer arithmetic over whole batches of UTF-8 bytes, so the cost does
not depend on which words were seen before, nothing is cached, and every machine gets
the same numbers. ``docs/embedding.md`` specifies it; golden vectors pin it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

#: Bytes of a text that contribute words. The service takes inputs up to 32,000 tokens
#: (observed); what lies beyond moves a vector only through the hash of the whole text.
TEXT_LIMIT = 1 << 17
_MOST_TEXTS = 256  # in a batch: the index of a text takes the top 8 bits of a sort key

_PREFIX = 4  # bytes of a word that its inflections mostly share: pars|e, pars|ing
_BASE = 0x9E6C63D0876A9A63  # odd, so that it has an inverse modulo 2**64

_GAP, _LOWER, _UPPER, _DIGIT, _WIDE = range(5)


def _class_of(byte: int) -> int:
    if 0x30 <= byte <= 0x39:
        return _DIGIT
    if 0x41 <= byte <= 0x5A:
        return _UPPER
    if 0xE3 <= byte <= 0xF4:  # leads a character from U+3000 on: written without blanks
        return _WIDE
    if 0x61 <= byte <= 0x7A or byte >= 0x80:
        return _LOWER
    return _GAP


def _starts_word(previous: int, current: int, following: int) -> bool:
    if current in (_GAP, _WIDE):
        return current == _WIDE
    if previous == _GAP:
        return True
    if current == _DIGIT:
        return previous != _DIGIT
    if current == _UPPER:  # the H of parseHTTP, the second H of HTTPHeader
        return previous != _UPPER or following == _LOWER
    return previous == _DIGIT


_CLASSES = bytes(map(_class_of, range(256)))
# Whether a word starts, for each (previous, current, following) class.
_STARTS = bytes(n < 125 and _starts_word(n // 25, n // 5 % 5, n % 5) for n in range(256))


class WordCounts(NamedTuple):
    """The distinct words of a batch of texts; five arrays of one length, ordered by text.

    ``text`` is the index of the text, ``word`` and ``prefix`` are 64-bit identities (of
    the whole word, and of its first bytes), ``times`` says how often the word occurs,
    ``leads`` whether it occurs on the first line.
    """

    text: npt.NDArray[np.int64]
    word: npt.NDArray[np.uint64]
    prefix: npt.NDArray[np.uint64]
    times: npt.NDArray[np.int64]
    leads: npt.NDArray[np.bool_]


@functools.cache
def _powers() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """``_BASE`` to the powers 1, 2, … and its inverse to the powers 0, 1, …."""
    length = TEXT_LIMIT + _MOST_TEXTS + 1
    inverse = pow(_BASE, -1, 1 << 64)
    up = np.full(length, _BASE, np.uint64)
    down = np.full(length, inverse, np.uint64)
    down[0] = 1
    return np.multiply.accumulate(up), np.multiply.accumulate(down)


def count_words(texts: Sequence[bytes]) -> WordCounts:
    """Split and count the words of up to 256 UTF-8 texts, ``TEXT_LIMIT`` bytes in all."""
    joined = b"\0".join([b"", *texts, b""])
    classes = np.frombuffer(joined.translate(_CLASSES), np.uint8)
    context = classes[:-2] * np.uint8(25) + classes[1:-1] * np.uint8(5) + classes[2:]
    start = np.frombuffer(context.tobytes().translate(_STARTS), np.bool_)
    inside = classes[1:-1] != _GAP
    end = inside.copy()
    end[:-1] &= start[1:] | ~inside[1:]
    starts = np.flatnonzero(start)
    lasts = np.flatnonzero(end)

    up, down = _powers()
    lowered = np.frombuffer(joined.lower(), np.uint8)[1:-1]
    sums = np.zeros(len(lowered) + 1, np.uint64)
    np.multiply(lowered, up[: len(lowered)], out=sums[1:])
    np.cumsum(sums, out=sums)
    before, shift = sums[starts], down[starts]
    words = (sums[lasts + 1] - before) * shift
    prefixes = (sums[np.minimum(lasts, starts + (_PREFIX - 1)) + 1] - before) * shift

    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    text_ends = np.cumsum(lengths + 1)
    text = np.searchsorted(text_ends, starts, side="right")
    lines = np.fromiter((len(text.partition(b"\n")[0]) for text in texts), np.int64, len(texts))
    leads = starts < (text_ends - lengths - 1 + lines)[text]
    keys = (words >> np.uint64(8)) | (text.astype(np.uint64) << np.uint64(56))
    order = np.argsort(keys)
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([keys[:1] == keys[:1], keys[1:] != keys[:-1]]))
    # The first occurrence speaks for all: the sort is not stable, and words whose
    # identities collide may differ in their prefixes.
    chosen = np.minimum.reduceat(order, first) if len(first) else order
    return WordCounts(
        text=text[chosen],
        word=words[chosen],
        prefix=prefixes[chosen],
        times=np.diff(first, append=len(keys)),
        leads=np.logical_or.reduceat(leads[order], first) if len(first) else leads,
    )


def identity(word: bytes) -> int:
    """The identity of a lower-case word: its bytes as a polynomial modulo 2**64."""
    total = 0
    for byte in reversed(word):
        total = (total + byte) * _BASE % (1 << 64)
    return total
