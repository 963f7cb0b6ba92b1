"""Read the API key from the headers of a request, or refuse the request.

The key also selects the state of the request: see ``keys``.
"""

from __future__ import annotations

import functools
from collections.abc import Container

from relace_mock.messages import Received
from relace_mock.refusals import Refusal, authorization_required, unknown_key
from relace_mock.scenario.selection import named_by

_LONGEST_CACHED = 1024  # characters of the Authorization header; longer ones are not cached


def bearer_key(received: Received) -> str | None:
    """Return the key of a request, accepted or not; None if the request has no usable key."""
    key = read_key(received)
    return key if isinstance(key, str) else None


def authenticate(
    key: str | Refusal, known: Container[str], unknown_key_status: int
) -> str | Refusal:
    """Return the key that ``read_key`` found in a request, or the refusal of the request.

    An empty ``known`` accepts every key. A key that names its scenario, ``mock.NAME.anything``,
    is always accepted.
    """
    if isinstance(key, str) and known and key not in known and not named_by(key):
        return unknown_key(unknown_key_status)
    return key


def read_key(received: Received) -> str | Refusal:
    """Return the key in the Authorization header field, or why there is none."""
    fields = received.header(b"authorization")
    return (_read if sum(map(len, fields)) <= _LONGEST_CACHED else _read.__wrapped__)(*fields)


@functools.lru_cache(256)  # a client sends the same header with every request
def _read(*fields: str) -> str | Refusal:
    """Return the key in the Authorization header fields, or a refusal.

    The case of the scheme does not matter (RFC 9110 section 11.1). Exactly one token follows
    it (RFC 6750 section 2.1).
    """
    if not fields:
        return authorization_required("send the header `Authorization: Bearer <key>`")
    if len(fields) > 1:
        return authorization_required("there is more than one Authorization header: send one")
    scheme, *credentials = _words(fields[0]) or [""]
    if not scheme:
        return authorization_required(
            "the Authorization header is empty: send `Authorization: Bearer <key>`"
        )
    if scheme.lower() != "bearer":
        return authorization_required("the scheme must be Bearer: `Authorization: Bearer <key>`")
    if len(credentials) != 1:
        problem = "more than one word" if credentials else "no key"
        return authorization_required(
            f"{problem} after `Bearer`: send `Authorization: Bearer <key>`"
        )
    return credentials[0]


def _words(field: str) -> list[str]:
    """Split at spaces and tabs only: a no-break space (U+00A0) is part of a key."""
    return [word for word in field.replace("\t", " ").split(" ") if word]
