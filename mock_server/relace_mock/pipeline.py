"""The stages of a request, on one screen.

::

    authenticate ─▶ validate ─▶ quota ─▶ script ─▶ results ─▶ render
         │              │         │         ▲                   ▲
         └── Refusal ───┴─────────┴─────────┴───────────────────┘

The script sees the outcome so far, refusals included, and may replace it. A shell (a server or a
transport) calls ``Pipeline.handle`` with the head of a request, and runs the ``Exchange`` that it
returns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from xxhash import xxh3_128_digest

from relace_mock import contract
from relace_mock.answers import NEVER_SENT, Answer, Answers, failed
from relace_mock.auth import authenticate, read_key
from relace_mock.clock import MONOTONIC, REAL, Clock
from relace_mock.fingerprints import attempts_hash, texts_hash
from relace_mock.journal.connections import EVENTS, Connections
from relace_mock.journal.events import BEYOND, BODY_LIMIT, BodyRead, Decided, Finished, Outcome
from relace_mock.journal.journal import Journal
from relace_mock.journal.redaction import without_keys
from relace_mock.journal.sent import sent
from relace_mock.keys import namespace_of
from relace_mock.messages import Received, Request
from relace_mock.refusals import (
    Refusal,
    body_too_large,
    method_not_allowed,
    origin_failed,
    out_of_room,
    route_not_found,
    store_failed,
)
from relace_mock.rendering import message
from relace_mock.scenario.library import Library, open_library
from relace_mock.scenario.matching import Inputs
from relace_mock.settings import Settings
from relace_mock.state.ledger import Ledger, LocalLedger, Outline
from relace_mock.state.memory import MemoryStore
from relace_mock.state.model import Default, Installed
from relace_mock.state.ruling import Rules, Ruling, may_search
from relace_mock.state.store import FullError, StoreError
from relace_mock.validation import media_type_refusal, validate


def print_error(line: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{line}\n")


class Pipeline:
    """Answers requests, without a socket. Safe to use from several threads.

    ``has_sockets`` says that the shells can perform every fault, also those that need a socket.
    ``complain`` gets lines for the operator.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock = REAL,
        *,
        has_sockets: bool = True,
        complain: Callable[[str], None] = print_error,
    ) -> None:
        contract.as_yaml()  # read now: later the process may have no free file descriptor
        self.settings = settings
        self.answers = Answers(settings, has_sockets=has_sockets)
        library, name = open_library(settings.scenarios, settings.scenario, settings.dimensions)
        self.rules = Rules(settings, library)
        default = Default(Installed(name, None) if name is not None else None)
        self.connections = Connections()
        self.ledger: Ledger
        if settings.store == "memory":
            store = MemoryStore(settings.max_namespaces, settings.namespace_ttl, default, clock)
            journal = Journal(settings.journal_size, settings.journal_bytes)
            self.ledger = LocalLedger(store, journal, self.connections)
        else:
            self.ledger = _shared(settings, library, default, complain)
        self.store, self.journal = self.ledger.store, self.ledger.journal
        self._known_keys = frozenset(settings.api_keys)

    def handle(self, head: Received, client: str) -> Exchange:
        """Enter a request into the journal and begin its exchange. The head is enough.

        ``client`` is the client's address.
        """
        return Exchange(self, head, client)

    def refused(self, status: int, problem: str, client: str) -> None:
        """Enter a refusal that came before there was a request, such as for malformed HTTP."""
        exchange = self.handle(Received("", "", (), b"", 0), client)
        exchange.refuse(problem, status)

    def outcome_of(self, received: Received, credential: str | Refusal) -> Request | Refusal:
        """What a request would get without quota and script."""
        if refusal := self.refusal_of_target(received):
            return refusal
        key = self.accepted(credential)
        if isinstance(key, Refusal):
            return key
        return validate(received, self.settings.max_inputs, self.settings.contract)

    def accepted(self, credential: str | Refusal) -> str | Refusal:
        """The key that was read from a request, or the refusal of it."""
        return authenticate(credential, self._known_keys, self.settings.unknown_key_status)

    def refusal_of_target(self, received: Received) -> Refusal | None:
        """The refusal of a wrong path, a wrong method or a body that is too large, if any."""
        if received.path not in contract.ENDPOINTS:
            return route_not_found(_ENDPOINTS)
        if received.method != contract.METHOD:
            return method_not_allowed(received.method, contract.METHOD)
        if self.answers.sources.asks_itself(received):
            return origin_failed("--upstream is the address of this server itself")
        if received.length > self.settings.max_body:
            return body_too_large(received.length, self.settings.max_body)
        return None


