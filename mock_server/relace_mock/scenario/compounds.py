"""The kinds of value that are made of others: lists, header fields, records."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from relace_mock.scenario.kinds import Kind, Schema, Text, found
from relace_mock.scenario.source import Node, suggestion


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at least one; ``single``: one value may stand for a list of one."""

    kind: Kind
    single: bool = False
    unique: bool = False

    def read(self, node: Node) -> tuple[Any, ...]:
        """See ``Kind``."""
        if not isinstance(node.value, list):
            if self.single:
                return (self.kind.read(node),)
            node.fail(f"must be a list, not {found(node)}")
        if not node.value:
            node.fail("is empty: an empty list does nothing, leave the key out")
        values: list[Any] = []
        for item in node.value:
            values.append(self.kind.read(item))
            if self.unique and values[-1] in values[:-1]:
                item.fail(f"{found(item)} is there twice: remove one")
        return tuple(values)

    def schema(self) -> Schema:
        """See ``Kind``."""
        items = self.kind.schema()
        several = {"type": "array", "items": items, "minItems": 1}
        several |= {"uniqueItems": True} if self.unique else {}
        return {"anyOf": [items, several]} if self.single else several


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of header fields, with their values; ``removable``: null removes the field."""

    removable: bool
    forbidden: Mapping[str, str]

    def read(self, node: Node) -> dict[str, str | None]:
        """See ``Kind``."""
        if not isinstance(node.value, dict):
            node.fail(f"must be a mapping of names to values, not {found(node)}")
        if not node.value:
            node.fail("is empty: leave the key out")
        seen: dict[str, str] = {}
        fields: dict[str, str | None] = {}
        for name, value in node.value.items():
            key = node.keys[name]
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                key.fail(f"{name!r} is not a name of a header field")
            if name.lower() in seen:
                key.fail(f"is the same field as {seen[name.lower()]}: remove one")
            if name.lower() in self.forbidden:
                key.fail(self.forbidden[name.lower()])
            seen[name.lower()] = name
            fields[name] = self._value(value)
        return fields

    def _value(self, node: Node) -> str | None:
        if node.value is None and self.removable:
            return None
        value = Text().read(node)
        if not all(char == "\t" or (" " <= char <= "\xff" and char != "\x7f") for char in value):
            node.fail(f"{found(node)} cannot stand in a header field: one line of Latin-1 can")
        if value != value.strip(" \t"):
            node.fail(f"{found(node)} has outer blanks, which HTTP removes: remove them")
        return value

    def schema(self) -> Schema:
        """See ``Kind``."""
        value = {"type": ["string", "null"]} if self.removable else {"type": "string"}
        return {"type": "object", "minProperties": 1, "additionalProperties": value}


@dataclass(frozen=True, slots=True)
class Either:
    """One kind if ``first_if`` holds of the node, else the other."""

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

    A field is annotated with its type, its kind and its description. A class that has
    ``refuse_impossible(self, node)`` is asked whether its keys go together.
    """

    of: type[Any]

    def read(self, node: Node) -> Any:
        """See ``Kind``."""
        if not isinstance(node.value, dict):
            node.fail(f"must be a mapping, not {found(node)}")
        keys = _annotations(self.of)
        values = {}
        for name, value in node.value.items():
            if name not in keys:
                node.keys[name].fail(f"is not a key here; {suggestion(name, keys)}")
            values[name] = keys[name][0].read(value)
        for field in fields(self.of):
            if field.default is MISSING and field.name not in values:
                node.fail(f"{field.name} is missing: {keys[field.name][1]}")
        record = self.of(**values)
        if hasattr(record, "refuse_impossible"):
            record.refuse_impossible(node)
        return record

    def schema(self) -> Schema:
        """See ``Kind``."""
        keys = _annotations(self.of)
        required = [field.name for field in fields(self.of) if field.default is MISSING]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: kind.schema() | {"description": text} for name, (kind, text) in keys.items()
            },
        } | ({"required": required} if required else {})


def _annotations(of: type[Any]) -> dict[str, tuple[Kind, str]]:
    hints = typing.get_type_hints(of, include_extras=True)
    return {field.name: hints[field.name].__metadata__ for field in fields(of)}
