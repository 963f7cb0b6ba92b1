"""What a scenario can say: its keys, their kinds, and which of them go together.

The reader and the JSON Schema both follow from these classes. A scenario that cannot be
honoured is refused here, when it is read, never when it is played.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from relace_mock.scenario import mutations
from relace_mock.scenario.compounds import Either, Fields, ListOf, Record
from relace_mock.scenario.delays import Delay, DelayKind
from relace_mock.scenario.faults import FAULTS
from relace_mock.scenario.kinds import (
    Base64,
    Choice,
    Duration,
    Flag,
    Fraction,
    Json,
    Positive,
    Regex,
    Text,
    Whole,
)
from relace_mock.scenario.matching import ABOUT_REQUEST, OUTCOMES, covers
from relace_mock.scenario.mutations import MUTATIONS
from relace_mock.scenario.source import Node, parse
from relace_mock.settings import ResetForm

_BODIES = ("body", "body_text", "body_base64")
_PARTIAL = ("truncate", "reset_mid_body")
_FRAMING = "is set by the server: to break it, use a fault such as truncate"
_RESPONSE_FIELDS = Fields(
    removable=True, forbidden=dict.fromkeys(("content-length", "transfer-encoding"), _FRAMING)
)


class Absent(enum.Enum):
    """A body that was not given; one that is null was."""

    ABSENT = enum.auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One answer, or several alike."""

    normal: Annotated[bool, Flag(only=True), "the answer that there would be anyway"] = False
    status: Annotated[
        int | None, Whole(200, 599), "this status; by default with the documented message"
    ] = None
    fault: Annotated[str | None, Choice(tuple(FAULTS)), "an answer that does not arrive"] = None
    mutate: Annotated[
        tuple[str, ...],
        ListOf(Choice(tuple(MUTATIONS)), single=True, unique=True),
        "a 200 that lies, in one way or in several",
    ] = ()
    body: Annotated[Any, Json(), "the body of a status, as JSON"] = Absent.ABSENT
    body_text: Annotated[str | None, Text(), "the body of a status, as it is"] = None
    body_base64: Annotated[bytes | None, Base64(), "the body of a status, any bytes"] = None
    headers: Annotated[
        dict[str, str | None] | None, _RESPONSE_FIELDS, "header fields to set; null removes one"
    ] = None
    delay: Annotated[Delay | None, DelayKind(), "how long it waits before it answers"] = None
    times: Annotated[
        int | Literal["forever"],
        Either(Whole(1), Choice(("forever",)), lambda node: not isinstance(node.value, str)),
        "how many answers, or forever",
    ] = 1
    at: Annotated[
        float | None, Fraction(zero=True, one=False), "where the body breaks off, 0.5 by default"
    ] = None
    bytes_per_second: Annotated[float | None, Positive(), "the pace of drip, 1024 by default"] = (
        None
    )

    def refuse_impossible(self, node: Node) -> None:
        """Refuse keys that do not go together."""
        keys = node.value
        actions = [key for key in ("normal", "status", "fault", "mutate") if key in keys]
        bodies = [key for key in _BODIES if key in keys]
        if len(actions) > 1:
            node.keys[actions[1]].fail(f"a step does one thing, and {actions[0]} is another")
        if not actions and not {"delay", "headers"} & keys.keys():
            node.fail(
                "does nothing: give it status, fault or mutate, or normal: true for normal service"
            )
        if len(bodies) > 1:
            node.keys[bodies[1]].fail(f"there is a {bodies[0]} already: keep one")
        if bodies and self.status is None:
            node.keys[bodies[0]].fail("needs a status")
        if self.status == 200 and not bodies:
            node.keys["status"].fail("200 needs a body; normal service is normal: true")
        if bodies and self.status in (204, 205, 304):
            node.keys[bodies[0]].fail(f"a {self.status} has no body")
        self._refuse_fault_keys(node)
        if problem := mutations.conflict(self.mutate):
            keys["mutate"].fail(problem)

    def _refuse_fault_keys(self, node: Node) -> None:
        if self.at is not None and self.fault not in _PARTIAL:
            node.keys["at"].fail(f"is for fault: {' or '.join(_PARTIAL)}")
        if self.bytes_per_second is not None and self.fault != "drip":
            node.keys["bytes_per_second"].fail("is for fault: drip")
        if self.fault and self.headers is not None and not FAULTS[self.fault].sends_head:
            node.keys["headers"].fail(f"{self.fault} sends no headers: remove them")
        if self.fault == "hang" and self.delay is not None:
            node.keys["delay"].fail("hang never answers, so nothing can be delayed: remove it")

    @property
    def replaces(self) -> bool:
        """Whether it gives another answer than there would be, be it late or with more fields."""
        return self.status is not None or bool(self.fault or self.mutate)

    @property
    def fixed_body(self) -> tuple[bytes, bytes] | None:
        """The body that was given and its content type; None if none was."""
        if self.body is not Absent.ABSENT:
            return json.dumps(self.body).encode(), b"application/json"
        if self.body_text is not None:
            return self.body_text.encode(), b"text/plain; charset=utf-8"
        if self.body_base64 is not None:
            return self.body_base64, b"application/octet-stream"
        return None


