"""Texts among the arguments of a command."""

from __future__ import annotations

import contextlib
import os

import click


def as_text(text: str) -> str:
    """Return an argument as UTF-8 can hold it, or refuse it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):  # the locale is not UTF-8, but the bytes may be
            return os.fsencode(text).decode()
        raise click.UsageError(
            "an argument is not UTF-8: save the text in a UTF-8 file and use --file"
        ) from None
    return text
