"""The stages of a request, on one screen.

::

    authenticate ─▶ validate ─▶ quota ─▶ script ─▶ vectors ─▶ render
         │              │         │         ▲                   ▲
         └── Refusal ───┴─────────┴─────────┴───────────────────┘

The script sees the outcome so far, refusals included, and may replace it. A shell (a server or a
transport) calls ``Pipeline.handle`` with the head of a request, and runs the ``Exchange`` that it
returns.
"""

from __future__ import annotations

import orjson
from xxhash import xxh3_128_digest

from relace_mock import contract
from relace_mock.answers import NEVER_SENT, Answer, Answers, failed
from relace_mock.auth import authenticate, read_key
from relace_mock.clock import MONOTONIC, REAL, Clock
from relace_mock.journal.connections import EVENTS, Connections
from relace_mock.journal.entry import packed
from relace_mock.journal.events import (
    BEYOND,
    BODY_LIMIT,
    Arrived,
    BodyRead,
    Decided,
    Finished,
    Outcome,
)
from relace_mock.journal.journal import Journal
from relace_mock.journal.sent import sent
from relace_mock.keys import namespace_of
from relace_mock.messages import EmbedRequest, Received
from relace_mock.refusals import (
    Refusal,
    body_too_large,
    method_not_allowed,
    out_of_room,
    route_not_found,
)
from relace_mock.rendering import message
from relace_mock.scenario.library import open_library
from relace_mock.settings import Settings
from relace_mock.state.memory import MemoryStore
from relace_mock.state.model import Counter, Default, Installed
from relace_mock.state.ruling import Rules, Ruling, may_search
from relace_mock.state.store import FullError, Store
from relace_mock.validation import media_type_refusal, validate


