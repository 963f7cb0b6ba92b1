"""Turn an outcome into a response: status, header fields and body. The transport is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, get_args

from relace_mock import contract
from relace_mock.messages import Headers, Piece, Reply, Source
from relace_mock.refusals import Refusal
from relace_mock.version import __version__

if TYPE_CHECKING:
    from relace_mock.scenario.mutations.draft import Draft

#: A header field of every response, so that nobody mistakes a fake vector for a real one.
MARK = (b"x-relace-mock", __version__.encode())
_JSON: Headers = ((b"content-type", b"application/json"), MARK)
#: The header field that says where vectors come from, so that real and made-up ones are not mixed
#: unnoticed.
SOURCE: dict[Source, tuple[bytes, bytes]] = {
    source: (b"x-relace-mock-source", source.encode()) for source in get_args(Source)
}
_WITH_VECTORS: dict[Source, Headers] = {source: (*_JSON, field) for source, field in SOURCE.items()}


def success(pieces: Sequence[Piece], source: Source | None = None, fields: Headers = ()) -> Reply:
    """Return the 200 with this body; ``source`` says where its vectors come from."""
    return Reply(200, _JSON if source is None else (*_WITH_VECTORS[source], *fields), pieces)


def refused(refusal: Refusal) -> Reply:
    """Return the reply to a request that is refused."""
    return error(refusal.status, message(refusal), refusal.headers)


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
    names: Sequence[str], draft: Draft[Any], source: Source | None = None, fields: Headers = ()
) -> Reply:
    """Return a 200 that is wrong in each of these ways. ``names`` are names of mutations."""
    from relace_mock.scenario.mutations import MUTATIONS  # noqa: PLC0415 - loaded when a scenario is first played

    for name, mutation in MUTATIONS.items():
        if name in names:
            mutation.change(draft)
    headers = dict(_JSON if source is None else _WITH_VECTORS[source]) | draft.headers
    return Reply(200, (*headers.items(), *fields), (draft.text(),))


def error(status: int, text: str, headers: Headers = ()) -> Reply:
    """Return an error in the documented envelope: ``{"error": "<message>"}``."""
    return Reply(status, (*_JSON, *headers), (json.dumps({"error": text}).encode(),))


def message(refusal: Refusal) -> str:
    """Return the documented message followed by the detail, or the detail alone without one."""
    if refusal.example is None:
        return refusal.detail
    documented = contract.message(refusal.status, refusal.example)
    return f"{documented}: {refusal.detail}" if refusal.detail else documented
