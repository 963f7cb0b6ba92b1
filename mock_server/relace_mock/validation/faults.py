"""Describe the fault of a body: the place where it is not JSON, or the schema rule it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

_ARTICLES = {"array": "an array", "integer": "an integer", "object": "an object"}


def json_fault(body: bytes, error: orjson.JSONDecodeError) -> str:
    """Describe why a body is not JSON."""
    if not body.strip():
        return "the body is empty"
    try:
        text = body.decode()
    except UnicodeDecodeError as undecodable:
        return f"the body is not UTF-8 at byte {undecodable.start}"
    if text[error.pos :].startswith(("NaN", "Infinity")):
        return f"{error}; NaN and Infinity are not JSON"
    return str(error)


def place(error: ValidationError) -> str:
    """Return the field that breaks the schema, such as ``codebase[0].content``.

    A missing field is named too. The name of the whole body is empty.
    """
    path = list(error.instance_path)
    rule: Any = error.kind
    if rule.name == "required":
        path.append(rule.property)
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in path
    ).removeprefix(".")


def schema_fault(error: ValidationError, field: str) -> str:
    """Describe a schema error: the field, the expected value, and the value that was found."""
    subject = field or "the body"
    found = error.instance
    rule: Any = error.kind
    match rule.name:
        case "required":
            return f"{field} is required"
        case "type":
            types = " or ".join(_ARTICLES.get(name, f"a {name}") for name in rule.types)
            return f"{subject} must be {types}, not {_type_of(found)}"
        case "enum":
            return f"{subject} must be {' or '.join(rule.options)}, not {_shown(found)}"
        case "minimum":
            return f"{subject} must be at least {rule.limit}, not {_shown(found)}"
        case "minLength" | "minItems":
            return f"{subject} must not be empty"
        case _:  # pragma: no cover - a keyword that the contract does not use yet
            return f"{subject}: {error.message}"


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    for kind, name in ((bool, "a boolean"), (str, "a string"), (list, "an array")):
        if isinstance(value, kind):
            return name
    return "an object" if isinstance(value, dict) else "a number"


def _shown(value: object, limit: int = 40) -> str:
    """A value as JSON, or its type and size if it is long: a cut could leave a part of a key."""
    text = orjson.dumps(value).decode()
    if len(text) <= limit:
        return text
    return f"{_type_of(value)} of {len(value if isinstance(value, str) else text)} characters"


def emptied(value: object) -> object:
    """Return a list or an object without its content, which may be deep; other values unchanged."""
    return type(value)() if isinstance(value, (list, dict)) else value
