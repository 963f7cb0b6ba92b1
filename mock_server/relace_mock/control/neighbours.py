"""Compares vectors of texts: with each other, and with the texts that clients have sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from relace_mock.journal.entry import Entry
from relace_mock.messages import EmbedRequest
from relace_mock.pipeline import Pipeline
from relace_mock.vectors.ranking import SCORE_UNITS

Matrix = npt.NDArray[np.float64]

_MODEL = "relace-embed-v1"
_NEAREST = 5
_OTHERS = 200  # texts of clients that are compared, the latest
_LOOKED_AT = 2000  # entries of the journal that are searched for them
_STRIP = 256  # components of a vector that are shown
_EXCERPT = 200  # characters of a text that are shown


def compared(pipeline: Pipeline, texts: Sequence[str]) -> dict[str, Any]:
    """Similarities of texts, their nearest texts among the embedded ones, and a map of all.

    ``cosine`` compares the float vectors, and ``binary`` their sign bits: 1 for equal bits, -1 for
    opposite ones. ``rank`` is the score that the ranker gives to the other text as a file, with the
    typed text as the query. The map shows each vector in the two directions in which all of them
    vary most.
    """
    others = dict(_embedded(reversed(pipeline.journal.entries()[-_LOOKED_AT:])))
    vectors = _vectors(pipeline, [*texts, *others])
    signs = np.where(vectors > 0, 1.0, -1.0)
    mine = len(texts)
    cosine = np.clip(vectors[:mine] @ vectors.T, -1, 1).round(4)
    binary = (signs[:mine] @ signs.T / vectors.shape[1]).round(4)
    points = _principal(vectors).round(4)
    nearest = np.argsort(-cosine[:, mine:], axis=1, kind="stable")[:, :_NEAREST]
    ranks = _ranks(pipeline, texts, [[list(others)[at] for at in row] for row in nearest])
    shown = [
        {"text": text[:_EXCERPT], "number": number, "point": point}
        for (text, number), point in zip(others.items(), points[mine:].tolist(), strict=True)
    ]
    return {
        "dimensions": vectors.shape[1],
        "strips": vectors[:mine, :_STRIP].round(4).tolist(),
        "cosine": cosine[:, :mine].tolist(),
        "binary": binary[:, :mine].tolist(),
        "points": points[:mine].tolist(),
        "others": shown,
        "nearest": [
            [
                {
                    "other": int(at),
                    "cosine": float(row[mine + at]),
                    "binary": float(bits[mine + at]),
                    "rank": rank,
                }
                for at, rank in zip(places, scores, strict=True)
            ]
            for row, bits, places, scores in zip(cosine, binary, nearest, ranks, strict=True)
        ],
    }


def _embedded(entries: Iterator[Entry]) -> Iterator[tuple[str, int]]:
    """Yield the texts that clients got vectors for, each once, with the number of its request."""
    found: set[str] = set()
    for entry in entries:
        if entry.status != 200 or not entry.decided.inputs:
            continue
        try:
            texts = json.loads(entry.body)["input"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # too long to be kept whole, or compressed
        for text in [texts] if isinstance(texts, str) else texts:
            if isinstance(text, str) and text not in found:
                found.add(text)
                yield text, entry.number
                if len(found) == _OTHERS:
                    return


def _ranks(
    pipeline: Pipeline, texts: Sequence[str], nearest: Sequence[Sequence[str]]
) -> list[list[float]]:
    """The score of the ranker for each text as a query and each of its nearest texts as a file."""
    ranker = pipeline.answers.ranker
    return [
        [score / SCORE_UNITS for score in ranker.scores(text, files)]
        for text, files in zip(texts, nearest, strict=True)
    ]


def _vectors(pipeline: Pipeline, texts: Sequence[str]) -> Matrix:
    embedded = pipeline.answers.embedder.embed(EmbedRequest(_MODEL, texts, "float"))
    rows = [orjson.loads(b"%b]" % bytes(row)) for row in embedded.rows]
    return np.array(rows, np.float64)


def _principal(vectors: Matrix) -> Matrix:
    """The coordinates of each vector in the two directions of the largest variance."""
    centred = vectors - vectors.mean(axis=0)
    values, directions = np.linalg.eigh(centred @ centred.T)
    points = np.zeros((len(vectors), 2))
    for axis in range(min(2, len(vectors))):
        direction = directions[:, -1 - axis]
        direction *= np.sign(direction[np.abs(direction).argmax()]) or 1.0
        points[:, axis] = direction * np.sqrt(max(values[-1 - axis], 0.0))
    return points
