"""Read the vectors in an upstream's answer, and refuse an answer that breaks the contract."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from relace_mock.counts import counted
from relace_mock.recording.forms import Number, Stored, stored
from relace_mock.recording.upstream import UpstreamAnswer

# An array without objects, arrays and strings in it. Each is parsed on its own: one call of the
# parser for the whole body could make all other requests wait for seconds.
_ARRAY = re.compile(rb'\[[^][{}"]*\]')


class WrongAnswerError(Exception):
    """A 200 of the upstream that breaks the contract. The message says how."""


class Results(NamedTuple):
    """The vectors of an answer, in the order of the texts; ``total_tokens`` is None if not told."""

    vectors: Sequence[Stored]
    total_tokens: int | None


def read(received: UpstreamAnswer, texts: int) -> Results:
    """Read the answer to a request with this number of texts. Raises ``WrongAnswerError``."""
    if received.status != 200:
        raise WrongAnswerError(_status_problem(received))
    arrays: list[bytes] = []

    def noted(match: re.Match[bytes]) -> bytes:
        arrays.append(match[0])
        return b"[%d]" % (len(arrays) - 1)

    answer = _parsed(_ARRAY.sub(noted, received.body))
    results = answer.get("results") if isinstance(answer, dict) else None
    if isinstance(results, list) and len(results) == 1 and isinstance(results[0], Number):
        results = _parsed(arrays[int(results[0])])  # an empty list
    if not isinstance(results, list):
        raise WrongAnswerError("the body has no list `results`")
    if len(results) != texts:
        raise WrongAnswerError(f"{counted(len(results), 'result')} for {counted(texts, 'text')}")
    vectors: list[Stored | None] = [None] * texts
    for result in results:
        index = _index(result, texts)
        if vectors[index] is not None:
            raise WrongAnswerError(f"two results have the index {index}")
        vectors[index] = _vector(result["embedding"], arrays, index)
    found = [vector for vector in vectors if vector is not None]
    lengths = sorted({vector.length for vector in found})
    if len(lengths) > 1:
        raise WrongAnswerError(f"vectors have different lengths: {lengths[0]} and {lengths[-1]}")
    return Results(found, _total_tokens(answer))


def _status_problem(received: UpstreamAnswer) -> str:
    place = dict(received.headers).get(b"location", b"")[:200].decode("latin-1")
    if place:
        return f"its address redirects to {place}: give --upstream that address"
    return "the contract has no such status"


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError(f"the body is not JSON: {error}") from None


def _index(result: Any, texts: int) -> int:
    if not isinstance(result, dict) or not {"index", "embedding"} <= result.keys():
        raise WrongAnswerError("a result is not an object with `index` and `embedding`")
    index = result["index"]
    if not isinstance(index, Number) or not index.isdecimal() or int(index[:9]) >= texts:
        shown = json.dumps(index)[:40]
        raise WrongAnswerError(f"a result has the index {shown}, for {counted(texts, 'text')}")
    return int(index)


def _vector(place: Any, arrays: Sequence[bytes], index: int) -> Stored:
    """The vector of a result. ``place`` is a list with the number of its array."""
    embedding = place
    if isinstance(place, list) and len(place) == 1 and isinstance(place[0], Number):
        embedding = _parsed(arrays[int(place[0])])
    if not isinstance(embedding, list) or not embedding:
        raise WrongAnswerError(f"the embedding of result {index} is not a list of numbers")
    for number in embedding:
        if not isinstance(number, Number):
            raise WrongAnswerError(
                f"the embedding of result {index} has {json.dumps(number)[:40]} for a number"
            )
        if not math.isfinite(float(number)):
            raise WrongAnswerError(
                f"the embedding of result {index} has a number that is too large: {number[:40]}"
            )
    return stored(embedding)


def _total_tokens(answer: dict[str, Any]) -> int | None:
    usage = answer.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return int(total[:15]) if isinstance(total, Number) and total.isdecimal() else None


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"it has {name} for a number")
