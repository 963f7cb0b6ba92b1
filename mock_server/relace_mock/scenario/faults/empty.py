"""A connection that closes in order before the answer: a server that restarts."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, _reply: Reply, _measure: Measure) -> None:
    connection.close()


EMPTY = Fault(
    name="empty",
    does="closes the connection without an answer",
    sends_head=False,
    raises="RemoteProtocolError",
    needs_socket=True,
    perform=_perform,
)
