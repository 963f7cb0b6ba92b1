"""Lines for standard error, written by a thread, so that nobody waits for its reader.

A pipe that nobody reads takes 64 KB. What is written then would hold up the event loop, and
with it every client. Here lines wait in a bounded queue; what does not fit is dropped, and
counted in a line of its own once the reader goes on.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading

_WAITING = 1000  # lines
_FLUSH = 0.2  # seconds that the last lines have at the end


class Outlet:
    """Writes lines to a file descriptor. ``write`` never waits; safe from several threads."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._dropped = 0

    def write(self, line: str) -> None:
        """Write a line soon, or count it as dropped."""
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
        """Write what still waits, as long as the reader does not keep it waiting."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join(_FLUSH)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # it was closed: there is no one to tell
            while (line := self._lines.get()) is not None:
                with self._lock:
                    dropped, self._dropped = self._dropped, 0
                if dropped:
                    self._send(f"relace-mock: {dropped} lines dropped: standard error was not read")
                self._send(line)

    def _send(self, line: str) -> None:
        rest = memoryview(line.encode("utf-8", "backslashreplace") + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
