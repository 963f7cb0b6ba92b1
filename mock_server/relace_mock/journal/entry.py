"""A journal entry: the events of one request, folded into one value.

The events hold the request as it was sent, with its key. This module hides the key in everything
that it shows.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from relace_mock.journal.events import (
    BODY_LIMIT,
    Arrived,
    BodyRead,
    Decided,
    Event,
    Finished,
    Outcome,
)
from relace_mock.journal.redaction import Redaction
from relace_mock.journal.seen import seen
from relace_mock.journal.sent import body_shown, shown
from relace_mock.messages import Headers, is_secret
from relace_mock.scenario.matching import why

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

_KEY_IN_URL = "the API key is in the URL, where logs keep it"
_NOT_READ, _UNDECIDED, _PENDING = BodyRead(), Decided(), Finished()


@dataclass(frozen=True)
class Entry:
    """One request, and what has happened to it so far."""

    number: int
    arrived: Arrived
    read: BodyRead = _NOT_READ
    decided: Decided = _UNDECIDED
    finished: Finished = _PENDING

    @property
    def namespace(self) -> str:
        """Namespace of the key that was sent."""
        return self.arrived.namespace

    @property
    def outcome(self) -> Outcome:
        """How the exchange ended, or ``pending``."""
        return self.finished.outcome

    @property
    def status(self) -> int | None:
        """Status that was sent, if one was."""
        return self.decided.status

    @property
    def scenario(self) -> Scenario | None:
        """Scenario that was played, whether or not it changed the answer."""
        return self.decided.scenario

    @cached_property
    def scenario_name(self) -> str | None:
        """Name of the scenario that was played, with the key hidden."""
        return self.hidden(self.scenario.name) if self.scenario else None

    @property
    def attempt(self) -> int | None:
        """Attempts with this body since the last success, this one included."""
        return self.decided.attempt

    @property
    def duration(self) -> float | None:
        """Seconds from arrival to the end; None before the end."""
        if self.finished.over is None:
            return None
        return self.finished.ended - self.arrived.begun

    @property
    def ended(self) -> float:
        """Time of the end, on the same clock as ``arrived.time``."""
        return self.arrived.time + (self.duration or 0.0)

    def is_after(self, other: Entry) -> bool:
        """Whether this request arrived after the other exchange was over."""
        return other.finished.over is not None and self.arrived.came > other.finished.over

    def gap(self, other: Entry) -> float:
        """Seconds since the end of an earlier exchange, plus those the clock was moved since."""
        passed = self.arrived.begun - other.arrived.begun - (other.duration or 0.0)
        return max(passed, 0.0) + max(self.arrived.moved - other.arrived.moved, 0.0)

    @cached_property
    def path(self) -> str:
        """Path of the request, with the key hidden."""
        return self._hiding.line(self.arrived.path)

    @cached_property
    def query(self) -> str:
        """Query string of the request, with the key hidden."""
        return self._hiding.query(self.arrived.query)

    @cached_property
    def body(self) -> bytes:
        """Beginning of the body, up to ``BODY_LIMIT`` bytes, with the key hidden."""
        read = self.read
        return self._hiding.text(read.body, cut=len(read.body) < read.length)[:BODY_LIMIT]

    @cached_property
    def content(self) -> dict[str, Any]:
        """The JSON object in ``body``; empty if there is none, or if the body was not kept whole.

        Parsed once, however many rules are compared with it.
        """
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    @cached_property
    def violations(self) -> tuple[str, ...]:
        """How the request broke the contract."""
        hiding, arrived = self._hiding, self.arrived
        bare = arrived.path, arrived.query.decode("utf-8", "replace")
        hidden = self.path, self.query
        told = (_KEY_IN_URL,) if bare != hidden else ()
        return told + tuple(map(hiding.line, self.decided.broken))

    def hidden(self, text: str) -> str:
        """Text from the request, with the key hidden."""
        return self._hiding.line(text)

    @property
    def sends_secret(self) -> bool:
        """Whether a header field or the URL may hold a key; cookies and handshakes do not count."""
        return _KEY_IN_URL in self.violations or any(
            is_secret(name) and not name.startswith((b"cookie", b"sec-"))
            for name, _ in self._headers
        )

    @cached_property
    def _headers(self) -> Headers:
        return unpacked(self.arrived.head)

    @cached_property
    def _hiding(self) -> Redaction:
        return Redaction(self._headers, self.arrived.query, self.namespace)

    def shown(self) -> dict[str, Any]:
        """The entry as the control API returns it."""
        arrived, decided = self.arrived, self.decided
        decision, step = decided.decision, decided.decision.step
        return {
            "number": self.number,
            "time": datetime.fromtimestamp(arrived.time, UTC).isoformat(timespec="microseconds"),
            "namespace": self.namespace,
            "client": arrived.client,
            "request": {
                "method": self.hidden(arrived.method),
                "path": self.path,
                "query": self.query,
                "headers": self.shown_headers(),
                **self._shown_body(),
            },
            "outcome": self.outcome,
            "status": self.status,
            "retry_after": decided.retry_after and self.hidden(decided.retry_after),
            "chosen_by": decided.chosen_by,
            "scenario": self.scenario_name,
            "rule": decision.rule,
            "step": decision.number,
            "fault": step.fault if step else None,
            "mutations": list(step.mutate) if step else [],
            "not_applicable": decision.not_applicable,
            "attempt": self.attempt,
            "inputs": decided.inputs,
            "tokens": decided.tokens,
            "duration": self.duration,
            "violations": self.violations,
            "notes": tuple(map(self.hidden, decided.notes)),
            "source": decided.source,
            "upstream": self.shown_upstream(),
            "answer": shown(decided.sent, decision, self._hiding) if decided.sent else None,
            "near_misses": self.near_misses(),
        }

    def shown_upstream(self) -> dict[str, Any] | None:
        """What an upstream answered, if it was asked."""
        told = self.decided.told
        if told is None:
            return None
        return {
            "host": told.host,
            "status": told.status,
            "headers": [
                [_text(name), _text(value)] for name, value in self._hiding.answered(told.headers)
            ],
            "error": self.hidden(told.error),
            "waited": told.waited,
        }

    def _shown_body(self) -> dict[str, Any]:
        return {
            **body_shown(self.body),
            "length": self.read.length,
            "xxh3_128": self.read.body_hash.hex(),
        }

    def shown_headers(self) -> list[list[str]]:
        """Names and values of the header fields, with the key hidden."""
        hidden = self._hiding.headers(self._headers)
        return [[_text(name), _text(value)] for name, value in hidden]

    def near_misses(self) -> list[dict[str, Any]]:
        """Why each rule did not answer, and what it saw; empty if one did."""
        if self.scenario is None or self.decided.decision.step is not None:
            return []
        rules, misses = self.scenario.rules, self.decided.decision.misses
        saw = {condition: seen(self, condition) for condition in {each for _, each in misses}}
        shown = {condition: text and self.hidden(text) for condition, text in saw.items()}
        return [
            {
                "rule": rule,
                "why": self.hidden(why(rules[rule].when, condition)),
                "saw": shown[condition],
            }
            for rule, condition in misses
        ]


def folded(number: int, events: Iterable[Event]) -> Entry:
    """Fold the events of one request, in their order, into an entry."""
    arrived, *later = events
    assert isinstance(arrived, Arrived)
    read, decided, finished = _NOT_READ, _UNDECIDED, _PENDING
    for event in later:
        match event:
            case BodyRead():
                read = event
            case Decided():
                decided = event
            case Finished():
                finished = event
    return Entry(number, arrived, read, decided, finished)


def packed(headers: Headers) -> bytes:
    """Join header fields into one value: separate objects would take 4 times the memory."""
    head = b"\n".join(itertools.chain.from_iterable(headers))
    if head.count(b"\n") >= 2 * len(headers):  # a server refuses line breaks, but httpx does not
        head = b"\n".join([part.replace(b"\n", b" ") for pair in headers for part in pair])
    return head


def unpacked(head: bytes) -> Headers:
    """Split what ``packed`` joined."""
    parts = head.split(b"\n") if head else []
    return list(zip(parts[::2], parts[1::2], strict=True))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
