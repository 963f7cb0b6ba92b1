"""Parse a request body and validate it against the contract. A refusal names the first fault."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema_rs
import orjson

from relace_mock import contract
from relace_mock.excerpts import shortened
from relace_mock.messages import EmbedRequest, Received
from relace_mock.refusals import (
    Refusal,
    invalid_json,
    invalid_request,
    too_many_inputs,
    unsupported_media_type,
)
from relace_mock.settings import Contract

#: The journal's note on a request whose ``input`` is one string.
LONE_STRING = (
    "input is a lone string, answered like a list of one: Relace is observed to accept it, but "
    "documents an array of strings (--contract documented refuses it)"
)
_LONE_STRING_REMEDY = ': send a list of one, ["…"], or start the mock with --contract observed'
_ARTICLES = {"array": "an array", "integer": "an integer", "object": "an object"}


def validate(received: Received, max_inputs: int, mode: Contract) -> EmbedRequest | Refusal:
    """Return the valid request, or a refusal.

    A valid ``input`` has from one to ``max_inputs`` texts. A lone string as ``input`` counts as a
    list of one, unless ``mode`` is ``documented``.
    """
    if refusal := media_type_refusal(received):
        return refusal
    try:
        body = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        return invalid_json(_json_fault(received.body, error))
    texts = body.get("input") if isinstance(body, dict) else None
    notes: tuple[str, ...] = ()
    if isinstance(texts, str) and mode == "observed":
        body["input"] = texts = [texts]
        notes = (LONE_STRING,)
    if isinstance(texts, list) and len(texts) > max_inputs:
        return too_many_inputs(len(texts), max_inputs)
    try:
        # Stop at the first fault: in a body full of faults, collecting all takes very long.
        contract.validator("EmbedRequest").validate(_outline(body))
    except jsonschema_rs.ValidationError as error:
        return invalid_request(_schema_fault(error))
    return EmbedRequest(body["model"], body["input"], body.get("output_dtype", "float"), notes)


def _outline(body: object) -> object:
    """Return the body without the parts that the schema ignores: they may be deep and large."""
    if not isinstance(body, dict):
        return _emptied(body)
    outline = {name: _emptied(body[name]) for name in _known_fields() if name in body}
    texts = body.get("input")
    if isinstance(texts, list):
        all_strings = set(map(type, texts)) == {str}
        outline["input"] = texts if all_strings else [_emptied(text) for text in texts]
    return outline


@functools.cache
def _known_fields() -> tuple[str, ...]:
    return tuple(contract.as_dict()["components"]["schemas"]["EmbedRequest"]["properties"])


def _emptied(value: object) -> object:
    return type(value)() if isinstance(value, (list, dict)) else value


def media_type_refusal(received: Received) -> Refusal | None:
    """Return a refusal if the headers do not declare the body as JSON in UTF-8, else None."""
    fields = received.header(b"content-type")
    if fields == ["application/json"]:
        return _encoding_refusal(received)
    if not fields:
        return unsupported_media_type("Send the header `Content-Type: application/json`")
    media_type, *parameters = (part.strip().lower() for part in fields[0].split(";"))
    if len(fields) > 1 or media_type != "application/json":
        return unsupported_media_type("Content-Type must be application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' \t"') not in ("utf-8", "utf8"):
            return unsupported_media_type("charset must be utf-8, as JSON is UTF-8 (RFC 8259)")
    return _encoding_refusal(received)


def _encoding_refusal(received: Received) -> Refusal | None:
    if any(field.lower() != "identity" for field in received.header(b"content-encoding")):
        return unsupported_media_type("Send the body without Content-Encoding")
    return None


def _json_fault(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "the body is empty"
    try:
        text = body.decode()
    except UnicodeDecodeError as undecodable:
        return f"the body is not UTF-8 at byte {undecodable.start}"
    if text[error.pos :].startswith(("NaN", "Infinity")):
        return f"{error}; NaN and Infinity are not JSON"
    return str(error)


def _schema_fault(error: jsonschema_rs.ValidationError) -> str:
    """Describe a schema error: the field, the expected value, and the value that was found."""
    field = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path
    ).removeprefix(".")
    subject = field or "the body"
    found = error.instance
    rule: Any = error.kind
    match rule.name:
        case "required":
            return f"{rule.property} is required"
        case "type":
            types = " or ".join(_ARTICLES.get(name, f"a {name}") for name in rule.types)
            remedy = _LONE_STRING_REMEDY if field == "input" and isinstance(found, str) else ""
            return f"{subject} must be {types}, not {_type_of(found)}{remedy}"
        case "enum":
            return f"{subject} must be {' or '.join(rule.options)}, not {_shown(found)}"
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
    return shortened(orjson.dumps(value).decode(), limit + 1)
