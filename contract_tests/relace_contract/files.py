"""Read files that a user names, and YAML.

A named file must be a regular file of limited size: reading a device might never end, and reading
a pipe might block.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import yaml

#: Bytes that a file may have, unless the caller gives another limit.
LIMIT = 1_000_000
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FileError(ValueError):
    """A file cannot be used; the message is one line that names the file and the reason."""


def check(path: Path, limit: int = LIMIT) -> None:
    """Raise ``FileError`` unless ``path`` is a regular file of at most ``limit`` bytes."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileError(f"cannot read {path}: {_reason(error)}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "not a regular file")
        raise FileError(f"cannot read {path}: it is {kind}; give a regular file")
    if found.st_size > limit:
        raise FileError(_too_large(path, limit))


def read(path: Path, limit: int = LIMIT) -> bytes:
    """The bytes of a regular file. Raises ``FileError``."""
    check(path, limit)
    try:
        # O_NONBLOCK: the file may have become a pipe since the check.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from None
    if len(content) > limit:  # some files in /proc report a size of 0
        raise FileError(_too_large(path, limit))
    return content


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8, with or without a byte-order mark."""
    try:
        return read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 at byte {error.start}") from None


def check_writable(path: Path) -> None:
    """Raise ``FileError`` if no file can be written at ``path``."""
    if path.exists() and not path.is_file():
        raise FileError(f"cannot write {path}: it is not a regular file")
    if not path.parent.is_dir():
        raise FileError(f"cannot write {path}: there is no folder {path.parent}")


def parse_yaml(content: bytes) -> Any:
    """Parse one YAML document. Raises ``yaml.YAMLError``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one needs libyaml
    return yaml.load(content, loader)  # noqa: S506 - both loaders are safe


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _too_large(path: Path, limit: int) -> str:
    return f"cannot read {path}: it has more than {limit:,} bytes"