class Pipeline:
    """Answers requests, without a socket. Safe to use from several threads.

    ``has_sockets`` says that the shells can perform every fault, also those that need a socket.
    """

    def __init__(
        self, settings: Settings, clock: Clock = REAL, *, has_sockets: bool = True
    ) -> None:
        contract.as_yaml()  # read now: later the process may have no free file descriptor
        self.settings = settings
        self.answers = Answers(settings, has_sockets=has_sockets)
        library, name = open_library(settings.scenarios, settings.scenario)
        self.rules = Rules(settings, library)
        default = Default(Installed(name, None) if name is not None else None)
        self.store: Store = MemoryStore(
            settings.max_namespaces, settings.namespace_ttl, default, clock
        )
        self.journal = Journal(settings.journal_size, settings.journal_bytes)
        self.connections = Connections()
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

    def outcome_of(self, received: Received, credential: str | Refusal) -> EmbedRequest | Refusal:
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
        if received.path != contract.EMBED_PATH:
            return route_not_found(f"the endpoint is {contract.EMBED_METHOD} {contract.EMBED_PATH}")
        if received.method != contract.EMBED_METHOD:
            return method_not_allowed(received.method, contract.EMBED_METHOD)
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
        "_history",
        "_journal",
        "_key",
        "_namespace",
        "_outcome",
        "_pipeline",
        "_received",
        "_ruling",
    )

    def __init__(self, pipeline: Pipeline, head: Received, client: str) -> None:
        self._pipeline = pipeline
        self._received = head
        self._credential = read_key(head)
        self._key = self._credential if isinstance(self._credential, str) else None
        self._namespace = namespace_of(self._key)
        self._body_hash = b""
        self._ruling = _UNDECIDED
        self._answer = _NOT_ANSWERED
        self._decided = _NOT_DECIDED
        self._outcome: EmbedRequest | Refusal = _UNDECIDED.outcome
        time, moved = pipeline.store.time_of(self._namespace)
        self._journal = pipeline.journal
        self._history = self._journal.begin(
            Arrived(
                self._namespace,
                client,
                head.method,
                head.path,
                head.query,
                packed(head.headers),
                time,
                MONOTONIC(),
                moved,
                next(EVENTS),
                pipeline.connections.find(client),
            )
        )

    def is_refused(self, declared_length: int) -> bool:
        """Whether the head alone is reason to refuse the request, whatever its body."""
        head = self._received.with_body(b"", declared_length)
        refused = self._pipeline.refusal_of_target(head) or media_type_refusal(head)
        return bool(refused) or isinstance(self._pipeline.accepted(self._credential), Refusal)

    def searches(self, length: int) -> bool:
        """Whether ``read`` takes long because a scenario searches a body of this length."""
        if not may_search(length):
            return False
        store, rules = self._pipeline.store, self._pipeline.rules
        state, default = store.look(self._namespace).state, store.default()
        return rules.searches(self._received, length, self._key, state, default)

    def read(self, body: bytes, length: int) -> int:
        """Decide on the answer, now that the body has arrived.

        ``length`` is the length of the whole body. ``body`` is empty if the body was too large to
        be kept. Returns how many numbers ``answer`` will compute.
        """
        pipeline = self._pipeline
        received = self._received = self._received.with_body(body, length)
        self._body_hash = xxh3_128_digest(body)
        self._journal.append(
            self._history, BodyRead(body[: BODY_LIMIT + BEYOND], length, self._body_hash)
        )
        outcome = self._outcome = pipeline.outcome_of(received, self._credential)
        inputs = None
        if may_search(length):
            state, default = pipeline.store.look(self._namespace).state, pipeline.store.default()
            inputs = pipeline.rules.looked_through(received, outcome, self._key, state, default)
        change = pipeline.rules.change(received, outcome, self._body_hash, self._key, inputs)
        try:
            ruling = pipeline.store.update(self._namespace, self._body_hash, change)
        except FullError:
            ruling = Ruling(out_of_room(pipeline.settings.max_namespaces))
        self._ruling = ruling
        if not isinstance(ruling.outcome, EmbedRequest):
            return 0
        return len(ruling.outcome.input) * (
            ruling.outcome.dimensions or pipeline.settings.dimensions
        )

    def answer(self) -> Answer:
        """Make the answer that ``read`` decided on, with its vectors."""
        ruling = self._ruling
        answer = self._answer = self._pipeline.answers.to(ruling)
        step, fault = answer.step, answer.fault
        retry_after = None
        if step is not None or answer.reply.status != 200:
            for name, value in answer.reply.headers:
                if name == b"retry-after":
                    retry_after = value.decode("latin-1")
        asked = self._outcome  # before quota and script
        refusal = asked if isinstance(asked, Refusal) else None
        request = asked if isinstance(asked, EmbedRequest) else None
        self._decided = Decided(
            answer.reply.status if not fault or fault.sends_head else None,
            isinstance(ruling.outcome, Refusal) and not (step and step.replaces),
            refusal.status if refusal else None,
            retry_after,
            ruling.chosen_by,
            ruling.scenario,
            ruling.decision,
            ruling.attempt,
            (message(refusal),) if refusal else (),
            tuple(request.notes) if request else (),
            _texts_hash(request, self._received.length) if request else None,
            len(request.input) if request else None,
            answer.tokens,
            sent(answer.reply, has_vectors=answer.tokens is not None)
            if answer.reply is not NEVER_SENT
            else None,
        )
        self._journal.append(self._history, self._decided)
        return answer

    def fail(self) -> Answer:
        """The answer after a failure of this package itself."""
        self._answer = failed()
        self._decided = self._decided._replace(status=500)
        self._journal.append(self._history, self._decided)
        return self._answer

    def refuse(self, problem: str, status: int) -> None:
        """Enter that the request was refused by the shell, and that this is over."""
        self._journal.append(
            self._history, Decided(status=status, refusal=status, natural=True, broken=(problem,))
        )
        self._journal.append(self._history, _finished("refused"))

    def cut_off(self, body: bytes, length: int) -> None:
        """Enter that the client left before it had sent the whole body."""
        self._journal.append(self._history, BodyRead(body[: BODY_LIMIT + BEYOND], length))
        self._journal.append(self._history, _finished("client_aborted"))

    def finish(self, *, left: bool) -> None:
        """Enter that the answer was sent, unless the client ``left`` before."""
        fault = self._answer.fault
        outcome: Outcome = "answered"
        if left:
            outcome = "client_aborted"
        elif fault is not None:
            outcome = "faulted"
        elif self._decided.natural:
            outcome = "refused"
        self._journal.append(self._history, _finished(outcome))
        whole = not left and (fault is None or fault.raises is None)
        if whole and 200 <= self._answer.reply.status < 300 and self._decided.attempt is not None:
            self._pipeline.store.revise(self._namespace, self._body_hash, Counter.succeeded)


def _finished(outcome: Outcome) -> Finished:
    return Finished(outcome, MONOTONIC(), next(EVENTS))


def _texts_hash(request: EmbedRequest, length: int) -> bytes | None:
    """Hash of model and texts, where the body is too long for the journal to keep it whole."""
    if length <= BODY_LIMIT:
        return None
    return xxh3_128_digest(orjson.dumps([request.model, *request.input]))


# What an exchange holds before there is more to say.
_NOT_ANSWERED = Answer(NEVER_SENT)
_NOT_DECIDED = Decided()
_UNDECIDED = Ruling(Refusal(500, "no answer was decided on", scriptable=False))
