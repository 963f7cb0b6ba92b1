"""Numbers to JSON text, straight from arrays.

Every component is written in 12 bytes, ``,-0.12345678`` or ``, 0.12345678``, looked up
in two tables of digits: many times as fast as a general encoder, which must find the
shortest spelling of each double. One number has one spelling; zero is never negative.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

#: Components are whole multiples of 1 / SCALE: eight decimals.
SCALE = 100_000_000

_HALF = 10_000  # each table knows four decimals
_HEADS = _HALF + 11  # from 0.0000 to 1.0010: the length of a scenario's vector may be 1.001
_CELL = np.dtype([("head", "u8"), ("tail", "u4")])


@functools.cache
def _tables() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
    """Separator, sign, digit and first four decimals (positive, then negative); last four."""
    places = np.array([1000, 100, 10, 1])
    digits = (np.arange(_HALF)[:, None] // places % 10 + ord("0")).astype(np.uint8)
    heads = np.empty((2, _HEADS, 8), np.uint8)
    heads[0, :, :4] = np.frombuffer(b", 0.", np.uint8)
    heads[1, :, :4] = np.frombuffer(b",-0.", np.uint8)
    heads[:, :_HALF, 4:] = digits
    heads[:, _HALF:, 2:4] = np.frombuffer(b"1.", np.uint8)
    heads[:, _HALF:, 4:] = digits[: _HEADS - _HALF]
    return heads.view(np.uint64).ravel(), digits.view(np.uint32).ravel()


def cells(values: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """The text of each value, a multiple of 1 / ``SCALE`` from -1.001 to 1.001, in 12 bytes."""
    heads, tails = _tables()
    magnitudes = np.abs(values)
    high = magnitudes // _HALF
    low = magnitudes - high * _HALF
    high += (values < 0) * np.int32(_HEADS)
    text = np.empty(values.shape, _CELL)
    # mode="wrap" is the fast one. No index needs it: |value| <= 1.001 * SCALE.
    text["head"] = heads.take(high, mode="wrap")
    text["tail"] = tails.take(low, mode="wrap")
    return text


def arrays(text: npt.NDArray[Any]) -> list[memoryview]:
    """A JSON array for each row of cells, without its closing bracket.

    Without the bracket, no row needs to be copied: each array is a view of the cells.
    """
    characters = text.view(np.uint8)
    characters[:, 0] = ord("[")
    return [memoryview(row) for row in characters]
