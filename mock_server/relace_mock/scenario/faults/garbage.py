"""Bytes that are not HTTP: another protocol on the port."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, _reply: Reply, _measure: Measure) -> None:
    connection.write(b"\x00\x16\xff not HTTP at all\r\n\x80\x81\r\n\r\n")
    connection.close()


GARBAGE = Fault(
    name="garbage",
    does="answers bytes that are not HTTP, then closes",
    sends_head=False,
    raises="RemoteProtocolError",
    needs_socket=True,
    perform=_perform,
)
