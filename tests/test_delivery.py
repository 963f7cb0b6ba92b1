"""HTTP on the wire: bodies that are too large, cut off or slow; malformed requests; pipelines."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import json
import socket
import threading
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.messages import Received
from relace_mock.pipeline import Exchange
from relace_mock.serving import body as body_module
from relace_mock.serving import protocols, wire
from relace_mock.serving import server as server_module
from relace_mock.serving.body import Body, read_body
from relace_mock.settings import Http
from tests.conftest import KEY
from tests.sockets import connect, read_all, read_answers, read_head

HEAD = (
    "POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-test\r\n"
    "Content-Type: application/json\r\n"
)
JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"model": "m", "input": ["a"]}).encode()


def test_a_body_over_the_limit_gets_413_and_the_connection_stays_open(client: httpx.Client) -> None:
    response = client.post("/v1/code/embed", content=b"x" * 1_000_001)
    assert response.status_code == 413
    assert response.json() == {
        "error": "The body has at least 1000001 bytes, but this server accepts at most 1000000 "
        "(--max-body)"
    }
    stream = response.extensions["network_stream"]
    again = client.post("/v1/code/embed", json={"model": "m", "input": ["a"]})
    assert again.status_code == 200
    assert again.extensions["network_stream"] is stream


def test_a_chunked_body_over_the_limit_gets_413(client: httpx.Client) -> None:
    response = client.post("/v1/code/embed", content=(b"x" * 1000 for _ in range(1001)))
    assert response.status_code == 413


def test_a_body_of_exactly_the_limit_is_read(client: httpx.Client) -> None:
    body = GOOD + b" " * (1_000_000 - len(GOOD))
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/code/embed", content=body, headers=headers).status_code == 200


def test_an_endless_body_gets_413_and_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer
) -> None:
    """The server discards some bytes beyond the limit, then closes the connection."""
    monkeypatch.setattr(body_module, "DISCARD_LIMIT", 100_000)
    with connect(server.url) as connection:
        connection.sendall(f"{HEAD}Content-Length: 900000000\r\n\r\n".encode())
        connection.sendall(b"x" * 1_200_000)
        head = read_head(connection)
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in head.lower()


def test_a_body_that_is_cut_off_gets_no_answer_and_the_server_goes_on(
    server: RunningServer,
) -> None:
    with connect(server.url) as connection:
        connection.sendall(f"{HEAD}Content-Length: 100\r\n\r\n".encode() + b'{"model"')
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""
    response = httpx.get(f"{server.url}/_mock/health")
    assert response.status_code == 200


def test_a_body_in_small_pieces_is_read_whole(server: RunningServer) -> None:
    with connect(server.url) as connection:
        connection.sendall(f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode())
        for byte in GOOD:
            connection.sendall(bytes([byte]))
        assert read_head(connection).startswith(b"HTTP/1.1 200 ")


def test_every_answer_has_the_x_relace_mock_header(client: httpx.Client) -> None:
    """Law 15: fake vectors cannot pass for real ones unnoticed."""
    for response in (
        client.post("/v1/code/embed", json={"model": "m", "input": ["a"]}),
        client.get("/nowhere"),
        client.get("/openapi.json"),
        client.get("/_mock/health"),
        client.delete("/openapi.yaml"),
    ):
        assert response.headers["x-relace-mock"] == relace_mock.__version__


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        f"{HEAD}Content-Length: -1\r\n\r\n".encode(),
        f"{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n".encode(),
    ],
)
def test_malformed_requests_get_400_with_the_usual_json_error(
    server: RunningServer, request_: bytes
) -> None:
    with connect(server.url) as connection:
        connection.sendall(request_)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-relace-mock" in head
    assert json.loads(body)["error"].startswith("Not a valid HTTP/1.1 request: ")


UPGRADE = HEAD.replace("Host", "UpGrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHost")
LONGER = GOOD + b" " * 100
WHOLE = f"{UPGRADE}Content-Length: {len(LONGER)}\r\n\r\n".encode() + LONGER
CHUNKED = f"{UPGRADE}Transfer-Encoding: chunked\r\n\r\n".encode()
CHUNKED += b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)


def status_lines(connection: socket.socket, count: int) -> list[str]:
    """Read ``count`` answers; return the first line of each."""
    return [line for line, _ in read_answers(connection, count)]


@pytest.mark.parametrize("request_", [WHOLE, CHUNKED], ids=["whole", "chunked"])
def test_an_upgrade_header_is_ignored(
    server: RunningServer, caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    """Java's client sends one by default; the body must not be lost."""
    with connect(server.url) as connection:
        connection.sendall(request_)
        assert status_lines(connection, 1) == ["HTTP/1.1 200 OK"]
    assert not caplog.records


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize("size", [1, 2, 3, 50, 97, *range(200, 350, 19)])
def test_an_upgrade_header_is_ignored_however_its_head_is_split(
    monkeypatch: pytest.MonkeyPatch, http: Http, size: int
) -> None:
    """Three requests come in pieces that begin and end anywhere."""
    whole: Any = protocols.protocol_class(http, print)

    class InPieces(whole):  # type: ignore[misc] # made while this runs
        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), size):
                super().data_received(data[start : start + size])

    monkeypatch.setattr(server_module, "protocol_class", lambda *_: InPieces)
    with relace_mock.running(http=http) as server, connect(server.url) as connection:
        connection.sendall(WHOLE + CHUNKED + WHOLE)
        assert status_lines(connection, 3) == 3 * ["HTTP/1.1 200 OK"]


