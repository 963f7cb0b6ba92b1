"""The forms in which a recording stores a vector, so that no digit is lost.

``float64`` holds little-endian doubles, ``int8`` and ``uint8`` hold bytes. ``json`` holds the array
as it was received, where none of the others gives back the same decimal digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

_BYTES = (("int8", range(-128, 128), "i1"), ("uint8", range(256), "u1"))
_TYPES = {"float64": "<f8", "int8": "i1", "uint8": "u1"}


class Number(str):
    """The literal of a number in JSON, such as ``0.10``."""

    __slots__ = ()


class Stored(NamedTuple):
    """A vector as a recording stores it. ``length`` is its number of components."""

    form: str
    data: bytes
    length: int

    @property
    def row(self) -> bytes | memoryview:
        """The vector as a JSON array without its closing bracket."""
        if self.form == "json":
            return memoryview(self.data)[:-1]
        return memoryview(orjson.dumps(self.values, option=orjson.OPT_SERIALIZE_NUMPY))[:-1]

    @property
    def values(self) -> npt.NDArray[Any]:
        """The components. Those of ``json`` are rounded to the nearest double."""
        if self.form == "json":
            return np.array(orjson.loads(self.data), np.float64)
        return np.frombuffer(self.data, _TYPES[self.form])


def stored(numbers: Sequence[Number]) -> Stored:
    """Store the components of a vector in the smallest form that gives back their digits."""
    length = len(numbers)
    for form, values, code in _BYTES:
        if all(_is_plain_integer(number) and int(number) in values for number in numbers):
            return Stored(form, np.array(list(map(int, numbers)), code).tobytes(), length)
    doubles = list(map(float, numbers))
    if all(map(_reproduces, numbers, doubles)):
        return Stored("float64", np.array(doubles, "<f8").tobytes(), length)
    return Stored("json", f"[{','.join(numbers)}]".encode(), length)


def _is_plain_integer(number: str) -> bool:
    return len(number) <= 4 and number != "-0" and number.lstrip("-").isdecimal()


def _reproduces(literal: str, double: float) -> bool:
    """Whether the shortest text of the double has the value and the kind of the literal."""
    shortest = repr(double)
    if shortest == literal:
        return True
    is_float = "." in literal or "e" in literal or "E" in literal
    return is_float and Decimal(literal) == Decimal(shortest)
