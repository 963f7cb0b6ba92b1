"""Every fault and every delay, as a socket, ``httpx`` and the official SDK see it.

``docs/faults.md`` has a table of what they see; the tests check each of its cells.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import httpx
import pytest
import trustme
from relace import APIConnectionError, Relace

import relace_mock
from relace_mock.scenario.delays.lognormal import Lognormal
from relace_mock.scenario.delays.uniform import Uniform
from relace_mock.scenario.faults import FAULTS
from tests.conftest import Serve
from tests.steering import BODY, Steering, until

PAGE = (Path(__file__).parent.parent / "docs" / "faults.md").read_text()
ROWS = {
    fault: [cell.strip() for cell in cells.split("|")]
    for fault, cells in re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
}
GARBAGE = b"\x00\x16\xff not HTTP at all\r\n\x80\x81\r\n\r\n"
# Keys that a fault needs beside its name: a drip of a few hundred bytes must not take long.
MORE: dict[str, dict[str, Any]] = {"drip": {"bytes_per_second": 5000}}
_PATIENT = httpx.Timeout(60)
#: Timeout of a client that waits for an answer that never comes.
_IMPATIENT = httpx.Timeout(60, read=0.1)

every_fault = pytest.mark.parametrize("fault", FAULTS)


@dataclass(frozen=True)
class Kind:
    """HTTP parser and transport of a server."""

    http: Literal["httptools", "h11"]
    tls: bool

    def __str__(self) -> str:
        return f"{self.http}{' over TLS' if self.tls else ''}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    return folder / "server.pem", ssl.create_default_context(cafile=folder / "ca.pem")


@pytest.fixture(
    scope="module",
    params=[Kind(http, tls) for http in ("httptools", "h11") for tls in (False, True)],
    ids=str,
)
def place(
    request: pytest.FixtureRequest, serve: Serve, certificate: tuple[Path, ssl.SSLContext]
) -> Iterator[tuple[str, ssl.SSLContext | None]]:
    """URL of a server of each kind, and the TLS context for its clients."""
    kind: Kind = request.param
    if not kind.tls:
        with relace_mock.running(http=kind.http, dimensions=16) as server:
            yield server.url, None
        return
    file, context = certificate
    options = ("--http", kind.http, "--dimensions", "16", "--ssl-certfile", str(file))
    with serve(*options) as process:
        yield process.base_url.removesuffix("/v1"), context


@pytest.fixture
def steering(place: tuple[str, ssl.SSLContext | None]) -> Steering:
    return Steering(place[0], context=place[1])


class Wire:
    """A connection that decrypts TLS itself, so that it sees a TCP reset as such."""

    def __init__(self, steering: Steering) -> None:
        self.tcp = steering.connect()
        self.tls: ssl.SSLObject | None = None
        self.data = b""
        if steering.context is not None:
            self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = steering.context.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")
            while not self._shaken():
                raw = self.tcp.recv(65536)
                assert raw, "the server closed the connection during the TLS handshake"
                self._in.write(raw)

    def _shaken(self) -> bool:
        assert self.tls is not None
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.tcp.sendall(self._out.read())
        return True

    def send(self, data: bytes) -> None:
        if self.tls is not None:
            self.tls.write(data)
            data = self._out.read()
        self.tcp.sendall(data)

    def take(self) -> bool:
        """Add arrived bytes to ``data``; return False at the end of file. Raises TCP errors."""
        raw = self.tcp.recv(65536)
        if self.tls is None:
            self.data += raw
            return bool(raw)
        self._in.write(raw)
        try:
            while piece := self.tls.read(65536):
                self.data += piece
        except ssl.SSLWantReadError:
            return bool(raw)
        except ssl.SSLZeroReturnError:  # the end in TLS, which TCP's follows
            pass
        return False

    def to_the_end(self) -> str:
        try:
            while self.take():
                pass
        except ConnectionResetError:
            return "reset"
        except BlockingIOError:
            return "it stays open"
        return "end of file"

    def whole_answer(self) -> None:
        """Read one answer with a length, and nothing after it."""
        self.until(lambda data: b"\r\n\r\n" in data and len(data) >= _length(data))

    def until(self, enough: Callable[[bytes], bool]) -> None:
        """Read until ``enough`` is true of the data."""
        while not enough(self.data):
            assert self.take() or enough(self.data), f"the connection ended after {self.data!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tcp.close()


def _length(answer: bytes) -> int:
    head = answer.partition(b"\r\n\r\n")[0]
    return len(head) + 4 + int(head.split(b"content-length: ")[1].split(b"\r\n")[0])


def split(answer: bytes) -> tuple[bytes, bytes]:
    """Split an answer into its head, without the date, and its body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return re.sub(rb"date: [^\r]*\r\n", b"", head).replace(b"Transfer-Enc", b"transfer-enc"), body


def normal(steering: Steering) -> bytes:
    """Return the bytes of an answer without a fault."""
    with Wire(steering) as wire:
        wire.send(steering.request())
        wire.whole_answer()
        return wire.data


