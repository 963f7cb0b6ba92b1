"""A trace for each failed test: ``--relace-mock-trace DIR`` of the pytest plugin."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from relace_mock.control.remote import RemoteControl
from relace_mock.control.trace import titled
from relace_mock.control.trace_file import write_whole
from relace_mock.settings import ServerError, SettingsError

_LONGEST = 120  # characters of a name


def make_folder(folder: str) -> None:
    """Make the folder of the traces. Raises ``pytest.UsageError``."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(
            f"--relace-mock-trace: the folder {folder} cannot be made: {error.strerror}; "
            "name a folder, such as --relace-mock-trace traces"
        ) from None


def fetched(mock: RemoteControl) -> bytes | None:
    """The trace of a test's mock; None if the server cannot be asked."""
    try:
        return mock.trace()
    except (ServerError, SettingsError):
        return None


def write(folder: str, nodeid: str, trace: bytes) -> str:
    """Write the trace of a test, and return a line for its report."""
    path = Path(folder) / f"{name_of(nodeid)}.html"
    try:
        write_whole(path, titled(trace, nodeid))
    except OSError as error:
        return f"{path} was not written: {error.strerror}"
    return f"{path} shows the requests of this test in a browser"


def name_of(nodeid: str) -> str:
    """A file name for a test. If the test's name is long or has odd characters, add a hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", nodeid.replace(".py::", "-")).strip("-.")
    if len(plain) <= _LONGEST and re.fullmatch(r"[A-Za-z0-9_./:-]+", nodeid):
        return plain
    return f"{plain[:_LONGEST]}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"
