"""The parts of an upstream's answer that pass on to the client."""

from __future__ import annotations

from relace_mock.excerpts import shortened
from relace_mock.messages import Headers, Reply
from relace_mock.recording.upstream import UpstreamAnswer
from relace_mock.rendering import MARK, SOURCE

# Fields of the connection to the upstream (RFC 9110 section 7.6.1), of the form of its body, and
# those that this server sends itself.
_NOT_PASSED = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade content-length content-encoding content-type date alt-svc".split()
)
_OWN = (b"x-relace-mock", b"access-control-")
_SHOWN = 300  # characters of the body of an error


def passed_on(headers: Headers) -> Headers:
    """The header fields that pass through."""
    named = {
        name.strip().lower()
        for field, value in headers
        if field == b"connection"
        for name in value.split(b",")
    }
    return [
        (name, value)
        for name, value in headers
        if name not in _NOT_PASSED and name not in named and not name.startswith(_OWN)
    ]


def error_reply(answer: UpstreamAnswer) -> Reply:
    """The upstream's error as it was received."""
    kind = [field for field in answer.headers if field[0] == b"content-type"][:1]
    headers = (*kind, MARK, SOURCE["forwarded"], *passed_on(answer.headers))
    return Reply(answer.status, headers, (answer.body,) if answer.body else ())


def beginning(body: bytes) -> str:
    """The beginning of the body of an error, for the journal."""
    return shortened(body[: 4 * _SHOWN].decode("utf-8", "replace"), _SHOWN)
