"""Counts in messages, in the singular or the plural."""

from __future__ import annotations


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 text``, ``1,000 texts``.

    ``many`` is the plural if it is not ``one`` with an s. Both may go on with a verb: "text was"
    and "texts were".
    """
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {one if number == 1 else many or f'{one}s'}"


def of_all(number: int, whole: int, noun: str, *, one: str, many: str) -> str:
    """A part of a number of things, and a verb: ``1 of 3 texts is``, ``0 of 1 text are``."""
    return f"{number:,} of {counted(whole, noun)} {one if number == 1 else many}"
