"""Counts in messages, in the singular or the plural."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 check``, ``1,000 checks``.

    ``many`` is the plural if it is not ``one`` with an s. Both may go on with a verb: "policy is"
    and "policies are".
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
