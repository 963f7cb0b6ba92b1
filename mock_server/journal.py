"""What was asked and what was answered, in the order of arrival.

Bounded in entries and in bytes; the oldest go, and are counted. No entry holds an API key:
a short hash stands for it, wherever in the request the client put it.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mock_server.exchange import Headers, Received
from mock_server.redaction import Redaction
from mock_server.scenario.engine import NOTHING, Decision
from mock_server.scenario.matching import why

if TYPE_CHECKING:
    from mock_server.scenario.model import Scenario

#: Bytes of a body that are kept.
BODY_LIMIT = 64 * 1024
_ENTRY = 2000  # bytes of an entry beside its body, about

Outcome = Literal["pending", "answered", "refused", "faulted", "client_aborted"]


@dataclass(slots=True)
class Entry:
    """One request. ``time`` is its namespace's; ``duration`` is in seconds.

    ``natural``: it was refused for what it is, not by a script; ``refusal`` is the status that
    it deserved, delivered or not.
    """

    number: int
    time: float
    namespace: str
    client: str
    method: str
    path: str
    query: str
    headers: Headers
    begun: float
    size: int
    kept: bool = True
    body: bytes = b""
    length: int = 0
    body_hash: bytes = b""
    outcome: Outcome = "pending"
    status: int | None = None
    chosen_by: str | None = None
    scenario: Scenario | None = None
    decision: Decision = NOTHING
    natural: bool = False
    refusal: int | None = None
    retry_after: str | None = None
    attempt: int | None = None
    duration: float | None = None
    violations: tuple[str, ...] = ()

    def completed(self, outcome: Outcome) -> None:
        """The exchange is over."""
        self.outcome = outcome
        self.duration = time.monotonic() - self.begun

    @property
    def ended(self) -> float:
        """When it was over, on the same clock as ``time``."""
        return self.time + (self.duration or 0.0)

    def shown(self) -> dict[str, Any]:
        """As the control API writes it."""
        decision, step = self.decision, self.decision.step
        return {
            "number": self.number,
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds"),
            "namespace": self.namespace,
            "client": self.client,
            "request": {
                "method": self.method,
                "path": self.path,
                "query": self.query,
                "headers": [[_text(name), _text(value)] for name, value in self.headers],
                **self._shown_body(),
            },
            "outcome": self.outcome,
            "status": self.status,
            "retry_after": self.retry_after,
            "chosen_by": self.chosen_by,
            "scenario": self.scenario.name if self.scenario else None,
            "rule": decision.rule,
            "step": decision.number,
            "fault": step.fault if step else None,
            "mutations": list(step.mutate) if step else [],
            "not_applicable": decision.not_applicable,
            "attempt": self.attempt,
            "duration": self.duration,
            "violations": self.violations,
            "near_misses": self._near_misses(),
        }

    def _shown_body(self) -> dict[str, Any]:
        try:
            text = {"body": self.body.decode()}
        except UnicodeDecodeError:
            text = {"body_base64": base64.b64encode(self.body).decode()}
        return {**text, "length": self.length, "sha256": self.body_hash.hex()}

    def _near_misses(self) -> list[dict[str, Any]]:
        """Why no rule answered; nothing where one did."""
        if self.scenario is None or self.decision.step is not None:
            return []
        rules = self.scenario.rules
        return [
            {"rule": rule, "why": why(rules[rule].when, condition)}
            for rule, condition in self.decision.misses
        ]


class Journal:
    """The entries. Safe to use from several threads."""

    def __init__(self, size: int, byte_limit: int) -> None:
        self._size = size
        self._byte_limit = byte_limit
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._number = 0
        self._lock = threading.Lock()
        self.dropped = 0

    def arrived(self, received: Received, *, now: float, namespace: str, client: str) -> Entry:
        """Enter a request whose head has come."""
        hidden = Redaction(received, namespace)
        path, query = hidden.line(received.path), hidden.query(received.query)
        headers = hidden.headers(received.headers)
        head = len(path) + len(query) + sum(len(name) + len(value) for name, value in headers)
        entry = Entry(
            0,
            now,
            namespace,
            client,
            received.method,
            path,
            query,
            headers,
            time.monotonic(),
            _ENTRY + head,
        )
        if path != received.path or query != received.query.decode("utf-8", "replace"):
            entry.violations = ("the API key is in the URL, where logs keep it",)
        with self._lock:
            self._number += 1
            entry.number = self._number
            self._entries.append(entry)
            self._bytes += entry.size
            self._shrink()
        return entry

    def has_body(self, entry: Entry, received: Received, body_hash: bytes) -> None:
        """Keep what was sent, so far as the bounds allow."""
        body = Redaction(received, entry.namespace).text(received.body[:BODY_LIMIT])
        with self._lock:
            entry.length = received.length
            entry.body_hash = body_hash
            if entry.kept:  # else its place was needed, or the journal was emptied
                entry.body = body
                entry.size += len(body)
                self._bytes += len(body)
                self._shrink()

    def broke(self, entry: Entry, received: Received, message: str) -> None:
        """Note how a request broke the contract, without a key that the message may repeat."""
        entry.violations += (Redaction(received, entry.namespace).line(message),)

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Those of a namespace, or all, oldest first."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if namespace is None or entry.namespace == namespace
            ]

    def clear(self, namespace: str | None = None) -> None:
        """Forget those of a namespace, or all."""
        with self._lock:
            kept: deque[Entry] = deque()
            for entry in self._entries:
                entry.kept = namespace not in (None, entry.namespace)
                if entry.kept:
                    kept.append(entry)
            self._entries = kept
            self._bytes = sum(entry.size for entry in kept)

    def _shrink(self) -> None:
        while self._entries and (len(self._entries) > self._size or self._bytes > self._byte_limit):
            oldest = self._entries.popleft()
            oldest.kept = False
            self._bytes -= oldest.size
            self.dropped += 1


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
