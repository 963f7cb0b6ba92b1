"""Standard output and standard error as commands may use them: whatever the text, whoever reads."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


def accept_any_text() -> None:
    """Make both streams escape what their encoding cannot hold, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """Print one line to standard error, if anyone reads it."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        print(f"relace-mock: {' '.join(message.splitlines())}", file=stream, flush=True)
    except (OSError, ValueError):
        discard(stream)


def discard(stream: TextIO | None) -> None:
    """Lead a stream that failed to nowhere, so that flushing it at exit does not fail again."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
