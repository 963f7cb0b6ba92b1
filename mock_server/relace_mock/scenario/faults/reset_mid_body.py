"""A connection that is reset in the middle of the body."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, reply: Reply, measure: Measure) -> None:
    await connection.start(reply)
    await connection.send(reply.body[: int(reply.length * measure.at)])
    await connection.arrived()
    connection.reset()


RESET_MID_BODY = Fault(
    name="reset_mid_body",
    does="resets the connection after a part of the body",
    sends_head=True,
    raises="ReadError",
    needs_socket=True,
    perform=_perform,
)
