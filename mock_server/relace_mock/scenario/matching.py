"""Whether a request meets the conditions of a rule, and if not, which of them it does not meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import EmbedRequest, Received, is_secret
from relace_mock.scenario.patterns import Pattern, encoded

if TYPE_CHECKING:
    from relace_mock.scenario.rule import Rule
    from relace_mock.scenario.when import When


class Inputs:
    """The inputs of a request as conditions look into them: for each text and pattern once.

    So a thousand rules may ask, and ask again when a decision is repeated. The first look at a large
    input takes long: take it with ``look_through`` where nothing waits for it.
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
    """A request and what is known of it when the script is asked.

    ``request`` is None if it was refused; ``would_be`` is the status so far. ``attempt``
    and ``arrivals`` count the requests with the same body: since the last success, and
    since the scenario was installed. ``body_hash`` is 16 bytes. ``inputs`` are those of the
    request, perhaps looked through before.
    """

    received: Received
    request: EmbedRequest | None
    would_be: int
    attempt: int
    arrivals: int
    body_hash: bytes
    inputs: Inputs | None = None


def look_through(
    rules: Sequence[Rule], received: Received, request: EmbedRequest, inputs: Inputs
) -> None:
    """Find in the inputs what any rule may ask for, before the state of a namespace is locked."""
    for rule in rules:
        _miss_of_request(rule.when, received, request, inputs)


def first_miss(when: When, occasion: Occasion) -> str | None:
    """The first condition that does not hold, by its key; None if all do."""
    if when.would_be and occasion.would_be not in when.would_be:
        return "would_be"
    if when.attempt and occasion.attempt not in when.attempt:
        return "attempt"
    request = occasion.request
    if request is None:
        return _miss_of_header(when, occasion.received) or when.about_valid()
    inputs = occasion.inputs or Inputs(request.input)
    return _miss_of_request(when, occasion.received, request, inputs)


def _miss_of_header(when: When, received: Received) -> str | None:
    for name, value in (when.header or {}).items():
        if value not in received.header(name.lower().encode()):
            return "header"
    return None


def _miss_of_request(  # noqa: PLR0911 - one branch a condition
    when: When, received: Received, request: EmbedRequest, inputs: Inputs
) -> str | None:
    """The first condition on a valid request alone that does not hold."""
    if missed := _miss_of_header(when, received):
        return missed
    if when.model is not None and request.model != when.model:
        return "model"
    if when.output_dtype is not None and request.output_dtype != when.output_dtype:
        return "output_dtype"
    if when.min_inputs is not None and len(request.input) < when.min_inputs:
        return "min_inputs"
    if when.max_inputs is not None and len(request.input) > when.max_inputs:
        return "max_inputs"
    if when.input_contains is not None and not inputs.have(when.input_contains):
        return "input_contains"
    if when.input_matches is not None and not inputs.have(when.input_matches):
        return "input_matches"
    return None


def why(when: When, condition: str) -> str:
    """A miss in words."""
    return f"{condition}: {_why(when, condition)}"


def _why(when: When, condition: str) -> str:
    wanted = getattr(when, condition, None)
    match condition:
        case "chance":
            return "the draw went the other way"
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
    """Header fields for a message, without the values that may be keys."""
    for name, value in header.items():
        yield name if is_secret(name.encode()) else f"{name}: {value}"
