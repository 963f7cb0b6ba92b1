"""A good answer, after which the connection closes unannounced: an idle timeout."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, reply: Reply, _measure: Measure) -> None:
    connection.hold()  # else a fast client sends its next request before the close arrives
    await connection.start(reply)
    await connection.send(reply.body, more=False)
    connection.close()


CLOSE_KEEP_ALIVE = Fault(
    name="close_keep_alive",
    does="answers well, then closes the connection that it kept alive",
    sends_head=True,
    raises=None,
    needs_socket=True,
    perform=_perform,
)
