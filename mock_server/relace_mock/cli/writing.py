"""Write bytes to standard output."""

from __future__ import annotations

import sys

import click

from relace_mock.cli.streams import discard


def write(content: bytes) -> None:
    """Write and flush. Raises ``click.ClickException`` if standard output refuses the bytes."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        discard(sys.stdout)
        raise click.ClickException(f"cannot write to standard output: {error.strerror}") from None
