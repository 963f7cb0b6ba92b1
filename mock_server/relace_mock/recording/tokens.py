"""The token counts of recorded texts.

An upstream tells one number for a whole request. For a text that was alone in its request, this is
its own count. Otherwise each text gets a share of it, in proportion to an estimate, and the shares
of the request add up to what was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relace_mock.counts import counted
from relace_mock.vectors.rows import Row
from relace_mock.vectors.tokens import count_tokens


def shares(texts: Sequence[str], total: int | None) -> list[int | None]:
    """Share the number of tokens of a request among its texts; None if there is no number."""
    if total is None:
        return [None] * len(texts)
    weights = count_tokens([text.encode() for text in texts])
    whole, passed, given = sum(weights), 0, 0
    counts: list[int | None] = []
    for weight in weights:
        passed += weight
        upto = total * passed // whole
        counts.append(upto - given)
        given = upto
    return counts


def total(rows: dict[str, Row], texts: Iterable[str]) -> tuple[int | None, list[str]]:
    """The number of tokens of an answer, and notes that say how far it is an estimate.

    ``rows`` has each text once. The number is None if no upstream told any.
    """
    if all(row.batch is None for row in rows.values()):
        return sum(rows[text].tokens for text in texts), []
    batches = {row.batch.number: row.batch for row in rows.values() if row.batch}
    known = [row for row in rows.values() if row.batch is None or row.batch.told]
    notes = []
    if silent := len(rows) - len(known):
        notes.append(f"the upstream sent no usage for {silent} of {counted(len(rows), 'text')}")
    here = dict.fromkeys(batches, 0)
    for row in known:
        if row.batch:
            here[row.batch.number] += 1
    estimated = sum(count for number, count in here.items() if 0 < count < batches[number].texts)
    if estimated:
        notes.append(
            f"usage.total_tokens is an estimate: for {estimated} of {counted(len(rows), 'text')} the "
            "upstream told only the sum of a larger batch"
        )
    count = sum(rows[text].tokens for text in texts)
    return (count if known else None), notes
