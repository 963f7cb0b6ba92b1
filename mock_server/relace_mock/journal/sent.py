"""The answer to a request, as the journal keeps and shows it."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from relace_mock.journal.redaction import Redaction
from relace_mock.messages import Headers, Reply
from relace_mock.scenario.engine import Decision

_EXCERPT = 240  # bytes that are kept of an answer with vectors, which can be computed again
_PIECES = 8  # pieces of such an answer that are enough for them
#: Bytes that are kept of any other answer.
ANSWER_LIMIT = 64 * 1024


class Sent(NamedTuple):
    """An answer: its header fields, the beginning of its body, and the length of the whole body.

    A fault may have kept a part of it from the client.
    """

    headers: Headers = ()
    body: bytes = b""
    length: int = 0

    def __repr__(self) -> str:
        """Leave out the data: it may repeat the client's."""
        return f"<Sent {self.length} bytes>"


def sent(reply: Reply, *, has_vectors: bool) -> Sent:
    """What the journal keeps of a reply."""
    room, pieces = ANSWER_LIMIT, reply.pieces
    if has_vectors:
        room, pieces = _EXCERPT, pieces[:_PIECES]
    body = b"".join([piece[:room] for piece in pieces])[:room]
    return Sent(reply.headers, body, reply.length)


def shown(answer: Sent, decision: Decision, hiding: Redaction) -> dict[str, Any]:
    """An answer as the control API returns it, with what the step did to its delivery."""
    cut = len(answer.body) < answer.length
    body = hiding.text(answer.body, cut=cut)
    step = decision.step
    return {
        "headers": [[_text(name), _text(value)] for name, value in hiding.answered(answer.headers)],
        **body_shown(body, cut=cut),
        "length": answer.length,
        "cut": cut,
        "delay": decision.delay,
        "at": step.at if step else None,
        "bytes_per_second": step.bytes_per_second if step else None,
    }


def body_shown(body: bytes, *, cut: bool = False) -> dict[str, str]:
    """A body as text, or in Base64 if it is not UTF-8. A cut body may end within a character."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError as error:
        if cut and error.start > len(body) - 4:
            return {"body": body[: error.start].decode()}
        return {"body_base64": base64.b64encode(body).decode()}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
