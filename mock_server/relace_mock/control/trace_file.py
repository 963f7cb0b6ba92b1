"""The file of ``serve --trace``: the journal as one HTML page, written when the server ends.

The server must end within a second, and to render ten thousand entries takes about that long. So a
thread renders them while the server runs, and only the last ones are left for the end.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from relace_mock.control.trace import document
from relace_mock.journal.feed import Feed, rendered
from relace_mock.journal.journal import Entries, Journal
from relace_mock.settings import SettingsError

_PAUSE = 0.25  # seconds between two looks at what has changed
_STALE = 1000  # rendered entries that may be kept though the journal has dropped them


class TraceFile:
    """Renders a journal for the length of a ``with`` block, and writes the file at its end.

    Raises ``SettingsError`` at once for a file that cannot be written, and ``OSError`` at the end.
    """

    def __init__(self, journal: Journal, path: Path) -> None:
        check(path)
        self._journal = journal
        self._path = path
        self._feed = Feed(journal)
        self._position = 0
        self._rendered: dict[int, bytes] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relace-mock trace", daemon=True)

    def __enter__(self) -> Self:
        self._position = self._feed.join()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._catch_up()
        histories = self._journal.histories()
        entries = (self._rendered.get(each.number) or rendered(each) for each in histories)
        write_whole(self._path, document(entries, self._journal.dropped()))
        self._feed.leave()

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE):
            self._catch_up()

    def _catch_up(self) -> None:
        self._feed.render()
        news = self._feed.news(self._position)
        self._position = news.position
        if news.missed:
            self._rendered.clear()
        for change in news.changes:
            if change.entry is not None:
                self._rendered[change.number] = change.entry
        if len(self._rendered) > len(self._journal) + _STALE:
            kept = {history.number for history in self._journal.histories()}
            self._rendered = {at: entry for at, entry in self._rendered.items() if at in kept}


def check(path: Path) -> None:
    """Refuse a file that cannot be written. Raises ``SettingsError``."""
    problem = None
    if path.is_dir():
        problem = "it is a folder"
    elif path.exists() and not path.is_file():
        problem = "it is not a regular file"
    else:
        try:
            beside = _beside(path)
            beside.touch()
            beside.unlink()
        except OSError as error:
            problem = error.strerror or str(error)
    if problem:
        raise SettingsError(
            f"trace: {path} cannot be written: {problem}; "
            "give a file in a folder that exists, such as trace.html"
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody sees a part of it. Raises ``OSError``."""
    beside = _beside(path)
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.{os.getpid()}")


def trace_file(journal: Entries, path: Path) -> TraceFile:
    """The trace of a journal. Raises ``SettingsError`` for one that other servers write, too."""
    if not isinstance(journal, Journal):
        raise SettingsError(
            "--trace needs --store memory, because other servers write the shared journal too: save "
            "the trace on the page at /_mock/ instead, or with GET /_mock/trace"
        )
    return TraceFile(journal, path)