@dataclass(frozen=True, slots=True)
class When:
    """Which requests a rule is for: all that is given must hold."""

    input_contains: Annotated[str | None, Text(), "any input contains this"] = None
    input_matches: Annotated[
        re.Pattern[str] | None, Regex(), "this regular expression is found in any input"
    ] = None
    model: Annotated[str | None, Text(), "the model asked for"] = None
    output_dtype: Annotated[
        str | None, Choice(("float", "binary")), "the output_dtype, given or default"
    ] = None
    min_inputs: Annotated[int | None, Whole(1), "so many inputs or more"] = None
    max_inputs: Annotated[int | None, Whole(1), "so many inputs or fewer"] = None
    header: Annotated[
        dict[str, str] | None,
        Fields(removable=False, forbidden={}),
        "header fields that the request has, each with this value",
    ] = None
    attempt: Annotated[
        tuple[int, ...],
        ListOf(Whole(1), single=True, unique=True),
        "the n-th request with the same body since the last success",
    ] = ()
    would_be: Annotated[
        tuple[int, ...],
        ListOf(Choice(OUTCOMES), single=True, unique=True),
        "the status there would be without a script",
    ] = ()

    def refuse_impossible(self, node: Node) -> None:
        """Refuse conditions that exclude each other."""
        if self.min_inputs and self.max_inputs and self.min_inputs > self.max_inputs:
            node.keys["max_inputs"].fail(
                f"is less than min_inputs, {self.min_inputs}: no request can match"
            )
        if self.would_be and not {200, 429} & set(self.would_be):
            for key in ABOUT_REQUEST:
                if key in node.keys:
                    node.keys[key].fail("is known of valid requests only; would_be excludes them")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests, and what they get."""

    when: Annotated[When, Record(When), "which requests; {} is all of them"]
    steps: Annotated[tuple[Step, ...], ListOf(Record(Step)), "what they get, one after another"]
    chance: Annotated[
        float | None, Fraction(zero=False, one=True), "how likely the rule answers, drawn by body"
    ] = None
    repeat: Annotated[bool, Flag(), "whether the steps begin again after the last"] = False

    def refuse_impossible(self, node: Node) -> None:
        """Refuse steps that are never reached."""
        items = node.value["steps"].value
        for number, step in enumerate(self.steps):
            if step.times == "forever" and number + 1 < len(items):
                items[number + 1].fail("is never reached: the step before it lasts forever")
            if step.times == "forever" and self.repeat:
                node.keys["repeat"].fail("is never reached: the last step lasts forever")
            for name in step.mutate:
                if problem := mutations.unmet(name, self.when.max_inputs, self.when.output_dtype):
                    items[number].keys["mutate"].fail(f"{name} {problem}")
            if step.mutate and self.when.would_be and 200 not in self.when.would_be:
                items[number].keys["mutate"].fail("falsifies a 200, which would_be excludes")

    @property
    def is_certain(self) -> bool:
        """Whether it answers whenever it matches."""
        return self.chance is None or self.chance == 1


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A quota: so many requests in each window of time."""

    requests: Annotated[int, Whole(1), "requests in a window"]
    per: Annotated[float, Duration(zero=False), "how long a window is"]
    retry_after: Annotated[bool, Flag(), "whether a 429 says in Retry-After how long to wait"] = (
        False
    )
    reset: Annotated[
        ResetForm | None,
        Choice(get_args(ResetForm)),
        "the form of X-RateLimit-Reset; by default the server's",
    ] = None


