"""The ``hash`` space: independent vectors, so nothing but the whole text decides.

Also the source of the small offset that tells texts with the same words apart in the
``semantic`` space.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from relace_mock.vectors.decimals import SCALE, arrays, cells
from relace_mock.vectors.draws import RADII, low_bytes_first, pairs, stream

_BATCH = 32  # texts computed at a time; more of them fall out of the processor's cache

Components = npt.NDArray[np.int32]


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
        return components.reshape(len(texts), 2 * self._pairs)

    def rows(self, texts: Sequence[bytes]) -> list[memoryview]:
        """See ``Space``."""
        rows: list[memoryview] = []
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
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
