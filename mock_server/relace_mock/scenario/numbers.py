"""Kinds of number in scenarios."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from relace_mock.scenario.kinds import LARGEST, Schema, found
from relace_mock.scenario.source import Node
from relace_mock.settings import parse_size

_SIGNED = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_LARGEST = 1e300  # so that sums and lengths are finite
_LONGEST = 40  # characters of a number that is recognised in a string


def short_text(node: Node) -> str:
    """A string without outer blanks; empty if it is too long for a number, or no string at all."""
    short = isinstance(node.value, str) and len(node.value) <= _LONGEST
    return node.value.strip() if short else ""


def number_in(node: Node) -> str | None:
    """The number that a quoted string holds, written without quotes; None if it holds none."""
    text = short_text(node)
    return text if re.fullmatch(r"(0|[1-9]\d*)(\.\d+)?", text, re.ASCII) else None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from ``least`` to ``most``."""

    least: int
    most: int = LARGEST

    def read(self, node: Node) -> int:
        """See ``Kind``."""
        value = node.value
        if type(value) is not int or not self.least <= value <= self.most:
            limits = f"at least {self.least}"
            if self.most != LARGEST or (type(value) is int and value > LARGEST):
                limits = f"from {self.least} to {self.most}"
            node.fail(f"must be a whole number {limits}, not {found(node)}{self._remedy(node)}")
        return value

    def _remedy(self, node: Node) -> str:
        number = number_in(node)
        if number and "." not in number and self.least <= int(number[:17]) <= self.most:
            return f": write {number}, without quotes"
        whole = node.value if isinstance(node.value, float) else 0.5
        fits = whole.is_integer() and self.least <= whole <= self.most
        return f": write {whole:.0f}" if fits else ""

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Multiple:
    """A multiple of ``of``, from ``of`` to ``most``."""

    of: int
    most: int

    def read(self, node: Node) -> int:
        """See ``Kind``."""
        value = node.value
        if type(value) is not int or value % self.of or not self.of <= value <= self.most:
            wanted = f"must be a multiple of {self.of} from {self.of} to {self.most}"
            node.fail(f"{wanted}, not {found(node)}{self._remedy(node)}")
        return value

    def _remedy(self, node: Node) -> str:
        number = number_in(node)
        value = int(float(number[:9])) if number else node.value
        if type(value) not in (int, float) or not 0 < value < 1e9:
            return ""
        near = min(max(round(value / self.of), 1) * self.of, self.most)
        return f": write {near}{', without quotes' if number else ''}"

    def schema(self) -> Schema:
        """See ``Kind``."""
        limits = {"minimum": self.of, "maximum": self.most}
        return {"type": "integer", "multipleOf": self.of, **limits}


@dataclass(frozen=True, slots=True)
class Fraction:
    """A number from 0 to 1; ``zero`` and ``one`` say whether 0 and 1 are allowed."""

    zero: bool
    one: bool

    def read(self, node: Node) -> float:
        """See ``Kind``."""
        value = node.value
        fits = type(value) in (int, float) and 0 <= value <= 1
        if not fits or (value == 0 and not self.zero) or (value == 1 and not self.one):
            low = "from 0" if self.zero else "above 0"
            high = "to 1" if self.one else "to below 1"
            node.fail(f"must be a number {low} {high}, not {found(node)}{self._remedy(node)}")
        return float(value)

    @staticmethod
    def _remedy(node: Node) -> str:
        number = number_in(node)
        if number and 0 <= float(number) <= 1:
            return f": write {number}, without quotes"
        percent = _PERCENT.fullmatch(short_text(node))
        part = percent[1] if percent else number or node.written
        if percent or (type(node.value) in (int, float) and 2 <= node.value <= 100):
            return f": write {float(part) / 100:g} for {part} %"
        return ""

    def schema(self) -> Schema:
        """See ``Kind``."""
        low = "minimum" if self.zero else "exclusiveMinimum"
        high = "maximum" if self.one else "exclusiveMaximum"
        return {"type": "number", low: 0, high: 1}


@dataclass(frozen=True, slots=True)
class Positive:
    """A number above 0, up to ``most``."""

    most: float = 1e12

    def read(self, node: Node) -> float:
        """See ``Kind``."""
        if type(node.value) not in (int, float) or not 0 < node.value <= self.most:
            remedy = ""
            if isinstance(node.value, str):
                try:
                    remedy = f": write {parse_size(short_text(node))}"
                except ValueError:
                    number = number_in(node)
                    remedy = f": write {number}, without quotes" if number else ""
            node.fail(f"must be a number above 0, up to {self.most:g}, not {found(node)}{remedy}")
        return float(node.value)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Between:
    """A number from ``least`` to ``most``, which may be negative; any number without these."""

    least: float = -math.inf
    most: float = math.inf

    def read(self, node: Node) -> float:
        """See ``Kind``."""
        value = node.value
        if type(value) not in (int, float) or not self._fits(value):
            limits = "" if self.most == math.inf else f" from {self.least:g} to {self.most:g}"
            node.fail(f"must be a number{limits}, not {found(node)}{self._remedy(node)}")
        return float(value)

    def _fits(self, value: float) -> bool:
        return self.least <= value <= self.most and abs(value) <= _LARGEST

    def _remedy(self, node: Node) -> str:
        text = short_text(node)
        if _SIGNED.fullmatch(text) and self._fits(float(text)):
            return f": write {text}, without quotes"
        percent = _PERCENT.fullmatch(text)
        return f": write {float(percent[1]) / 100:g} for {percent[1]} %" if percent else ""

    def schema(self) -> Schema:
        """See ``Kind``."""
        limits = {} if self.most == math.inf else {"minimum": self.least, "maximum": self.most}
        return {"type": "number"} | limits