def words(data: bytes, end: str) -> str:
    """Describe what a socket saw, in the words of the page."""
    head, body = split(data)
    if not data:
        return f"nothing, then {end}"
    if not data.startswith(b"HTTP/1.1 200 OK\r\n"):
        return f"bytes that are not HTTP, then {end}"
    if b"transfer-encoding: chunked" in head:
        return f"the head, a chunk, a chunk without a size, then {end}"
    length = _length(data) - len(data.partition(b"\r\n\r\n")[0]) - 4
    part = {length: "the whole answer", length // 2: "the head, half the body"}[len(body)]
    return f"{part}, then {end}"


def seen_by_a_socket(steering: Steering, fault: str) -> tuple[bytes, str]:
    """Return what a socket received and how the connection ended, and close it."""
    with Wire(steering) as wire:
        wire.send(steering.request())
        if fault == "hang":
            until(lambda: [entry for entry in steering.journal() if entry["fault"]], "the fault")
            wire.tcp.setblocking(False)
            return wire.data, wire.to_the_end()
        if fault != "drip":
            end = wire.to_the_end()
            return wire.data, end
        wire.whole_answer()
        answer, wire.data = wire.data, b""
        wire.send(steering.request())
        wire.whole_answer()
        return answer, "it stays open"


@every_fault
def test_a_socket_sees_what_the_page_says(steering: Steering, fault: str) -> None:
    head, body = split(normal(steering))
    half = body[: len(body) // 2]
    steering.play({"fault": fault} | MORE.get(fault, {}))
    data, end = seen_by_a_socket(steering, fault)
    assert words(data, end) == ROWS[fault][0]
    chunked = re.sub(rb"content-length: \d+", b"transfer-encoding: chunked", head)
    assert (
        split(data)
        == {
            "reset": (b"", b""),
            "empty": (b"", b""),
            "hang": (b"", b""),
            "garbage": split(GARBAGE),
            "truncate": (head, half),
            "reset_mid_body": (head, half),
            "malformed_chunk": (
                chunked,
                b"%x\r\n%b\r\nzz\r\n%b\r\n" % (len(half), half, body[:20]),
            ),
            "drip": (head, body),
            "close_keep_alive": (head, body),
        }[fault]
    )


def outcome(steering: Steering, fault: str) -> str:
    """Return what ``httpx`` gets: a status or an exception."""
    steering.play({"fault": fault} | MORE.get(fault, {}))
    timeout = _IMPATIENT if fault == "hang" else _PATIENT
    with httpx.Client(verify=steering.verify, headers=steering.headers, timeout=timeout) as client:
        try:
            response = client.post(f"{steering.url}/v1/code/embed", json=BODY)
        except httpx.TransportError as error:
            return f"`{type(error).__name__}`"
        assert len(response.json()["results"]) == 2
        return str(response.status_code)


@every_fault
def test_httpx_sees_what_the_page_says(steering: Steering, fault: str) -> None:
    _, plain, _, tls, _ = ROWS[fault]
    seen = outcome(steering, fault)
    if steering.context is None or tls == "the same":
        assert seen == plain
    else:  # a reset under TLS: some versions of Python read an end of file
        assert seen in (plain, tls)
    assert FAULTS[fault].raises is None or f"`{FAULTS[fault].raises}`" == plain


@every_fault
def test_the_official_sdk_raises_what_the_page_says(steering: Steering, fault: str) -> None:
    steering.play({"fault": fault} | MORE.get(fault, {}))
    timeout = _IMPATIENT if fault == "hang" else _PATIENT
    with (
        httpx.Client(verify=steering.verify) as http,
        Relace(
            base_url=f"{steering.url}/v1",
            api_key=steering.key,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        ) as client,
    ):
        try:
            client.post("/code/embed", body=BODY, cast_to=object)
            seen = "the answer"
        except APIConnectionError as error:
            seen = f"`{type(error).__name__}`"
    assert seen == ROWS[fault][2]


@every_fault
def test_a_fault_is_journalled_and_the_next_request_is_served(
    steering: Steering, fault: str
) -> None:
    outcome(steering, fault)
    entry = steering.last()
    status = None if entry["status"] is None else str(entry["status"])
    assert (entry["outcome"], entry["fault"], status or "none") == (
        "faulted",
        fault,
        ROWS[fault][4],
    )
    assert (entry["rule"], entry["step"], entry["violations"]) == (0, 0, [])
    assert steering.ask().status_code == 200
    assert steering.last()["outcome"] == "answered"


def test_the_page_lists_every_fault() -> None:
    assert list(ROWS) == list(FAULTS)


@pytest.mark.parametrize("at", [0, 0.01, 0.9])
@pytest.mark.parametrize("fault", ["truncate", "reset_mid_body"])
def test_truncate_and_reset_mid_body_stop_at_the_given_part_of_the_body(
    steering: Steering, fault: str, at: float
) -> None:
    _, body = split(normal(steering))
    steering.play({"fault": fault, "at": at})
    with Wire(steering) as wire:
        wire.send(steering.request())
        wire.to_the_end()
        assert split(wire.data)[1] == body[: int(len(body) * at)]


def test_a_reset_mid_body_comes_after_all_bytes_that_were_sent(steering: Steering) -> None:
    """Even if the bytes fill the buffers on their way, a client that reads gets them all."""
    body = {"model": "m", "input": ["a"] * 2000}
    whole = len(steering.ask(body).content)
    steering.play({"fault": "reset_mid_body", "at": 0.9})
    with Wire(steering) as wire:
        wire.send(steering.request(json.dumps(body).encode()))
        assert wire.to_the_end() == "reset"
        assert len(split(wire.data)[1]) == int(whole * 0.9)


def test_drip_sends_the_head_at_once_and_the_body_slowly(steering: Steering) -> None:
    """The drip ends when the client closes the connection."""
    steering.play({"fault": "drip", "bytes_per_second": 20})
    with Wire(steering) as wire:
        wire.send(steering.request())
        wire.until(lambda data: len(split(data)[1]) >= 3)
        assert len(split(wire.data)[1]) < 20
        (entry,) = steering.journal()
        assert (entry["outcome"], entry["status"], entry["fault"]) == ("pending", 200, "drip")
    assert steering.last()["outcome"] == "faulted"


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.sends_head])
def test_a_fault_that_sends_a_head_sends_the_headers_of_its_step(
    steering: Steering, fault: str
) -> None:
    steering.play({"fault": fault, "headers": {"X-Story": "told"}} | MORE.get(fault, {}))
    with Wire(steering) as wire:
        wire.send(steering.request())
        wire.until(lambda data: b"\r\n\r\n" in data)
        assert b"\r\nx-story: told\r\n" in wire.data


