"""Writes lines to standard error from a thread, so that a slow reader does not block the server.

A pipe that nobody reads is full after 64 KB. Another write would block the event loop, and every
client with it. So lines wait in a bounded queue. The outlet drops lines that do not fit, and writes
their number once the reader continues.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading

from relace_mock.counts import counted

_WAITING = 1000  # lines
_FLUSH = 0.2  # seconds to write the last lines at the end


class Outlet:
    """Writes lines to a file descriptor without blocking. Safe to use from several threads."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._dropped = 0

    def write(self, line: str) -> None:
        """Queue a line, or count it as dropped if the queue is full."""
        if self._lines.qsize() >= _WAITING:
            with self._lock:
                self._dropped += 1
            return
        self._lines.put(line)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._run, name="relace-mock lines", daemon=True
                    )
                    self._thread.start()

    def close(self) -> None:
        """Write the lines in the queue, but do not wait for a slow reader."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join(_FLUSH)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # standard error is closed: nowhere to report that
            while (line := self._lines.get()) is not None:
                with self._lock:
                    dropped, self._dropped = self._dropped, 0
                if dropped:
                    lost = counted(dropped, "line")
                    self._send(f"relace-mock: {lost} dropped: standard error was not read")
                self._send(line)

    def _send(self, line: str) -> None:
        rest = memoryview(line.encode("utf-8", "backslashreplace") + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
