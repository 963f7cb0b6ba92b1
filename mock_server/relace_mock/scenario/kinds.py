"""The kinds of single value that a scenario holds; ``compounds`` has those of several.

``durations`` has those of time.

Each reads a value, or refuses it, and describes itself in JSON Schema. The model names the
kind of each of its keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from relace_mock.scenario.mistakes import plain_name, suggestion
from relace_mock.scenario.source import Node
from relace_mock.settings import parse_size

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_YES, _NO = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")
Schema = dict[str, Any]
#: The largest whole number that every reader of JSON reads as it is.
LARGEST = 2**53 - 1


class Kind(Protocol):
    """Reads a value or refuses it."""

    def read(self, node: Node) -> Any:
        """The value. Raises ``ScenarioError``."""

    def schema(self) -> Schema:
        """The JSON Schema of what it reads."""


def found(node: Node) -> str:
    """What stands there, for a message."""
    value = node.value
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None or isinstance(value, bool):
        name = {None: "null", True: "true", False: "false"}[value]
        return name if node.written in ("", name) else f"{node.written}, in YAML {name}"
    if isinstance(value, str):
        return repr(value)[:60]
    return node.written[:60]


def number_in(node: Node) -> str | None:
    """The number that a string holds, as it should be written; None if it holds none."""
    text = node.value.strip() if isinstance(node.value, str) else ""
    return text if re.fullmatch(r"(0|[1-9]\d*)(\.\d+)?", text, re.ASCII) else None


def _quoted(node: Node) -> str:
    """Show a scalar as a string."""
    text = node.written or found(node)
    return (
        f'put it in quotes, "{text}"' if len(text) < 40 and '"' not in text else "put it in quotes"
    )


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of a form if ``pattern`` is given; ``form`` says it in words."""

    pattern: str = ""
    form: str = ""

    def read(self, node: Node) -> str:
        """See ``Kind``."""
        if not isinstance(node.value, str):
            hint = "" if isinstance(node.value, (list, dict)) else f": {_quoted(node)}"
            node.fail(f"must be a string, not {found(node)}{hint}")
        if self.pattern and not re.fullmatch(self.pattern, node.value):
            node.fail(f"must be {self.form}, not {found(node)}")
        return node.value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string"} | ({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})


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
    """A multiple of ``of``, from it up to ``most``."""

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
    """A number from 0 to 1; ``zero`` and ``one`` tell whether those are allowed."""

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
        percent = _PERCENT.fullmatch(node.value) if isinstance(node.value, str) else None
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
                    remedy = f": write {parse_size(node.value)}"
                except ValueError:
                    number = number_in(node)
                    remedy = f": write {number}, without quotes" if number else ""
            node.fail(f"must be a number above 0, up to {self.most:g}, not {found(node)}{remedy}")
        return float(node.value)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """True, and nothing else if ``only``; or false too."""

    only: bool = False

    def read(self, node: Node) -> bool:
        """See ``Kind``."""
        if not isinstance(node.value, bool):
            remedy = ""
            if not isinstance(node.value, (list, dict, type(None))):
                said = str(node.value).strip().lower()
                word = "true" if self.only or said in _YES else "false" if said in _NO else ""
                remedy = f": write {word}, without quotes" if word else ""
            node.fail(f"must be true{'' if self.only else ' or false'}, not {found(node)}{remedy}")
        if self.only and not node.value:
            node.fail("can only be true: leave the key out otherwise")
        return node.value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"const": True} if self.only else {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names, or of some numbers.

    ``aliases`` are names that people try; with ``statuses`` they try those, too.
    """

    options: Sequence[str | int]
    aliases: Mapping[str, str] = field(default_factory=dict)
    statuses: bool = False

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        if isinstance(node.value, bool) or node.value not in self.options:
            names = [str(option) for option in self.options]
            if isinstance(node.value, str):
                node.fail(f"{found(node)} is not known; {self._remedy(node.value, names)}")
            remedy = self._remedy(node.written, names) if self.is_alias(node.written) else ""
            if self.statuses and re.fullmatch("[2-5][0-9][0-9]", node.written):
                remedy = f"write status: {node.written}"
            listed = f"one of {', '.join(names)}, not {found(node)}"
            node.fail(f"must be {listed}{f'; {remedy}' if remedy else ''}")
        return node.value

    def is_alias(self, word: str) -> bool:
        """Whether a word is another name of an option."""
        return plain_name(word) in self.aliases

    def _remedy(self, word: str, names: Sequence[str]) -> str:
        if word.strip() in names:
            return f"write {word.strip()}, without quotes"
        parts = [part.strip() for part in word.split(",")]
        if len(parts) > 1 and all(part in names for part in parts):
            return f"write a list, [{', '.join(parts)}]"
        return suggestion(word, names, self.aliases)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression of Python, compiled."""

    def read(self, node: Node) -> re.Pattern[str]:
        """See ``Kind``."""
        try:
            return re.compile(Text().read(node))
        except (re.error, RecursionError, OverflowError) as error:
            node.fail(f"is not a regular expression: {error}")

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string", "format": "regex"}


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes, spelled in base64."""

    def read(self, node: Node) -> bytes:
        """See ``Kind``."""
        try:
            return base64.b64decode("".join(Text().read(node).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            node.fail(f"is not base64: {error}")

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string", "contentEncoding": "base64"}


@dataclass(frozen=True, slots=True)
class Json:
    """Any value that JSON can hold."""

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        self._check(node)
        return node.plain()

    def _check(self, node: Node) -> None:
        value = node.value
        if isinstance(value, (list, dict)):
            for child in value if isinstance(value, list) else value.values():
                self._check(child)
        elif type(value) not in (str, int, float, bool, type(None)):
            node.fail(f"{found(node)} cannot be written in JSON: put it in quotes")
        elif type(value) is int and abs(value) > LARGEST:
            node.fail("is more than JSON can be trusted with: use body_text")
        elif isinstance(value, float) and value - value != 0:
            node.fail("NaN and infinity cannot be written in JSON: use body_text")

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {}
