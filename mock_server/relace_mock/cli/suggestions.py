"""Find the known word that a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable

# Two words of at least this similarity, from 0 to 1, count as misspellings of each other.
_SIMILAR = 0.6
# The beginning of a word stands for the whole word if it has at least this number of letters.
_BEGINNING = 3


def nearest(word: str, known: Iterable[str], least: float = _SIMILAR) -> str | None:
    """Return the known word most similar to ``word``, or None if no word is similar enough.

    Leading dashes and case do not count. ``least`` is the least similarity, from 0 to 1.
    """
    import difflib

    spelt = {each.lstrip("-").lower(): each for each in known}
    bare = word.lstrip("-").lower()[:80]
    longer = [name for name in spelt if name.startswith(bare)] if len(bare) >= _BEGINNING else []
    near = sorted(longer, key=len) or difflib.get_close_matches(bare, spelt, 1, least)
    return spelt[near[0]] if near else None


def hint(word: str, known: Iterable[str]) -> str:
    """Return ``: did you mean …?``, or an empty string if no known word is similar."""
    near = nearest(word, known)
    return f": did you mean {near}?" if near else ""
