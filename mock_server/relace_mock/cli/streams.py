"""Standard output and standard error: any text may be written, and a closed stream is no crash."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


def accept_any_text() -> None:
    """Escape characters that the encoding of a stream cannot hold, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """Print one line to standard error. A closed or broken stream is ignored."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        print(f"relace-mock: {' '.join(message.splitlines())}", file=stream, flush=True)
    except (OSError, ValueError):
        discard(stream)


def discard(stream: TextIO | None) -> None:
    """Redirect a broken stream to the null device, so that flushing it at exit does not fail."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
