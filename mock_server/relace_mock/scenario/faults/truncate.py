"""A body that ends early though its length was announced: a proxy that gave up."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, reply: Reply, measure: Measure) -> None:
    await connection.start(reply)
    await connection.send(reply.body[: int(reply.length * measure.at)])
    connection.close()


TRUNCATE = Fault(
    name="truncate",
    does="closes after a part of the announced body",
    sends_head=True,
    raises="RemoteProtocolError",
    needs_socket=True,
    perform=_perform,
)
