"""Turn an outcome into a response: status, header fields and body. The transport is elsewhere."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import get_args

from relace_mock import contract
from relace_mock.messages import Embedded, EmbedRequest, Headers, Piece, Reply, Source
from relace_mock.refusals import Refusal
from relace_mock.version import __version__

#: A header field of every response, so that nobody mistakes a fake vector for a real one.
MARK = (b"x-relace-mock", __version__.encode())
_JSON: Headers = ((b"content-type", b"application/json"), MARK)
#: The header field that says where vectors come from, so that real and made-up ones are not mixed
#: unnoticed.
SOURCE: dict[Source, tuple[bytes, bytes]] = {
    source: (b"x-relace-mock-source", source.encode()) for source in get_args(Source)
}
_WITH_VECTORS: dict[Source, Headers] = {source: (*_JSON, field) for source, field in SOURCE.items()}


def render(outcome: Embedded | Refusal) -> Reply:
    """Return the reply to a request with this outcome."""
    if isinstance(outcome, Embedded):
        return Reply(200, (*_WITH_VECTORS[outcome.source], *outcome.headers), _results(outcome))
    return error(outcome.status, message(outcome), outcome.headers)


def scripted(status: int, body: tuple[bytes, bytes] | None) -> Reply:
    """Return the reply for a status that a scenario asks for.

    ``body`` is the scenario's own body and its content type. Without it, the body is the error
    envelope with the documented message of the status, or with the name of the status if Relace
    documents no message for it (policy).
    """
    if body is not None:
        content, content_type = body
        return Reply(status, ((b"content-type", content_type), MARK), (content,))
    if status < 400:
        return Reply(status, (MARK,), ())
    return error(status, contract.documented_message(status) or _name_of(status))


def _name_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def with_fields(reply: Reply, fields: Mapping[str, str | None]) -> Reply:
    """Return the reply with these header fields replaced or added; None removes a field."""
    changed = {name.lower().encode() for name in fields}
    kept = [field for field in reply.headers if field[0] not in changed]
    added = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in fields.items()
        if value is not None
    ]
    return reply._replace(headers=(*kept, *added))


def mutated(
    names: Sequence[str],
    request: EmbedRequest,
    embedded: Embedded,
    drifted: Callable[[], Sequence[Piece]],
) -> Reply:
    """Return a 200 that is wrong in each of these ways.

    ``names`` are names of mutations. ``drifted`` returns the rows as another version of the model
    would give them; only some mutations call it.
    """
    from relace_mock.scenario.mutations import MUTATIONS  # noqa: PLC0415 - loaded when a scenario is first played
    from relace_mock.scenario.mutations.draft import begin  # noqa: PLC0415 - as above

    draft = begin(request, embedded, drifted)
    for name, mutation in MUTATIONS.items():
        if name in names:
            mutation.change(draft)
    headers = dict(_WITH_VECTORS[embedded.source]) | draft.headers
    return Reply(200, (*headers.items(), *embedded.headers), (draft.text(),))


def error(status: int, text: str, headers: Headers = ()) -> Reply:
    """Return an error in the documented envelope: ``{"error": "<message>"}``."""
    return Reply(status, (*_JSON, *headers), (json.dumps({"error": text}).encode(),))


def message(refusal: Refusal) -> str:
    """Return the documented message followed by the detail, or the detail alone without one."""
    if refusal.example is None:
        return refusal.detail
    documented = contract.message(refusal.status, refusal.example)
    return f"{documented}: {refusal.detail}" if refusal.detail else documented


def _results(embedded: Embedded) -> list[Piece]:
    pieces: list[Piece] = [b'{"results":[']
    for index, row in enumerate(embedded.rows):
        pieces += (_opening(index), row)
    if embedded.total_tokens is None:
        pieces.append(b"]}]}")
    else:
        pieces.append(b']}],"usage":{"total_tokens":%d}}' % embedded.total_tokens)
    return pieces


@functools.lru_cache(4096)
def _opening(index: int) -> bytes:
    return b'%b{"index":%d,"embedding":' % (b"]}," if index else b"", index)
