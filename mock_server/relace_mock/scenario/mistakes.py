"""Mistakes in scenarios: the place of each, what is wrong, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from relace_mock.settings import SettingsError

#: Mistakes of a file that are collected. More of them are one mistake, made many times.
MISTAKE_LIMIT = 1000
_SHOWN = 20  # mistakes of a file in one message
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-\s]+")
_NONE: Mapping[str, str] = MappingProxyType({})


class ScenarioError(SettingsError):
    """A scenario that cannot be used: the place, the key, what is wrong, what to do.

    ``told`` is this mistake on one line. ``others`` are further mistakes of the same file, and
    ``all`` has this one and the others. As text, the error shows up to twenty of them, a line each,
    and the number of the rest.
    """

    def __init__(
        self,
        file: str,
        line: int,
        column: int,
        key: str,
        problem: str,
        others: Sequence[ScenarioError] = (),
    ) -> None:
        self.file, self.line, self.column, self.key, self.problem = file, line, column, key, problem
        where = f"{file}:{line}:{column}: " if line else f"{file}: "
        self.told = f"{where}{f'{key}: ' if key else ''}{problem}"
        self.all: tuple[ScenarioError, ...] = (self, *others)
        lines = [mistake.told for mistake in self.all[:_SHOWN]]
        if len(self.all) > _SHOWN:
            lines.append(f"and {len(self.all) - _SHOWN} more")
        super().__init__("\n".join(lines))

    @property
    def brief(self) -> str:
        """The first mistake, and how to see the others, on one line."""
        more = len(self.all) - 1
        return self.told + (
            f" (and {more} more: relace-mock scenario check {self.file})" if more else ""
        )


def together(mistakes: Iterable[ScenarioError]) -> ScenarioError:
    """Join all mistakes of a file into one error: each once, in the order of the file."""
    each = {mistake.told: mistake for error in mistakes for mistake in error.all}
    first, *others = sorted(each.values(), key=lambda one: (one.line, one.column))
    return ScenarioError(first.file, first.line, first.column, first.key, first.problem, others)


def plain_name(word: str) -> str:
    """Spell a name as the format does: ``connection-reset`` becomes ``connection_reset``."""
    return _WORDS.sub("_", word.strip()[:80]).lower()


def suggestion(word: str, known: Iterable[str], aliases: Mapping[str, str] = _NONE) -> str:
    """Suggest known words for a misspelt one, or list all of them.

    ``aliases`` maps wrong names that people try to the right ones.
    """
    import difflib  # noqa: PLC0415 - for messages only

    known = list(known)
    name = plain_name(word)
    if name in aliases or name in known:
        return f"did you mean {aliases.get(name, name)}?"
    near = difflib.get_close_matches(word[:80], known, 1, 0.6)
    near = near or difflib.get_close_matches(name, known, 1, 0.6)
    if not near and len(name) > 2:
        near = [each for each in known if name in each.split("_") or each.startswith(name)]
    if 0 < len(near) <= 3:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(known)}"
