"""Headers to the caller, or to the refusal that the key gets."""

from __future__ import annotations

from collections.abc import Container

from mock_server.exchange import Caller, Received
from mock_server.refusals import Refusal, authorization_required, unknown_key
from mock_server.scenario.selection import named_by


def bearer_key(received: Received) -> str | None:
    """The key, if there is one to be read, known or not."""
    fields = received.header(b"authorization")
    words = _words(fields[0]) if len(fields) == 1 else []
    return words[1] if len(words) == 2 and words[0].lower() == "bearer" else None


def authenticate(  # noqa: PLR0911 - one return for each way to be refused
    received: Received, known: Container[str], unknown_key_status: int
) -> Caller | Refusal:
    """Who asks.

    An empty ``known`` means that every key is known. One that names its scenario,
    ``mock.NAME.anything``, always is.

    RFC 9110 section 11.1: the scheme is compared without regard to case. RFC 6750 section
    2.1: one token follows it.
    """
    fields = received.header(b"authorization")
    if not fields:
        return authorization_required("send the header `Authorization: Bearer <key>`")
    if len(fields) > 1:
        return authorization_required("there is more than one Authorization header")
    scheme, *credentials = _words(fields[0]) or [""]
    if not scheme:
        return authorization_required("the Authorization header is empty")
    if scheme.lower() != "bearer":
        return authorization_required("the scheme must be Bearer: `Authorization: Bearer <key>`")
    if len(credentials) != 1:
        problem = "more than one word" if credentials else "no key"
        return authorization_required(f"{problem} after `Bearer`")
    if known and credentials[0] not in known and not named_by(credentials[0]):
        return unknown_key(unknown_key_status)
    return Caller(credentials[0])


def _words(field: str) -> list[str]:
    """What blanks and tabs divide, and nothing else: U+00A0 is a character of a key."""
    return [word for word in field.replace("\t", " ").split(" ") if word]
