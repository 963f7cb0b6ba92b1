"""The draft of an answer that mutations change, and what a mutation is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from relace_mock.messages import (
    Embedded,
    EmbedRequest,
    EndpointName,
    Piece,
    RankRequest,
    Received,
    Request,
)

R = TypeVar("R", bound=Request)
BOTH: tuple[EndpointName, ...] = ("embed", "rank")


@dataclass(slots=True)
class Draft(Generic[R]):
    """An answer before it is sent.

    ``answer`` becomes the JSON of the body. ``body``, once it is set, replaces it.
    """

    request: R
    answer: Any
    body: bytes | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def results(self) -> list[Any]:
        """The results in their order; file names alone where the answer has nothing else."""
        results: list[Any] = self.answer["results"] if self.has_fields else self.answer
        return results

    @results.setter
    def results(self, results: list[Any]) -> None:
        if self.has_fields:
            self.answer["results"] = results
        else:
            self.answer = results

    @property
    def has_fields(self) -> bool:
        """Whether the answer is an object."""
        return isinstance(self.answer, dict)

    def text(self) -> bytes:
        """The body as it is sent."""
        if self.body is not None:
            return self.body
        return orjson.dumps(self.answer, default=orjson.Fragment)


@dataclass(slots=True)
class VectorDraft(Draft[EmbedRequest]):
    """An answer with vectors: each ``embedding`` in it is the text of a JSON array.

    ``drifted`` returns the rows of the same texts in another vector space.
    """

    drifted: Callable[[], Sequence[Piece]] = tuple


@dataclass(frozen=True, slots=True)
class Mutation:
    """A way to falsify a 200 of some ``endpoints``. ``needs`` says whether a request allows it."""

    name: str
    does: str
    change: Callable[[Any], None]
    needs: Callable[[Any, Received], bool] = lambda _request, _received: True
    endpoints: tuple[EndpointName, ...] = BOTH

    def applies(self, request: Request, received: Received) -> bool:
        """Whether the mutation can falsify the answer to a request."""
        endpoint: EndpointName = "embed" if isinstance(request, EmbedRequest) else "rank"
        return endpoint in self.endpoints and self.needs(request, received)


def of_vectors(
    request: EmbedRequest, embedded: Embedded, drifted: Callable[[], Sequence[Piece]]
) -> VectorDraft:
    """Draft the true answer to a request to embed."""
    results = [
        {"index": index, "embedding": bytes(row) + b"]"} for index, row in enumerate(embedded.rows)
    ]
    answer: dict[str, Any] = {"results": results}
    if embedded.total_tokens is not None:
        answer["usage"] = {"total_tokens": embedded.total_tokens}
    return VectorDraft(request, answer, drifted=drifted)


def least_results(request: Request) -> int:
    """How many results the true answer certainly has."""
    return len(request.input) if isinstance(request, EmbedRequest) else request.fewest_results


def without_last(request: Request) -> Request:
    """A request whose answer has one result less."""
    if isinstance(request, EmbedRequest):
        return request._replace(input=request.input[:-1])
    return request._replace(fewest_results=request.fewest_results - 1)


def numbers(vector: bytes) -> list[bytes]:
    """Split a JSON array of numbers into their texts."""
    return vector[1:-1].split(b",")


def array(components: Sequence[bytes]) -> bytes:
    """Join the texts of numbers into a JSON array."""
    return b"[%b]" % b",".join(components)


def has_any(request: Request, _received: Received) -> bool:
    """Whether there is a result: ``drop_result`` may have dropped the only one."""
    return least_results(request) > 0


def has_several(request: Request, _received: Received) -> bool:
    """Whether there are two results or more."""
    return least_results(request) > 1


def is_float(request: EmbedRequest, _received: Received) -> bool:
    """Whether the components are numbers, not packed signs."""
    return request.output_dtype == "float" and bool(request.input)


def has_fields(request: Request, _received: Received) -> bool:
    """Whether the answer is an object, not an array of file names."""
    return isinstance(request, EmbedRequest) or not request.names_only


def has_score(request: RankRequest, _received: Received) -> bool:
    """Whether there is a score."""
    return not request.names_only and request.fewest_results > 0
