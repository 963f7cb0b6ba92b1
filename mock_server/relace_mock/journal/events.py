"""The events of a request: frozen values, in the order in which they happen.

::

    Arrived ─▶ BodyRead ─▶ Decided ─▶ Finished

Every request begins with ``Arrived`` and ends with ``Finished``. The events between them may be
missing, if the client left early or the request was not HTTP. A second ``Decided`` replaces the
first. The journal, the access log and every other reader learn of a request only from its events.

``came`` and ``over`` are numbers from one sequence (``connections.EVENTS``), which also numbers
the opening and closing of connections. So order does not depend on a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from relace_mock.journal.connections import TcpConnection
from relace_mock.journal.sent import Sent
from relace_mock.messages import Source, Told
from relace_mock.scenario.engine import NOTHING, Decision

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

Outcome = Literal["pending", "answered", "refused", "faulted", "client_aborted"]

#: Bytes of a body that the journal shows.
BODY_LIMIT = 64 * 1024
#: Bytes kept beyond ``BODY_LIMIT``, so that a key that crosses the limit is found and hidden.
BEYOND = 8192
# Approximate bytes in memory of a request without its data, a decision, a rule that did not match,
# an answer without its body.
_REQUEST, _DECISION, _MISS, _ANSWER = 800, 200, 65, 200


class Arrived(NamedTuple):
    """The head of a request has arrived.

    ``path``, ``query`` and ``head`` are as they were sent, with the key. ``head`` has the names and
    values of the header fields, separated by line breaks. ``time`` is the namespace's time in
    seconds since 1970, for people to read. Gaps between requests come from ``begun``, which is
    monotonic, and from ``moved``, the seconds that the namespace's clock was moved.
    ``connection`` is None if the server reports no connections.
    """

    namespace: str
    client: str
    method: str
    path: str
    query: bytes
    head: bytes
    time: float
    begun: float
    moved: float
    came: int
    connection: TcpConnection | None = None

    def __repr__(self) -> str:
        """Leave out the client's data: it may hold the key."""
        return f"<Arrived {self.namespace} {self.came}>"

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return _REQUEST + len(self.path) + len(self.query) + len(self.head)


class BodyRead(NamedTuple):
    """The body has arrived, or the part that the client sent before it left.

    ``body`` is its beginning, as it was sent. ``length`` and ``body_hash`` are of the whole body.
    """

    body: bytes = b""
    length: int = 0
    body_hash: bytes = b""

    def __repr__(self) -> str:
        """Leave out the client's data: it may hold the key."""
        return f"<BodyRead {self.length} bytes>"

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return len(self.body)


class Decided(NamedTuple):
    """The answer is decided; no byte of it has been sent.

    ``status`` is None if no status line will be sent. ``refusal`` is the status with which the
    request itself is refused, even if a scenario sends another answer. ``natural`` says that a
    refusal is sent and no scenario replaced it. ``attempt`` is None if none was counted.
    ``broken`` says how the request broke the contract. ``notes`` says what was accepted only
    because it is observed to work, and what there is to know about recorded vectors. ``texts_hash``
    is a hash of model and texts, for a body that is too long to be kept whole. ``inputs`` and
    ``tokens`` are the counts of a valid request. ``source`` says where the vectors of the answer
    come from. ``told`` is the answer of an upstream. ``sent`` is the answer, if there is one; a
    shared journal does not keep it.
    """

    status: int | None = None
    natural: bool = False
    refusal: int | None = None
    retry_after: str | None = None
    chosen_by: str | None = None
    scenario: Scenario | None = None
    decision: Decision = NOTHING
    attempt: int | None = None
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    texts_hash: bytes | None = None
    inputs: int | None = None
    tokens: int | None = None
    source: Source | None = None
    told: Told | None = None
    sent: Sent | None = None

    def __repr__(self) -> str:
        """Leave out the client's data: it may hold the key."""
        return f"<Decided {self.status}>"

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        size = 0 if self.told is None else self.told.size
        if self.sent is not None:
            size += _ANSWER + len(self.sent.body)
        if self.decision is NOTHING:
            return size
        return size + _DECISION + _MISS * len(self.decision.misses)


class Finished(NamedTuple):
    """The exchange is over. ``ended`` is monotonic, in seconds."""

    outcome: Outcome = "pending"
    ended: float = 0.0
    over: int | None = None

    @property
    def size(self) -> int:
        """Zero: ``Arrived`` counts these bytes already."""
        return 0


Event = Arrived | BodyRead | Decided | Finished
