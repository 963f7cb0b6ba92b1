"""A list of what is known to fail: it runs all the same, and goes stale loudly.

One id or family of checks a line; what follows ``#`` says why::

    NEG-input-string   # we embed a lone string, as OpenAI does
    TOK                # no token count yet
"""

from __future__ import annotations

from pathlib import Path

from relace_contract.requirements import select


def read(path: Path, subject: str) -> frozenset[str]:
    """The ids in a file. Raises ``ValueError``, naming the line, for one that is not known."""
    known: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        try:
            known.update(select(subject, [name]))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return frozenset(known)
