"""Test data from Hypothesis: texts, answers that match the contract's schema, failure scripts.

Hypothesis and Schemathesis are imported late, because most checks do not need them.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

from relace_contract import contract
from relace_contract.client.case import Case
from relace_contract.properties import holds_for, openapi, strings

_ALONE = threading.Lock()
#: The failures in a script for retries; the server gives each once. The last resets the connection.
FAILURES = (400, 401, 404, 429, 500, 503, "reset")


def for_all(case: Case, kind: str, judge: Callable[[Any], None]) -> None:
    """Call ``judge`` with made-up values; raise its ``Departure`` for the smallest."""
    # Hypothesis changes the recursion limit of the process, so only one thread may use it.
    with case.turn_on(_ALONE):
        holds_for(case.setup, _strategy(kind), judge)


@functools.cache
def _strategy(kind: str) -> Any:
    from hypothesis import strategies as st  # noqa: PLC0415

    match kind:
        case "texts":
            return st.lists(strings(max_size=30), min_size=1, max_size=6).map(tuple)
        case "scripts":
            return st.tuples(
                st.integers(0, 3), st.lists(st.sampled_from(FAILURES), min_size=1, max_size=4)
            )
        case "answers":
            return st.tuples(_schema_answers(), st.booleans())
    raise ValueError(kind)


def _schema_answers() -> Any:
    """Answers for three texts, drawn from the schema except for the vectors and indexes."""
    from hypothesis import strategies as st  # noqa: PLC0415

    outer, extra, number = _by_schema("EmbedResponse"), _by_schema("Result"), _numbers()

    @st.composite
    def answers(draw: Any) -> Any:
        size = draw(st.integers(1, 5))
        vectors = st.lists(number, min_size=size, max_size=size)
        return draw(outer), [(draw(extra), draw(vectors)) for _ in range(3)]

    return answers()


def _numbers() -> Any:
    from hypothesis import strategies as st  # noqa: PLC0415

    return st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63))


def _by_schema(name: str) -> Any:
    """Values that match a schema: Schemathesis generates them as request bodies."""
    schemas = contract.document()["components"]["schemas"]
    schema = (
        schemas["EmbedResponse"]["properties"]["results"]["items"]
        if name == "Result"
        else schemas[name]
    )
    media = {"application/json": {"schema": _plain(schema)}}
    operation = {"requestBody": {"required": True, "content": media}, "responses": {}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1"},
        "paths": {"/": {"post": operation}},
    }
    return openapi(document)["/"]["POST"].as_strategy().map(lambda drawn: drawn.body)


def _plain(node: Any) -> Any:
    """A schema without the labels of this project (``x-provenance``)."""
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items() if name != "x-provenance"}
    return [_plain(value) for value in node] if isinstance(node, list) else node


def answer_of(drawn: Any) -> tuple[Any, list[list[float]], int | None]:
    """A drawn answer as JSON, its vectors in the order of the texts, and its tokens."""
    (outer, rows), _ = drawn
    results = [
        {**extra, "index": place, "embedding": vector} for place, (extra, vector) in enumerate(rows)
    ]
    answer = {**outer, "results": results}
    usage = answer.get("usage")
    tokens = None
    if usage is not None:
        tokens = min(int(usage["total_tokens"]), 2**53 - 1)
        answer["usage"] = {**usage, "total_tokens": tokens}
    return answer, [vector for _, vector in rows], tokens


def is_finite(value: Any) -> bool:
    """Whether every number in a JSON value is finite as binary64."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    if isinstance(value, (int, float)):
        try:
            return math.isfinite(float(value))
        except OverflowError:
            return False
    return True
