"""The draft of an answer that mutations change, and what a mutation is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from relace_mock.messages import Embedded, EmbedRequest, Piece, Received


@dataclass(slots=True)
class Draft:
    """An answer before it is sent.

    ``answer`` becomes the JSON of the body; each ``embedding`` in it is the text of a JSON array.
    ``body``, once it is set, replaces it. ``drifted`` returns the rows of the same texts in another
    vector space.
    """

    request: EmbedRequest
    answer: dict[str, Any]
    drifted: Callable[[], Sequence[Piece]]
    body: bytes | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results: one for each input, in order, until a mutation changes that."""
        results: list[dict[str, Any]] = self.answer["results"]
        return results

    def text(self) -> bytes:
        """The body as it is sent."""
        if self.body is not None:
            return self.body
        return orjson.dumps(self.answer, default=orjson.Fragment)


@dataclass(frozen=True, slots=True)
class Mutation:
    """A way to falsify a 200. ``applies`` says whether a request allows it."""

    name: str
    does: str
    change: Callable[[Draft], None]
    applies: Callable[[EmbedRequest, Received], bool] = lambda _request, _received: True


def begin(
    request: EmbedRequest, embedded: Embedded, drifted: Callable[[], Sequence[Piece]]
) -> Draft:
    """Draft the true answer."""
    results = [
        {"index": index, "embedding": bytes(row) + b"]"} for index, row in enumerate(embedded.rows)
    ]
    answer: dict[str, Any] = {"results": results}
    if embedded.total_tokens is not None:
        answer["usage"] = {"total_tokens": embedded.total_tokens}
    return Draft(request, answer, drifted)


def numbers(vector: bytes) -> list[bytes]:
    """Split a JSON array of numbers into their texts."""
    return vector[1:-1].split(b",")


def array(components: Sequence[bytes]) -> bytes:
    """Join the texts of numbers into a JSON array."""
    return b"[%b]" % b",".join(components)


def has_any(request: EmbedRequest, _received: Received) -> bool:
    """Whether there is a result: ``drop_result`` may have dropped the only one."""
    return bool(request.input)


def has_several(request: EmbedRequest, _received: Received) -> bool:
    """Whether there are two results or more."""
    return len(request.input) > 1


def is_float(request: EmbedRequest, _received: Received) -> bool:
    """Whether the components are numbers, not packed signs."""
    return request.output_dtype == "float" and bool(request.input)
