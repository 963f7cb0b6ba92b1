"""A connection that is reset before the answer: a crashed process, a hasty proxy."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, _reply: Reply, _measure: Measure) -> None:
    connection.reset()


RESET = Fault(
    name="reset",
    does="resets the connection before the answer",
    sends_head=False,
    raises="ReadError",
    needs_socket=True,
    perform=_perform,
)
