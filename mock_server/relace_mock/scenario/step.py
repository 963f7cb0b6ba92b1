"""One step of a scenario: its keys, and which of them go together."""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, ClassVar, Literal

from relace_mock.scenario import aliases, mutations
from relace_mock.scenario.compounds import Either, Fields, ListOf, Record
from relace_mock.scenario.delays import Delay, DelayKind
from relace_mock.scenario.durations import Duration
from relace_mock.scenario.faults import FAULTS
from relace_mock.scenario.kinds import (
    Base64,
    Flag,
    Json,
    OneOf,
    Schema,
    Text,
)
from relace_mock.scenario.mistakes import ScenarioError, plain_name
from relace_mock.scenario.mutations import MUTATIONS
from relace_mock.scenario.numbers import Fraction, Positive, Whole, number_in
from relace_mock.scenario.source import Node

_ACTIONS = ("normal", "status", "fault", "mutate")
_BODIES = ("body", "body_text", "body_base64")
_PARTIAL = ("truncate", "reset_mid_body")
_FRAMING = "is set by the server: to break it, use a fault such as truncate"
_RESPONSE_FIELDS = Fields(
    removable=True, forbidden=dict.fromkeys(("content-length", "transfer-encoding"), _FRAMING)
)
#: The lowest status that may have a Retry-After: nothing waits after a success (policy).
_FIRST_TO_WAIT = 300


