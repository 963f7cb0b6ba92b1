"""An outcome to the bytes that answer it. How they travel is not known here."""

from __future__ import annotations

import functools
import json

from mock_server import __version__, contract
from mock_server.exchange import Embedded, Headers, Reply
from mock_server.refusals import Refusal

#: On every answer, so that a fake vector cannot pass for a real one unnoticed.
MARK = (b"x-relace-mock", __version__.encode())
_JSON: Headers = ((b"content-type", b"application/json"), MARK)


def render(outcome: Embedded | Refusal) -> Reply:
    """The reply to a request whose outcome is known."""
    if isinstance(outcome, Embedded):
        return Reply(200, _JSON, _results(outcome))
    return error(outcome.status, message(outcome), outcome.headers)


def error(status: int, text: str, headers: Headers = ()) -> Reply:
    """The envelope that all errors have: ``{"error": "<message>"}`` (documented)."""
    return Reply(status, (*_JSON, *headers), json.dumps({"error": text}).encode())


def message(refusal: Refusal) -> str:
    """The documented message where it is true, then the detail; else the detail alone."""
    if refusal.example is None:
        return refusal.detail
    documented = contract.message(refusal.status, refusal.example)
    return f"{documented}: {refusal.detail}" if refusal.detail else documented


def _results(embedded: Embedded) -> bytes:
    parts = [b'{"results":[']
    for index, row in enumerate(embedded.rows):
        parts += (_opening(index), row)
    parts.append(b']}],"usage":{"total_tokens":%d}}' % embedded.total_tokens)
    return b"".join(parts)


@functools.lru_cache(4096)
def _opening(index: int) -> bytes:
    return b'%b{"index":%d,"embedding":' % (b"]}," if index else b"", index)