@pytest.mark.parametrize("first", [WHOLE, CHUNKED], ids=["whole", "chunked"])
def test_an_upgrade_header_is_ignored_in_a_pipeline(server: RunningServer, first: bytes) -> None:
    """Three requests come in one packet, so a head begins where the body before it ends."""
    with connect(server.url) as connection:
        connection.sendall(first + WHOLE + CHUNKED)
        assert status_lines(connection, 3) == 3 * ["HTTP/1.1 200 OK"]


def test_a_body_that_looks_like_an_upgrade_header_is_not_changed(server: RunningServer) -> None:
    """Here a chunk begins with bytes that look like a header."""
    parts = [b'{"model": "m", "input": ["', b'upgrade: h2c"]}']
    head = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    with connect(server.url) as connection:
        connection.sendall(head + chunks + b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection).partition(b"\r\n\r\n")[2]
    plain = httpx.post(f"{server.base_url}/code/embed", content=b"".join(parts), headers=KEY | JSON)
    assert plain.status_code == 200
    assert answer == plain.content


def test_the_limit_of_a_head_does_not_count_earlier_heads_on_the_connection(
    server: RunningServer,
) -> None:
    """Each head is counted alone, and each of its pieces once."""
    padding = "x" * (protocols.HEAD_LIMIT // 2)
    request = f"{HEAD}X-Padding: {padding}\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    with connect(server.url) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert status_lines(connection, 1) == ["HTTP/1.1 200 OK"]


@pytest.mark.parametrize("pieces", [1, 20])
def test_a_head_over_the_limit_is_refused_whole_and_in_pieces(pieces: int) -> None:
    """The parser of httptools sets no limit; the head is counted over all its pieces."""
    head = HEAD.encode() + b"".join(b"A: %b\r\n" % (b"x" * 3500) for _ in range(20)) + b"\r\n"
    assert len(head) > protocols.HEAD_LIMIT
    size = -(-len(head) // pieces)
    with relace_mock.running(http="httptools") as server, connect(server.url) as connection:
        with contextlib.suppress(ConnectionError):  # the server may hang up before the end
            for start in range(0, len(head), size):
                connection.sendall(head[start : start + size])
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = read_all(connection)
    assert answer == b"" or (
        b"HTTP/1.1 431 " in answer and b"The head has more than 65536 bytes" in answer
    )
    assert b"HTTP/1.1 200" not in answer and b"HTTP/1.1 415" not in answer


def test_trailers_are_not_read_as_headers(server: RunningServer) -> None:
    """RFC 9110 section 6.5.1: a key in a trailer is no key."""
    head = "POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with connect(server.url) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.sendall(b"%x\r\n%b\r\n0\r\n" % (len(GOOD), GOOD))
        connection.sendall(b"Authorization: Bearer rlc-test\r\n\r\n")
        assert read_head(connection).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("garbage", "refusal"),
    [
        (b"NOT HTTP\r\n\r\n", "400 Bad Request"),
        (b"X" * 70_000, "431 Request Header Fields Too Large"),
    ],
    ids=["short", "long"],
)
def test_a_malformed_request_is_refused_after_the_pending_answers(
    server: RunningServer, garbage: bytes, refusal: str
) -> None:
    server.control("rlc-test").play({"steps": [{"delay": "100ms", "times": 2}]})
    request = f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    with connect(server.url) as connection:
        connection.sendall(request * 2 + garbage)
        ok, bad = "HTTP/1.1 200 OK", f"HTTP/1.1 {refusal}"
        assert status_lines(connection, 3) == [ok, ok, bad]
    server.control("rlc-test").stop()


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_request_target_may_be_a_whole_url(server: RunningServer, scheme: str) -> None:
    """RFC 9112 section 3.2.2: clients send it to a proxy."""
    with connect(server.url) as connection:
        for method, path in (("POST", "/v1/code/embed"), ("GET", "/_mock/health")):
            head = HEAD.replace("POST /v1/code/embed", f"{method} {scheme}://127.0.0.1{path}")
            connection.sendall(f"{head}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD)
            assert status_lines(connection, 1) == ["HTTP/1.1 200 OK"]


def test_a_malformed_body_is_refused_after_the_pending_answer(
    server: RunningServer,
) -> None:
    server.control("rlc-test").play({"steps": [{"delay": "100ms"}]})
    request = f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    broken = f"{HEAD}Transfer-Encoding: chunked\r\n\r\nno number\r\n".encode()
    with connect(server.url) as connection:
        connection.sendall(request + broken)
        lines = status_lines(connection, 2)
    assert lines == ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"]
    server.control("rlc-test").stop()


@pytest.mark.parametrize("refused", ["CONNECT x:80", "GET http://x"])
def test_a_bad_request_target_is_refused_after_the_pending_answer(refused: str) -> None:
    with (
        relace_mock.running(http="httptools", dimensions=8) as server,
        connect(server.url) as connection,
    ):
        request = f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
        connection.sendall(request + f"{refused} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        lines = status_lines(connection, 2)
    assert lines == ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"]


def test_a_client_that_leaves_before_several_answers_logs_no_error(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"model": "m", "input": [f"{n}" for n in range(64)]}).encode()
    request = f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body
    control = server.control("rlc-test")
    control.reset()
    for scenario in ({"steps": [{"normal": True}]}, {"steps": [{"fault": "drip", "times": 3}]}):
        control.play(scenario)
        with connect(server.url) as connection:
            connection.sendall(request * 3)
            connection.recv(1)
    control.stop()
    assert {entry.outcome for entry in control.requests} <= {
        "client_aborted",
        "answered",
        "faulted",
    }
    assert not caplog.records


def test_trailers_are_not_kept_in_memory() -> None:
    """A chunked body may end with any number of trailers, and no limit counts them."""
    with (
        relace_mock.running(http="httptools", dimensions=8) as server,
        connect(server.url) as connection,
    ):
        head = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
        connection.sendall(head + b"%x\r\n%b\r\n0\r\n" % (len(GOOD), GOOD))
        connection.sendall(b"a-trailer-of-the-test: x\r\n" * 1000)
        connection.sendall(b"\r\n")
        assert status_lines(connection, 1) == ["HTTP/1.1 200 OK"]
        protocols = [value for value in gc.get_objects() if type(value).__name__ == "_HttpTools"]
    assert protocols
    assert not any(protocol.headers for protocol in protocols)


def test_with_httptools_an_answer_is_written_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shortcut around uvicorn does this; nothing else would notice its loss."""
    written: list[bytes] = []

    class Recorded(wire.TcpWire):
        def __init__(self, cycle: Any) -> None:
            super().__init__(cycle)
            transport = self._transport

            class Transport:
                def writelines(self, pieces: list[bytes]) -> None:
                    written.append(b"".join(pieces))
                    transport.writelines(pieces)

                def __getattr__(self, name: str) -> Any:
                    return getattr(transport, name)

            self._transport = Transport()  # type: ignore[assignment]  # acts as one

    monkeypatch.setattr(wire, "TcpWire", Recorded)
    with relace_mock.running(http="httptools", dimensions=8, thread=True) as server:
        answer = httpx.post(f"{server.base_url}/code/embed", content=GOOD, headers=KEY | JSON)
    (whole,) = written
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n") and whole.endswith(answer.content)


def test_an_answer_that_the_client_did_not_read_is_client_aborted() -> None:
    with relace_mock.running(http="httptools", dimensions=8192) as server:
        body = json.dumps({"model": "m", "input": [f"{n}" for n in range(200)]}).encode()
        with connect(server.url) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert read_head(connection).startswith(b"HTTP/1.1 200 ")
        (request,) = server.control("rlc-test").requests
    assert (request.status, request.outcome) == (200, "client_aborted")


@pytest.mark.parametrize("piece", [b"A: b\r\n", b"x"], ids=["many headers", "one long header"])
def test_an_endless_head_is_refused(server: RunningServer, piece: bytes) -> None:
    with connect(server.url) as connection:
        connection.sendall(HEAD.encode() + b"B: ")
        answer = b""
        try:
            for _ in range(100):
                connection.sendall(piece * (10_000 // len(piece)))
            answer = read_all(connection)
        except ConnectionError:  # the server hung up while the client was still sending
            pass
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert httpx.get(f"{server.url}/_mock/health").status_code == 200


def test_a_body_declared_too_large_is_discarded_and_the_next_request_is_answered(
    server: RunningServer,
) -> None:
    with connect(server.url) as connection:
        connection.sendall(f"{HEAD}Content-Length: 1000001\r\n\r\n".encode() + b"x" * 1_000_001)
        (refused,) = status_lines(connection, 1)
        assert refused.startswith("HTTP/1.1 413 ")
        connection.sendall(f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD)
        assert status_lines(connection, 1) == ["HTTP/1.1 200 OK"]


@pytest.mark.parametrize(
    ("stage", "texts"),
    [("read", ["x" * 1_000_001]), ("answer", [f"{n}" for n in range(200)])],
    ids=["long", "many"],
)
def test_a_large_request_does_not_keep_others_waiting(
    monkeypatch: pytest.MonkeyPatch, stage: str, texts: list[str]
) -> None:
    """A thread answers it, so the health page is served while that thread is blocked."""
    entered, held = threading.Event(), threading.Event()
    work = getattr(Exchange, stage)

    def hold(self: Exchange, *body: Any) -> Any:
        entered.set()
        assert held.wait(60)
        return work(self, *body)

    monkeypatch.setattr(Exchange, stage, hold)
    with relace_mock.running() as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        large = pool.submit(
            httpx.post,
            f"{server.base_url}/code/embed",
            json={"model": "m", "input": texts},
            headers={"Authorization": "Bearer k"},
            timeout=60,
        )
        assert entered.wait(60)
        assert httpx.get(f"{server.url}/_mock/health").status_code == 200
        assert not large.done()
        held.set()
        assert large.result().status_code == 200


def test_a_bug_in_the_mock_is_a_500_with_the_usual_json_error_and_a_logged_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, client: httpx.Client
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a mistake of ours")

    with monkeypatch.context() as broken:
        broken.setattr(Exchange, "read", fail)
        response = client.post("/v1/code/embed", json={"model": "m", "input": ["a"]})
    assert response.status_code == 500
    assert response.json() == {"error": "relace-mock itself failed: its log has the traceback"}
    assert response.headers["x-relace-mock"] == relace_mock.__version__
    assert "ZeroDivisionError: a mistake of ours" in caplog.text
    assert "rlc-test" not in caplog.text
    again = client.post("/v1/code/embed", json={"model": "m", "input": ["a"]})
    assert again.status_code == 200
    stream = response.extensions["network_stream"]
    assert again.extensions["network_stream"] is stream


def read(limit: int, *messages: dict[str, Any], declared: int | None = None) -> Body:
    """Read a body that comes as these ASGI messages."""
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    headers = [] if declared is None else [(b"content-length", b"%d" % declared)]
    return asyncio.run(read_body(Received("POST", "/", headers, b"", 0), receive, limit))


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_only_the_length_of_a_body_over_the_limit_is_kept() -> None:
    assert read(3, piece(b"ab", more=True), piece(b"cd", more=False)) == Body(b"", 4, ended=True)
    assert read(4, piece(b"ab", more=True), piece(b"cd", more=False)) == Body(
        b"abcd", 4, ended=True
    )


def test_a_body_that_is_cut_off_is_marked_as_incomplete() -> None:
    body = read(9, piece(b"ab", more=True), {"type": "http.disconnect"})
    assert body == Body(b"ab", 2, ended=False, cut_off=True)


def test_a_body_declared_too_large_is_dropped_from_its_first_byte() -> None:
    body = read(3, piece(b"ab", more=True), {"type": "http.disconnect"}, declared=4)
    assert body.content == b""


def exchanges_in_memory() -> int:
    return sum(type(value).__name__ == "RequestResponseCycle" for value in gc.get_objects())


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_an_exchange_leaves_nothing_for_the_garbage_collector(http: Http) -> None:
    """Otherwise the collector runs all the time, and takes a tenth of the server's time."""
    with relace_mock.running(http=http, dimensions=8) as server, connect(server.url) as connection:
        request = f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
        gc.collect()
        gc.disable()
        try:
            before = exchanges_in_memory()
            for _ in range(20):
                connection.sendall(request)
                status_lines(connection, 1)
            assert exchanges_in_memory() <= before + 2  # the last, and maybe one more
        finally:
            gc.enable()
