"""Read the contents of answers, and tolerate faults that another check reports.

One fault of a server should be one finding, so a check about lengths does not fail for wrong
indexes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from relace_contract.counts import counted
from relace_contract.judgement import Departure, NotExercised
from relace_contract.server.remedies import remedy
from relace_contract.server.round_trip import RoundTrip
from relace_contract.server.subject import Server
from relace_contract.server.watch import wrong_status

Vectors = npt.NDArray[np.float64]
#: The most by which equal components may differ: some servers compute in a different order in a
#: different batch.
TOLERANCE = 1e-5


def depart(problem: str, *trips: RoundTrip, cause: str = "") -> Departure:
    """A departure with these round trips as evidence."""
    evidence = (trip.evidence() for trip in trips)
    return Departure(problem, *evidence, cause=cause, remedy=remedy(*trips))


def unclear(problem: str, *trips: RoundTrip) -> NotExercised:
    """The error for a check that cannot see whether the server keeps the requirement."""
    return NotExercised(problem, *(trip.evidence() for trip in trips))


def expect(trip: RoundTrip, *statuses: int, what: str) -> RoundTrip:
    """Return ``trip`` if it has one of these statuses; else raise ``Departure``."""
    if trip.status in statuses:
        return trip
    wanted = " or ".join(map(str, statuses))
    # Each wrongly accepted request is its own fault, but a wrong error status is mostly the same
    # habit of the server in many places, so those share a cause.
    asked = 400 if 400 in statuses else statuses[0]
    cause = wrong_status(trip.status, asked) if trip.status >= 400 else ""
    raise depart(f"{what}: {wanted} expected, not {trip.summary()}", trip, cause=cause)


def results(trip: RoundTrip) -> list[Any]:
    """``results`` of a 200. Raises ``NotExercised`` if the answer has none."""
    found = trip.results
    if trip.status == 200 and found is not None:
        return found
    raise unclear(f"a 200 with `results` is needed, not {trip.summary()}", trip)


def vectors(trip: RoundTrip, count: int) -> Vectors:
    """The ``count`` vectors of an answer as rows, in the order of the inputs."""
    found = [one for one in results(trip) if isinstance(one, dict)]
    if len(found) != count:
        raise unclear(f"{counted(len(found), 'result')} for {counted(count, 'text')}", trip)
    indexes = [one.get("index") for one in found]
    if sorted(map(str, indexes)) == sorted(map(str, range(count))):
        found.sort(key=lambda one: int(one["index"]))
    try:
        rows = np.array([one.get("embedding") for one in found], dtype=np.float64)
    except (TypeError, ValueError):
        raise unclear("the vectors are not lists of numbers, all of one length", trip) from None
    if rows.ndim != 2:
        raise unclear("the vectors are not lists of numbers", trip)
    return rows


def embedded(server: Server, texts: Sequence[str], **fields: Any) -> tuple[Vectors, RoundTrip]:
    """Ask for vectors; return them, and the round trip that brought them."""
    trip = server.embed(texts, **fields)
    return vectors(trip, len(texts)), trip


def alike(one: Vectors, other: Vectors) -> bool:
    """Whether vectors are the same, apart from rounding."""
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=TOLERANCE))


def tokens(trip: RoundTrip) -> int:
    """``total_tokens``. Raises ``NotExercised`` if it is missing or not an integer."""
    count = trip.tokens
    if type(count) is int:
        return count
    raise unclear("usage.total_tokens is missing or not an integer (see TOK)", trip)
