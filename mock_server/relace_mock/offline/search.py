"""Finds the functions that fit a query best, by the cosine of their vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from relace_mock.offline.pieces import Piece
from relace_mock.offline.vectors import vectors
from relace_mock.settings import Settings

_BATCH = 128  # texts


class Hit(NamedTuple):
    """A piece of code, and the cosine of its vector and that of the query."""

    score: float
    piece: Piece


def searched(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces that a search looks at: functions; of files without any, all pieces."""
    with_functions = {piece.path for piece in pieces if piece.kind == "function"}
    return [
        piece for piece in pieces if piece.kind == "function" or piece.path not in with_functions
    ]


def search(
    query: str,
    pieces: Sequence[Piece],
    model: str,
    settings: Settings,
    limit: int,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Hit]:
    """Return the ``limit`` pieces that fit the query best, the best first.

    Equal scores stand in the order of the pieces.
    """
    wanted = vectors([query.encode()], model, "float", settings)[0]
    scores = np.empty(len(pieces))
    for first in range(0, len(pieces), _BATCH):
        progress(first)
        texts = [piece.text.encode() for piece in pieces[first : first + _BATCH]]
        scores[first : first + _BATCH] = vectors(texts, model, "float", settings) @ wanted
    progress(len(pieces))
    best = np.argsort(-scores, kind="stable")[:limit]
    return [Hit(float(scores[at]), pieces[at]) for at in best]
