"""A lock on a recording, so that only one process at a time writes it.

The lock disappears with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from relace_mock.settings import SettingsError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where SQLite's own locks must do
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def lock(path: Path, setting: str) -> Iterator[None]:
    """Lock a file for writing, and create it if it does not exist. Raises ``SettingsError``."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise SettingsError(f"{setting}: cannot write {path}: {error.strerror}") from None
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SettingsError(
            f"{setting}: another process is recording into {path}: stop it, or record into "
            "another file and merge both with `relace-mock recording merge`"
        ) from None
    finally:
        os.close(descriptor)
