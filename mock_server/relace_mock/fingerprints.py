"""Hashes that tell the bodies of requests apart, beside the hash of the body itself."""

from __future__ import annotations

import orjson
from xxhash import xxh3_128_digest

from relace_mock import contract
from relace_mock.messages import EmbedRequest, Request


def attempts_hash(path: str, body_hash: bytes) -> bytes:
    """Hash that tells attempts apart: the same body may go to both paths of ``rank``."""
    if path == contract.EMBED_PATH:
        return body_hash
    return xxh3_128_digest(path.encode() + b"\n" + body_hash)


def texts_hash(request: Request) -> bytes:
    """Hash of the model, or the token limit, and of the texts."""
    kind = request.model if isinstance(request, EmbedRequest) else request.token_limit
    return xxh3_128_digest(orjson.dumps([kind, *request.searched]))
