"""A recording: vectors by model, data type and hash of the text."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from relace_mock.messages import OutputDtype
from relace_mock.recording import schema
from relace_mock.recording.flights import Flights
from relace_mock.recording.forms import Stored
from relace_mock.recording.locking import lock
from relace_mock.settings import SettingsError
from relace_mock.vectors.rows import Batch

_NUMBERS = itertools.count(1)
_PATIENCE = 5.0  # seconds to wait while another process writes
_FIND = """
SELECT vectors.id, form, vector, spaces.length, tokens, answers.id, answers.texts, total_tokens
FROM vectors JOIN spaces ON spaces.id = space JOIN answers ON answers.id = answer
WHERE model = ? AND output_dtype = ? AND hash = ?
"""
_ADD = """
INSERT OR IGNORE INTO vectors (space, hash, answer, tokens, form, vector) VALUES (?, ?, ?, ?, ?, ?)
"""
_KEEP = "INSERT OR IGNORE INTO texts VALUES (?, ?)"
_FIRST = "SELECT form, vector FROM vectors WHERE space = ? AND hash = ?"
_PROBLEMS = (
    ("SQLITE_FULL", "the disk is full: make room. What was recorded before is safe"),
    (
        "SQLITE_IOERR",
        "the disk is full or broken: make room. What was recorded before is safe",
    ),
    ("SQLITE_BUSY", "another process is writing it: try again"),
    ("SQLITE_CORRUPT", "it is damaged: restore it from a copy, or record into another file"),
    ("SQLITE_NOTADB", "it is not a recording: choose another file"),
    ("SQLITE_READONLY", "it cannot be written: check the permissions of the file and its folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened: check the permissions of the file and its folder"),
)


class RecordingError(Exception):
    """A recording cannot be read or written. The message says why."""


class Kept(NamedTuple):
    """A recorded vector. ``tokens`` is None if the upstream told no number of tokens."""

    vector: Stored
    tokens: int | None
    batch: Batch


class Added(NamedTuple):
    """The number of an answer that was recorded.

    ``kept`` has the vectors that were there before, of texts whose new vector differs.
    """

    answer: int
    kept: dict[str, Stored]


class Space(NamedTuple):
    """The vectors of one model in one data type. ``length`` is that of each vector."""

    model: str
    output_dtype: OutputDtype
    length: int

    @property
    def dimensions(self) -> int:
        """The number of dimensions: a binary vector has 8 in each component."""
        return self.length * (8 if self.output_dtype == "binary" else 1)


def hash_of(text: str) -> bytes:
    """The hash that stands for a text in a recording: SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(text.encode()).digest()


class Recording:
    """An open recording. Safe to use from several threads.

    ``setting`` names it in messages. Raises ``SettingsError`` if it cannot be opened.
    """

    def __init__(self, path: Path, setting: str = "replay", *, writes: bool = False) -> None:
        self.path = path
        self.number = next(_NUMBERS)
        self.flights = Flights()
        self._lock = threading.Lock()
        self.used: set[int] = set()
        self._release = contextlib.ExitStack()
        schema.refuse_special(path, setting)
        if writes:
            self._release.enter_context(lock(path, setting))
        is_new = writes and path.stat().st_size == 0
        if not is_new:
            schema.check(path, setting)
        mode = "rw" if os.access(path, os.W_OK) else "ro"
        try:
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            # `transport()` and `app()` make mocks without a server: nothing closes them, so the
            # file is closed when the mock is garbage-collected.
            self._release.callback(weakref.finalize(self, self._database.close))
            if is_new:
                schema.create(self._database)
            if not writes:
                self._database.execute("PRAGMA query_only = 1")
            self._database.execute("SELECT count(*) FROM spaces").fetchone()
        except sqlite3.Error as error:
            self._release.close()
            raise SettingsError(f"{setting}: {self._problem(error)}") from None

    def find(self, model: str, dtype: OutputDtype, texts: Sequence[str]) -> dict[str, Kept]:
        """The vectors of those texts that are recorded. Raises ``RecordingError``."""
        found = {}
        with self.using() as database:
            for text in texts:
                row = database.execute(_FIND, (model, dtype, hash_of(text))).fetchone()
                if row is not None:
                    number, form, vector, length, tokens, answer, of, total = row
                    self.used.add(number)
                    batch = Batch(answer, of, total is not None)
                    found[text] = Kept(Stored(form, vector, length), tokens, batch)
        return found

    def add(
        self,
        space: Space,
        vectors: Mapping[str, Stored],
        tokens: Sequence[int | None],
        total_tokens: int | None,
        host: str,
        *,
        keep_text: bool,
    ) -> Added:
        """Keep the vectors of one answer, all or nothing. A vector that is there already stays.

        Raises ``RecordingError``.
        """
        kept = {}
        with self.using() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.execute(
                    "INSERT OR IGNORE INTO spaces (model, output_dtype, length) VALUES (?, ?, ?)",
                    space,
                )
                (of,) = database.execute(
                    "SELECT id FROM spaces WHERE model = ? AND output_dtype = ?", space[:2]
                ).fetchone()
                answer = database.execute(
                    "INSERT INTO answers (host, time, texts, total_tokens) VALUES (?, ?, ?, ?)",
                    (host, time.time(), len(vectors), total_tokens),
                ).lastrowid
                for (text, vector), count in zip(vectors.items(), tokens, strict=True):
                    row = (of, hash_of(text), answer, count, vector.form, vector.data)
                    if not database.execute(_ADD, row).rowcount:
                        (form, data) = database.execute(_FIRST, row[:2]).fetchone()
                        if (form, data) != (vector.form, vector.data):
                            kept[text] = Stored(form, data, vector.length)
                    if keep_text:
                        database.execute(_KEEP, (hash_of(text), text))
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
        assert answer is not None
        return Added(answer, kept)

    def keep_texts(self, texts: Iterable[str]) -> None:
        """Keep the texts of vectors that were recorded without them. Raises ``RecordingError``."""
        with self.using() as database:
            database.executemany(_KEEP, [(hash_of(text), text) for text in texts])

    def dimensions(self, model: str) -> int | None:
        """The dimensions of the recorded vectors of a model. Raises ``RecordingError``."""
        return next((space.dimensions for space in self.spaces() if space.model == model), None)

    def spaces(self) -> list[Space]:
        """The models and data types of the recorded vectors. Raises ``RecordingError``."""
        with self.using() as database:
            rows = database.execute("SELECT model, output_dtype, length FROM spaces ORDER BY id")
            return [Space(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._release.close()

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time. Raises ``RecordingError``."""
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise RecordingError(self._problem(error)) from None

    def _problem(self, error: sqlite3.Error) -> str:
        """What went wrong with the file, and what to do."""
        name = getattr(error, "sqlite_errorname", "")
        told = [text for beginning, text in _PROBLEMS if name.startswith(beginning)]
        return f"{self.path}: {told[0] if told else error}"
