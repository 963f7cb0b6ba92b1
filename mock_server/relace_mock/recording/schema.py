"""The file of a recording: its format, and what is checked before it is opened.

A recording is one SQLite file. It is written with a rollback journal, not with a write-ahead log:
so after every request it is complete in a single file, and can be read from a folder that cannot
be written.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
from pathlib import Path

from relace_mock.settings import SettingsError

#: The version of the format.
VERSION = 1
_APPLICATION = 0x524C4345  # "RLCE", tells a recording from any other SQLite file
_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # bytes
# Vectors of 256, 768, 1024 or 2560 doubles fill pages of this size with the least waste.
_PAGE = 2048
_SCHEMA = f"""
PRAGMA page_size = {_PAGE};
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    output_dtype TEXT NOT NULL,
    length INTEGER NOT NULL,
    UNIQUE (model, output_dtype)
);
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    time REAL NOT NULL,
    texts INTEGER NOT NULL,
    total_tokens INTEGER
);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES spaces,
    hash BLOB NOT NULL,
    answer INTEGER NOT NULL REFERENCES answers,
    tokens INTEGER,
    form TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (space, hash)
);
CREATE TABLE texts (hash BLOB PRIMARY KEY, text TEXT NOT NULL);
"""


def create(database: sqlite3.Connection) -> None:
    """Write the empty tables of a recording, all or nothing."""
    pragmas, tables = _SCHEMA.split("CREATE", 1)
    database.executescript(f"{pragmas} BEGIN IMMEDIATE; CREATE{tables} COMMIT;")


def refuse_special(path: Path, setting: str) -> None:
    """Refuse a folder, a pipe or a device, which may never end. Raises ``SettingsError``."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # it does not exist, or opening it will say what is wrong
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise SettingsError(f"{setting}: {path} is {kind}: give the name of a recording")


def check(path: Path, setting: str) -> None:
    """Refuse a file that is no whole recording of this version. Raises ``SettingsError``."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise SettingsError(f"{setting}: cannot read {path}: {error.strerror}") from None
    if not size:
        raise SettingsError(f"{setting}: {path} is empty: it is not a recording")
    if not _MAGIC.startswith(header[: len(_MAGIC)]):
        raise SettingsError(f"{setting}: {path} is not a recording: choose another file")
    if len(header) < _HEADER:
        raise _cut_off(path, setting, size)
    version, application = struct.unpack_from(">I4xI", header, 60)
    if application != _APPLICATION:
        raise SettingsError(
            f"{setting}: {path} is an SQLite file, but not a recording: choose another file"
        )
    if version != VERSION:
        raise SettingsError(
            f"{setting}: {path} is a recording of format {version}, but this version of "
            f"relace-mock reads format {VERSION}: install the version that wrote it"
        )
    (page,) = struct.unpack_from(">H", header, 16)
    (pages,) = struct.unpack_from(">I", header, 28)
    if size < pages * (65536 if page == 1 else page) and not _is_being_written(path):
        raise _cut_off(path, setting, size)


def _cut_off(path: Path, setting: str, size: int) -> SettingsError:
    return SettingsError(
        f"{setting}: {path} is cut off after {size} bytes: restore it from a copy, or record again "
        "into another file"
    )


def _is_being_written(path: Path) -> bool:
    """Whether SQLite has to restore the file first, or is just changing it."""
    return Path(f"{path}-journal").exists()
