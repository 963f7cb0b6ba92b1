"""Headers to the caller's key, or to the refusal that it gets.

The key is also the name of all state: see ``namespaces``.
"""

from __future__ import annotations

import functools
from collections.abc import Container

from relace_mock.messages import Received
from relace_mock.refusals import Refusal, authorization_required, unknown_key
from relace_mock.scenario.selection import named_by

_REMEMBERED = 1024  # characters of a header that are remembered, at most


def bearer_key(received: Received) -> str | None:
    """The key, if there is one to be read, known or not."""
    key = _key(received)
    return key if isinstance(key, str) else None


def authenticate(
    received: Received, known: Container[str], unknown_key_status: int
) -> str | Refusal:
    """The key of who asks.

    An empty ``known`` means that every key is known. One that names its scenario,
    ``mock.NAME.anything``, always is.
    """
    key = _key(received)
    if isinstance(key, str) and known and key not in known and not named_by(key):
        return unknown_key(unknown_key_status)
    return key


def _key(received: Received) -> str | Refusal:
    fields = received.header(b"authorization")
    return (_read if sum(map(len, fields)) <= _REMEMBERED else _read.__wrapped__)(*fields)


@functools.lru_cache(256)  # a client sends the same header with every request
def _read(*fields: str) -> str | Refusal:
    """The key in the Authorization header fields.

    RFC 9110 section 11.1: the scheme is compared without regard to case. RFC 6750 section
    2.1: one token follows it.
    """
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
    return credentials[0]


def _words(field: str) -> list[str]:
    """What blanks and tabs divide, and nothing else: U+00A0 is a character of a key."""
    return [word for word in field.replace("\t", " ").split(" ") if word]
