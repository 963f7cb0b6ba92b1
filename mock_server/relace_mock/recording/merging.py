"""Merges recordings into a new one. Where two differ, the first one given wins."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from relace_mock.recording.file import Recording, RecordingError
from relace_mock.recording.forms import Stored
from relace_mock.settings import SettingsError

_OTHER_LENGTHS = """
SELECT ours.model, ours.output_dtype, ours.length, theirs.length
FROM spaces AS ours JOIN other.spaces AS theirs USING (model, output_dtype)
WHERE ours.length <> theirs.length
"""
_OTHER_VECTORS = """
SELECT ours.model, ours.output_dtype, ours.length, kept.hash, kept.form, kept.vector, new.form,
    new.vector
FROM other.spaces AS theirs JOIN spaces AS ours
    ON ours.model = theirs.model AND ours.output_dtype = theirs.output_dtype
    AND ours.length = theirs.length
JOIN other.vectors AS new ON new.space = theirs.id
JOIN vectors AS kept ON kept.space = ours.id AND kept.hash = new.hash
WHERE kept.vector <> new.vector OR kept.form <> new.form ORDER BY kept.id
"""
_COPY_SPACES = """
INSERT OR IGNORE INTO spaces (model, output_dtype, length)
SELECT model, output_dtype, length FROM other.spaces
"""
_COPY_ANSWERS = """
INSERT INTO answers SELECT id + ?, host, time, texts, total_tokens FROM other.answers
"""
_COPY_VECTORS = """
INSERT OR IGNORE INTO vectors (space, hash, answer, tokens, form, vector)
SELECT ours.id, new.hash, new.answer + ?, new.tokens, new.form, new.vector
FROM other.spaces AS theirs JOIN spaces AS ours
    ON ours.model = theirs.model AND ours.output_dtype = theirs.output_dtype
    AND ours.length = theirs.length
JOIN other.vectors AS new ON new.space = theirs.id ORDER BY new.id
"""


class Conflict(NamedTuple):
    """A difference of two recordings: the vector of a text, or the dimensions of a model."""

    path: Path
    text: str

    def __str__(self) -> str:
        """The conflict on one line."""
        return f"{self.path}: {self.text}"


def merge(paths: Sequence[Path], output: Path) -> list[Conflict]:
    """Merge recordings into a new file, and return where they differ.

    Raises ``SettingsError`` for a file that is no recording, and ``RecordingError``.
    """
    if output.exists():
        raise SettingsError(f"output: {output} exists already: choose another name")
    for path in paths:
        Recording(path, "merge").close()
    draft = output.with_name(f".{output.name}.part")
    draft.unlink(missing_ok=True)
    merged = Recording(draft, "output", writes=True)
    try:
        conflicts = [conflict for path in paths for conflict in _added(merged, path)]
        merged.close()
        os.replace(draft, output)  # noqa: PTH105 - Path.replace says the same
    finally:
        merged.close()
        draft.unlink(missing_ok=True)
    return conflicts


def _added(merged: Recording, path: Path) -> list[Conflict]:
    """Add one recording to the new one."""
    with merged.using() as database:
        database.execute("ATTACH ? AS other", (f"{path.absolute().as_uri()}?mode=ro",))
        try:
            database.execute("BEGIN IMMEDIATE")
            conflicts = [Conflict(path, text) for text in _differences(database)]
            database.execute(_COPY_SPACES)
            (offset,) = database.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()
            database.execute(_COPY_ANSWERS, (offset,))
            database.execute(_COPY_VECTORS, (offset,))
            database.execute("INSERT OR IGNORE INTO texts SELECT * FROM other.texts")
            database.execute(
                "DELETE FROM answers WHERE id NOT IN (SELECT answer FROM vectors) AND id > ?",
                (offset,),
            )
            database.execute("COMMIT")
        except sqlite3.Error as error:
            raise RecordingError(f"{path}: {error}") from None
        database.execute("DETACH other")
    return conflicts


def _differences(database: sqlite3.Connection) -> list[str]:
    found = [
        f"{model} as {dtype}: its vectors have {new} components, not {kept}: all were left out"
        for model, dtype, kept, new in database.execute(_OTHER_LENGTHS)
    ]
    for model, dtype, length, digest, *forms in database.execute(_OTHER_VECTORS):
        kept, new = Stored(forms[0], forms[1], length), Stored(forms[2], forms[3], length)
        found.append(
            f"{model} as {dtype}: text {digest.hex()[:16]} has another vector "
            f"(cosine {cosine(kept, new, dtype):.6f}): the first one was kept"
        )
    return found


def cosine(one: Stored, other: Stored, output_dtype: str) -> float:
    """The cosine of the angle between two vectors of the same length."""
    first, second = _directions(one, output_dtype), _directions(other, output_dtype)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0


def _directions(vector: Stored, output_dtype: str) -> npt.NDArray[np.float64]:
    values = vector.values
    if output_dtype == "binary":  # compare the signs that the bytes hold
        values = np.unpackbits(values.astype(np.int64).astype(np.uint8)) * 2.0 - 1.0
    return values.astype(np.float64)
