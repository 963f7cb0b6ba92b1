"""A list of what is known to fail: it runs all the same, and goes stale loudly.

One id or family of checks a line; what follows ``#`` says why::

    NEG-dtype-case     # our framework ignores case
    TOK                # no token count yet
"""

from __future__ import annotations

from pathlib import Path

from relace_contract.requirements import select


def read(path: Path, subject: str) -> frozenset[str]:
    """The ids in a file. Raises ``ValueError``, naming the line, for one that is not known."""
    known: set[str] = set()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}") from None
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        try:
            known.update(select(subject, [name]))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return frozenset(known)
