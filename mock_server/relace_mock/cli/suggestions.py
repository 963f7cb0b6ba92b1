"""Finds the known word that a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable

# How alike two words are, from 0 to 1, for one to be a misspelling of the other.
_ALIKE = 0.6
# Letters that are enough for the beginning of a word to stand for the whole.
_BEGINNING = 3


def nearest(word: str, known: Iterable[str], least: float = _ALIKE) -> str | None:
    """Give the known word most like ``word``, dashes and case aside; None if none is alike."""
    import difflib

    spelt = {each.lstrip("-").lower(): each for each in known}
    bare = word.lstrip("-").lower()[:80]
    longer = [name for name in spelt if name.startswith(bare)] if len(bare) >= _BEGINNING else []
    near = sorted(longer, key=len) or difflib.get_close_matches(bare, spelt, 1, least)
    return spelt[near[0]] if near else None


def hint(word: str, known: Iterable[str]) -> str:
    """Give ``did you mean …?`` after a colon; nothing if no known word is alike."""
    near = nearest(word, known)
    return f": did you mean {near}?" if near else ""