class Absent(enum.Enum):
    """Stands for a missing body, as None stands for a body of null."""

    ABSENT = enum.auto()


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The wait that an answer asks for, in whole ``seconds``; written as such, or as a date."""

    seconds: int
    as_date: bool = False

    def field(self, now: float) -> bytes:
        """The value of ``Retry-After`` in an answer sent at ``now``, in seconds since 1970."""
        if not self.as_date:
            return b"%d" % self.seconds
        # A date has no fractions: round up, so that no client comes too soon.
        moment = datetime.fromtimestamp(math.ceil(now + self.seconds), UTC)
        return format_datetime(moment, usegmt=True).encode()

    def words(self) -> str:
        """Describe the wait in words."""
        return f"a date {self.seconds} s ahead" if self.as_date else str(self.seconds)


_WHOLE_SECONDS = Duration(whole="Retry-After has no fractions of a second")


@dataclass(frozen=True, slots=True)
class _DateKeys:
    date: Annotated[float, _WHOLE_SECONDS, "sent as a date: this long from now, on the key's clock"]


@dataclass(frozen=True, slots=True)
class RetryAfterKind:
    """``2s``, or ``{date: 2s}``."""

    def read(self, node: Node) -> RetryAfter:
        """See ``Kind``."""
        if isinstance(node.value, dict):
            return RetryAfter(int(Record(_DateKeys).read(node).date), as_date=True)
        if isinstance(node.value, str) and node.value.endswith("GMT"):
            node.fail("must be a time from now, 2s or {date: 2s}: write a fixed date in headers")
        return RetryAfter(int(_WHOLE_SECONDS.read(node)))

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"anyOf": [_WHOLE_SECONDS.schema(), Record(_DateKeys).schema()]}


_FOREVER = OneOf(("forever",), aliases.FOREVER)


def _is_a_number(node: Node) -> bool:
    """Whether a value of ``times`` is meant as a number, right or wrong."""
    if isinstance(node.value, str):
        return number_in(node) is not None
    return not _FOREVER.is_alias(node.written)


def as_step(node: Node) -> str:
    """Show the step that a bare value probably means."""
    status = number_in(node) if isinstance(node.value, str) else node.written
    name = plain_name(node.value) if isinstance(node.value, str) else ""
    if status and re.fullmatch("[2-5][0-9][0-9]", status):
        return f"{{status: {status}}}"
    if name in FAULTS or name in aliases.FAULTS:
        return f"{{fault: {aliases.FAULTS.get(name, name)}}}"
    name = next((each for each in MUTATIONS if name and each.startswith(name)), name)
    if name in MUTATIONS or name in aliases.MUTATIONS:
        return f"{{mutate: {aliases.MUTATIONS.get(name, name)}}}"
    return "{normal: true}" if name == "normal" else "{status: 429}"


def meant_action(name: str) -> tuple[str, str] | None:
    """Find the fault or the mutation that an unknown key means.

    Returns the right form and a remark on it: ``("fault: hang", ", which never answers")``. Returns
    None for any other key.
    """
    plain = plain_name(name)
    if plain in FAULTS:
        return f"fault: {plain}", ""
    if plain in aliases.FAULTS:
        right = aliases.FAULTS[plain]
        return f"fault: {right}", f", which {FAULTS[right].does.partition(';')[0]}"
    return (f"mutate: {plain}", "") if plain in MUTATIONS else None


def for_all(name: str) -> str | None:
    """Say that a key is for all answers of a scenario; None if it is not."""
    if name in ("vectors", "dimensions", "rate_limit", "seed"):
        return f"it is for all answers: write {name} at the top of the scenario"
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """A step: one answer, or several that are alike."""

    ALIASES: ClassVar = aliases.STEP_KEYS

    normal: Annotated[bool, Flag(only=True), "normal service, the answer without a scenario"] = (
        False
    )
    status: Annotated[
        int | None, Whole(200, 599), "this status; by default with the documented message"
    ] = None
    fault: Annotated[
        str | None,
        OneOf(tuple(FAULTS), aliases.FAULTS, statuses=True),
        "an answer that does not arrive as it should",
    ] = None
    mutate: Annotated[
        tuple[str, ...],
        ListOf(OneOf(tuple(MUTATIONS), aliases.MUTATIONS), single=True, unique=True),
        "a 200 that lies, in one way or in several",
    ] = ()
    body: Annotated[Any, Json(), "the body of a status, as JSON"] = Absent.ABSENT
    body_text: Annotated[str | None, Text(), "the body of a status, as plain text"] = None
    body_base64: Annotated[bytes | None, Base64(), "the body of a status, any bytes"] = None
    headers: Annotated[
        dict[str, str | None] | None, _RESPONSE_FIELDS, "header fields to set; null removes one"
    ] = None
    retry_after: Annotated[
        RetryAfter | None,
        RetryAfterKind(),
        "Retry-After of a status from 300 on: 2s as seconds, {date: 2s} as a date from now",
    ] = None
    delay: Annotated[Delay | None, DelayKind(), "wait before the answer"] = None
    times: Annotated[
        int | Literal["forever"],
        Either(Whole(1), _FOREVER, _is_a_number),
        "how many answers, or forever",
    ] = 1
    at: Annotated[
        float | None,
        Fraction(zero=True, one=False),
        "the part of the body that is sent before it breaks off, 0.5 by default",
    ] = None
    bytes_per_second: Annotated[float | None, Positive(), "speed of drip, 1024 by default"] = None

    @staticmethod
    def form(node: Node) -> str:
        """See ``Record``."""
        return as_step(node)

    @staticmethod
    def elsewhere(name: str) -> str | None:
        """See ``Record``."""
        if name in ("when", "chance", "repeat", "steps"):
            return "it belongs to a rule: rules: [{when: {…}, steps: [{…}]}]"
        if action := meant_action(name):
            return f"write {''.join(action)}"
        return for_all(name)

    @staticmethod
    def conflicts(node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for keys that do not go together, whatever their values."""
        keys = node.value
        actions = [key for key in _ACTIONS if key in keys]
        bodies = [key for key in _BODIES if key in keys]
        for key in actions[1:]:
            yield node.keys[key].mistake(
                f"a step has only one of {', '.join(_ACTIONS)}, and {actions[0]} is given already: "
                "keep one"
            )
        for key in bodies[1:]:
            yield node.keys[key].mistake(f"there is a {bodies[0]} already: keep one")
        if bodies and "status" not in keys:
            yield node.keys[bodies[0]].mistake("needs a status: write status: 500 beside it")
        if "retry_after" in keys:
            yield from _retry_after_conflicts(node)

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for values that do not go together."""
        keys = node.value
        bodies = [key for key in _BODIES if key in keys]
        if not {*_ACTIONS, "delay", "headers"} & keys.keys():
            yield node.mistake(
                "does nothing: give it status, fault or mutate, or normal: true for normal service"
            )
        if self.status == 200 and not bodies:
            yield node.keys["status"].mistake(
                "200 needs a body: write one, or write normal: true for normal service"
            )
        if bodies and self.status in (204, 205, 304):
            yield node.keys[bodies[0]].mistake(f"a {self.status} has no body: remove it")
        if self.retry_after and self.status and self.status < _FIRST_TO_WAIT:
            yield node.keys["retry_after"].mistake(
                f"works only with a status from {_FIRST_TO_WAIT} on, not with {self.status}: remove it"
            )
        if problem := mutations.conflict(self.mutate):
            yield keys["mutate"].mistake(problem)
        yield from self._fault_mistakes(node)

    def _fault_mistakes(self, node: Node) -> Iterator[ScenarioError]:
        if self.at is not None and self.fault not in _PARTIAL:
            yield node.keys["at"].mistake(f"works only with fault: {' or '.join(_PARTIAL)}")
        if self.bytes_per_second is not None and self.fault != "drip":
            yield node.keys["bytes_per_second"].mistake("works only with fault: drip")
        if self.fault and self.headers is not None and not FAULTS[self.fault].sends_head:
            yield node.keys["headers"].mistake(f"{self.fault} sends no headers: remove them")
        if self.fault == "hang" and self.delay is not None:
            yield node.keys["delay"].mistake(
                "hang never answers, so nothing can be delayed: remove it"
            )

    @property
    def replaces(self) -> bool:
        """Whether the answer differs from the normal one in more than delay and header fields."""
        return self.status is not None or bool(self.fault or self.mutate)

    @property
    def fixed_body(self) -> tuple[bytes, bytes] | None:
        """The given body and its content type; None if there is no given body."""
        if self.body is not Absent.ABSENT:
            return json.dumps(self.body).encode(), b"application/json"
        if self.body_text is not None:
            return self.body_text.encode(), b"text/plain; charset=utf-8"
        if self.body_base64 is not None:
            return self.body_base64, b"application/octet-stream"
        return None


def _retry_after_conflicts(node: Node) -> Iterator[ScenarioError]:
    if "status" not in node.value:
        remedy = "needs a status from 300 on, such as 429"
        yield node.keys["retry_after"].mistake(remedy)
    headers = node.value.get("headers")
    if headers is not None and isinstance(headers.value, dict):
        for name, at in headers.keys.items():
            if name.lower() == "retry-after":
                yield at.mistake("retry_after writes this field already: keep one")
