"""Text to unit vectors that are the same to the last digit on every machine.

Two spaces. In ``hash``, vectors are independent: nothing but the whole text decides.
In ``semantic``, similar code gets similar vectors.

Everything is integer arithmetic, then one square root and one division for each vector,
and one product and one rounding for each component, all correctly rounded by IEEE 754.
So no digit depends on a processor, a library version or the order of a sum.
``docs/embedding.md`` is the specification. A change that moves a digit raises
``ALGORITHM``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from relace_mock.settings import SpaceName
from relace_mock.vectors.hashed import Components, HashSpace
from relace_mock.vectors.semantic import SemanticSpace

ALGORITHM = 2


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
    return (HashSpace if name == "hash" else SemanticSpace)(key, dimensions)
