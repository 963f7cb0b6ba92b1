"""Foreign text made safe for a report.

Servers and clients say what they like: control characters that a terminal obeys, characters that
XML cannot hold, halves of surrogate pairs, which no encoding can hold. So do names of files.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Escape every character that cannot be printed; line feeds stay."""
    return "".join(
        char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text
    )


def on_one_line(text: str) -> str:
    """Escape line feeds too."""
    return printable(text).replace("\n", "\\n")


def encodable(text: str) -> str:
    """Escape lone surrogates only."""
    return text.encode(errors="backslashreplace").decode()
