"""Decide whether a request meets the conditions of a rule, and which one it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from relace_mock import contract
from relace_mock.messages import EmbedRequest, Received, Request, is_secret
from relace_mock.scenario.patterns import Pattern, encoded

if TYPE_CHECKING:
    from relace_mock.scenario.rule import Rule
    from relace_mock.scenario.when import When


class Inputs:
    """The inputs of a request, and which texts and patterns were found in them.

    Each text and pattern is searched for only once, even if many rules ask for it, or if a decision
    is repeated. A search in a large input takes long, so ``look_through`` searches beforehand.
    """

    __slots__ = ("_encoded", "_found", "_texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._encoded: list[bytes] | None = None
        self._found: dict[str | Pattern, bool] = {}

    def have(self, wanted: str | Pattern) -> bool:
        """Whether any input contains a text, or matches a pattern."""
        found = self._found.get(wanted)
        if found is None:
            found = self._found[wanted] = self._look_for(wanted)
        return found

    def _look_for(self, wanted: str | Pattern) -> bool:
        if isinstance(wanted, str):
            return any(wanted in text for text in self._texts)
        if self._encoded is None:
            self._encoded = [encoded(text) for text in self._texts]
        return any(map(wanted.found_in, self._encoded))


class Occasion(NamedTuple):
    """A request, and all that a scenario may ask about it.

    ``request`` is None if the request was refused; ``would_be`` is its status without a scenario.
    ``attempt`` and ``arrivals`` count the requests with the same body: since the last success, and
    since the scenario was installed. ``body_hash`` has 16 bytes. ``inputs`` may have been looked
    through before; None stands for inputs that were not.
    """

    received: Received
    request: Request | None
    would_be: int
    attempt: int
    arrivals: int
    body_hash: bytes
    inputs: Inputs | None = None


def look_through(
    rules: Sequence[Rule], received: Received, request: Request, inputs: Inputs
) -> None:
    """Search the inputs for everything that the rules may ask for.

    Done before the state of a namespace is locked, so that no other request waits for it.
    """
    for rule in rules:
        _miss_of_request(rule.when, received, request, inputs)


def first_miss(when: When, occasion: Occasion) -> str | None:
    """The key of the first condition that does not hold; None if all hold."""
    if when.would_be and occasion.would_be not in when.would_be:
        return "would_be"
    if when.attempt and occasion.attempt not in when.attempt:
        return "attempt"
    request = occasion.request
    if request is None:
        return _miss_of_head(when, occasion.received) or when.about_valid()
    inputs = occasion.inputs or Inputs(request.searched)
    return _miss_of_request(when, occasion.received, request, inputs)


def _miss_of_head(when: When, received: Received) -> str | None:
    if when.endpoint is not None and contract.ENDPOINTS.get(received.path) != when.endpoint:
        return "endpoint"
    for name, value in (when.header or {}).items():
        if value not in received.header(name.lower().encode()):
            return "header"
    return None


def _miss_of_request(
    when: When, received: Received, request: Request, inputs: Inputs
) -> str | None:
    """The key of the first condition that a valid request fails, whatever came before it."""
    if missed := _miss_of_head(when, received):
        return missed
    if missed := _miss_of_fields(when, request):
        return missed
    if when.input_contains is not None and not inputs.have(when.input_contains):
        return "input_contains"
    if when.input_matches is not None and not inputs.have(when.input_matches):
        return "input_matches"
    return None


def _miss_of_fields(when: When, request: Request) -> str | None:
    """The key of the first condition on model, output_dtype and size that a request fails."""
    if not isinstance(request, EmbedRequest):
        if missed := when.about_embedding():
            return missed
    elif when.model not in (None, request.model):
        return "model"
    elif when.output_dtype not in (None, request.output_dtype):
        return "output_dtype"
    if when.min_inputs is not None and request.size < when.min_inputs:
        return "min_inputs"
    if when.max_inputs is not None and request.size > when.max_inputs:
        return "max_inputs"
    return None


def why(when: When, condition: str) -> str:
    """Explain in words why a condition does not hold."""
    return f"{condition}: {_why(when, condition)}"


def _why(when: When, condition: str) -> str:
    wanted = getattr(when, condition, None)
    match condition:
        case "chance":
            return "the random draw for this body decided against the rule"
        case "input_contains":
            return f"no input contains {wanted!r}"
        case "input_matches":
            return f"{wanted.text if wanted else ''!r} is found in no input"
        case "header":
            return f"the request lacks {', '.join(_shown(when.header or {}))}"
        case "would_be" | "attempt":
            return f"is none of {', '.join(map(str, wanted or ()))}"
    several = condition in ("min_inputs", "max_inputs")
    return f"{wanted}, and the request has another number" if several else f"is not {wanted!r}"


def _shown(header: Mapping[str, str]) -> Iterator[str]:
    """Header fields for a message; values that may be keys are left out."""
    for name, value in header.items():
        yield name if is_secret(name.encode()) else f"{name}: {value}"
