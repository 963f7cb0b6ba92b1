"""The conditions of a rule: which requests it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, get_args

from relace_mock.messages import EndpointName
from relace_mock.scenario import aliases
from relace_mock.scenario.compounds import Fields, ListOf
from relace_mock.scenario.kinds import OneOf, Regex, Text
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Whole
from relace_mock.scenario.patterns import Pattern
from relace_mock.scenario.source import Node

#: Statuses that a request can get without a scenario: the documented ones that a scenario can
#: replace, and 415, which this server adds.
OUTCOMES = (200, 400, 401, 404, 415, 429)
#: Conditions that only a valid request can meet.
_ABOUT_VALID = (
    "input_contains",
    "input_matches",
    "model",
    "output_dtype",
    "min_inputs",
    "max_inputs",
)
#: Conditions that only requests to embed can meet: the others have no such fields.
_ABOUT_EMBEDDING = ("model", "output_dtype")
#: The outcomes that a valid request can get.
_OF_VALID = (200, 429)


@dataclass(frozen=True, slots=True)
class When:
    """Conditions on a request: all that are given must hold."""

    ALIASES: ClassVar = aliases.WHEN_KEYS

    input_contains: Annotated[str | None, Text(), "any input contains this"] = None
    input_matches: Annotated[
        Pattern | None, Regex(), "this regular expression is found in any input"
    ] = None
    model: Annotated[str | None, Text(), "the model asked for"] = None
    output_dtype: Annotated[
        str | None, OneOf(("float", "binary")), "the output_dtype, as given or by default"
    ] = None
    min_inputs: Annotated[int | None, Whole(1), "the request has this many inputs or more"] = None
    max_inputs: Annotated[int | None, Whole(1), "the request has this many inputs or fewer"] = None
    header: Annotated[
        dict[str, str] | None,
        Fields(removable=False, forbidden={}),
        "header fields of the request, each with this value",
    ] = None
    attempt: Annotated[
        tuple[int, ...],
        ListOf(Whole(1), single=True, unique=True),
        "the n-th request with the same body since the last success",
    ] = ()
    would_be: Annotated[
        tuple[int, ...],
        ListOf(OneOf(OUTCOMES), single=True, unique=True),
        "the status that the request would get without a scenario",
    ] = ()
    endpoint: Annotated[
        EndpointName | None, OneOf(get_args(EndpointName)), "the endpoint that the request is for"
    ] = None

    @staticmethod
    def form(node: Node) -> str:
        """See ``Record``."""
        if isinstance(node.value, str) and node.value.lower() not in ("", "always", "all", "any"):
            text = node.value if len(node.value) < 60 and '"' not in node.value else "…"
            return f'{{input_contains: "{text}"}}'
        return "{} for every request"

    @staticmethod
    def elsewhere(name: str) -> str | None:
        """See ``Record``."""
        if name in ("chance", "repeat", "steps"):
            return "it belongs to the rule, beside when"
        return None

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for conditions that exclude each other."""
        if self.min_inputs and self.max_inputs and self.min_inputs > self.max_inputs:
            yield node.keys["max_inputs"].mistake(
                f"is less than min_inputs, {self.min_inputs}: no request can match"
            )
        if self.endpoint == "rank" and (key := self.about_embedding()):
            yield node.keys[key].mistake(
                "is a field of embed requests, but endpoint is rank: remove one of the two"
            )
        if self.would_be and not {200, 429} & set(self.would_be):
            for key in _ABOUT_VALID:
                if key in node.keys:
                    yield node.keys[key].mistake(
                        "can be met only by a valid request, but would_be allows none: "
                        "remove one of the two"
                    )

    def about_valid(self) -> str | None:
        """The key of the first condition that only a valid request can meet; None without one."""
        return next((key for key in _ABOUT_VALID if getattr(self, key) is not None), None)

    def about_embedding(self) -> str | None:
        """The key of the first condition that only a request to embed can meet, if any."""
        return next((key for key in _ABOUT_EMBEDDING if getattr(self, key) is not None), None)

    @property
    def only_endpoint(self) -> EndpointName | None:
        """The one endpoint whose requests can meet the conditions; None if each can."""
        return "embed" if self.about_embedding() else self.endpoint

    def covers(self, other: When) -> bool:
        """Whether every request that meets ``other`` meets these conditions too.

        False where that cannot be told from the conditions alone.
        """
        same = ("input_matches", "model", "output_dtype", "endpoint")
        return (
            other._outcomes() <= self._outcomes()
            and all(getattr(self, key) in (None, getattr(other, key)) for key in same)
            and (not self.attempt or set() < set(other.attempt) <= set(self.attempt))
            and (self.header or {}).items() <= (other.header or {}).items()
            and (self.min_inputs or 1) <= (other.min_inputs or 1)
            and (self.max_inputs is None or 0 < (other.max_inputs or 0) <= self.max_inputs)
            and (self.input_contains is None or self.input_contains in (other.input_contains or ""))
        )

    def _outcomes(self) -> set[int]:
        """The statuses that requests which meet the conditions can get without a scenario."""
        return set(self.would_be or (_OF_VALID if self.about_valid() else OUTCOMES))
