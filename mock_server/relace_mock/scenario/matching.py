"""Which requests a rule is for, and if not, because of which condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import EmbedRequest, Received, is_secret

if TYPE_CHECKING:
    from relace_mock.scenario.when import When


class Occasion(NamedTuple):
    """A request and what is known of it when the script is asked.

    ``request`` is None if it was refused; ``would_be`` is the status so far. ``attempt``
    and ``arrivals`` count the requests with the same body: since the last success, and
    since the scenario was installed. ``body_hash`` is 16 bytes.
    """

    received: Received
    request: EmbedRequest | None
    would_be: int
    attempt: int
    arrivals: int
    body_hash: bytes


def first_miss(when: When, occasion: Occasion) -> str | None:  # noqa: C901, PLR0911 - one branch a condition
    """The first condition that does not hold, by its key; None if all do."""
    if when.would_be and occasion.would_be not in when.would_be:
        return "would_be"
    if when.attempt and occasion.attempt not in when.attempt:
        return "attempt"
    for name, value in (when.header or {}).items():
        if value not in occasion.received.header(name.lower().encode()):
            return "header"
    request = occasion.request
    if request is None:
        return when.about_valid()
    if when.model is not None and request.model != when.model:
        return "model"
    if when.output_dtype is not None and request.output_dtype != when.output_dtype:
        return "output_dtype"
    if when.min_inputs is not None and len(request.input) < when.min_inputs:
        return "min_inputs"
    if when.max_inputs is not None and len(request.input) > when.max_inputs:
        return "max_inputs"
    if when.input_contains is not None and not any(
        when.input_contains in text for text in request.input
    ):
        return "input_contains"
    if when.input_matches is not None and not any(map(when.input_matches.search, request.input)):
        return "input_matches"
    return None


def why(when: When, condition: str) -> str:
    """A miss in words."""
    wanted = getattr(when, condition, None)
    match condition:
        case "chance":
            return "chance: the draw went the other way"
        case "input_contains":
            return f"input_contains: no input contains {wanted!r}"
        case "input_matches":
            return f"input_matches: {when.input_matches.pattern if when.input_matches else ''!r} is found in no input"
        case "header":
            shown = [
                name if is_secret(name.encode()) else f"{name}: {value}"
                for name, value in (when.header or {}).items()
            ]
            return f"header: the request has not {', '.join(shown)}"
        case "would_be" | "attempt":
            return f"{condition}: is none of {', '.join(map(str, wanted or ()))}"
        case _:
            return (
                f"{condition}: is not {wanted!r}"
                if "_inputs" not in condition
                else (f"{condition}: {wanted}, and the request has another number")
            )
