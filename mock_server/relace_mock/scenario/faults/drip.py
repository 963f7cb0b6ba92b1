"""A body that comes so slowly that only a deadline for the whole answer ends it."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure

# Seconds between two pieces, unless a piece would be less than a byte.
_TICK = 0.05


async def _perform(connection: Connection, reply: Reply, measure: Measure) -> None:
    await connection.start(reply)
    body = reply.body
    piece = max(1, round(measure.bytes_per_second * _TICK))
    for start in range(0, len(body), piece):
        if start and await connection.left(piece / measure.bytes_per_second):
            return
        await connection.send(body[start : start + piece])
    await connection.send(b"", more=False)


DRIP = Fault(
    name="drip",
    does="sends the body slowly, at bytes_per_second",
    sends_head=True,
    raises=None,
    needs_socket=False,
    perform=_perform,
)
