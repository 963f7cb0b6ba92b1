"""Colour on a terminal."""

from __future__ import annotations

import os
from typing import TextIO

#: The escape sequences of styles, as numbers of ECMA-48.
STYLES = {
    "bold": 1,
    "dim": 2,
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "magenta": 35,
    "cyan": 36,
}


def is_wanted(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows colours, and the user did not turn them off."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def painted(text: str, style: str, *, on: bool) -> str:
    """A text in a style, if ``on``."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if on and text else text
