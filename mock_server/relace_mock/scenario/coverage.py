"""Find rules that no request reaches, because an earlier rule matches all of their requests.

A file may have a thousand rules, so comparing each pair would take long. An earlier rule can only
cover a later one that shares its exact conditions, so a table finds it by those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from itertools import product

from relace_mock.scenario.compounds import Mistakes, Record
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.source import Node
from relace_mock.scenario.when import When

_EXACT = ("model", "output_dtype", "input_matches", "endpoint")


def covered(node: Node) -> Iterator[ScenarioError]:
    """Yield a mistake for each rule that is never reached. ``node`` is the whole file."""
    rules = node.value.get("rules")
    earlier = _Earlier()
    for item in rules.value if rules is not None and isinstance(rules.value, list) else ():
        keys = item.value if isinstance(item.value, dict) else {}
        when = Mistakes().read(Record(When), keys["when"]) if "when" in keys else None
        if when is None:
            continue
        if earlier.cover(when):
            yield item.mistake("is never reached: an earlier rule matches all of its requests")
        elif "chance" not in keys or keys["chance"].value == 1:
            earlier.add(when)


class _Earlier:
    """Conditions of earlier rules, in a table by the conditions that a covered rule must share."""

    def __init__(self) -> None:
        self._by_key: defaultdict[Hashable, list[When]] = defaultdict(list)
        self._contained: dict[str, None] = {}

    def add(self, when: When) -> None:
        for attempt in when.attempt or (None,):
            field = min(when.header.items()) if when.header else None
            exact = tuple(getattr(when, key) for key in _EXACT)
            self._by_key[(when.input_contains, field, attempt, exact)].append(when)
        if when.input_contains is not None:
            self._contained[when.input_contains] = None

    def cover(self, when: When) -> bool:
        """Whether an earlier rule covers these conditions."""
        return any(
            each.covers(when) for key in self._keys(when) for each in self._by_key.get(key, ())
        )

    def _keys(self, when: When) -> Iterator[Hashable]:
        """All keys of the table under which conditions that cover these may stand."""
        whole = when.input_contains or ""
        contained = [text for text in self._contained if text in whole]
        fields = (when.header or {}).items()
        attempt = when.attempt[0] if when.attempt else None
        exact = [{None, getattr(when, key)} for key in _EXACT]
        yield from product((None, *contained), (None, *fields), {None, attempt}, product(*exact))
