"""What a replay has used of a recording, and what nobody has asked for."""

from __future__ import annotations

from typing import Any, NamedTuple

from relace_mock.counts import of_all
from relace_mock.recording.file import Recording

_ALL = """
SELECT vectors.id, model, output_dtype, vectors.hash, text
FROM vectors JOIN spaces ON spaces.id = space LEFT JOIN texts ON texts.hash = vectors.hash
ORDER BY vectors.id
"""
_LISTED = 1000  # unused vectors that are listed
_EXCERPT = 80  # characters of a text


class Usage(NamedTuple):
    """How many vectors a recording has, and those that were never used: the first of them."""

    recorded: int
    used: int
    unused: list[dict[str, Any]]


def told(recording: Recording) -> str:
    """Say on one line how many vectors were never used. Raises ``RecordingError``."""
    with recording.using() as database:
        (recorded,) = database.execute("SELECT count(*) FROM vectors").fetchone()
    rest = recorded - len(recording.used)
    vectors = of_all(rest, recorded, "recorded vector", one="was", many="were")
    return f"{recording.path}: {vectors} never used"


def usage(recording: Recording) -> Usage:
    """Compare what was used with what is there. Raises ``RecordingError``."""
    unused: list[dict[str, Any]] = []
    recorded = used = 0
    with recording.using() as database:
        for number, model, output_dtype, digest, text in database.execute(_ALL):
            recorded += 1
            if number in recording.used:
                used += 1
            elif len(unused) < _LISTED:
                fields = {"model": model, "output_dtype": output_dtype, "sha256": digest.hex()}
                unused.append(fields | ({"text": text[:_EXCERPT]} if text is not None else {}))
    return Usage(recorded, used, unused)
