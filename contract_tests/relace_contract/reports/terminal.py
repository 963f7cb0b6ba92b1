"""Output that cannot end a run: a reader that is gone loses its lines and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO

import click


def write(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print to standard output, or standard error, if it is there and someone reads it."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # it was closed when the process started
        return
    try:
        try:
            click.echo(text, file=stream, nl=nl)
        except UnicodeEncodeError:
            safe = text.encode(stream.encoding, "backslashreplace").decode(stream.encoding)
            click.echo(safe, file=stream, nl=nl)
    except (OSError, ValueError):  # a pipe without a reader, a full disk; a closed stream
        _discard(stream)


def _discard(stream: IO[str]) -> None:
    """Lead a stream to nowhere, so that neither we nor Python's exit fail on it again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