@pytest.mark.parametrize("fault", ["reset", "truncate", "close_keep_alive", "malformed_chunk"])
def test_a_fault_applies_to_a_refusal_as_well(steering: Steering, fault: str) -> None:
    """A fault that sends a head breaks off the refusal."""
    steering.play({"fault": fault})
    with Wire(steering) as wire:
        wire.send(steering.request(b"not JSON"))
        wire.to_the_end()
        assert wire.data.startswith(b"HTTP/1.1 400 ") or (fault, wire.data) == ("reset", b"")
    assert steering.last()["fault"] == fault


def test_a_pipelined_request_after_a_fault_gets_no_answer(steering: Steering) -> None:
    """Its connection is closed, and it uses up no step."""
    steering.play({"fault": "empty"}, {"status": 500})
    with Wire(steering) as wire:
        wire.send(steering.request() * 2)
        wire.to_the_end()
        assert wire.data == b""


DELAYS = {
    "fixed": ("60s", "1ms"),
    "uniform": ({"uniform": ["60s", "61s"]}, {"uniform": ["0ms", "2ms"]}),
    "lognormal": (
        {"lognormal": {"median": "60s", "sigma": 0.01}},
        {"lognormal": {"median": "1ms", "sigma": 0.5}},
    ),
}


@pytest.mark.parametrize("form", DELAYS)
def test_a_delay_longer_than_the_client_timeout_is_client_aborted(
    steering: Steering, form: str
) -> None:
    long, _ = DELAYS[form]
    steering.play({"delay": long})
    with pytest.raises(httpx.ReadTimeout):
        steering.ask(timeout=_IMPATIENT)
    entry = steering.last()
    assert (entry["outcome"], entry["step"], entry["fault"]) == ("client_aborted", 0, None)
    assert steering.ask().status_code == 200, "its step is used up"


@pytest.mark.parametrize("form", DELAYS)
def test_a_delayed_answer_arrives_after_its_delay(steering: Steering, form: str) -> None:
    _, short = DELAYS[form]
    steering.play({"delay": short, "status": 503})
    assert steering.ask().status_code == 503


def test_a_delay_comes_before_a_fault(steering: Steering) -> None:
    steering.play({"delay": "60s", "fault": "reset"}, {"delay": "1ms", "fault": "empty"})
    with pytest.raises(httpx.ReadTimeout):
        steering.ask(timeout=_IMPATIENT)
    with pytest.raises(httpx.RemoteProtocolError):
        steering.ask()


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.5, 1 - 2**-56])
def test_a_uniform_delay_lies_between_its_limits(chance: float) -> None:
    assert Uniform(1, 3).draw(chance) == pytest.approx(1 + 2 * chance)


def test_half_of_lognormal_delays_are_shorter_than_the_median() -> None:
    delay = Lognormal(2, 0.5)
    drawn = [delay.draw(number / 100) for number in range(101)]
    assert drawn == sorted(drawn)
    assert drawn[50] == pytest.approx(2)
    assert drawn[84] == pytest.approx(2 * 2.718281828**0.5, rel=0.01), "one sigma above"


def test_a_socket_sees_the_tcp_error_of_a_reset() -> None:
    """The helper of these tests can tell a reset from an end of file."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for linger, end in ((True, "reset"), (False, "end of file")):
            steering = Steering(f"http://127.0.0.1:{server.getsockname()[1]}")
            with Wire(steering) as wire:
                peer, _ = server.accept()
                if linger:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                peer.close()
                assert wire.to_the_end() == end
