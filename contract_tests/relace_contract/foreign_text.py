"""Make foreign text safe to show. Every report and every line on a terminal goes through here.

Answers of servers and clients, and file names, can hold any character: control characters that a
terminal obeys, bidirectional controls that reorder a line, characters that XML cannot hold, halves
of surrogate pairs that no encoding can hold.
"""

from __future__ import annotations

from typing import Any


def visible(text: str) -> str:
    """Escape every character that cannot be printed; line feeds stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text
    )


def on_one_line(text: str) -> str:
    """Escape line feeds too."""
    return visible(text).replace("\n", "\\n")


def encodable(value: Any) -> Any:
    """Escape lone surrogates in every text of a JSON value."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {name: encodable(content) for name, content in value.items()}
        case list() | tuple():
            return [encodable(one) for one in value]
    return value


def cut(text: str, limit: int) -> str:
    """The first ``limit`` characters of a text, marked if there are more."""
    return text if len(text) <= limit else text[:limit] + "…"


def brief_end(text: str, limit: int = 300) -> str:
    """The end of a text, on one line: the last output of a failed program ends with the reason."""
    shown = " ".join(text[-10 * limit :].split())
    return shown if len(shown) <= limit else "…" + shown[-limit:]


def brief(text: str, limit: int = 300) -> str:
    """A text with every run of white space as one blank, cut."""
    return cut(" ".join(text[: 10 * limit].split()), limit)
