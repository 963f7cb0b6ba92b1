"""The body of the answer to a request to embed texts."""

from __future__ import annotations

import functools

from relace_mock.messages import Embedded, Piece


def results(embedded: Embedded) -> list[Piece]:
    """Return the pieces of the body."""
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