@dataclass(frozen=True, slots=True)
class _File:
    """The keys of a scenario file."""

    name: Annotated[
        str | None,
        Text("[A-Za-z0-9_-]{1,64}", "up to 64 letters, digits, - or _"),
        "what it is asked for by; the file's name by default",
    ] = None
    description: Annotated[str, Text(), "the story in a sentence"] = ""
    seed: Annotated[int, Whole(0), "decides what chance decides"] = 0
    rate_limit: Annotated[RateLimit | None, Record(RateLimit), "a quota"] = None
    steps: Annotated[
        tuple[Step, ...], ListOf(Record(Step)), "what requests get, one after another"
    ] = ()
    repeat: Annotated[bool, Flag(), "whether the steps begin again after the last"] = False
    rules: Annotated[
        tuple[Rule, ...], ListOf(Record(Rule)), "the first rule that matches answers"
    ] = ()

    def refuse_impossible(self, node: Node) -> None:
        """Refuse a story without or with two tellings, and rules that are never reached."""
        if self.steps and self.rules:
            node.keys["rules"].fail("there are steps already: put them into a rule")
        if not self.steps and not self.rules and self.rate_limit is None:
            node.fail("does nothing: give it steps, rules or rate_limit")
        if self.repeat and not self.steps:
            node.keys["repeat"].fail("is for steps at the top; a rule has its own")
        if self.steps:
            Rule(When(), self.steps, repeat=self.repeat).refuse_impossible(node)
        for number, rule in enumerate(self.rules):
            for earlier in self.rules[:number]:
                if earlier.is_certain and covers(earlier.when, rule.when):
                    node.value["rules"].value[number].fail(
                        "is never reached: an earlier rule matches all that it does"
                    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story, ready to be played. ``digest`` tells two versions of it apart."""

    name: str
    description: str
    seed: int
    rate_limit: RateLimit | None
    rules: tuple[Rule, ...]
    digest: str
    source: Any


_KIND = Record(_File)


def read(text: bytes, file: str, default_name: str) -> Scenario:
    """The scenario that a text tells. Raises ``ScenarioError``.

    ``file`` names the text in messages. The top may also have ``$schema``, for editors.
    """
    node = parse(text, file)
    if isinstance(node.value, dict) and "$schema" in node.value:
        Text().read(node.value.pop("$schema"))
    keys: _File = _KIND.read(node)
    rules = keys.rules
    if keys.steps:
        rules = (Rule(When(), keys.steps, repeat=keys.repeat),)
    name = keys.name or default_name
    return Scenario(
        name,
        keys.description,
        keys.seed,
        keys.rate_limit,
        rules,
        hashlib.sha256(name.encode() + b"\n" + text).hexdigest()[:16],
        node.plain(),
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the format, as far as one can say it."""
    schema = _KIND.schema()
    schema["properties"] = {"$schema": {"type": "string"}} | schema["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of relace-mock",
        **schema,
    }
