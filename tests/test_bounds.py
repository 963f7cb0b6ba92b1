"""Limits for one client: time to send a request, connections, and the length of a head."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.serving.body import length_of
from relace_mock.serving.chunks import ChunkedBody
from relace_mock.settings import Http
from tests.conftest import KEY
from tests.sockets import read_answers
from tests.steering import until

BODY = json.dumps({"model": "m", "input": ["a"]}).encode()
HEAD = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-test\r\n"
HEAD += b"Content-Type: application/json\r\n"
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(params=["httptools", "h11"])
def http(request: pytest.FixtureRequest) -> Http:
    parser: Http = request.param
    return parser


@pytest.fixture
def hasty(http: Http) -> Iterator[RunningServer]:
    """A server that waits only 0.2 seconds for a request."""
    with relace_mock.running(http=http, dimensions=8, read_timeout=0.2) as server:
        yield server


def connect(server: RunningServer) -> socket.socket:
    url = urlsplit(server.url)
    return socket.create_connection((url.hostname, url.port), timeout=30)


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    """Status and JSON of an answer after which the connection ends."""
    raw = b""
    while piece := connection.recv(65536):
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def requests(server: RunningServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.url}/_mock/requests").json()["requests"]
    return found


@pytest.mark.parametrize(
    "beginning",
    [b"POST /v1/code", HEAD, HEAD + b"Content-Length: 99\r\n\r\n{", REQUEST[:-1]],
    ids=["request line", "head", "body", "all but a byte"],
)
def test_a_request_that_does_not_come_whole_in_time_gets_a_408_and_is_closed(
    hasty: RunningServer, beginning: bytes
) -> None:
    with connect(hasty) as connection:
        connection.sendall(beginning)
        status, body = answer_of(connection)
    assert status == 408
    late = "The request was not complete within 0.2 s: send it faster, or raise --read-timeout"
    assert body == {"error": late}
    (entry,) = until(lambda: [e for e in requests(hasty) if e["outcome"] != "pending"], "its entry")
    assert (entry["outcome"], entry["status"]) == ("refused", 408)


def test_a_request_that_arrives_byte_by_byte_gets_408(hasty: RunningServer) -> None:
    """A byte now and then does not restart the time limit."""
    with connect(hasty) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        connection.settimeout(0.02)
        raw = b""
        for _ in range(1000):
            try:
                connection.sendall(b" ")
                raw += connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if raw:
                break
    assert raw.startswith(b"HTTP/1.1 408 ")


def test_a_connection_may_rest_between_requests_for_longer(hasty: RunningServer) -> None:
    other = connect(hasty)
    with connect(hasty) as connection:
        connection.sendall(REQUEST)
        assert read_answers(connection, 1)[0][0] == "HTTP/1.1 200 OK"
        assert answer_of(other)[0] == 408  # it began later, so the time is over for both
        connection.sendall(REQUEST)
        assert read_answers(connection, 1)[0][0] == "HTTP/1.1 200 OK"
        connection.sendall(REQUEST[:-1])
        assert answer_of(connection)[0] == 408
    other.close()


def test_a_slow_answer_is_no_late_request(hasty: RunningServer) -> None:
    hasty.control("rlc-test").play({"steps": [{"delay": "500ms"}]})
    answer = httpx.post(f"{hasty.base_url}/code/embed", content=BODY, headers=KEY | JSON)
    assert answer.status_code == 200


JSON = {"Content-Type": "application/json"}


def test_a_connection_too_many_gets_a_503_and_is_closed(http: Http) -> None:
    with relace_mock.running(http=http, dimensions=8, max_connections=2) as server:
        first, second = connect(server), connect(server)
        for connection in (first, second):
            connection.sendall(REQUEST)
            assert read_answers(connection, 1)[0][0] == "HTTP/1.1 200 OK"
        with connect(server) as third:
            third.sendall(REQUEST)
            status, body = answer_of(third)
        assert status == 503
        assert body == {
            "error": "This server accepts at most 2 connections at once: raise --max-connections"
        }
        first.close()

        def fourth() -> bool:
            with connect(server) as connection:
                connection.sendall(REQUEST)
                return connection.recv(65536).startswith(b"HTTP/1.1 200 ")

        assert until(fourth, "room for another connection")
        second.close()
        refused = [entry for entry in requests(server) if entry["status"] == 503]
        assert refused
        assert refused[0]["outcome"] == "refused"


def test_the_verdict_does_not_blame_a_client_for_a_408(hasty: RunningServer) -> None:
    with connect(hasty) as connection:
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        answer_of(connection)
    assert not hasty.control("rlc-test").verdict().failures


# Where a chunked body ends.


def chunked(sizes: list[int]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b"\n" * size) for size in sizes) + b"0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100_000])
@pytest.mark.parametrize("trailer", [b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"])
def test_a_chunked_body_ends_where_it_ends_in_however_many_pieces(
    step: int, trailer: bytes
) -> None:
    """Line breaks inside a chunk do not end it."""
    body = chunked([1, 200, 16])[:-2] + trailer + b"\r\n"
    stream = body + b"POST / HTTP/1.1\r\n"
    tracked, at = ChunkedBody(), 0
    while True:
        piece = stream[at : at + step]
        end = tracked.end_of(piece, 0)
        at += end
        if end < len(piece) or at == len(body):
            break
    assert at == len(body)


def test_a_chunked_body_of_line_breaks_is_one_piece_for_the_parser() -> None:
    """One piece for each line would take a parser call each."""
    body = chunked([1_000_000])
    assert ChunkedBody().end_of(body, 0) == len(body)


@pytest.mark.parametrize(
    "endless",
    [b"5;" + b"x" * 5000, b"0\r\n" + b"A: b\r\n" * 20_000, b"0\r\nA: " + b"x" * 70_000],
    ids=["extension", "trailers", "one trailer"],
)
def test_a_chunk_line_or_a_trailer_without_end_is_refused_and_closed(endless: bytes) -> None:
    with relace_mock.running(http="httptools", dimensions=8) as server:
        with connect(server) as connection:
            raw = b""
            try:
                connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + endless)
                while piece := connection.recv(65536):
                    raw += piece
            except ConnectionError:  # the server may hang up while the client is still sending
                pass
        assert raw == b"" or raw.startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{server.url}/_mock/health").status_code == 200


def test_many_tiny_chunks_are_refused() -> None:
    tracked = ChunkedBody()
    with pytest.raises(ValueError, match="chunks of less than 16 bytes"):
        tracked.end_of(b"1\r\na\r\n" * 20_000, 0)


@pytest.mark.parametrize(
    ("digits", "length"),
    [(b"0" * 5000, 0), (b"0" * 5000 + b"7", 7), (b"9" * 5000, 2**53), (b" 12 ", 12)],
)
def test_a_content_length_of_thousands_of_digits_is_a_number(digits: bytes, length: int) -> None:
    assert length_of(digits) == length


@pytest.mark.parametrize("value", [b"", b" ", b"x", b"-5", b"+5", b"1_0", "²".encode("latin-1")])
def test_a_content_length_that_is_not_a_number_promises_nothing(value: bytes) -> None:
    assert length_of(value) == 0


def test_a_content_length_with_thousands_of_zeros_is_no_failure_of_ours(http: Http) -> None:
    with relace_mock.running(http=http, dimensions=8) as server, connect(server) as connection:
        length = b"Content-Length: %b%d\r\n\r\n" % (b"0" * 5000, len(BODY))
        connection.sendall(HEAD + length + BODY)
        status = int(connection.recv(65536).split()[1])
    assert status in (200, 400)


# The limits of the process: descriptors, and a standard error that nobody reads.


@contextlib.contextmanager
def process(*prefix: str) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """A server that nobody reads, and its address."""
    command = [sys.executable, "-m", "relace_mock", "serve", "--port", "0", "--dimensions", "8"]
    server = subprocess.Popen(
        [*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = urlsplit(server.stdout.readline().split()[-1])
        yield server, (url.hostname or "", url.port or 0)
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("descriptors", [64, 100])
def test_with_few_descriptors_connections_are_refused_and_requests_answered(
    descriptors: int,
) -> None:
    limit = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh")
    with process(*limit) as (server, address), contextlib.ExitStack() as held:
        connections = [
            held.enter_context(socket.create_connection(address, timeout=30))
            for _ in range(descriptors + 20)
        ]
        first, second, third, *_, last = connections
        first.sendall(REQUEST)
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        second.sendall(REQUEST.replace(b"Bearer rlc", b"Bearer mock.flaky"))
        assert second.recv(65536).startswith(b"HTTP/1.1 ")
        third.sendall(b"GET /_mock/scenarios HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert third.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert last.recv(65536).startswith(b"HTTP/1.1 503 ")
        server.terminate()
        _, errors = server.communicate(timeout=30)
    assert "Traceback" not in errors


def test_a_standard_error_that_nobody_reads_stops_no_server() -> None:
    """A pipe takes 64 KB; for each of these requests uvicorn writes a warning."""
    with process() as (server, address):
        for _ in range(2000):
            with socket.create_connection(address, timeout=30) as connection:
                connection.sendall(b"no http\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        server.terminate()
        assert server.wait(30) == 0
