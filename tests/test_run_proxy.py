"""The proxy of ``relace-mock run``: what it sends to the mock, passes on, refuses and survives."""

from __future__ import annotations

import base64
import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
import trustme
from anyio.from_thread import start_blocking_portal

import relace_mock
from relace_mock import RunningServer, Settings
from relace_mock.interception import proxy as proxy_module
from relace_mock.interception import streams
from relace_mock.interception.authority import Authority
from relace_mock.interception.onward import Onward, onward
from relace_mock.interception.proxy import Proxy
from relace_mock.interception.tally import Tally
from relace_mock.scenario.faults import FAULTS
from relace_mock.serving.server import in_thread
from relace_mock.settings import Listening
from tests.conftest import KEY
from tests.sockets import read_all, read_head
from tests.steering import BODY, until

RELACE = "https://api.relace.run/v1/code/embed"
SECRET = "password-of-the-user"


@dataclass(frozen=True)
class Leading:
    """A proxy that listens."""

    port: int
    tally: Tally
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(proxy=self.url, verify=self.trust, headers=KEY, trust_env=False)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def said_to(self, raw: bytes) -> bytes:
        """The answer to a client that sends these bytes and then waits for the end."""
        with self.connect() as connection:
            connection.sendall(raw)
            return read_all(connection)


@contextlib.contextmanager
def leading(mock_url: str, others: Onward | None) -> Iterator[Leading]:
    authority = Authority()
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    proxy = Proxy(mock_url, authority, others)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(proxy.listening()) as port,
    ):
        yield Leading(port, proxy.tally, trust)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running() as server:
        yield server


@pytest.fixture
def blocking(running: RunningServer) -> Iterator[Leading]:
    """A proxy that blocks other hosts."""
    with leading(running.url, None) as proxy:
        yield proxy


@pytest.fixture
def passing(running: RunningServer) -> Iterator[Leading]:
    """A proxy that passes other hosts on, without another proxy."""
    with leading(running.url, onward({})) as proxy:
        yield proxy


class _Echo(http.server.BaseHTTPRequestHandler):
    """Sends back the body that it got. As a proxy, it opens no tunnel, but notes the requests."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str | None]]
    connect_status = 200

    def do_CONNECT(self) -> None:
        self.seen.append((self.requestline, self.headers["Proxy-Authorization"]))
        self.send_response_only(self.connect_status)
        self.end_headers()
        self.close_connection = self.connect_status != 200

    def do_POST(self) -> None:
        self.seen.append((self.requestline, self.headers["Proxy-Authorization"]))
        if self.headers["Transfer-Encoding"]:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def other() -> Iterator[tuple[str, type[_Echo]]]:
    """Another server on loopback, which echoes bodies: its address, and what it saw."""
    handler = type("Handler", (_Echo,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_one_connection_of_a_client_is_one_connection_to_the_mock(
    blocking: Leading, running: RunningServer
) -> None:
    key = {"Authorization": "Bearer rlc-keeps-its-connection"}
    with blocking.client() as client:
        for number in range(8):
            body = {"model": "m", "input": [f"text {number}"]}
            assert client.post(RELACE, json=body, headers=key).status_code == 200
    assert not running.control("rlc-keeps-its-connection").verdict().findings
    assert blocking.tally.relace == {"api.relace.run": 1}


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The URL of a mock that speaks TLS itself, and a context that trusts it."""
    authority = trustme.CA()
    certificate = tmp_path_factory.mktemp("own") / "own.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with in_thread(
        Settings(time_scale=0.01), Listening(port=0, ssl_certfile=certificate)
    ) as server:
        yield (
            server.base_url,
            ssl.create_default_context(cadata=authority.cert_pem.bytes().decode()),
        )


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "hang"])
def test_a_fault_looks_like_it_does_without_the_proxy(
    fault: str, with_tls: tuple[str, ssl.SSLContext]
) -> None:
    key = f"rlc-fault-{fault}"
    fields = {"Authorization": f"Bearer {key}"}
    story = {"seed": 1, "steps": [{"fault": fault, "times": "forever"}]}

    def seen(client: httpx.Client, url: str) -> object:
        try:
            answer = client.post(url, json=BODY | {"output_dtype": "binary"}, headers=fields)
        except httpx.TransportError as error:
            return type(error)
        return answer.status_code, answer.content

    url, trust = with_tls
    with (
        leading(url.removesuffix("/v1"), None) as proxy,
        httpx.Client(verify=trust, trust_env=False) as direct,
        proxy.client() as led,
    ):
        control = f"{url.removesuffix('/v1')}/_mock/scenario"
        direct.put(control, json=story, headers=fields).raise_for_status()
        expected = seen(direct, f"{url}/code/embed")
        assert seen(led, RELACE) == expected


