"""The key ``vectors`` of a scenario: texts whose vectors a test needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from relace_mock.excerpts import quoted
from relace_mock.scenario import aliases
from relace_mock.scenario.components import Components
from relace_mock.scenario.kinds import Regex, Text
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Between
from relace_mock.scenario.patterns import Pattern, encoded
from relace_mock.scenario.source import Node

#: Most entries.
ENTRY_LIMIT = 1000
#: Most entries with a pattern. A text that no other entry names is searched for all of them.
PATTERN_LIMIT = 100
_EXAMPLE = '{text: "…", near: "…", cosine: 0.92}'


@dataclass(frozen=True, slots=True)
class KnownVector:
    """An entry: one text, or all texts with a pattern, and where they lie."""

    ALIASES: ClassVar = aliases.VECTOR_KEYS

    text: Annotated[str | None, Text(), "the text, exactly as it is sent"] = None
    text_matches: Annotated[
        Pattern | None,
        Regex(),
        "every text in which this regular expression is found, except the text of near",
    ] = None
    vector: Annotated[
        Sequence[int] | None,
        Components(),
        "its vector, of length 1, with as many numbers as dimensions",
    ] = None
    near: Annotated[str | None, Text(), "the text whose vector it lies near"] = None
    cosine: Annotated[float | None, Between(-1, 1), "the cosine to the vector of that text"] = None

    @staticmethod
    def form(_node: Node) -> str:
        """See ``Record``."""
        return _EXAMPLE

    @staticmethod
    def conflicts(node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for keys that exclude or need each other."""
        keys = node.value
        for one, other in (("text", "text_matches"), ("vector", "near")):
            if one in keys and other in keys:
                yield node.keys[other].mistake(f"there is {one} already: keep one")
        if "cosine" in keys and "vector" in keys:
            yield node.keys["cosine"].mistake("goes only with near: leave it out beside vector")
        # A key that is unknown or unreadable may be a misspelling of the missing one.
        if node.broken is None and keys.keys() <= KnownVector.__dataclass_fields__.keys():
            if not keys.keys() & {"text", "text_matches"}:
                yield node.mistake('text is missing: write text: "…", or text_matches')
            if not keys.keys() & {"vector", "near"}:
                yield node.mistake('vector is missing: write one, or near: "…" and a cosine')
            elif "cosine" not in keys and "vector" not in keys:
                yield node.keys["near"].mistake("needs a cosine: write cosine: 0.92 beside it")
        for key in ("text", "near"):
            if key in keys and isinstance(keys[key].value, str) and not _encodes(keys[key].value):
                yield keys[key].mistake(
                    "has half of a surrogate pair, which UTF-8 cannot encode: remove it"
                )


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class KnownVectors:
    """The entries of a scenario. ``digest`` differs between two scenarios."""

    __slots__ = ("_by_text", "_patterns", "digest", "entries")

    def __init__(self, entries: Sequence[KnownVector], digest: str) -> None:
        self.entries = entries
        self.digest = digest
        self._by_text = {entry.text: entry for entry in reversed(entries) if entry.text is not None}
        self._patterns = [(entry.text_matches, entry) for entry in entries if entry.text_matches]

    @property
    def has_patterns(self) -> bool:
        """Whether texts are matched against regular expressions."""
        return bool(self._patterns)

    def entry_of(self, text: str) -> KnownVector | None:
        """Return the first entry about a text. None means that the text keeps its own vector."""
        if text in self._by_text:  # no pattern before it is found in it: see `impossible`
            return self._by_text[text]
        return self.first_pattern_in(text)

    def first_pattern_in(self, text: str) -> KnownVector | None:
        """Return the first entry that is not ``near`` a text and whose pattern is found in it."""
        as_bytes = encoded(text) if self._patterns else b""
        for pattern, entry in self._patterns:
            if entry.near != text and pattern.found_in(as_bytes):
                return entry
        return None

    def entries_of(self, texts: Sequence[str]) -> dict[str, KnownVector]:
        """Return the entries about some texts, by text."""
        entries = {text: self.entry_of(text) for text in dict.fromkeys(texts)}
        return {text: entry for text, entry in entries.items() if entry is not None}


def as_vectors(node: Node) -> str:
    """Show the list of entries that a wrong value probably means."""
    fields = KnownVector.__dataclass_fields__.keys()
    if not isinstance(node.value, dict) or not node.value or node.value.keys() & fields:
        return f"[{_EXAMPLE}]"
    return f"[{{text: {quoted(next(iter(node.value)), 40)}, vector: [0.6, 0.8, 0, …]}}]"


def impossible(entries: Sequence[KnownVector], node: Node) -> Iterator[ScenarioError]:
    """Yield mistakes for entries that are never used, and for a text near one that is near another.

    ``node`` is the list of the entries.
    """
    items = node.value
    patterns = [items[at].keys for at, entry in enumerate(entries) if entry.text_matches]
    if len(patterns) > PATTERN_LIMIT:
        first_too_many = patterns[PATTERN_LIMIT]["text_matches"]
        number = f"there are {len(patterns)} patterns, but at most {PATTERN_LIMIT} are allowed"
        yield first_too_many.mistake(f"{number}: join some with |")
        return
    known = KnownVectors(entries, "")
    line = {id(entry): item.line for entry, item in zip(entries, items, strict=True)}
    seen: dict[str | Pattern | None, KnownVector] = {}
    passed: set[int] = set()  # the entries above
    for entry, item in zip(entries, items, strict=True):
        above = seen.setdefault(entry.text_matches or entry.text, entry)
        if entry.text is not None and (by_pattern := known.first_pattern_in(entry.text)):
            above = by_pattern if id(by_pattern) in passed else above
        passed.add(id(entry))
        if above is not entry:
            key = item.value["text" if entry.text is not None else "text_matches"]
            same = "already matches this text" if entry.text is not None else "has the same pattern"
            yield key.mistake(f"is never used: the entry on line {line[id(above)]} {same}")
        target = known.entry_of(entry.near) if entry.near is not None else None
        if target is not None and target.near is not None:
            problem = f"is itself placed near another text (line {line[id(target)]})"
            if target is entry:
                problem = "is the text of this entry itself"
            remedy = "name a text that keeps its own vector, or has a fixed one"
            yield item.value["near"].mistake(f"{problem}: {remedy}")
