"""Read the body of a request to rank files.

Relace documents ``content``, ``token_limit`` and ``relace_metadata``. Clients are observed to send
``code``, no ``token_limit``, and ``relace-metadata``. The mode decides about these.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from relace_mock import contract
from relace_mock.messages import CodeFile, RankRequest
from relace_mock.refusals import Refusal, invalid_request, too_many
from relace_mock.schemas import first_error
from relace_mock.settings import Contract
from relace_mock.validation.faults import emptied, place, schema_fault
from relace_mock.vectors.tokens import count_tokens

#: The documented default of ``token_limit``.
TOKEN_LIMIT = 100_000
#: The journal's notes on parts of a body that are only observed to work.
CODE = (
    "codebase has code in place of content: Relace is observed to accept it, but documents content "
    "(--contract documented refuses it)"
)
NO_TOKEN_LIMIT = (
    f"token_limit is missing, and counts as {TOKEN_LIMIT}: Relace is observed to accept that, but "
    "documents the field as required (--contract documented refuses it)"
)
METADATA = (
    "relace-metadata is spelled with a hyphen: Relace is observed to accept it, but documents "
    "relace_metadata (--contract documented refuses it)"
)
_OR_OBSERVED = "or start the mock with --contract observed"
_FIELDS = ("query", "codebase", "token_limit", "relace_metadata", "relace-metadata")


def read(body: Any, max_files: int, mode: Contract, *, names_only: bool) -> RankRequest | Refusal:
    """Return the valid request, or a refusal. A valid ``codebase`` has 1 to ``max_files`` files."""
    files = body.get("codebase") if isinstance(body, dict) else None
    if isinstance(files, list) and len(files) > max_files:
        return too_many("codebase has", "files", len(files), max_files)
    outline = _outline(body)
    known, notes = _as_documented(outline) if mode == "observed" else (outline, ())
    if error := first_error(contract.validator("RankRequest"), known):
        field = place(error)
        if mode == "observed":
            return invalid_request(schema_fault(error, _as_sent(field, outline)))
        return invalid_request(schema_fault(error, field) + _remedy(field, outline))
    if mode == "documented" and "relace-metadata" in outline:
        return invalid_request(
            f"relace-metadata is not documented: rename it to relace_metadata, {_OR_OBSERVED}"
        )
    return _request(known, notes, names_only=names_only)


def _request(known: Any, notes: Sequence[str], *, names_only: bool) -> RankRequest:
    files = [CodeFile(file["filename"], file["content"]) for file in known["codebase"]]
    texts = [known["query"], *(file.content for file in files)]
    query_tokens, *tokens = count_tokens([text.encode() for text in texts])
    limit = int(known["token_limit"])
    # If even the largest files fit together, so do as many others.
    sums = itertools.accumulate(sorted(tokens, reverse=True))
    fewest = sum(1 for _ in itertools.takewhile(limit.__ge__, sums))
    return RankRequest(
        known["query"], files, limit, tokens, query_tokens, fewest, names_only, notes
    )


def _outline(body: Any) -> Any:
    """Return the body without the parts that the schema ignores: they may be deep and large."""
    if not isinstance(body, dict):
        return emptied(body)
    outline = {name: emptied(body[name]) for name in _FIELDS if name in body}
    if isinstance(files := body.get("codebase"), list):
        outline["codebase"] = [_file(file) for file in files]
    return outline


def _file(file: Any) -> Any:
    if not isinstance(file, dict):
        return emptied(file)
    return {name: emptied(file[name]) for name in ("filename", "content", "code") if name in file}


def _as_documented(outline: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the body as Relace documents it, and a note on each part that differs."""
    if not isinstance(outline, dict):
        return outline, ()
    known, notes = dict(outline), []
    if isinstance(files := outline.get("codebase"), list) and any(map(_has_code, files)):
        known["codebase"] = [
            file | {"content": file["code"]} if _has_code(file) else file for file in files
        ]
        notes.append(CODE)
    if "token_limit" not in outline:
        known["token_limit"] = TOKEN_LIMIT
        notes.append(NO_TOKEN_LIMIT)
    if "relace-metadata" in outline:
        known.setdefault("relace_metadata", outline["relace-metadata"])
        notes.append(METADATA)
    return known, tuple(notes)


def _has_code(file: Any) -> bool:
    return isinstance(file, dict) and "code" in file and "content" not in file


def _as_sent(field: str, outline: Any) -> str:
    """Return a field under the name with which the client sent it."""
    if field == "relace_metadata" and "relace_metadata" not in outline:
        return "relace-metadata"
    files, _, content = field.partition("].")
    if content == "content" and _has_code(_file_at(files, outline)):
        return f"{files}].code"
    return field


def _file_at(place: str, outline: Any) -> Any:
    return outline["codebase"][int(place.removeprefix("codebase["))]


def _remedy(field: str, outline: Any) -> str:
    """Say how a body that is only observed to work becomes a documented one."""
    if field == "token_limit" and "token_limit" not in outline:
        return f": send {TOKEN_LIMIT}, {_OR_OBSERVED}"
    files, _, content = field.partition("].")
    if content == "content" and _has_code(_file_at(files, outline)):
        return f": rename code to content, {_OR_OBSERVED}"
    return ""