def test_a_reset_passes_through_the_proxy(blocking: Leading, running: RunningServer) -> None:
    """Without TLS, because with TLS Python reports a reset like an ordinary close."""
    running.control("rlc-reset").play({"steps": [{"fault": "reset"}, {"fault": "reset_mid_body"}]})
    fields = {"Authorization": "Bearer rlc-reset"}
    for _ in range(2):
        with blocking.client() as client, pytest.raises(httpx.ReadError):
            client.post(RELACE.replace("https", "http"), json=BODY, headers=fields)


def test_a_client_that_leaves_is_seen_to_leave(blocking: Leading, running: RunningServer) -> None:
    key = {"Authorization": "Bearer rlc-leaves"}
    mock = running.control("rlc-leaves")
    mock.play({"steps": [{"fault": "hang"}]})
    with blocking.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post(RELACE, json=BODY, headers=key, timeout=0.3)
    until(lambda: mock.requests[0].outcome != "pending", "the end of the request")


def test_a_whole_https_url_sent_without_a_tunnel_reaches_the_mock(blocking: Leading) -> None:
    """The client axios does that with a proxy."""
    raw = (
        b"POST https://api.relace.run/v1/code/embed HTTP/1.1\r\nHost: api.relace.run\r\n"
        b"Authorization: Bearer rlc-x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        b'Content-Length: 30\r\n\r\n{"model": "m", "input": ["a"]}'
    )
    assert blocking.said_to(raw).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_trust_the_certificate_is_counted(blocking: Leading) -> None:
    with (
        httpx.Client(proxy=blocking.url, trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.post(RELACE, json=BODY)
    until(lambda: blocking.tally.distrusted == {"api.relace.run": 1}, "the count")
    assert not blocking.tally.relace


def test_a_connection_without_a_request_is_counted_as_such(
    blocking: Leading, running: RunningServer
) -> None:
    """Node finishes the TLS handshake before it looks at the certificate."""
    with blocking.connect() as connection:
        connection.sendall(b"CONNECT api.relace.run:443 HTTP/1.1\r\n\r\n")
        read_head(connection)
        blocking.trust.wrap_socket(connection, server_hostname="api.relace.run").close()
    until(lambda: blocking.tally.silent == {"api.relace.run": 1}, "the count")
    assert not blocking.tally.relace and not blocking.tally.distrusted


@pytest.mark.parametrize("url", ["https://other.example/", "http://other.example/"])
def test_another_host_is_refused_by_name(url: str, blocking: Leading) -> None:
    with blocking.client() as client:
        try:
            said = client.get(url).text
        except httpx.ProxyError as error:
            said = str(error)
    assert "403 Forbidden" in said or "does not let other.example through" in said
    assert blocking.tally.blocked == {"other.example": 1}


@pytest.mark.parametrize("name", ["blocking", "passing"])
def test_this_machine_is_never_blocked_and_gets_what_was_sent(
    name: str, other: tuple[str, type[_Echo]], request: pytest.FixtureRequest
) -> None:
    proxy: Leading = request.getfixturevalue(name)
    address, handler = other
    large = b"x" * 3_000_000
    with proxy.client() as client:
        assert client.post(f"http://{address}/a?b=c", content=large).content == large
        assert (
            client.post(f"http://{address}/", content=iter([b"in ", b"chunks"])).text == "in chunks"
        )
        assert client.post(f"http://{address}", content=b"again").text == "again"
    assert [line for line, _ in handler.seen] == [
        "POST /a?b=c HTTP/1.1", "POST / HTTP/1.1", "POST / HTTP/1.1"
    ]  # fmt: skip
    assert not proxy.tally.others


def test_a_tunnel_passes_bytes_of_any_kind_both_ways(passing: Leading) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, passing.connect() as client:
        port = server.getsockname()[1]
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\nearly" % port)
        served, _ = server.accept()
        with served:
            assert read_head(client) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            assert served.recv(5) == b"early"
            served.sendall(b"\x00\xff not HTTP")
            assert client.recv(100) == b"\x00\xff not HTTP"
            client.shutdown(socket.SHUT_WR)
            assert served.recv(5) == b""
            served.sendall(b"the last word")
        assert read_all(client) == b"the last word"


def test_requests_to_different_hosts_may_share_a_connection(
    passing: Leading, other: tuple[str, type[_Echo]]
) -> None:
    address, _ = other
    with passing.connect() as client, client.makefile("rb") as answers:
        for url, status in [(f"http://{address}/", b"200"), ("http://api.relace.run/", b"404")] * 2:
            client.sendall(f"POST {url} HTTP/1.1\r\nContent-Length: 2\r\n\r\nab".encode())
            assert answers.readline().split()[1] == status
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.lower().partition(b":")
                length = int(value) if name == b"content-length" else length
            assert len(answers.read(length)) == length


def through(address: str, more: Mapping[str, str] | None = None) -> Onward:
    """A proxy that passes other hosts on through the user's own proxy."""
    url = f"http://me:{SECRET}@{address}"
    return onward({"HTTPS_PROXY": url, "http_proxy": url, **(more or {})})


def test_other_hosts_go_through_the_users_own_proxy(
    running: RunningServer, other: tuple[str, type[_Echo]]
) -> None:
    address, handler = other
    with leading(running.url, through(address)) as proxy, proxy.client() as client:
        assert client.post("http://plain.example/x", content=b"passed on").text == "passed on"
        with proxy.connect() as tunnel:
            tunnel.sendall(b"CONNECT secure.example:443 HTTP/1.1\r\nHost: secure.example\r\n\r\n")
            assert read_head(tunnel).startswith(b"HTTP/1.1 200 ")
        assert client.post(RELACE, json=BODY).status_code == 200
        credentials = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
        assert handler.seen == [
            ("POST http://plain.example/x HTTP/1.1", credentials),
            ("CONNECT secure.example:443 HTTP/1.1", credentials),
        ]
        assert proxy.tally.others == {"plain.example": 1, "secure.example": 1}
        assert proxy.tally.relace == {"api.relace.run": 1}


def test_a_refusal_of_the_users_own_proxy_is_told_without_its_password(
    running: RunningServer, other: tuple[str, type[_Echo]]
) -> None:
    address, handler = other
    handler.connect_status = 407
    with leading(running.url, through(address)) as proxy:
        said = proxy.said_to(b"CONNECT secure.example:443 HTTP/1.1\r\n\r\n").decode()
    assert said.startswith("HTTP/1.1 502 Bad Gateway\r\n")
    assert f"cannot reach secure.example: the proxy {address} answered 407" in said
    assert SECRET not in said
    assert proxy.tally.unreachable == {"secure.example": 1}


def test_what_no_proxy_names_goes_past_the_users_own_proxy(
    running: RunningServer, other: tuple[str, type[_Echo]]
) -> None:
    address, handler = other
    with leading(running.url, through(address, {"NO_PROXY": ".invalid"})) as proxy:
        said = proxy.said_to(b"CONNECT direct.invalid:443 HTTP/1.1\r\n\r\n").decode()
    assert said.startswith("HTTP/1.1 502 Bad Gateway\r\n") and "direct.invalid" in said
    assert handler.seen == []


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\x00\x01\x02\r\n\r\n", "the first line is not a request line of HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", "the request has no host"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "send CONNECT, or a whole URL"),
        (b"GET ftp://other.example/ HTTP/1.1\r\n\r\n", "the request has no host"),
        (b"CONNECT other.example:0 HTTP/1.1\r\n\r\n", "the host of the request is not valid"),
        (b"CONNECT other.example:99999 HTTP/1.1\r\n\r\n", "the host of the request is not valid"),
        (b"CONNECT a:b:c HTTP/1.1\r\n\r\n", "the host of the request is not valid"),
        (b"CONNECT a..endpoint.relace.run:443 HTTP/1.1\r\n\r\n", "the name of the host is not valid"),
        (b"CONNECT api.relace.run:443 HTTP/1.1\r\n\r\nearly", "bytes came before the tunnel was open"),
        (b"GET http://api.relace.run/ HTTP/1.1\r\nX: " + b"x" * 70_000, "the head has more than 65536 bytes"),
        (b"POST http://api.relace.run/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "Content-Length is not a number"),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused(raw: bytes, problem: str, blocking: Leading) -> None:
    said = blocking.said_to(raw).decode()
    assert said.startswith("HTTP/1.1 400 Bad Request\r\n") and problem in said
    with blocking.client() as client:
        assert client.post(RELACE, json=BODY).status_code == 200


def test_credentials_are_not_repeated(blocking: Leading) -> None:
    said = b""
    for url in (b"me:%b@other.example:443", b"http://me:%b@other.example/"):
        method = b"GET" if b"/" in url else b"CONNECT"
        line = b"%b %b HTTP/1.1\r\n" % (method, url % SECRET.encode())
        said += blocking.said_to(line + b"Proxy-Authorization: Basic %b\r\n\r\n" % SECRET.encode())
    assert b"does not let other.example through" in said
    assert SECRET.encode() not in said and SECRET not in str(blocking.tally)


def test_a_slow_client_is_left(blocking: Leading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "PATIENCE", 0.1)
    monkeypatch.setattr(streams, "PATIENCE", 0.1)
    with blocking.connect() as silent, blocking.connect() as slow, blocking.connect() as secure:
        slow.sendall(b"CONNECT api.rel")
        secure.sendall(b"\x16\x03\x01")
        for connection in (silent, slow, secure):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_a_slow_client_in_a_tunnel_is_left(
    blocking: Leading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.1)
    with blocking.connect() as slow:
        slow.sendall(b"CONNECT api.relace.run:443 HTTP/1.1\r\n\r\n")
        read_head(slow)
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""


def test_more_connections_than_the_limit_are_closed(
    blocking: Leading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "_CONNECTIONS", 1)
    with blocking.connect() as first, blocking.connect() as second:
        with contextlib.suppress(ConnectionResetError):
            assert second.recv(1) == b""
        first.sendall(b"CONNECT api.relace.run:443 HTTP/1.1\r\n\r\n")
        assert read_head(first).startswith(b"HTTP/1.1 200 ")


def test_the_proxy_listens_on_loopback_alone(blocking: Leading) -> None:
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.2", blocking.port)):
        pass


def test_connections_end_with_the_proxy(running: RunningServer) -> None:
    with leading(running.url, None) as proxy:
        connection = proxy.connect()
        connection.sendall(b"CONNECT api.relace.run:80 HTTP/1.1\r\n\r\n")
        assert read_head(connection).startswith(b"HTTP/1.1 200 ")
    with connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_many_names_take_bounded_memory(blocking: Leading) -> None:
    for number in range(1005):
        blocking.said_to(b"CONNECT host-%d.example:443 HTTP/1.1\r\n\r\n" % number)
    assert len(blocking.tally.blocked) == 1001
    assert blocking.tally.blocked["further hosts"] == 5
