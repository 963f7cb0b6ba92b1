"""Kinds of single value; ``compounds``, ``numbers`` and ``durations`` have the other kinds.

A kind reads a value or refuses it, and describes itself in JSON Schema. The model gives each of its
keys a kind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from relace_mock.excerpts import quoted, shortened
from relace_mock.scenario.mistakes import plain_name, suggestion
from relace_mock.scenario.patterns import Pattern, TooManyError, read_pattern
from relace_mock.scenario.source import Node

_YES, _NO = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")
Schema = dict[str, Any]
#: The largest whole number that every JSON parser reads exactly.
LARGEST = 2**53 - 1


class Kind(Protocol):
    """A kind of value: it reads a value or refuses it."""

    def read(self, node: Node) -> Any:
        """Return the value of a node. Raises ``ScenarioError``."""

    def schema(self) -> Schema:
        """Return the JSON Schema of the values that it accepts."""


def found(node: Node) -> str:
    """Name a value in a message."""
    value = node.value
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None or isinstance(value, bool):
        name = {None: "null", True: "true", False: "false"}[value]
        return name if node.written in ("", name) else f"{node.written}, in YAML {name}"
    if isinstance(value, str):
        return quoted(value, 60)
    return shortened(node.written)


def _quoted(node: Node) -> str:
    """Say how to write a scalar as a string."""
    text = node.written or found(node)
    return (
        f'put it in quotes, "{text}"' if len(text) < 40 and '"' not in text else "put it in quotes"
    )


@dataclass(frozen=True, slots=True)
class Text:
    """A string that matches ``pattern``, if there is one; ``form`` describes it in words."""

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
class Flag:
    """True or false; ``only``: true is the only value."""

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
class OneOf:
    """One of several names, or of several numbers.

    ``aliases`` are wrong names that people try; ``statuses``: they also try HTTP statuses.
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
        """Whether a word is a wrong name of an option."""
        return plain_name(word) in self.aliases

    def _remedy(self, word: str, names: Sequence[str]) -> str:
        if word.strip() in names:
            return f"write {word.strip()}, without quotes"
        parts = [part.strip() for part in word.split(",", 20)]
        if len(parts) > 1 and all(part in names for part in parts):
            return f"write a list, [{', '.join(parts)}]"
        return suggestion(word, names, self.aliases)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression in RE2 syntax."""

    def read(self, node: Node) -> Pattern:
        """See ``Kind``."""
        text = Text().read(node)
        try:
            return read_pattern(text)
        except TooManyError as error:
            node.fail(f"was not checked: {error}")
        except ValueError as error:
            node.fail(f"is not a regular expression of RE2: {error}")

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": "string"}  # `format: regex` is ECMAScript's syntax, which differs


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes, written in base64."""

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
    """Any value that JSON can express."""

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
            node.fail("is so large that some JSON parsers would round it: use body_text")
        elif isinstance(value, float) and value - value != 0:
            node.fail("NaN and infinity cannot be written in JSON: use body_text")

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {}
