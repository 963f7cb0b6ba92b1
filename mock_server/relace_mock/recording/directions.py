"""Where the texts of a scenario's ``vectors`` lie among recorded vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import orjson

from relace_mock.messages import Piece
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.embedding import Space
from relace_mock.vectors.hashed import Components

_BITS = 8  # components in a number of a binary vector


class Directions:
    """A space with the recorded vectors of some texts, and computed vectors of all others.

    ``computed`` may have some components more than the recorded vectors: they are left out.
    """

    def __init__(
        self, recorded: Mapping[bytes, Components], computed: Space, dimensions: int
    ) -> None:
        self._recorded = recorded
        self._computed = computed
        self._dimensions = dimensions

    def components(self, texts: Sequence[bytes]) -> Components:
        """See ``Space``. Computed vectors that were cut are a little shorter than 1."""
        rows = self._computed.components(texts)[:, : self._dimensions].copy()
        for at, text in enumerate(texts):
            if text in self._recorded:
                rows[at] = self._recorded[text]
        return rows


def direction(row: Piece) -> Components | None:
    """Return the vector of length 1 with the direction of a row; None for a vector of zeros.

    ``row`` is a JSON array of numbers without its closing bracket.
    """
    numbers = np.array(orjson.loads(bytes(row) + b"]"), np.float64)
    largest = float(np.abs(numbers).max())
    if not largest:
        return None
    numbers /= largest  # so that no square is too large or too small for a double
    length = math.sqrt(math.fsum(numbers * numbers))
    return np.rint(numbers * (SCALE / length)).astype(np.int32)


def dimensions_of(row: Piece, *, binary: bool) -> int:
    """Return the dimensions of a vector, whose row is a JSON array."""
    return (bytes(row).count(b",") + 1) * (_BITS if binary else 1)
