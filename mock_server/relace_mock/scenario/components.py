"""The components of a vector in a scenario: their form, their length, and how many there are."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relace_mock.counts import counted
from relace_mock.scenario.compounds import Mistakes
from relace_mock.scenario.kinds import Schema, found
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Between
from relace_mock.scenario.source import Node
from relace_mock.settings import Settings

#: Components are kept as whole multiples of 1 / SCALE, the form in which vectors are computed.
SCALE = 100_000_000
_TOLERANCE = 1e-3 + 1e-9  # how far the length of a vector may be from 1, and a rounding error
_NO_LENGTH = 1 / SCALE
_MOST = 8192  # components
_SHOWN = 32  # components that a message shows
_BY_DEFAULT = Settings().dimensions
_COMPONENT = Between()


@dataclass(frozen=True, slots=True)
class Components:
    """A list of numbers, whose length as a vector is 1."""

    def read(self, node: Node) -> Sequence[int]:
        """See ``Kind``."""
        if not isinstance(node.value, list) or not node.value:
            what = (
                "is empty" if node.value == [] else f"must be a list of numbers, not {found(node)}"
            )
            node.fail(f"{what}: write [0.6, 0.8, 0, …]")
        mistakes = Mistakes()
        numbers = []
        for item in node.value:
            numbers.append(mistakes.read(_COMPONENT, item))
            if mistakes.are_many:
                break
        mistakes.refuse()
        length = math.hypot(*numbers)
        if length < _NO_LENGTH:
            node.fail(f"has length {length:g}, and so no direction: write other numbers than zeros")
        if abs(length - 1) > _TOLERANCE:
            node.fail(f"has length {length:.6g}, and a vector has length 1: {_normalised(numbers)}")
        return array("i", [round(number * SCALE) for number in numbers])

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "array", "items": _COMPONENT.schema(), "minItems": 8, "maxItems": _MOST}


def _normalised(numbers: Sequence[float]) -> str:
    """Say how to write a vector with length 1: in full if it is short, else with its factor."""
    length = math.hypot(*numbers)
    shown = ", ".join(digits(number / length) for number in numbers[:_SHOWN])
    if len(numbers) <= _SHOWN:
        return f"write it normalised, [{shown}]"
    return f"write it normalised, each number times {1 / length:.9g}: [{shown}, …]"


def digits(number: float) -> str:
    """Write a number with up to six decimals."""
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def wrong_numbers(node: Node, served: int | None) -> Iterator[ScenarioError]:
    """Yield mistakes for vectors with more or fewer components than the vectors that are served.

    ``node`` is the whole scenario. ``served`` is the length of the server's vectors, which a
    scenario without ``dimensions`` gets. If it is unknown, all vectors must have one length that a
    server may have.
    """
    own = node.value.get("dimensions")
    wanted = served if own is None else own.value
    if own is not None and not _can_be_served(wanted):
        return  # `dimensions` has a mistake of its own
    for vector in _vectors_in(node):
        number = len(vector.value)
        if wanted is None and _can_be_served(number):
            wanted = number
        if number != wanted:
            reason, remedy = _others(wanted, served), _remedy(number)
            if own is not None:
                reason, remedy = f"dimensions is {wanted}", f"write {wanted} numbers"
            yield vector.mistake(f"has {counted(number, 'number')}, and {reason}: {remedy}")


def _vectors_in(node: Node) -> Iterator[Node]:
    entries = node.value.get("vectors")
    for entry in entries.value if entries is not None and isinstance(entries.value, list) else ():
        vector = entry.value.get("vector") if isinstance(entry.value, dict) else None
        if vector is not None and isinstance(vector.value, list) and vector.value:
            yield vector


def _others(wanted: int | None, served: int | None) -> str:
    """Say how many components other vectors have."""
    if wanted is None:
        return f"vectors have a multiple of 8, up to {_MOST}"
    if served is None:
        return f"the vector above it has {wanted}"
    return f"vectors have {wanted} {'by default' if wanted == _BY_DEFAULT else 'on this server'}"


def _remedy(number: int) -> str:
    """Say how to serve vectors with so many components."""
    if number > _MOST:
        return f"at most {_MOST} are allowed"
    if _can_be_served(number):
        return f"write dimensions: {number} at the top of the scenario"
    more = -(-number // 8) * 8
    zeros = f"add zeros, which change no angle, until it has {more}"
    return f"{zeros}, and write dimensions: {more} at the top of the scenario"


def _can_be_served(number: object) -> bool:
    return type(number) is int and number % 8 == 0 and 0 < number <= _MOST
