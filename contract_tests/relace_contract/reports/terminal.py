"""The only code that prints to a terminal. It escapes control characters.

Errors of output do not end a run: if the reader is gone, only the output is lost.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO

import click

from relace_contract.foreign_text import on_one_line

#: Text, or text and its colour.
Part = str | tuple[str, str]
_WIDTH = 40  # columns of the moving line


def write(*parts: Part, err: bool = False, bold: bool = False) -> None:
    """Print one line to standard output, or to standard error; ignore it if that is closed."""
    _echo("".join(_painted(part, bold=bold) for part in parts), err=err, nl=True)


def move(text: str) -> None:
    """Replace the moving line, which is the last line of standard error, by a short text."""
    _echo(f"\r{on_one_line(text)[:_WIDTH]:<{_WIDTH}}" if text else f"\r{'':<{_WIDTH}}\r", err=True)


def _painted(part: Part, *, bold: bool) -> str:
    text, colour = part if isinstance(part, tuple) else (part, None)
    return click.style(on_one_line(text), fg=colour, bold=bold or None)


def _echo(text: str, *, err: bool, nl: bool = False) -> None:
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
    """Redirect a stream to the null device, so that later output and Python's exit do not fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
