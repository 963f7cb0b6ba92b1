"""Read the body of a request to embed texts."""

from __future__ import annotations

import functools
from typing import Any

from relace_mock import contract
from relace_mock.messages import EmbedRequest
from relace_mock.refusals import Refusal, invalid_request, too_many
from relace_mock.schemas import first_error
from relace_mock.settings import Contract
from relace_mock.validation.faults import emptied, place, schema_fault

#: The journal's note on a request whose ``input`` is one string.
LONE_STRING = (
    "input is a lone string, answered like a list of one: Relace is observed to accept it, but "
    "documents an array of strings (--contract documented refuses it)"
)
_LONE_STRING_REMEDY = ': send a list of one, ["…"], or start the mock with --contract observed'


def read(body: Any, max_inputs: int, mode: Contract) -> EmbedRequest | Refusal:
    """Return the valid request, or a refusal.

    A valid ``input`` has from one to ``max_inputs`` texts. A lone string as ``input`` counts as a
    list of one, unless ``mode`` is ``documented``.
    """
    texts = body.get("input") if isinstance(body, dict) else None
    notes: tuple[str, ...] = ()
    if isinstance(texts, str) and mode == "observed":
        body["input"] = texts = [texts]
        notes = (LONE_STRING,)
    if isinstance(texts, list) and len(texts) > max_inputs:
        return too_many("input has", "texts", len(texts), max_inputs)
    if not is_well_formed(body):
        error = first_error(contract.validator("EmbedRequest"), _outline(body))
        if error is not None:
            field = place(error)
            lone = field == "input" and isinstance(error.instance, str)
            remedy = _LONE_STRING_REMEDY if lone else ""
            return invalid_request(schema_fault(error, field) + remedy)
    return EmbedRequest(body["model"], body["input"], body.get("output_dtype", "float"), notes)


def is_well_formed(body: object) -> bool:
    """Whether a body has the usual valid form, so that the schema need not be asked.

    The schema decides about every other body, and has the words for what is wrong with it.
    """
    return (
        type(body) is dict
        and type(body.get("model")) is str
        and body["model"] != ""
        and type(texts := body.get("input")) is list
        and set(map(type, texts)) == {str}
        and body.get("output_dtype", "float") in ("float", "binary")
    )


def _outline(body: object) -> object:
    """Return the body without the parts that the schema ignores: they may be deep and large."""
    if not isinstance(body, dict):
        return emptied(body)
    outline: dict[str, object] = {}
    for name in _known_fields():
        if name in body:
            value = body[name]
            if type(value) is str:
                outline[name] = value
            elif name == "input" and type(value) is list:
                all_strings = set(map(type, value)) == {str}
                outline[name] = value if all_strings else [emptied(text) for text in value]
            else:
                outline[name] = emptied(value)
    return outline


@functools.cache
def _known_fields() -> tuple[str, ...]:
    return tuple(contract.as_dict()["components"]["schemas"]["EmbedRequest"]["properties"])