class Exchange:
    """One request and its answer: ``read`` the body, ``answer``, then ``finish``."""

    __slots__ = (
        "_answer",
        "_body_hash",
        "_credential",
        "_decided",
        "_gave_up",
        "_history",
        "_key",
        "_ledger",
        "_left",
        "_outcome",
        "_pipeline",
        "_received",
        "_ruling",
        "namespace",
    )

    def __init__(self, pipeline: Pipeline, head: Received, client: str) -> None:
        self._pipeline = pipeline
        self._received = head
        self._credential = read_key(head)
        self._key = self._credential if isinstance(self._credential, str) else None
        self.namespace = namespace_of(self._key)
        self._body_hash = b""
        self._ruling = _UNDECIDED
        self._answer = _NOT_ANSWERED
        self._decided = _NOT_DECIDED
        self._outcome: Request | Refusal = _UNDECIDED.outcome
        self._left = False
        self._ledger = pipeline.ledger
        self._history = self._ledger.begin(head, self.namespace, client)
        self._gave_up = False

    def is_refused(self, declared_length: int) -> bool:
        """Whether the head alone is reason to refuse the request, whatever its body."""
        head = self._received.with_body(b"", declared_length)
        refused = self._pipeline.refusal_of_target(head) or media_type_refusal(head)
        return bool(refused) or isinstance(self._pipeline.accepted(self._credential), Refusal)

    def arrives_slowly(self) -> None:
        """Enter the request now, though its body is still to come."""
        self._ledger.arrive(self._history)

    def searches(self, length: int) -> bool:
        """Whether ``read`` takes long because a scenario searches a body of this length."""
        if not may_search(length):
            return False
        store, rules = self._pipeline.store, self._pipeline.rules
        state, default = store.look(self.namespace).state, store.default()
        return rules.searches(self._received, length, self._key, state, default)

    def read(self, body: bytes, length: int) -> int:
        """Decide on the answer, now that the body has arrived.

        ``length`` is the length of the whole body. ``body`` is empty if the body was too large to
        be kept. Returns about how many numbers ``answer`` will compute.
        """
        pipeline = self._pipeline
        received = self._received = self._received.with_body(body, length)
        body_hash = xxh3_128_digest(body)
        self._body_hash = attempts_hash(received.path, body_hash)
        read = BodyRead(body[: BODY_LIMIT + BEYOND], length, body_hash)
        outcome = self._outcome = pipeline.outcome_of(received, self._credential)
        inputs = self._searched(outcome) if may_search(length) else None
        change = pipeline.rules.change(received, outcome, self._body_hash, self._key, inputs)
        try:
            ruling = self._ledger.decide(
                self._history, read, self._body_hash, change, self._outlined
            )
        except FullError:
            ruling = Ruling(out_of_room(pipeline.settings.max_namespaces))
        except StoreError as error:
            ruling = Ruling(store_failed(str(error)))
        if isinstance(ruling.outcome, Refusal):
            ruling = ruling._replace(outcome=without_keys(ruling.outcome, received))
        if not self._gave_up:
            self._ruling = ruling
        return pipeline.answers.numbers(ruling)

    def waits(self) -> bool:
        """Whether ``answer`` may wait for a recording or an upstream."""
        return self._pipeline.answers.waits(self._ruling)

    def give_up(self) -> None:
        """Decide on a 500, because ``read`` takes too long."""
        self._gave_up = True
        self._ledger.give_up(self._history)
        patience = self._pipeline.settings.store_timeout
        problem = f"the store did not answer within {patience:g} s (--store-timeout)"
        self._ruling = Ruling(store_failed(problem))

    def _searched(self, outcome: Request | Refusal) -> Inputs | None:
        """The inputs of a valid request, searched before the store locks its namespace."""
        pipeline = self._pipeline
        if isinstance(outcome, Refusal):
            return None
        if self._ledger.threads is not None:  # to look would be a round trip; the change searches
            return Inputs(outcome.searched)
        state, default = pipeline.store.look(self.namespace).state, pipeline.store.default()
        return pipeline.rules.looked_through(self._received, outcome, self._key, state, default)

    def answer(self, is_abandoned: Callable[[], bool] = lambda: False) -> Answer:
        """Make the answer that ``read`` decided on, with its results.

        ``is_abandoned`` says whether the client has left, so that a long computation may stop.
        """
        answer = self._answer = self._pipeline.answers.to(self._ruling, self._key, is_abandoned)
        self._decided = self._told(self._ruling, answer)
        self._ledger.note(self._history, self._decided)
        return answer

    def _outlined(self, ruling: Ruling) -> Outline:
        """The answer without its results, which may take long to compute."""
        answer = self._pipeline.answers.outline(ruling)
        whole = answer.fault is None and answer.delay == 0.0
        whole = whole and self._pipeline.answers.computes(ruling)  # else a text may be missing
        succeeds = whole and 200 <= answer.reply.status < 300
        return Outline(self._told(ruling, answer)._replace(sent=None), succeeds)

    def _told(self, ruling: Ruling, answer: Answer) -> Decided:
        """What the journal says of an answer."""
        step, reply = answer.step, answer.reply
        fault = None if step is None else answer.fault
        retry_after = None
        if step is not None or reply.status != 200:
            for name, value in reply.headers:
                if name == b"retry-after":
                    retry_after = value.decode("latin-1")
        asked = self._outcome  # before quota and script
        refusal = request = None
        if isinstance(asked, Refusal):
            refusal = asked
        else:
            request = asked
        return Decided(
            reply.status if not self._left and (fault is None or fault.sends_head) else None,
            answer.missed or (isinstance(ruling.outcome, Refusal) and not (step and step.replaces)),
            refusal.status if refusal else None,
            retry_after,
            ruling.chosen_by,
            ruling.scenario,
            ruling.decision,
            None if answer.missed else ruling.attempt,  # no retry of the client helps
            (message(refusal),) if refusal else (),
            (*request.notes, *answer.notes) if request else (),
            # only if the body is too long for the journal to keep it whole
            texts_hash(request) if request and self._received.length > BODY_LIMIT else None,
            request.size if request else None,
            answer.tokens,
            answer.source,
            answer.told,
            None if reply is NEVER_SENT else sent(reply, has_vectors=answer.tokens is not None),
        )

    def fail(self) -> Answer:
        """The answer after a failure of this package itself."""
        self._answer = failed()
        self._decided = self._decided._replace(status=500)
        self._ledger.note(self._history, self._decided)
        return self._answer

    def refuse(self, problem: str, status: int) -> None:
        """Enter that the shell refused the request, and that the exchange is over."""
        self._ledger.note(
            self._history, Decided(status=status, refusal=status, natural=True, broken=(problem,))
        )
        self._ledger.note(self._history, _finished("refused"))

    def cut_off(self, body: bytes, length: int) -> None:
        """Enter that the client left before it had sent the whole body."""
        self._ledger.note(self._history, BodyRead(body[: BODY_LIMIT + BEYOND], length))
        self._ledger.note(self._history, _finished("client_aborted"))

    def finish(self, *, left: bool) -> None:
        """Enter that the answer was sent, unless the client ``left`` before.

        A client may leave while ``answer`` still waits for an upstream.
        """
        self._left = left
        fault = self._answer.fault
        outcome: Outcome = "answered"
        if left:
            outcome = "client_aborted"
        elif fault is not None:
            outcome = "faulted"
        elif self._decided.natural:
            outcome = "refused"
        whole = not left and (fault is None or fault.raises is None)
        success = whole and 200 <= self._answer.reply.status < 300
        self._ledger.finish(
            self._history,
            _finished(outcome),
            self._body_hash,
            delivered=success and self._decided.attempt is not None,
        )


def _shared(
    settings: Settings, library: Library, default: Default, complain: Callable[[str], None]
) -> Ledger:
    from relace_mock.shared.opening import open_ledger  # noqa: PLC0415 - only for a shared store

    return open_ledger(settings, library, default, complain)


def _finished(outcome: Outcome) -> Finished:
    return Finished(outcome, MONOTONIC(), next(EVENTS))


_ENDPOINTS = "the endpoints are " + ", ".join(
    f"{contract.METHOD} {path}" for path in contract.ENDPOINTS
)
# The values of an exchange before it is decided and answered.
_NOT_ANSWERED = Answer(NEVER_SENT)
_NOT_DECIDED = Decided()
_UNDECIDED = Ruling(Refusal(500, "no answer was decided on", scriptable=False))
