"""Kinds of value that consist of others: lists, header fields, records.

Each reads all of its parts before it refuses any, so that a user sees every mistake at once.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from relace_mock.scenario.kinds import Kind, Schema, Text, found
from relace_mock.scenario.mistakes import MISTAKE_LIMIT, ScenarioError, suggestion, together
from relace_mock.scenario.source import Node


class Mistakes:
    """Collects the mistakes in the parts of a value."""

    def __init__(self, found: Iterable[ScenarioError] = ()) -> None:
        self._found: list[ScenarioError] = []
        self._count = 0
        self.add_all(found)

    def add(self, mistake: ScenarioError) -> None:
        """Collect a mistake, with its ``others``."""
        self._found.append(mistake)
        self._count += len(mistake.all)

    def add_all(self, mistakes: Iterable[ScenarioError]) -> None:
        """Collect several mistakes."""
        for mistake in mistakes:
            self.add(mistake)

    @property
    def are_many(self) -> bool:
        """Whether there are so many mistakes that the reader may stop looking for others."""
        return self._count >= MISTAKE_LIMIT

    def read(self, kind: Kind, node: Node) -> Any:
        """Read a part of a value. Return None if it has mistakes, which are collected."""
        if node.broken is not None:
            self.add(node.broken)
            if node.value is None:
                return None
        try:
            return kind.read(node)
        except ScenarioError as error:
            self.add(error)
            return None

    def refuse(self) -> None:
        """Raise ``ScenarioError`` with all mistakes, if there are any."""
        if self._found:
            raise together(self._found) from None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list with at least one entry, and at most ``most``.

    ``single``: a value that is no list counts as a list of one. ``unique``: no entry appears twice;
    entries must be hashable. ``form`` shows what to write instead of a value that is no list.
    """

    kind: Kind
    single: bool = False
    unique: bool = False
    form: Callable[[Node], str] | None = None
    most: int | None = None

    def read(self, node: Node) -> tuple[Any, ...]:
        """See ``Kind``."""
        if not isinstance(node.value, list):
            if self.single:
                return (self.kind.read(node),)
            remedy = f": write {self.form(node)}" if self.form else ""
            node.fail(f"must be a list, not {found(node)}{remedy}")
        if not node.value:
            node.fail("is empty: an empty list does nothing, leave the key out")
        if self.most is not None and len(node.value) > self.most:
            node.fail(
                f"has {len(node.value)} entries, but at most {self.most} are allowed: remove some"
            )
        values: list[Any] = []
        seen: set[Any] = set()
        mistakes = Mistakes()
        for item in node.value:
            value = mistakes.read(self.kind, item)
            if self.unique and value is not None:
                if value in seen:
                    mistakes.add(item.mistake(f"{found(item)} is there twice: remove one"))
                seen.add(value)
            values.append(value)
            if mistakes.are_many:
                break
        mistakes.refuse()
        return tuple(values)

    def schema(self) -> Schema:
        """See ``Kind``."""
        items = self.kind.schema()
        several = {"type": "array", "items": items, "minItems": 1}
        several |= {"uniqueItems": True} if self.unique else {}
        several |= {} if self.most is None else {"maxItems": self.most}
        return {"anyOf": [items, several]} if self.single else several


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values of header fields; ``removable``: null stands for removing a field."""

    removable: bool
    forbidden: Mapping[str, str]

    def read(self, node: Node) -> dict[str, str | None]:
        """See ``Kind``."""
        if not isinstance(node.value, dict):
            remedy = f": write {_as_fields(node)}"
            node.fail(f"must be a mapping of names to values, not {found(node)}{remedy}")
        if not node.value:
            node.fail("is empty: leave the key out")
        seen: dict[str, str] = {}
        fields: dict[str, str | None] = {}
        mistakes = Mistakes()
        for name, value in node.value.items():
            if problem := self._problem(name, seen):
                mistakes.add(node.keys[name].mistake(problem))
            seen.setdefault(name.lower(), name)
            fields[name] = mistakes.read(_FieldValue(self.removable), value)
            if mistakes.are_many:
                break
        mistakes.refuse()
        return fields

    def _problem(self, name: str, seen: Mapping[str, str]) -> str | None:
        """The problem with a name, given those before it; None if there is none."""
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            return f"{name!r} is not a name of a header field"
        if name.lower() in seen:
            return f"is the same field as {seen[name.lower()]}: remove one"
        return self.forbidden.get(name.lower())

    def schema(self) -> Schema:
        """See ``Kind``."""
        value = _FieldValue(self.removable).schema()
        return {"type": "object", "minProperties": 1, "additionalProperties": value}


def _as_fields(node: Node) -> str:
    """The mapping that a list or a text of header fields probably means."""
    items = node.value if isinstance(node.value, list) else [node]
    pairs: list[tuple[str, str]] = []
    for item in items:
        if isinstance(item.value, dict):
            pairs += [(name, value.written) for name, value in item.value.items()]
        elif isinstance(item.value, str):
            name, colon, value = item.value.partition(":")
            pairs += [(name.strip(), value.strip())] if colon else []
    shown = [(name, value) for name, value in pairs if value and '"' not in value][:3]
    written = ", ".join(f'{name}: "{value}"' for name, value in shown)
    return f"{{{written}}}" if 0 < len(written) < 80 else '{Retry-After: "2"}'


@dataclass(frozen=True, slots=True)
class _FieldValue:
    """The value of a header field; may be null if it is ``removable``."""

    removable: bool

    def read(self, node: Node) -> str | None:
        """See ``Kind``."""
        if node.value is None and self.removable:
            return None
        value = Text().read(node)
        if not all(char == "\t" or (" " <= char <= "\xff" and char != "\x7f") for char in value):
            node.fail(
                f"{found(node)} cannot stand in a header field: write one line of Latin-1 characters"
            )
        if value != value.strip(" \t"):
            node.fail(
                f"{found(node)} has blanks at its beginning or end, which HTTP removes: remove them"
            )
        return value

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"type": ["string", "null"]} if self.removable else {"type": "string"}


@dataclass(frozen=True, slots=True)
class Either:
    """One of two kinds: the first if ``first_if`` is true of the node."""

    first: Kind
    second: Kind
    first_if: Callable[[Node], bool]

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        return (self.first if self.first_if(node) else self.second).read(node)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"anyOf": [self.first.schema(), self.second.schema()]}


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping whose keys are the fields of a dataclass of the model.

    A field is annotated with its type, its kind and its description. The class may have

    * ``conflicts(node)``, which yields mistakes that the keys alone show;
    * ``mistakes(self, node)``, which yields mistakes that the values show, once all are read;
    * ``ALIASES``, wrong names of its keys that people try;
    * ``elsewhere(name)``, which says where an unknown key belongs;
    * ``form(node)``, which shows what to write instead of a value that is no mapping.
    """

    of: type[Any]

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        if not isinstance(node.value, dict):
            form = self.of.form(node) if hasattr(self.of, "form") else ""
            node.fail(f"must be a mapping, not {found(node)}{f': write {form}' if form else ''}")
        keys = self._keys()
        mistakes = Mistakes([node.broken] if node.broken else ())
        values = {}
        for name, value in node.value.items():
            if name in keys:
                values[name] = mistakes.read(keys[name][0], value)
            else:
                remedy = self._remedy(name, keys)
                mistakes.add(node.keys[name].mistake(f"is not a key here; {remedy}"))
            if mistakes.are_many:
                break
        # A key that is unknown or unreadable may be a misspelling of the missing one.
        if node.broken is None and node.value.keys() <= keys.keys():
            for field in fields(self.of):
                if field.default is MISSING and field.name not in values:
                    text = f"{field.name} is missing: {keys[field.name][1]}"
                    mistakes.add(node.mistake(text))
        if hasattr(self.of, "conflicts"):
            mistakes.add_all(self.of.conflicts(node))
        mistakes.refuse()
        record = self.of(**values)
        if hasattr(record, "mistakes"):
            mistakes.add_all(record.mistakes(node))
            mistakes.refuse()
        return record

    def _keys(self) -> dict[str, tuple[Kind, str]]:
        return _annotations(self.of)  # type: ignore[arg-type]  # mypy takes no class for hashable

    def _remedy(self, name: str, keys: Iterable[str]) -> str:
        elsewhere = self.of.elsewhere(name) if hasattr(self.of, "elsewhere") else None
        return elsewhere or suggestion(name, keys, getattr(self.of, "ALIASES", {}))

    def schema(self) -> Schema:
        """See ``Kind``."""
        keys = self._keys()
        required = [field.name for field in fields(self.of) if field.default is MISSING]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: kind.schema() | {"description": text} for name, (kind, text) in keys.items()
            },
        } | ({"required": required} if required else {})


@functools.cache  # of the few classes of the model; slow to find out
def _annotations(of: type[Any]) -> dict[str, tuple[Kind, str]]:
    hints = typing.get_type_hints(of, include_extras=True)
    return {field.name: hints[field.name].__metadata__ for field in fields(of)}
