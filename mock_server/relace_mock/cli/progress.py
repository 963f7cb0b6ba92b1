"""Progress on standard error: one line, which each update replaces; only on a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import Self

_EVERY = 0.1  # seconds between two lines


class Progress:
    """Shows how far long work has come. Use it as a context manager: the end removes the line."""

    def __init__(self) -> None:
        stream = sys.stderr
        self._stream = stream if stream is not None and stream.isatty() else None
        self._said = 0.0
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def say(self, text: str) -> None:
        """Show a line in the place of the one before, ten times a second at most."""
        now = time.monotonic()
        if self._stream is None or now - self._said < _EVERY:
            return
        self._said = now
        shown = text[: _columns() - 1]
        self._write(f"\r{shown:{self._width}}")
        self._width = len(shown)

    def clear(self) -> None:
        """Remove the line."""
        if self._width:
            self._write(f"\r{'':{self._width}}\r")
            self._width = 0

    def _write(self, text: str) -> None:
        assert self._stream is not None
        self._stream.write(text)
        self._stream.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(2).columns or 80
    except OSError:
        return 80
