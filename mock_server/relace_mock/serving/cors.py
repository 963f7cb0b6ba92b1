"""Cross-origin requests: which web pages may read the answers (``--cors``).

A browser may send a preflight request first. It does not come from the client's code, so it is
answered here and is not in the journal. The control API is never opened to web pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from relace_mock.messages import Headers, Received, Reply
from relace_mock.rendering import MARK, error

#: The value of ``--cors`` that allows every origin.
ANY = "*"
#: Header fields of answers that a page may read, besides the few that are always readable.
_EXPOSED = (
    b"x-relace-mock, x-relace-mock-source, x-ratelimit-limit, x-ratelimit-remaining, "
    b"x-ratelimit-reset, retry-after"
)
_METHODS = b"POST, GET, HEAD"
_FIELDS = ("authorization", "content-type")  # what every request to the endpoint has
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_DEFAULT_PORT = re.compile(r"(?<=^http:)(//.*):80$|(?<=^https:)(//.*):443$")
_VARY = (b"vary", b"origin")
_REMEMBERED = b"600"  # seconds


class Cors:
    """Lets web pages of some ``origins`` read answers, except from paths below ``closed``."""

    def __init__(self, origins: Iterable[str], closed: str) -> None:
        self._origins = frozenset(map(_as_browsers_write, origins))
        self._closed = closed

    def preflight(self, received: Received) -> Reply | None:
        """The reply to a preflight request; None for any other request."""
        asked = received.header(b"access-control-request-method")
        if received.method != "OPTIONS" or not asked or self._is_closed(received):
            return None
        allowed = self._allowed(received)
        if allowed is None:
            refusal = "web pages of this Origin may not read answers: allow it with --cors ORIGIN"
            return error(403, refusal, (_VARY,)) if received.header(b"origin") else None
        headers = [
            allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", ", ".join(_wanted(received)).encode()),
            (b"access-control-max-age", _REMEMBERED),
            (b"vary", b"origin, access-control-request-headers"),
            MARK,
        ]
        if received.header(b"access-control-request-private-network") == ["true"]:
            headers.append((b"access-control-allow-private-network", b"true"))
        return Reply(204, headers, ())

    def fields(self, received: Received, headers: Headers) -> Headers:
        """Header fields to add to an answer so that the page may read it.

        ``headers`` are the answer's own fields. A field that is among them already, for example
        from a scenario's step, is left out.
        """
        if self._is_closed(received):
            return ()
        allowed = self._allowed(received)
        fields = [_VARY]
        if allowed is not None:
            fields += [allowed, (b"access-control-expose-headers", _EXPOSED)]
        names = {name.lower() for name, _ in headers}
        return [field for field in fields if field[0] not in names]

    def _is_closed(self, received: Received) -> bool:
        return f"{received.path}/".startswith(self._closed)

    def _allowed(self, received: Received) -> tuple[bytes, bytes] | None:
        origins = received.header(b"origin")
        name = b"access-control-allow-origin"
        if not origins:
            return None
        if ANY in self._origins:
            return name, ANY.encode()
        if len(origins) == 1 and origins[0] in self._origins:
            return name, origins[0].encode("latin-1")
        return None


def _wanted(received: Received) -> list[str]:
    """The header fields that every page may send, and those that this page asks for."""
    asked = ",".join(received.header(b"access-control-request-headers")).lower().split(",")
    names = [name.strip() for name in asked]
    return list(dict.fromkeys([*_FIELDS, *filter(_NAME.fullmatch, names)]))


def _as_browsers_write(origin: str) -> str:
    return _DEFAULT_PORT.sub(lambda match: match[1] or match[2], origin.lower())
