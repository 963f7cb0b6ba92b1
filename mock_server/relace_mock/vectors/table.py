r"""The table of learned words: ``table.bin``, made by ``scripts/vectors``.

Little endian: ``RELACE2\0``; as 16-bit numbers the count of words, the dimensions, the step
and the weight of unlisted words; the words' 64-bit identities, ascending; their 16-bit
weights; their vectors, two numbers of 4 bits a byte, the first in the low half, each 8 too
high. The spellings are in ``scripts/vectors/words.txt``: nothing here needs them.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MAGIC = b"RELACE2\0"
PATH = Path(__file__).parent / "table.bin"


class Table(NamedTuple):
    """What is known of each listed word."""

    identities: npt.NDArray[np.uint64]  #: ascending
    weights: npt.NDArray[np.int64]  #: of each word; the last is that of unlisted words
    vectors: npt.NDArray[np.int8]  #: -7 to 7; (words, dimensions)
    step: int

    @property
    def dimensions(self) -> int:
        """Numbers of a word's vector."""
        return int(self.vectors.shape[1])

    def rows(self, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Where each identity stands; for one that does not, the number of words."""
        rows = np.searchsorted(self.identities, words)
        at = np.minimum(rows, len(self.identities) - 1)
        return np.where(self.identities[at] == words, rows, len(self.identities))


@functools.cache
def table() -> Table:
    """The table of this package, read when it is first needed."""
    return read(PATH.read_bytes())


def read(data: bytes) -> Table:
    """A table from the bytes of its file."""
    assert data.startswith(MAGIC)
    at = len(MAGIC)
    count, dimensions, step, unlisted = np.frombuffer(data, "<u2", 4, at).tolist()
    at += 8
    identities = np.frombuffer(data, "<u8", count, at).astype(np.uint64, copy=False)
    at += 8 * count
    weights = np.frombuffer(data, "<u2", count, at)
    halves = np.frombuffer(data, np.uint8, offset=at + 2 * count).reshape(count, dimensions // 2)
    vectors = np.empty((count, dimensions), np.int8)
    vectors[:, ::2] = halves & 15
    vectors[:, 1::2] = halves >> 4
    vectors -= 8
    return Table(identities, np.append(weights, unlisted).astype(np.int64), vectors, step)


def written(table: Table) -> bytes:
    """The bytes of a table's file."""
    count, dimensions = table.vectors.shape
    head = np.array([count, dimensions, table.step, table.weights[-1]], "<u2")
    halves = (table.vectors + 8).astype(np.uint8)
    parts = [
        head,
        table.identities.astype("<u8"),
        table.weights[:-1].astype("<u2"),
        halves[:, ::2] | halves[:, 1::2] << 4,
    ]
    return MAGIC + b"".join(part.tobytes() for part in parts)
