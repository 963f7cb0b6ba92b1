"""What happens to a request, as frozen values in the order in which it happens.

::

    Arrived ─▶ BodyRead ─▶ Decided ─▶ Finished

Every request begins with ``Arrived`` and ends with ``Finished``; what lies between may be
missing, if the client left early or the request was not HTTP. A second ``Decided`` replaces
the first. Journal, access log and every other reader learn of a request from these alone.

``came`` and ``over`` are numbers from one sequence (``connections.EVENTS``) that also numbers
the opening and closing of connections: order comes from there, not from a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from relace_mock.journal.connections import TcpConnection
from relace_mock.scenario.engine import NOTHING, Decision

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

Outcome = Literal["pending", "answered", "refused", "faulted", "client_aborted"]

#: Bytes of a body that are shown.
BODY_LIMIT = 64 * 1024
#: Bytes that are kept beyond those, so that a key across the limit is found whole, however encoded.
BEYOND = 8192
# Bytes, about: of a request beside what it sent, of a decision, of each rule passed over.
_REQUEST, _DECISION, _MISS = 800, 200, 65


class Arrived(NamedTuple):
    """The head of a request has come.

    ``path``, ``query`` and ``head`` are as they were sent, with the key; ``head`` has the names
    and values of the header fields, divided by line breaks. ``time`` is the namespace's, in
    seconds since 1970, for people; gaps come from ``begun``, which is monotonic, and ``moved``,
    the seconds that the namespace's clock was moved. ``connection`` is None where nothing
    reports when it closes.
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
        """Without what was sent: it may hold the key."""
        return f"<Arrived {self.namespace} {self.came}>"

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return _REQUEST + len(self.path) + len(self.query) + len(self.head)


class BodyRead(NamedTuple):
    """The body has come, or what the client sent of it before it left.

    ``body`` is the beginning, as it was sent. ``length`` and ``body_hash`` are of the whole.
    """

    body: bytes = b""
    length: int = 0
    body_hash: bytes = b""

    def __repr__(self) -> str:
        """Without what was sent: it may hold the key."""
        return f"<BodyRead {self.length} bytes>"

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return len(self.body)


class Decided(NamedTuple):
    """It is known what the request gets; no byte of it has been sent.

    ``status`` is None where no status line will be sent. ``refusal`` is the status that the
    request itself deserved, delivered or not, and ``natural`` says that it was delivered.
    ``attempt`` is None where none was counted. ``broken`` says how the request broke the
    contract, and ``notes`` what was accepted only because it is observed to work.
    ``texts_hash`` stands for model and texts where the body is too long to be kept whole.
    ``inputs`` and ``tokens`` count those of a valid request.
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

    def __repr__(self) -> str:
        """Without what was sent: it may hold the key."""
        return f"<Decided {self.status}>"

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        if self.decision is NOTHING:
            return 0
        return _DECISION + _MISS * len(self.decision.misses)


class Finished(NamedTuple):
    """The exchange is over. ``ended`` is monotonic, in seconds."""

    outcome: Outcome = "pending"
    ended: float = 0.0
    over: int | None = None

    @property
    def size(self) -> int:
        """Bytes in memory, about: they are counted with the request."""
        return 0


Event = Arrived | BodyRead | Decided | Finished
