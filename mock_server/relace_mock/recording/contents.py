"""What a recording holds, for people and for other tools."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from relace_mock.recording.file import Recording, Space
from relace_mock.recording.forms import Stored

_COUNTS = """
SELECT count(*), sum(answers.texts = 1 AND tokens IS NOT NULL),
    sum(answers.texts > 1 AND tokens IS NOT NULL), min(time), max(time), sum(form = 'json')
FROM vectors JOIN answers ON answers.id = answer WHERE space = ?
"""
_HOSTS = """
SELECT DISTINCT host FROM vectors JOIN answers ON answers.id = answer WHERE space = ? ORDER BY host
"""
_ITEMS = """
SELECT vectors.id, vectors.hash, text, form, vector, tokens, time, host, answers.texts
FROM vectors JOIN answers ON answers.id = answer LEFT JOIN texts ON texts.hash = vectors.hash
WHERE space = ? AND (text IS NOT NULL OR NOT ?) ORDER BY vectors.hash LIMIT ?
"""


class Holding(NamedTuple):
    """The vectors of one model in one data type, in numbers. Times are in seconds since 1970.

    ``counted`` texts were alone in their request, so their tokens are known. ``shared`` texts have
    a share of the tokens of their batch. ``literal`` vectors are stored as text.
    """

    space: Space
    texts: int
    counted: int
    shared: int
    literal: int
    first: float
    last: float
    hosts: list[str]


class Item(NamedTuple):
    """A recorded vector. ``text`` is None if only its hash was kept; ``batch`` counts texts."""

    number: int
    hash: bytes
    text: str | None
    vector: Stored
    tokens: int | None
    time: float
    host: str
    batch: int


def holdings(recording: Recording) -> list[Holding]:
    """Count what a recording holds. Raises ``RecordingError``."""
    found = []
    with recording.using() as database:
        for number, space in _spaces(database):
            row = database.execute(_COUNTS, (number,)).fetchone()
            texts, counted, shared, first, last, literal = row
            hosts = [host for (host,) in database.execute(_HOSTS, (number,))]
            if texts:
                found.append(Holding(space, texts, counted, shared, literal, first, last, hosts))
    return found


def texts_kept(recording: Recording) -> int:
    """How many texts are kept beside their hashes. Raises ``RecordingError``."""
    with recording.using() as database:
        (count,) = database.execute("SELECT count(*) FROM texts").fetchone()
    return int(count)


def items(
    recording: Recording, space: Space, *, with_text: bool = False, limit: int = -1
) -> list[Item]:
    """The recorded vectors of a model, in the order of their hashes, or the first of them.

    ``with_text`` leaves out those whose text was not kept. Raises ``RecordingError``.
    """
    found = []
    with recording.using() as database:
        for number, each in _spaces(database):
            if each == space:
                for row in database.execute(_ITEMS, (number, with_text, limit)):
                    key, digest, text, form, vector, *others = row
                    found.append(
                        Item(key, digest, text, Stored(form, vector, space.length), *others)
                    )
    return found


def _spaces(database: sqlite3.Connection) -> list[tuple[int, Space]]:
    rows = database.execute("SELECT id, model, output_dtype, length FROM spaces ORDER BY id")
    return [(number, Space(*rest)) for number, *rest in rows]
