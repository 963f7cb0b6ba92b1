"""No answer at all: a request that got lost behind a load balancer."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, _reply: Reply, _measure: Measure) -> None:
    await connection.left()


HANG = Fault(
    name="hang",
    does="never answers; holds the connection until the client leaves",
    sends_head=False,
    raises="ReadTimeout",
    needs_socket=False,
    perform=_perform,
)
