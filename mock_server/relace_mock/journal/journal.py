"""What was asked and what was answered, in the order of arrival.

Bounded in entries and in bytes; the oldest go, and are counted. An entry keeps the request as
it came, and hides the API key when it is read: most entries never are. A short hash stands
for the key, wherever in the request the client put it.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from relace_mock.clock import MONOTONIC
from relace_mock.journal.connections import EVENTS, Connection
from relace_mock.journal.redaction import Redaction
from relace_mock.messages import Headers, Received, is_secret
from relace_mock.scenario.engine import NOTHING, Decision
from relace_mock.scenario.matching import why

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

#: Bytes of a body that are kept.
BODY_LIMIT = 64 * 1024
# Bytes, about: of an entry beside what is raw in it, of a decision, of each rule passed over.
_ENTRY, _DECISION, _MISS = 800, 200, 65

_BEYOND = 1024  # bytes that are kept beyond that, so that a key there is found whole
_KEY_IN_URL = "the API key is in the URL, where logs keep it"

Outcome = Literal["pending", "answered", "refused", "faulted", "client_aborted"]


@dataclass(slots=True)
class Entry:
    """One request. ``time`` is its namespace's; ``duration`` is in seconds.

    ``time`` is for people: order comes from ``came`` and ``over``, numbers of events, and gaps
    from ``begun``, which is monotonic, and ``moved``, how far the namespace's clock was moved.
    ``texts_hash`` stands for model and texts where the body is too long to be kept whole.
    ``connection`` is None where no one tells when it closes.
    What is ``raw`` is as it came, with the key. ``length`` and ``body_hash`` are of the whole
    body. ``natural``: it was refused for what it is, not by a script; ``refusal`` is the status
    that it deserved, delivered or not.
    """

    number: int
    time: float
    namespace: str
    client: str
    method: str
    raw_path: str = field(repr=False)
    raw_query: bytes = field(repr=False)
    raw_head: bytes = field(repr=False)
    begun: float
    moved: float
    came: int
    size: int
    connection: Connection | None = None
    over: int | None = None
    kept: bool = True
    raw_body: bytes = field(default=b"", repr=False)
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
    broken: tuple[str, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    texts_hash: bytes | None = None

    def completed(self, outcome: Outcome) -> None:
        """The exchange is over."""
        self.outcome = outcome
        self.duration = MONOTONIC() - self.begun
        self.over = next(EVENTS)

    @property
    def ended(self) -> float:
        """When it was over, on the same clock as ``time``."""
        return self.time + (self.duration or 0.0)

    def is_after(self, other: Entry) -> bool:
        """Whether this request came when the other exchange was over."""
        return other.over is not None and self.came > other.over

    def gap(self, other: Entry) -> float:
        """Seconds from the end of an exchange before this one, those that were skipped included."""
        passed = self.begun - other.begun - (other.duration or 0.0)
        return max(passed, 0.0) + max(self.moved - other.moved, 0.0)

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self._hiding.path(self.raw_path)

    @property
    def query(self) -> str:
        """What followed it."""
        return self._hiding.query(self.raw_query)

    @property
    def body(self) -> bytes:
        """What was kept of the body."""
        return self._hiding.text(self.raw_body)[:BODY_LIMIT]

    @property
    def violations(self) -> tuple[str, ...]:
        """How the request broke the contract."""
        hiding = self._hiding
        bare = self.raw_path, self.raw_query.decode("utf-8", "replace")
        hidden = hiding.path(self.raw_path), hiding.query(self.raw_query)
        told = (_KEY_IN_URL,) if bare != hidden else ()
        return told + tuple(map(hiding.line, self.broken))

    def hidden(self, text: str) -> str:
        """Text of the request without its key."""
        return self._hiding.line(text)

    @property
    def sends_secret(self) -> bool:
        """Whether a header field or the URL may hold a key; cookies and handshakes are none."""
        return _KEY_IN_URL in self.violations or any(
            is_secret(name) and not name.startswith((b"cookie", b"sec-"))
            for name, _ in _unpacked(self.raw_head)
        )

    @property
    def _hiding(self) -> Redaction:
        return Redaction(_unpacked(self.raw_head), self.namespace)

    def shown(self) -> dict[str, Any]:
        """As the control API writes it."""
        decision, step = self.decision, self.decision.step
        return {
            "number": self.number,
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds"),
            "namespace": self.namespace,
            "client": self.client,
            "request": {
                "method": self.hidden(self.method),
                "path": self.path,
                "query": self.query,
                "headers": [
                    [_text(name), _text(value)]
                    for name, value in self._hiding.headers(_unpacked(self.raw_head))
                ],
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
            "notes": self.notes,
            "near_misses": self._near_misses(),
        }

    def _shown_body(self) -> dict[str, Any]:
        body = self.body
        try:
            text = {"body": body.decode()}
        except UnicodeDecodeError:
            text = {"body_base64": base64.b64encode(body).decode()}
        return {**text, "length": self.length, "xxh3_128": self.body_hash.hex()}

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
    """The entries. Safe to use from several threads.

    ``dropped`` counts what the bounds cost since the start. ``dropped_of`` counts it since the
    journal, or that of a namespace, was last emptied, and remembers ``names`` namespaces.
    """

    def __init__(self, size: int, byte_limit: int, names: int = 20_000) -> None:
        self._size = size
        self._byte_limit = byte_limit
        self._names = names
        self._dropped_by: OrderedDict[str, int] = OrderedDict()
        self._dropped_of_forgotten = 0
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._number = 0
        self._lock = threading.Lock()
        self.dropped = 0

    def arrived(
        self,
        received: Received,
        *,
        now: float,
        namespace: str,
        client: str,
        moved: float = 0.0,
        connection: Connection | None = None,
    ) -> Entry:
        """Enter a request whose head has come."""
        head = _packed(received.headers)
        size = _ENTRY + len(received.path) + len(received.query) + len(head)
        entry = Entry(
            0,
            now,
            namespace,
            client,
            received.method,
            received.path,
            received.query,
            head,
            MONOTONIC(),
            moved,
            next(EVENTS),
            size,
            connection=connection,
        )
        with self._lock:
            self._number += 1
            entry.number = self._number
            self._entries.append(entry)
            self._bytes += size
            self._shrink()
        return entry

    def has_body(self, entry: Entry, received: Received, body_hash: bytes) -> None:
        """Keep what was sent, so far as the bounds allow."""
        entry.raw_body = received.body[: BODY_LIMIT + _BEYOND]
        entry.length = received.length
        entry.body_hash = body_hash
        self._grow(entry, len(entry.raw_body))

    def decided(self, entry: Entry, decision: Decision) -> None:
        """Keep what a scenario decided."""
        entry.decision = decision
        if decision is not NOTHING:
            self._grow(entry, _DECISION + _MISS * len(decision.misses))

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """Those of a namespace, or all, oldest first."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if namespace is None or entry.namespace == namespace
            ]

    def dropped_of(self, namespace: str | None = None) -> int:
        """Count the entries of a namespace, or all, that went since it was last emptied.

        Where that is no longer known it counts too many, never too few.
        """
        with self._lock:
            if namespace is not None and namespace in self._dropped_by:
                return self._dropped_by[namespace]
            known = 0 if namespace else sum(self._dropped_by.values())
            return known + self._dropped_of_forgotten

    def is_pending(self, namespace: str | None = None) -> bool:
        """Whether an exchange of a namespace, or any, is not complete."""
        return any(entry.outcome == "pending" for entry in self.entries(namespace))

    def clear(self, namespace: str | None = None) -> None:
        """Forget those of a namespace, or all."""
        with self._lock:
            if namespace is None:
                self._dropped_by.clear()
                self._dropped_of_forgotten = 0
            else:
                self._dropped_by.pop(namespace, None)
            kept: deque[Entry] = deque()
            for entry in self._entries:
                entry.kept = namespace not in (None, entry.namespace)
                if entry.kept:
                    kept.append(entry)
            self._entries = kept
            self._bytes = sum(entry.size for entry in kept)

    def _grow(self, entry: Entry, size: int) -> None:
        with self._lock:
            if entry.kept:  # else its place was needed, or the journal was emptied
                entry.size += size
                self._bytes += size
                self._shrink()

    def _shrink(self) -> None:
        while self._entries and (len(self._entries) > self._size or self._bytes > self._byte_limit):
            oldest = self._entries.popleft()
            oldest.kept = False
            self._bytes -= oldest.size
            self.dropped += 1
            self._dropped_by[oldest.namespace] = self._dropped_by.get(oldest.namespace, 0) + 1
            if len(self._dropped_by) > self._names:
                self._dropped_of_forgotten += self._dropped_by.popitem(last=False)[1]


def _packed(headers: Headers) -> bytes:
    """Header fields in one piece: thousands are kept, and each object of theirs would count."""
    head = b"\n".join([part for pair in headers for part in pair])
    if head.count(b"\n") >= 2 * len(headers):  # no socket lets a line break pass, but httpx does
        head = b"\n".join([part.replace(b"\n", b" ") for pair in headers for part in pair])
    return head


def _unpacked(head: bytes) -> Headers:
    """The fields again."""
    parts = head.split(b"\n") if head else []
    return list(zip(parts[::2], parts[1::2], strict=True))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
