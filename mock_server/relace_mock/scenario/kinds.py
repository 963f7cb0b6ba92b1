"""The kinds of single value that a scenario holds; ``compounds`` has those of several.

Each reads a value, or refuses it, and describes itself in JSON Schema. The model names the
kind of each of its keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relace_mock.scenario.source import Node, suggestion

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_LONGEST = 366 * 86400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
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


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of a form if ``pattern`` is given; ``form`` says it in words."""

    pattern: str = ""
    form: str = ""

    def read(self, node: Node) -> str:
        """See ``Kind``."""
        if not isinstance(node.value, str):
            hint = "" if isinstance(node.value, (list, dict)) else ": put it in quotes"
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
            node.fail(f"must be a whole number {limits}, not {found(node)}")
        return value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


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
            node.fail(f"must be a number {low} {high}, not {found(node)}")
        return float(value)

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
            node.fail(f"must be a number above 0, up to {self.most:g}, not {found(node)}")
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
            node.fail(f"must be true{'' if self.only else ' or false'}, not {found(node)}")
        if self.only and not node.value:
            node.fail("can only be true: leave the key out otherwise")
        return node.value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"const": True} if self.only else {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names, or of some numbers."""

    options: Sequence[str | int]

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        if isinstance(node.value, bool) or node.value not in self.options:
            names = [str(option) for option in self.options]
            if isinstance(node.value, str):
                node.fail(f"{found(node)} is not known; {suggestion(node.value, names)}")
            node.fail(f"must be one of {', '.join(names)}, not {found(node)}")
        return node.value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Duration:
    """A time with its unit, ``250ms`` or ``60s``; read as seconds."""

    zero: bool = True

    def read(self, node: Node) -> float:
        """See ``Kind``."""
        match = _DURATION.fullmatch(node.value) if isinstance(node.value, str) else None
        if match is None:
            node.fail(f"must be a duration such as 250ms, 2s or 1m, not {found(node)}")
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds > _LONGEST:
            node.fail(f"must be at most a year, not {found(node)}")
        if seconds == 0 and not self.zero:
            node.fail(f"must be longer than nothing, not {found(node)}")
        return seconds

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string", "pattern": f"^{_DURATION.pattern}$"}


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
