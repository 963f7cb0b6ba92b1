"""The way a request takes, on one screen.

::

    route ─▶ authenticate ─▶ validate ─▶ quota ─▶ script ─▶ embed ─▶ render
      │           │              │         │        ▲                  ▲
      └───────────┴── Refusal ───┴─────────┴────────┴──────────────────┘

The script sees the outcome so far, refusals included, and may replace it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_128_digest

from relace_mock import contract
from relace_mock.auth import authenticate, bearer_key
from relace_mock.clock import REAL, Clock
from relace_mock.exchange import EmbedRequest, Received, Reply
from relace_mock.journal import Entry, Journal
from relace_mock.namespaces import namespace_of
from relace_mock.refusals import (
    Refusal,
    body_too_large,
    method_not_allowed,
    route_not_found,
)
from relace_mock.rendering import message, mutated, render, scripted, with_fields
from relace_mock.scenario.faults import FAULTS, Fault
from relace_mock.scenario.faults.connection import Measure
from relace_mock.script import Script, Turn
from relace_mock.settings import Settings
from relace_mock.validation import validate
from relace_mock.vectors.embedder import Embedder

if TYPE_CHECKING:
    from relace_mock.scenario.model import Step


class Answer(NamedTuple):
    """What a request gets: a reply, and how it arrives. ``delay`` is in seconds."""

    reply: Reply
    step: Step | None = None
    delay: float = 0.0

    @property
    def fault(self) -> Fault | None:
        """The fault by which it does not arrive as it should."""
        return FAULTS[self.step.fault] if self.step and self.step.fault else None


def measure(answer: Answer) -> Measure:
    """How much there is of the fault of an answer: half of the body, 1,024 bytes a second."""
    step = answer.step
    at = 0.5 if step is None or step.at is None else step.at
    return Measure(at, (step.bytes_per_second if step else None) or 1024.0)


class Pipeline:
    """Answers requests. Knows no socket; safe to use from several threads."""

    def __init__(self, settings: Settings, clock: Clock = REAL) -> None:
        self.settings = settings
        self.embedder = Embedder(settings)
        self.script = Script(settings, clock)
        self.journal = Journal(settings.journal_size, settings.journal_bytes)
        self._known_keys = frozenset(settings.api_keys)

    def arrived(self, received: Received, client: str) -> Entry:
        """Enter a request into the journal; its head is enough."""
        key = bearer_key(received)
        name = namespace_of(key)
        now = self.script.namespaces.time_of(name)
        return self.journal.arrived(received, now=now, namespace=name, client=client)

    def malformed(self, problem: str, client: str) -> None:
        """Enter what was not HTTP, and was refused before it was a request."""
        entry = self.arrived(Received("", "", (), b"", 0), client)
        entry.broken += (problem,)
        entry.status = entry.refusal = 400
        entry.completed("refused")

    def answer(self, received: Received, entry: Entry) -> Answer:
        """The answer to one request, whatever it asks for."""
        return self.complete(self.decide(received, entry), entry)

    def decide(self, received: Received, entry: Entry) -> Turn:
        """What a request gets. Takes a small part of the time that vectors take."""
        key = bearer_key(received)
        body_hash = xxh3_128_digest(received.body)
        self.journal.has_body(entry, received, body_hash)
        outcome = self._outcome(received)
        if isinstance(outcome, Refusal):
            entry.broken += (message(outcome),)
            entry.refusal = outcome.status
        return self.script.turn(received, outcome, entry, body_hash, key)

    def complete(self, turn: Turn, entry: Entry) -> Answer:
        """The answer that was decided on, with its vectors."""
        answer = Answer(self._reply(turn), turn.decision.step, turn.decision.delay)
        self.journal.decided(entry, turn.decision)
        replaced = answer.step is not None and answer.step.replaces
        entry.natural = isinstance(turn.outcome, Refusal) and not replaced
        entry.status = answer.reply.status if not answer.fault or answer.fault.sends_head else None
        for name, value in answer.reply.headers:
            if name == b"retry-after":
                entry.retry_after = value.decode("latin-1")
        return answer

    def finished(self, entry: Entry, answer: Answer, *, left: bool) -> None:
        """Complete the entry of an answer that was sent, unless the client ``left`` before."""
        fault = answer.fault
        if left:
            entry.completed("client_aborted")
        elif fault is not None:
            entry.completed("faulted")
        else:
            entry.completed("refused" if entry.natural else "answered")
        whole = not left and (fault is None or fault.raises is None)
        if whole and 200 <= answer.reply.status < 300 and entry.attempt is not None:
            self.script.namespaces.succeeded(entry.namespace, entry.body_hash)

    def _outcome(self, received: Received) -> EmbedRequest | Refusal:
        if refusal := self._route(received):
            return refusal
        key = authenticate(received, self._known_keys, self.settings.unknown_key_status)
        if isinstance(key, Refusal):
            return key
        return validate(received, self.settings.max_inputs)

    def _route(self, received: Received) -> Refusal | None:
        if received.path != contract.EMBED_PATH:
            return route_not_found(f"the endpoint is {contract.EMBED_METHOD} {contract.EMBED_PATH}")
        if received.method != contract.EMBED_METHOD:
            return method_not_allowed(received.method, contract.EMBED_METHOD)
        if received.length > self.settings.max_body:
            return body_too_large(received.length, self.settings.max_body)
        return None

    def _reply(self, turn: Turn) -> Reply:
        """The reply, with the fields of the quota and of the step."""
        step = turn.decision.step
        if turn.preferred is not None and turn.preferred != 200:
            reply = scripted(turn.preferred, None)
        elif step is not None and step.status is not None:
            reply = scripted(step.status, step.fixed_body)
        elif step is not None and step.fault and not FAULTS[step.fault].sends_head:
            reply = _NEVER_SENT
        else:
            reply = self._true_reply(turn.outcome, step)
        fields = turn.fields
        if reply.status == 429 and not fields:
            fields = self.script.made_up_fields(turn.now)
        if fields:
            reply = reply._replace(headers=(*reply.headers, *fields))
        return with_fields(reply, step.headers) if step and step.headers else reply

    def _true_reply(self, outcome: EmbedRequest | Refusal, step: Step | None) -> Reply:
        """The reply that there would be anyway, falsified if the step wants that."""
        if isinstance(outcome, Refusal):
            return render(outcome)
        embedded = self.embedder.embed(outcome)
        if step is None or not step.mutate:
            return render(embedded)
        other = outcome._replace(model=f"{outcome.model}\ndrifted")
        return mutated(step.mutate, outcome, embedded, lambda: self.embedder.embed(other).rows)


_NEVER_SENT = Reply(0, (), ())
