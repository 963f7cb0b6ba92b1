"""``relace-mock serve`` as a process: ready, signals, ports, TLS; and ``running()``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

import relace_mock
from relace_mock import RunningServer
from tests.conftest import Serve
from tests.sockets import connect, refuses_connections
from tests.steering import entries, until

pytestmark = pytest.mark.usefixtures("measured")

pytestmark = pytest.mark.usefixtures("measured")

BODY = {"model": "relace-embed-v1", "input": ["a"]}
KEY = {"Authorization": "Bearer k"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_serve_with_exit_code_0_and_no_output_but_the_ready_line(
    serve: Serve, number: signal.Signals
) -> None:
    with serve() as process:
        httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY)
        process.popen.send_signal(number)
        rest, errors = process.popen.communicate(timeout=10)
    assert process.popen.returncode == 0
    assert process.line.startswith("relace-mock ready: http://127.0.0.1:")
    assert process.line.endswith("/v1\n")
    assert (rest, errors) == ("", "")


def test_a_second_signal_does_not_change_how_serve_stops(serve: Serve) -> None:
    with serve() as process:
        head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        with connect(process.base_url) as connection:
            connection.sendall(head)
            entries(RunningServer(process.base_url), 1, pending=True)
            process.popen.send_signal(signal.SIGINT)
            # It stops listening, but still waits for the request.
            until(lambda: refuses_connections(process.base_url), "the end of listening")
            process.popen.send_signal(signal.SIGINT)
            _, errors = process.popen.communicate()
    assert (process.popen.returncode, errors) == (0, "")


def test_serve_stops_even_if_a_client_never_finishes_its_request(serve: Serve) -> None:
    """``serve`` waits half a second for the client; the test fails after a minute."""
    with serve() as process, connect(process.base_url) as connection:
        connection.sendall(b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        process.popen.terminate()
        _, errors = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, errors) == (0, "")


def test_it_answers_others_and_stops_in_the_middle_of_a_long_search(
    serve: Serve, tmp_path: Path
) -> None:
    """The pattern takes 900 instructions for each of 5 million bytes, which is most of a minute."""
    scenario = tmp_path / "long.yaml"
    scenario.write_text('rules: [{when: {input_matches: "a[ab]{900}c"}, steps: [{status: 500}]}]')
    with serve("--scenario", str(scenario)) as process:
        text = "".join("ab"[byte & 1] for byte in hashlib.shake_256(b"").digest(5_000_000))
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{process.base_url}/code/embed",
                json=BODY | {"input": [text]},
                headers=KEY,
                timeout=0.5,
            )
        small = httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY, timeout=10)
        assert small.status_code == 200
        process.popen.terminate()
        _, errors = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, errors) == (0, "")


def test_serve_stops_while_vectors_are_computed(serve: Serve) -> None:
    """The texts would take many seconds; the process ends at once with exit code 0."""
    with serve("--dimensions", "8192") as process:
        body = json.dumps({"model": "m", "input": [f"{n} " * 4000 for n in range(2048)]}).encode()
        head = "POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with connect(process.base_url) as connection:
            connection.sendall(head.encode() + body)
            process.popen.terminate()
            _, errors = process.popen.communicate(timeout=60)
            received = b""
            with contextlib.suppress(ConnectionError):
                received = connection.recv(1)
    assert received == b"", "the server finished the computation first"
    assert (process.popen.returncode, errors) == (0, "")


@pytest.mark.parametrize("http", ["auto", "httptools", "h11"])
def test_serve_answers_with_each_http_parser(serve: Serve, http: str) -> None:
    with serve("--http", http) as process:
        response = httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY)
    assert response.status_code == 200


def test_options_can_be_set_by_environment_variables(serve: Serve) -> None:
    with serve(RELACE_MOCK_DIMENSIONS="64", RELACE_MOCK_API_KEY="one two") as process:
        url = f"{process.base_url}/code/embed"
        known = httpx.post(url, json=BODY, headers={"Authorization": "Bearer two"})
        unknown = httpx.post(url, json=BODY, headers={"Authorization": "Bearer three"})
    assert len(known.json()["results"][0]["embedding"]) == 64
    assert unknown.status_code == 404


def test_the_url_has_an_ipv6_address_in_brackets(serve: Serve) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with serve("--host", "::1") as process:
        assert process.base_url.startswith("http://[::1]:")
        response = httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY)
        assert response.status_code == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    return folder / "server.pem", folder / "ca.pem"


def test_serve_speaks_tls(serve: Serve, certificate: tuple[Path, Path]) -> None:
    server, authority = certificate
    with serve("--ssl-certfile", str(server)) as process:
        assert process.base_url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=authority)
        response = httpx.post(
            f"{process.base_url}/code/embed", json=BODY, headers=KEY, verify=context
        )
    assert response.status_code == 200


def test_a_connection_without_a_tls_handshake_is_closed_after_the_read_timeout(
    serve: Serve, certificate: tuple[Path, Path]
) -> None:
    """By default, asyncio waits for a minute; the read below fails after half of that."""
    server, authority = certificate
    with serve("--ssl-certfile", str(server), "--read-timeout", "200ms") as process:
        with connect(process.base_url) as silent:
            silent.settimeout(30)
            assert silent.recv(1) == b""
        context = ssl.create_default_context(cafile=authority)
        assert httpx.get(f"{process.base_url}/x", verify=context).status_code == 404


def test_an_encrypted_tls_key_is_refused_in_one_line_that_says_how_to_decrypt_it(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    chain, _ = certificate
    key = serialization.load_pem_private_key(chain.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    line = refused("--port", "0", "--ssl-certfile", str(chain), "--ssl-keyfile", str(locked))
    assert (
        line == "relace-mock: the key of --ssl-keyfile is encrypted: decrypt it with `openssl pkey`"
    )


def test_the_tls_key_may_be_in_a_separate_file(
    serve: Serve, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    chain, authority = certificate
    key, _, certificates = chain.read_text().partition("-----BEGIN CERTIFICATE-----")
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "cert.pem").write_text("-----BEGIN CERTIFICATE-----" + certificates)
    files = [
        "--ssl-certfile",
        str(tmp_path / "cert.pem"),
        "--ssl-keyfile",
        str(tmp_path / "key.pem"),
    ]
    with serve(*files) as process:
        context = ssl.create_default_context(cafile=authority)
        assert httpx.get(process.base_url, verify=context).status_code == 404


def test_environment_variables_of_other_servers_are_ignored(serve: Serve) -> None:
    with serve(WEB_CONCURRENCY="many") as process:
        assert process.base_url


def refused(*arguments: str) -> str:
    """Return the one line that a refused start prints."""
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused("--port", str(port)) == (
            f"relace-mock: cannot listen on 127.0.0.1 port {port}: port {port} is in use: "
            "choose another, or --port 0 for any free one"
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prot", "1"], "No such option '--prot'"),
        (["--port", "http"], "'http' is not a valid integer"),
        (["--port", "99999"], "not in the range 0<=x<=65535"),
        (["--dimensions", "100"], "dimensions must be a multiple of 8 from 8 to 8192, not 100"),
        (["--embedding", "random"], "'random' is not one of 'semantic', 'hash'"),
        (["--max-body", "many"], "'many' is not a size: write bytes, or 64KB, 50MB, 64MiB"),
        (["--max-body", "0"], "max-body must be a whole number, at least 1, not 0"),
        (["--max-inputs", "0"], "max-inputs must be a whole number, at least 1, not 0"),
        (["--seed", "-1"], "seed must be a whole number, at least 0, not -1"),
        (["--api-key", "a b"], "api-key must be ASCII characters without blanks"),
        (["--host", "no.such.host.invalid"], "host 'no.such.host.invalid' is not known"),
        (["--host", "a..b"], "host 'a..b' is not known"),
        (["--host", "192.0.2.1", "--port", "0"], "192.0.2.1 is not an address of this machine"),
        (
            ["--ssl-certfile", "/no/such.pem", "--port", "0"],
            "cannot use the certificate /no/such.pem: No such",
        ),
        (["--ssl-keyfile", "key.pem"], "--ssl-keyfile needs --ssl-certfile"),
        (["--ssl-certfile", __file__, "--port", "0"], "cannot use the certificate"),
        (["rlc-secret"], "Got unexpected extra argument: each value needs its option"),
        (["--port", "0", "rlc-secret", "rlc-secret"], "Got unexpected extra argument: each"),
    ],
)
def test_a_bad_option_is_reported_in_one_line(arguments: list[str], words: str) -> None:
    line = refused(*arguments)
    assert line.startswith("relace-mock: ")
    assert words in line
    assert "rlc-secret" not in line


def test_a_bad_variable_is_reported_in_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELACE_MOCK_PORT", "http")
    assert "RELACE_MOCK_PORT" in refused()


def test_running_serves_until_the_block_ends() -> None:
    with relace_mock.running(dimensions=64) as server:
        assert server.base_url == f"{server.url}/v1"
        response = httpx.post(f"{server.base_url}/code/embed", json=BODY, headers=KEY)
        assert response.status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_running_ends_even_if_a_client_never_finishes_its_request() -> None:
    """``running()`` closes the connection after half a second; the test fails after a minute."""

    def leave() -> bytes:
        with relace_mock.running() as server:
            connection = connect(server.url)
            connection.sendall(b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\n")
            connection.sendall(b"Authorization: Bearer k\r\nContent-Type: application/json\r\n")
            connection.sendall(b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 100"  # the request is under way
        with connection, contextlib.suppress(ConnectionResetError):
            return connection.recv(100).lstrip(b" Continue\r\n")
        return b""

    left: list[bytes] = []
    thread = threading.Thread(target=lambda: left.append(leave()), daemon=True)
    thread.start()
    thread.join(60)
    assert left == [b""]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"dimensions": 3}, "multiple of 8"),
        ({"dimensions": 64.0}, "multiple of 8"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"max_body": "50MB"}, "max-body must be a whole number"),
        ({"cache_bytes": None}, "cache-bytes must be a whole number"),
        ({"api_keys": "rlc-one"}, "tuple of keys"),
        ({"api_keys": iter(["rlc-one"])}, "tuple of keys"),
        ({"api_keys": [1]}, "ASCII characters"),
        ({"port": 70000}, "port must be from 0 to 65535"),
        ({"http": "http2"}, "http must be auto"),
    ],
)
def test_running_refuses_a_bad_setting(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(relace_mock.SettingsError, match=words), relace_mock.running(**setting):
        pass


def test_a_variable_of_blanks_in_place_of_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELACE_MOCK_API_KEY", "  ")
    assert "RELACE_MOCK_API_KEY holds no key" in refused()


def test_running_refuses_a_port_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(relace_mock.ServerError, match="is in use"),
        relace_mock.running(port=taken.getsockname()[1]),
    ):
        pass


@pytest.mark.parametrize("option", ["--ssl-certfile", "--ssl-keyfile"])
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_a_certificate_that_is_no_regular_file_is_one_line(
    option: str, kind: str, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    file = Path("/dev/zero") if kind == "device" else tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    good = ["--ssl-certfile", str(certificate[0])] if option == "--ssl-keyfile" else []
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *good, option, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"relace-mock: cannot use the certificate {file}: ")
