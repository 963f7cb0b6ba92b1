"""The beginning of a text that is too long for a message."""

from __future__ import annotations


def shortened(text: str, most: int = 60) -> str:
    """A text of at most ``most`` characters; an ellipsis stands for what was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def quoted(value: object, most: int = 80) -> str:
    """A value as Python writes it, with at most about ``most`` characters."""
    return repr(shortened(value, most)) if isinstance(value, str) else shortened(repr(value), most)
