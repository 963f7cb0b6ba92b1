"""The vectors that a scenario fixes, or places at a known angle to others.

As for all vectors, sums are sums of whole numbers, and each operation on doubles is rounded
correctly. So these vectors too are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from relace_mock.vectors.decimals import SCALE, arrays, cells
from relace_mock.vectors.hashed import Components

if TYPE_CHECKING:
    from relace_mock.scenario.known_vectors import KnownVector, KnownVectors

# Two vectors at a smaller angle than this have the same direction, up to rounding.
_SAME = 1e-4


class _Own(Protocol):
    """The space in which texts have their own vectors."""

    def components(self, texts: Sequence[bytes]) -> Components: ...


class KnownSpace:
    """The vectors of texts that a scenario has entries about.

    ``entries`` has the entry of each text that will be asked for. ``own`` computes the vectors that
    texts have without the scenario.
    """

    def __init__(self, known: KnownVectors, entries: Mapping[str, KnownVector], own: _Own) -> None:
        self._known = known
        self._entries = entries
        self._own = own

    def components(self, texts: Sequence[bytes]) -> Components:
        """See ``Space``."""
        entries = {text: self._entries[text.decode()] for text in texts}
        near = {
            text: entry.near.encode() for text, entry in entries.items() if entry.near is not None
        }
        needed = list(dict.fromkeys([*near, *near.values()]))
        own = dict(zip(needed, self._own.components(needed), strict=True))
        targets = {text: self._target(text, own) for text in near.values()}
        rows = [
            np.array(entry.vector, np.int32)
            if entry.cosine is None
            else beside(targets[near[text]], own[text], entry.cosine)
            for text, entry in entries.items()
        ]
        return np.stack(rows)

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """See ``Space``."""
        return arrays(cells(self.components(texts))) if texts else []

    def _target(self, text: bytes, own: Mapping[bytes, npt.NDArray[np.int32]]) -> Components:
        """The vector of a text that others lie near to: fixed by an entry, or its own."""
        entry = self._known.entry_of(text.decode())
        fixed = entry.vector if entry else None
        return own[text] if fixed is None else np.array(fixed, np.int32)


def beside(target: Components, own: Components, cosine: float) -> Components:
    """Return the vector of length 1 that has this cosine to ``target`` and lies nearest to ``own``.

    It is a sum of ``target`` and of the part of ``own`` that is orthogonal to ``target``.
    """
    if abs(cosine) == 1:
        return target * np.int32(cosine)
    along, across = target.astype(np.int64), own.astype(np.int64)
    # All these sums of products are exact: they are below 2 * SCALE**2, and so below 2**63.
    squares, own_squares, product = int(along @ along), int(across @ across), int(along @ across)
    if own_squares * squares - product**2 <= _SAME**2 * own_squares * squares:
        place = int(np.argmin(np.abs(along)))
        across = np.zeros_like(along)  # any other direction: an axis that is far from the target
        across[place] = SCALE
        own_squares, product = SCALE**2, int(along[place]) * SCALE
    # The quotient of two whole numbers is rounded once, however large they are.
    rest = (own_squares * squares - product**2) / squares
    aside = math.sqrt((1 - cosine) * (1 + cosine)) / math.sqrt(rest)
    ahead = cosine / math.sqrt(squares) - aside * (product / squares)
    sums = along.astype(np.float64) * (ahead * SCALE)
    sums += across.astype(np.float64) * (aside * SCALE)
    return np.rint(sums).astype(np.int32)
