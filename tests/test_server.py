"""``relace-mock serve`` as a process: ready, signals, ports, TLS; and ``running()``."""

from __future__ import annotations

import contextlib
import json
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
from tests.conftest import Serve

BODY = {"model": "relace-embed-v1", "input": ["a"]}
KEY = {"Authorization": "Bearer k"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_0_and_one_line_said(
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


def test_a_second_signal_changes_nothing(serve: Serve) -> None:
    with serve() as process:
        url = httpx.URL(process.base_url)
        head = b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(head)
            while httpx.get(f"{url.copy_with(path='')}/_mock/requests").json()["requests"] == []:
                pass
            process.popen.send_signal(signal.SIGINT)
            with contextlib.suppress(ConnectionError):
                while True:  # until it listens no more, but still waits for the request
                    socket.create_connection((url.host, url.port)).close()
            process.popen.send_signal(signal.SIGINT)
            _, errors = process.popen.communicate()
    assert (process.popen.returncode, errors) == (0, "")


def test_it_stops_though_a_client_never_ends_its_request(serve: Serve) -> None:
    """Within the grace of half a second; a minute's patience tells that from for ever."""
    with serve() as process:
        url = httpx.URL(process.base_url)
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(
                b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
            )
            process.popen.terminate()
            _, errors = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, errors) == (0, "")


def test_it_stops_in_the_middle_of_a_search_that_never_ends(serve: Serve, tmp_path: Path) -> None:
    """A scenario's own regular expression may take for ever, and lets no other thread run."""
    scenario = tmp_path / "runaway.yaml"
    scenario.write_text('rules: [{when: {input_matches: "(a+)+$"}, steps: [{status: 500}]}]')
    with serve("--scenario", str(scenario)) as process:
        body = BODY | {"input": ["a" * 100 + "!"]}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{process.base_url}/code/embed", json=body, headers=KEY, timeout=0.5)
        process.popen.terminate()
        _, errors = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, errors) == (0, "")


def test_it_stops_in_the_middle_of_a_computation(serve: Serve) -> None:
    """With texts for many seconds under way, the process ends, with exit code 0."""
    with serve("--dimensions", "8192") as process:
        url = httpx.URL(process.base_url)
        body = json.dumps({"model": "m", "input": [f"{n} " * 4000 for n in range(2048)]}).encode()
        head = "POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(head.encode() + body)
            process.popen.terminate()
            _, errors = process.popen.communicate(timeout=60)
            received = b""
            with contextlib.suppress(ConnectionError):
                received = connection.recv(1)
    assert received == b"", "the computation was waited out"
    assert (process.popen.returncode, errors) == (0, "")


@pytest.mark.parametrize("http", ["auto", "httptools", "h11"])
def test_each_http_implementation_answers(serve: Serve, http: str) -> None:
    with serve("--http", http) as process:
        response = httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY)
    assert response.status_code == 200


def test_options_are_environment_variables_too(serve: Serve) -> None:
    with serve(RELACE_MOCK_DIMENSIONS="64", RELACE_MOCK_API_KEY="one two") as process:
        url = f"{process.base_url}/code/embed"
        known = httpx.post(url, json=BODY, headers={"Authorization": "Bearer two"})
        unknown = httpx.post(url, json=BODY, headers={"Authorization": "Bearer three"})
    assert len(known.json()["results"][0]["embedding"]) == 64
    assert unknown.status_code == 404


def test_ipv6_addresses_are_in_brackets(serve: Serve) -> None:
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


def test_it_speaks_tls(serve: Serve, certificate: tuple[Path, Path]) -> None:
    server, authority = certificate
    with serve("--ssl-certfile", str(server)) as process:
        assert process.base_url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=authority)
        response = httpx.post(
            f"{process.base_url}/code/embed", json=BODY, headers=KEY, verify=context
        )
    assert response.status_code == 200


def test_an_encrypted_key_is_one_line_that_says_how_to_decrypt_it(
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
    assert line == "relace-mock: the key is encrypted: decrypt it first, with `openssl pkey`"


def test_the_key_may_be_a_file_of_its_own(
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


def test_variables_meant_for_other_servers_do_not_matter(serve: Serve) -> None:
    with serve(WEB_CONCURRENCY="many") as process:
        assert process.base_url


def refused(*arguments: str) -> str:
    """The one line that a start with a mistake in it prints."""
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


def test_a_port_in_use_is_one_line() -> None:
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
def test_a_bad_option_is_one_line_that_says_what_is_wrong(arguments: list[str], words: str) -> None:
    line = refused(*arguments)
    assert line.startswith("relace-mock: ")
    assert words in line
    assert "rlc-secret" not in line


def test_a_bad_variable_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELACE_MOCK_PORT", "http")
    assert "RELACE_MOCK_PORT" in refused()


def test_running_gives_a_server_until_the_block_ends() -> None:
    with relace_mock.running(dimensions=64) as server:
        assert server.base_url == f"{server.url}/v1"
        response = httpx.post(f"{server.base_url}/code/embed", json=BODY, headers=KEY)
        assert response.status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_running_ends_though_a_client_never_ends_its_request() -> None:
    """It hangs up after its grace; a minute's patience tells that from for ever."""

    def leave() -> bytes:
        with relace_mock.running() as server:
            url = httpx.URL(server.url)
            connection = socket.create_connection((url.host, url.port), timeout=60)
            connection.sendall(b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\n")
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


def test_a_variable_with_blanks_for_keys_is_no_open_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELACE_MOCK_API_KEY", "  ")
    assert "RELACE_MOCK_API_KEY holds no key" in refused()


def test_running_refuses_a_port_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(relace_mock.ServerError, match="is in use"),
        relace_mock.running(port=taken.getsockname()[1]),
    ):
        pass
