"""NEG: requests with exactly one fault each, so that no other guard can refuse them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relace_contract.judgement import Remark
from relace_contract.server.answers import depart, expect, results
from relace_contract.server.round_trip import Headers
from relace_contract.server.subject import JSON, MODEL, Server

_GOOD: dict[str, Any] = {"model": MODEL, "input": ["a", "b"]}


@dataclass(frozen=True, slots=True)
class BadBody:
    """A body with one fault, and the statuses that are correct for it."""

    body: bytes
    what: str
    statuses: tuple[int, ...] = (400,)
    headers: Headers = (*JSON, ("Accept", "*/*"))
    recipe: str = ""


def _with(what: str, **fields: Any) -> BadBody:
    """The good body, with these fields changed."""
    return BadBody(json.dumps({**_GOOD, **fields}).encode(), what)


def _without(name: str) -> BadBody:
    fields = {key: value for key, value in _GOOD.items() if key != name}
    return BadBody(json.dumps(fields).encode(), f"a body without `{name}`")


_TEXT = json.dumps(_GOOD).encode()
_DEEP = 10_000
#: For bodies that a server may accept or refuse, because the contract leaves it open.
_OPEN = (200, 400)
_UNTYPED: Headers = (("Accept", "*/*"),)

BAD_BODIES: dict[str, BadBody] = {
    "NEG-no-model": _without("model"),
    "NEG-no-input": _without("input"),
    "NEG-model-null": _with("`model` is null", model=None),
    "NEG-model-number": _with("`model` is a number", model=1),
    "NEG-model-array": _with("`model` is an array", model=[MODEL]),
    "NEG-empty-model": _with("`model` is an empty string", model=""),
    "NEG-input-null": _with("`input` is null", input=None),
    "NEG-input-object": _with("`input` is an object", input={"0": "a"}),
    "NEG-empty-input": _with("`input` is an empty list", input=[]),
    "NEG-item-null": _with("a text is null", input=[None]),
    "NEG-item-number": _with("a text is a number", input=[7]),
    "NEG-item-boolean": _with("a text is a boolean", input=[True]),
    "NEG-item-array": _with("a text is an array", input=[["a"]]),
    "NEG-item-object": _with("a text is an object", input=[{"text": "a"}]),
    "NEG-item-last": _with("the last of three texts is a number", input=["a", "b", 7]),
    "NEG-dtype-null": _with("`output_dtype` is null", output_dtype=None),
    "NEG-dtype-number": _with("`output_dtype` is a number", output_dtype=8),
    "NEG-dtype-unknown": _with("`output_dtype` is `int8`", output_dtype="int8"),
    "NEG-dtype-case": _with("`output_dtype` is `Float`", output_dtype="Float"),
    "NEG-dtype-empty": _with("`output_dtype` is an empty string", output_dtype=""),
    "NEG-body-array": BadBody(b"[" + _TEXT + b"]", "the body is an array"),
    "NEG-body-string": BadBody(b'"a"', "the body is a string"),
    "NEG-body-null": BadBody(b"null", "the body is null"),
    "NEG-not-json": BadBody(b"model=relace-embed-v1&input=a", "the body is not JSON"),
    "NEG-empty-body": BadBody(b"", "the body is empty"),
    "NEG-truncated": BadBody(_TEXT[:-1], "the body ends too early"),
    "NEG-trailing-text": BadBody(_TEXT + b" x", "something follows the body"),
    "NEG-nan": BadBody(_TEXT[:-1] + b', "x": NaN}', "the body has a NaN literal"),
    "NEG-trailing-comma": BadBody(_TEXT[:-1] + b",}", "the body has a trailing comma"),
    "NEG-lone-surrogate": BadBody(
        rb'{"model": "relace-embed-v1", "input": ["\ud800"]}', "a text is half a surrogate pair"
    ),
    "NEG-invalid-utf8": BadBody(
        b'{"model": "relace-embed-v1", "input": ["\xff"]}', "the body is not UTF-8"
    ),
    "NEG-deep": BadBody(
        b"[" * _DEEP + b"]" * _DEEP,
        "the body is an array, 10,000 deep",
        recipe=f"'[' * {_DEEP} + ']' * {_DEEP}",
    ),
    "NEG-deep-unknown": BadBody(
        _TEXT[:-1] + b', "x": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
        "an unknown field is 10,000 deep",
        _OPEN,
        recipe=f"{_TEXT[:-1].decode()!r} + ', \"x\": ' + '[' * {_DEEP} + ']' * {_DEEP} + '}}'",
    ),
    "NEG-bom": BadBody(b"\xef\xbb\xbf" + _TEXT, "a byte-order mark before the body", _OPEN),
    "NEG-duplicate-keys": BadBody(_TEXT[:-1] + b', "input": ["c"]}', "`input` occurs twice", _OPEN),
    "NEG-content-type": BadBody(
        _TEXT, "the content type is text/plain", (400, 415), (("Content-Type", "text/plain"),)
    ),
    "NEG-no-content-type": BadBody(_TEXT, "no content type", (200, 400, 415), _UNTYPED),
}


def _check(fault: BadBody) -> Callable[[Server], None]:
    def check(server: Server) -> None:
        trip = server.ask(fault.body, headers=fault.headers, recipe=fault.recipe)
        expect(trip, *fault.statuses, what=fault.what)

    return check


def lone_string(server: Server) -> None:
    """NEG-input-string: refused, as documented, or taken as a list of one text, as observed."""
    trip = server.ask(json.dumps({**_GOOD, "input": "a lone string"}).encode())
    expect(trip, 200, 400, what="`input` is a lone string")
    if trip.status == 400:
        raise Remark("a lone string as `input` is refused, as documented")
    count = len(results(trip))
    if count != 1:
        raise depart(f"a lone string as `input` is one text, but got {count} results", trip)
    raise Remark("a lone string as `input` is answered like a list of one, as observed")


def too_large(server: Server) -> None:
    """NEG-too-large: one text that makes the body one byte too large for the claimed limit."""
    limit = server.options.claimed.max_body
    opening, closing = b'{"model": "relace-embed-v1", "input": ["', b'"]}'
    length = limit + 1 - len(opening) - len(closing)
    trip = server.ask(
        opening + b"a" * length + closing,
        recipe=f"{opening.decode()!r} + 'a' * {length} + {closing.decode()!r}",
    )
    if not trip.status:
        raise depart(
            f"a body of {limit + 1:,} bytes: 413 expected, but there was no answer: {trip.failure}",
            trip,
        )
    expect(trip, 413, what=f"a body of {limit + 1:,} bytes")


CHECKS: dict[str, Callable[[Server], None]] = {
    **{identity: _check(fault) for identity, fault in BAD_BODIES.items()},
    "NEG-input-string": lone_string,
    "NEG-too-large": too_large,
}
