"""RANK: generated requests (Schemathesis) to the ranker, for servers that have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.server import rank, schema
from relace_contract.server.subject import Server

#: The default of ``token_limit`` in the contract: clients are observed to leave it out.
_TOKEN_LIMIT = 100_000


def fuzz_valid(server: Server) -> None:
    """RANK-fuzz-valid."""
    _fuzz(server, "positive")


def fuzz_invalid(server: Server) -> None:
    """RANK-fuzz-invalid."""
    _fuzz(server, "negative")


def _fuzz(server: Server, mode: str) -> None:
    schema.fuzz(server, mode, rank.claimed(server), fault)


def fault(body: bytes) -> str | None:
    """What is wrong with a body; None if it is valid.

    The empty string means that a server may accept or refuse it: only policies of this project
    forbid it, or the documentation forbids it but clients are observed to send it.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f"it is not JSON: {error}"
    documented = contract.validator("RankRequest", documented=True)
    try:
        documented.validate(content)
    except jsonschema_rs.ValidationError as error:
        if documented.is_valid(_as_documented(content)):
            return ""
        return f"{'/'.join(map(str, error.instance_path)) or 'the body'}: {error.message[:120]}"
    return None if contract.validator("RankRequest").is_valid(content) else ""


def _as_documented(content: Any) -> Any:
    """The body, with the fields that clients are observed to send in their documented form."""
    if not isinstance(content, dict):
        return content
    known: dict[str, Any] = {"token_limit": _TOKEN_LIMIT} | content
    if isinstance(files := content.get("codebase"), list):
        known["codebase"] = [
            {"content": file["code"]} | file if isinstance(file, dict) and "code" in file else file
            for file in files
        ]
    return known


CHECKS: dict[str, Callable[[Server], None]] = {
    "RANK-fuzz-valid": fuzz_valid,
    "RANK-fuzz-invalid": fuzz_invalid,
}
