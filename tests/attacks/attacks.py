"""The attacks: each is a function that runs until its process is killed.

An attack takes the address of a server of its own, which ``tests.attacks.__main__`` starts with the
options of the attack and watches. Where an attack has an answer to expect, it fails on another one.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx

Address = tuple[str, int]
#: A request is answered or refused within this time, even on a busy machine, in seconds.
_TIMEOUT = 60


class Attack(NamedTuple):
    """An attack: what it does, what must hold meanwhile, and the options of the server.

    ``setup`` is a shell command that runs before the server, in its process.
    """

    what: str
    holds: str
    run: Callable[[Address], None]
    options: tuple[str, ...] = ()
    setup: str = ""
    reads_errors: bool = True


def _connect(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=_TIMEOUT)


def _head(key: str, *fields: str) -> bytes:
    lines = ["POST /v1/code/embed HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Content-Type: application/json", *fields, "", ""]).encode()


def _request(key: str, texts: list[str]) -> bytes:
    body = json.dumps({"model": "m", "input": texts}).encode()
    return _head(key, f"Content-Length: {len(body)}") + body


def _exchange(address: Address, raw: bytes, *statuses: int) -> None:
    """Send a request on a new connection; the answer must have one of the statuses, or not come."""
    with contextlib.suppress(ConnectionError), _connect(address) as connection:
        connection.sendall(raw)
        if line := connection.makefile("rb").readline():
            status = int(line.split()[1])
            assert status in statuses, f"{status} is none of {statuses}"


def _client(address: Address, key: str = "rlc-attack") -> httpx.Client:
    host, port = address
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return httpx.Client(base_url=f"http://{host}:{port}", headers=headers, timeout=_TIMEOUT)


def _hold_connections(raw: bytes) -> Callable[[Address], None]:
    """Open 1,000 connections, send the same on each, and hold them."""

    def run(address: Address) -> None:
        held = [_connect(address) for _ in range(1000)]
        for connection in held:
            connection.sendall(raw)
        time.sleep(3600)

    return run


def _read_slowly(address: Address) -> None:
    """Ask for 100 large answers, and take one byte of each a second."""
    held = []
    for number in range(100):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        connection.sendall(_request("rlc-slow", [f"text {number} {n}" for n in range(32)]))
        held.append(connection)
    while True:
        for connection in held:
            connection.recv(1)
        time.sleep(1)


def _install_scenarios(address: Address) -> None:
    """Install the largest scenarios (1,000 rules, a megabyte) for one key after another."""
    rule = {"when": {"input_contains": "x" * 900}, "steps": [{"status": 500}]}
    scenario = {"rules": [rule | {"when": {"input_contains": f"{n}" * 300}} for n in range(1000)]}
    body = json.dumps(scenario)
    sexagesimal = "rules:\n" + "- {when: {}, chance: 1:1:1:1:1:1:1:1:1}\n" * 20_000
    for number in count():
        with _client(address, f"rlc-{number}") as client:
            answer = client.put("/_mock/scenario", content=body)
            assert answer.status_code in (200, 400, 507), answer.text
            assert client.put("/_mock/scenario", content=sexagesimal).status_code == 400


def _read_journal(address: Address) -> None:
    """Fill the journal with long queries, and read it again and again."""
    with _client(address) as client:
        for number in range(500):
            query = "key=" * 5_000 + str(number)
            client.post(f"/v1/code/embed?{query}", json={"model": "m", "input": ["x"]})
        while True:
            assert client.get("/_mock/requests").status_code == 200


def _read_short_journal(address: Address) -> None:
    """Read 49 bodies that are slow to search for keys, on several connections at once."""
    text = "%25" * 20_000
    with _client(address) as client:
        for _ in range(49):
            client.post("/v1/code/embed", json={"model": "m", "input": [text]})
    ask = b"GET /_mock/requests HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    while True:
        held = [_connect(address) for _ in range(4)]
        for connection in held:
            connection.sendall(ask)
        for connection in held:
            while connection.recv(1_000_000):
                pass
            connection.close()


def _pipeline(address: Address) -> None:
    """Send requests without end on one connection, and read their answers."""
    with _connect(address) as connection:
        connection.setblocking(False)
        requests = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10_000
        left = b""
        while True:
            select.select([connection], [connection], [], _TIMEOUT)
            with contextlib.suppress(BlockingIOError):
                left = left or requests
                left = left[connection.send(left) :]
            with contextlib.suppress(BlockingIOError):
                assert connection.recv(1_000_000)


def _leave_pipelines(address: Address) -> None:
    """Send 10,000 requests on one connection after another, and leave after the first answer."""
    requests = b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10_000
    while True:
        with _connect(address) as connection:
            connection.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                connection.sendall(requests)
            connection.recv(1)


def _search_long(address: Address) -> None:
    """Send 12 requests for which many large patterns are searched, and ask with another key."""
    pattern = "((a|b|ab){0,30}){0,30}x%d"
    rules = [
        {"when": {"input_matches": pattern % number}, "steps": [{"status": 400}]}
        for number in range(50)
    ]
    with _client(address) as client:
        client.put("/_mock/scenario", json={"rules": rules}).raise_for_status()
    held = [_connect(address) for _ in range(12)]
    for connection in held:
        connection.sendall(_request("rlc-attack", ["abbab" * 600]))
    with _client(address, "rlc-other") as client:
        rule = {"when": {"input_matches": "x+"}, "steps": [{"status": 400}]}
        client.put("/_mock/scenario", json={"rules": [rule]}).raise_for_status()
        while True:
            answer = client.post("/v1/code/embed", json={"model": "m", "input": ["a"]}, timeout=1)
            assert answer.status_code == 200
            time.sleep(0.1)


def _mutate(address: Address) -> None:
    """Ask for mutated answers of as many numbers as the event loop computes otherwise."""
    with _client(address) as client:
        steps = [{"mutate": ["unnormalised"], "times": "forever"}]
        client.put("/_mock/scenario", json={"steps": steps}).raise_for_status()
        while True:
            body = {"model": "m", "input": [f"text {number}" for number in range(190)]}
            assert client.post("/v1/code/embed", json=body).status_code == 200


def _send_line_breaks(address: Address) -> None:
    """Send a chunked body of line breaks."""
    chunk = b"%x\r\n%b\r\n" % (1_000_000, b"\n" * 1_000_000)
    while True:
        raw = _head("rlc-attack", "Transfer-Encoding: chunked") + chunk * 20 + b"0\r\n\r\n"
        _exchange(address, raw, 400)


def _send_tiny_chunks(address: Address) -> None:
    """Send a chunked body of one byte a chunk."""
    while True:
        raw = _head("rlc-attack", "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 500_000
        _exchange(address, raw, 400, 413)


def _send_endless_trailer(address: Address) -> None:
    """Send a trailer that does not end."""
    while True:
        raw = _head("rlc-attack", "Transfer-Encoding: chunked") + b"0\r\n" + b"a: b\r\n" * 100_000
        _exchange(address, raw, 400, 431)


def _search_runaway(letter: str) -> Callable[[Address], None]:
    """Let the server search 20 MB of one letter with a pattern that explodes in other engines."""

    def run(address: Address) -> None:
        with _client(address) as client:
            rule = {"when": {"input_matches": "(.+)+$|x" + letter}, "steps": [{"status": 400}]}
            client.put("/_mock/scenario", json={"rules": [rule]}).raise_for_status()
            size = 20_000_000 // len(letter.encode())
            body = json.dumps({"model": "m", "input": [letter * size]}, ensure_ascii=False)
            while True:
                answer = client.post("/v1/code/embed", content=body.encode())
                assert answer.status_code in (200, 400), answer.text

    return run


def _send_hostile_json(address: Address) -> None:
    """Send 20 MB of brackets, of numbers, of escapes, and of texts of one letter."""
    bodies = [b"[" * 20_000_000, b"[" + b"1e9999," * 2_500_000, b'"' + rb"\u0000" * 3_000_000]
    bodies.append(b'{"model":"m","input":[' + b'"a",' * 5_000_000 + b'"a"]}')
    while True:
        for body in bodies:
            raw = _head("rlc-attack", f"Content-Length: {len(body)}") + body
            _exchange(address, raw, 400, 413)


def _send_long_heads(address: Address) -> None:
    """Send heads of a megabyte, and lengths of thousands of digits."""
    while True:
        _exchange(address, _head("rlc-attack", "X: " + "x" * 1_000_000), 400, 431)
        _exchange(address, _head("rlc-attack", "Content-Length: " + "0" * 5000 + "1"), 400, 408)
        _exchange(address, _head("rlc-attack", "Content-Length: " + "9" * 5000), 400, 413)
        _exchange(address, _head("rlc-attack", *(f"X-{n}: x" for n in range(50_000))), 400, 431)


def _change_keys(address: Address) -> None:
    """Send each request with a new key, which is a new namespace."""
    with _connect(address) as connection:
        answers = connection.makefile("rb")
        for number in count():
            connection.sendall(_request(f"rlc-{number}", ["x"]))
            length = 0
            for line in iter(answers.readline, b"\r\n"):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            answers.read(length)


def _cut_off_bodies(address: Address) -> None:
    """Close connections in the middle of large bodies."""
    while True:
        with contextlib.suppress(ConnectionError), _connect(address) as connection:
            connection.sendall(_head("rlc-cut", "Content-Length: 40000000") + b"x" * 10_000_000)


def _send_noise(address: Address) -> None:
    """Send bytes that are not HTTP."""
    while True:
        _exchange(address, b"\x16\x03\x01" + os.urandom(200) + b"\r\n\r\n", 400)


def _replace_by_pipe(address: Address) -> None:
    """Put a pipe, a device and a folder in the place of the scenario that ``--reload`` reads."""
    path = Path(os.environ["ATTACKED_SCENARIO"])
    while True:
        for place in (
            lambda: os.mkfifo(path),
            lambda: path.symlink_to("/dev/zero"),
            path.mkdir,
            lambda: path.write_text("steps: [{status: 500}]"),
        ):
            with contextlib.suppress(FileNotFoundError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            place()
            _exchange(address, _request("rlc-reload", ["x"]), 200, 500)
            time.sleep(0.3)


def _open_connections(address: Address) -> None:
    """Open more connections than the server has file descriptors, and use the first."""
    held = [_connect(address) for _ in range(120)]
    while True:
        held[0].sendall(_request("mock.server-error.x", ["x"]))
        assert held[0].recv(1_000_000).startswith(b"HTTP/1.1 ")


ATTACKS = {
    "idle connections": Attack(
        "1,000 connections that send nothing",
        "answered until `--read-timeout`; others go on",
        _hold_connections(b""),
    ),
    "half requests": Attack(
        "1,000 connections with half a request",
        "408 after `--read-timeout`",
        _hold_connections(_head("rlc-half", "Content-Length: 100") + b"{"),
    ),
    "hanging answers": Attack(
        "1,000 requests that the fault `hang` answers",
        "each hangs; others go on",
        _hold_connections(_request("mock.hang.x", ["x"])),
        ("--dimensions", "64"),
    ),
    "slow readers": Attack(
        "100 clients that read large answers a byte a second",
        "the rest of an answer waits in memory; others go on",
        _read_slowly,
    ),
    "scenarios": Attack(
        "scenarios of 1,000 rules, and of 20,000 sexagesimal numbers, for one key after another",
        "read in a thread; at most 64 MB are kept, then 507",
        _install_scenarios,
    ),
    "journal": Attack(
        "reading a journal full of queries of 20 KB",
        "read and searched for keys in a thread",
        _read_journal,
        ("--dimensions", "8", "--journal-bytes", "64MB"),
    ),
    "short journal": Attack(
        "reading a journal of 49 bodies of 60 KB of percent signs",
        "read in threads, two requests of a key at once",
        _read_short_journal,
        ("--dimensions", "8"),
    ),
    "pipeline": Attack(
        "requests without end on one connection, ahead of their answers",
        "16 are parsed ahead, then the server stops reading",
        _pipeline,
        ("--dimensions", "8"),
    ),
    "left pipelines": Attack(
        "10,000 requests on one connection, and no wait for the second answer",
        "the requests end with the connection",
        _leave_pipelines,
        ("--dimensions", "8"),
    ),
    "mutations": Attack(
        "mutated answers of 486,400 numbers",
        "made in a thread",
        _mutate,
    ),
    "line breaks": Attack("a chunked body of line breaks", "400", _send_line_breaks),
    "tiny chunks": Attack("a chunked body of one byte a chunk", "400", _send_tiny_chunks),
    "trailer": Attack("a trailer without end", "400, closed", _send_endless_trailer),
    "pattern": Attack(
        "a pattern with nested repetition on 20 MB of ASCII",
        "RE2, in a thread",
        _search_runaway("a"),
        ("--dimensions", "8"),
    ),
    "pattern, not ASCII": Attack(
        "a pattern with nested repetition on 20 MB of Chinese",
        "RE2, in a thread",
        _search_runaway("漢"),
        ("--dimensions", "8"),
    ),
    "large patterns": Attack(
        "12 requests of a key, each searched for 50 large patterns",
        "two at once in threads; those of other keys go on",
        _search_long,
        ("--dimensions", "8"),
    ),
    "JSON": Attack(
        "20 MB of brackets, of numbers, of escapes, of one-letter texts",
        "400 or 413, in a thread",
        _send_hostile_json,
        ("--dimensions", "8"),
    ),
    "heads": Attack(
        "heads of a megabyte, 50,000 fields, lengths of 5,000 digits",
        "400, 413 or 431, closed",
        _send_long_heads,
    ),
    "keys": Attack(
        "a new key with each request",
        "the least recently used namespace goes",
        _change_keys,
        ("--dimensions", "8", "--max-namespaces", "1000"),
    ),
    "cut off": Attack(
        "connections that end in the middle of a body",
        "journalled as client_aborted",
        _cut_off_bodies,
    ),
    "noise": Attack("bytes that are not HTTP", "400, closed", _send_noise),
    "special files": Attack(
        "a pipe, `/dev/zero` and a folder in the place of a scenario with `--reload`",
        "the last good version stays",
        _replace_by_pipe,
        ("--reload",),
    ),
    "descriptors": Attack(
        "120 connections to a server with 64 file descriptors",
        "503 above the limit",
        _open_connections,
        ("--dimensions", "8"),
        setup="ulimit -n 64",
    ),
    "standard error": Attack(
        "malformed requests to a server whose standard error nobody reads",
        "lines are dropped and counted",
        _send_noise,
        reads_errors=False,
    ),
}  # fmt: skip - a table reads better with few lines
