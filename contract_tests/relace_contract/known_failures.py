"""A list of checks that are known to fail. They still run; one listed by its id must not hold.

One id or family of checks a line; the reason stands after ``#``::

    NEG-dtype-case     # our framework ignores case
    TOK                # no token count yet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relace_contract.files import FileError, read_text
from relace_contract.requirements import families, select


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """Checks that may fail: single ``ids``, whole ``families``, and the ``reasons`` by name.

    A check listed by its id becomes stale, which fails the run, once it holds. A listed family
    may have checks that hold.
    """

    ids: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)

    def forgives(self, identity: str) -> bool:
        """Whether a check may fail."""
        return identity in self.ids or identity.partition("-")[0] in self.families


def read(path: Path, subject: str) -> KnownFailures:
    """The known failures in a file. Raises ``FileError`` with the line of an unknown name."""
    ids: set[str] = set()
    named: set[str] = set()
    reasons: dict[str, str] = {}
    known = {family.id for family in families(subject)}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name, _, reason = (part.strip() for part in line.partition("#"))
        if not name:
            continue
        try:
            found = select(subject, [name])
        except ValueError as error:
            raise FileError(f"{path}:{number}: {error}") from None
        if name.upper() in known:
            named.add(name.upper())
            reasons[name.upper()] = reason
        else:
            ids.update(found)
            reasons |= dict.fromkeys(found, reason)
    return KnownFailures(frozenset(ids), frozenset(named), reasons)
