"""Load generators: our own, for answers with a length; and wrk, for those who have it.

Ours is one thread on raw sockets that does little for a request, and so keeps a server that
answers a megabyte busier than wrk does, which parses every byte of it.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import texts


@dataclass(frozen=True)
class Load:
    """What one run gave: requests a second and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


class _Connection:
    """One at work: sends a request as fast as it is taken, then receives the answer.

    It never waits, as the others would wait with it: a server that computes does not read.
    """

    def __init__(self, port: int, poll: select.epoll) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._poll = poll
        self._unsent = memoryview(b"")
        self._left = -1
        self._begun = 0.0
        poll.register(self.socket, select.EPOLLIN)

    def begin(self, request: bytes) -> None:
        """Send the next request."""
        self._begun = time.perf_counter()
        self._left = -1
        self._unsent = memoryview(request)
        if not self._sends():
            self._poll.modify(self.socket, select.EPOLLOUT)

    def goes_on(self, buffer: bytearray) -> float | None:
        """Send or take what can be; once the answer is whole, the seconds that it took."""
        if self._unsent:
            if self._sends():
                self._poll.modify(self.socket, select.EPOLLIN)
            return None
        count = self.socket.recv_into(buffer)
        if count == 0:
            raise RuntimeError("the server closed the connection")
        if self._left < 0:
            head, _, _ = bytes(buffer[:2000]).partition(b"\r\n\r\n")
            if head[9:12] != b"200":
                raise RuntimeError(bytes(buffer[:count]).decode())
            length = head.lower().split(b"content-length:")[1].split()[0]
            self._left = int(length) + len(head) + 4
        self._left -= count
        return time.perf_counter() - self._begun if self._left == 0 else None

    def _sends(self) -> bool:
        """Send what is taken now; tells whether that was all."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return not self._unsent


def run(port: int, templates: list[texts.Template], connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy for a while; each sends when its last answer is whole."""
    bodies = texts.bodies(templates)
    poll = select.epoll()
    buffer = bytearray(1 << 20)
    opened = [_Connection(port, poll) for _ in range(connections)]
    by_number = {connection.socket.fileno(): connection for connection in opened}
    latencies = []
    begun = time.perf_counter()
    for connection in opened:
        connection.begin(_request(next(bodies)))
    while time.perf_counter() < begun + seconds:
        for number, _ in poll.poll(1):
            connection = by_number[number]
            latency = connection.goes_on(buffer)
            if latency is not None:
                latencies.append(latency)
                connection.begin(_request(next(bodies)))
    elapsed = time.perf_counter() - begun
    for connection in opened:
        connection.socket.close()
    poll.close()
    latencies.sort()
    return Load(
        len(latencies) / elapsed,
        latencies[len(latencies) // 2] * 1e3,
        latencies[len(latencies) * 99 // 100] * 1e3,
    )


_WRK = """
local folder, first, count = "%s", %d, %d
local templates, number = {}, first
for i = 1, count do
    local file = io.open(folder .. "/" .. i, "rb")
    local parts, text = {}, file:read("*a")
    for part in (text .. "\\0"):gmatch("([^%%z]*)%%z") do parts[#parts + 1] = part end
    file:close()
    templates[i] = parts
end
wrk.headers["Authorization"] = "Bearer rlc-benchmark"
wrk.headers["Content-Type"] = "application/json"
request = function()
    number = number + 1
    local body = table.concat(templates[number %% count + 1], tostring(number))
    return wrk.format("POST", "/v1/code/embed", nil, body)
end
done = function(summary, latency)
    local errors = summary.errors
    print(string.format('{"requests": %%d, "us": %%d, "p50": %%f, "p99": %%f, "errors": %%d}',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def run_wrk(port: int, templates: list[texts.Template], connections: int, seconds: float) -> Load:
    """The same by wrk (https://github.com/wg/wrk), which counts in whole seconds."""
    with TemporaryDirectory() as folder:
        for index, template in enumerate(templates, 1):
            (Path(folder) / str(index)).write_bytes(b"\0".join(template))
        script = Path(folder) / "load.lua"
        first = next(texts.numbers) + (time.time_ns() // 1000) % 10**12 * 1000
        script.write_text(_WRK % (folder, first, len(templates)))
        duration = f"-d{max(1, round(seconds))}s"
        command = ["wrk", "-t1", f"-c{connections}", duration, "-s", str(script)]
        address = f"http://127.0.0.1:{port}"
        out = subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout
    result = json.loads(out.splitlines()[-1])
    if result["errors"]:
        raise RuntimeError(out)
    rate = result["requests"] / result["us"] * 1e6
    return Load(rate, result["p50"] / 1e3, result["p99"] / 1e3)


def _request(body: bytes) -> bytes:
    return (
        b"POST /v1/code/embed HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer rlc-benchmark\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
