"""Counts in messages, in the singular or the plural."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 check``, ``1,000 checks``.

    Give ``many`` if the plural is not ``one`` with an s. Both may include a verb: "policy is" and
    "policies are".
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
