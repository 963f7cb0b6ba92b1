"""Writes bytes to standard output."""

from __future__ import annotations

import sys

import click

from relace_mock.cli.streams import discard


def write(content: bytes) -> None:
    """Write at once. Raises ``click.ClickException`` if that is impossible."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        discard(sys.stdout)
        raise click.ClickException(f"cannot write: {error.strerror}") from None
