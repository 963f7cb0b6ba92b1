"""A chunked body whose second chunk has no size."""

from __future__ import annotations

from relace_mock.messages import Reply
from relace_mock.scenario.faults.connection import Connection, Fault, Measure


async def _perform(connection: Connection, reply: Reply, _measure: Measure) -> None:
    await connection.start(reply, chunked=True)
    body = reply.body
    await connection.send(body[: len(body) // 2])
    connection.write(b"zz\r\n" + body[:20] + b"\r\n")
    connection.close()


MALFORMED_CHUNK = Fault(
    name="malformed_chunk",
    does="sends a chunk, then one that has no size, and closes",
    sends_head=True,
    raises="RemoteProtocolError",
    needs_socket=True,
    perform=_perform,
)
