"""Listening: on IPv4, on IPv6, or on both at one port."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock.serving import listening
from relace_mock.settings import ServerError
from tests.conftest import Serve

KEY = {"Authorization": "Bearer k"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested
BODY = {"model": "m", "input": ["a"]}


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


def port_of(url: str) -> int:
    port = httpx.URL(url).port
    assert port is not None
    return port


@ipv6
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "mock.localhost"])
def test_localhost_listens_on_ipv4_and_ipv6_at_one_port(serve: Serve, host: str) -> None:
    with serve("--host", host) as process:
        port = port_of(process.base_url)
        for address in ("127.0.0.1", "[::1]", "localhost"):
            url = f"http://{address}:{port}"
            assert httpx.post(f"{url}/v1/code/embed", json=BODY, headers=KEY).is_success
            assert httpx.get(f"{url}/_mock/requests").is_success  # loopback may control
        assert httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY).is_success
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert (process.popen.returncode, errors) == (0, "")


@ipv6
@pytest.mark.parametrize("host", ["::", "0:0:0:0:0:0:0:0"])
@pytest.mark.parametrize("dual", [True, False])
def test_all_ipv6_addresses_include_all_ipv4_addresses(
    monkeypatch: pytest.MonkeyPatch, host: str, dual: bool
) -> None:
    if not dual:  # as on a system whose IPv6 sockets do not accept IPv4
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with relace_mock.running(host=host, dimensions=8) as server:
        for address in ("127.0.0.1", "[::1]"):
            url = f"http://{address}:{port_of(server.base_url)}"
            assert httpx.post(f"{url}/v1/code/embed", json=BODY, headers=KEY).is_success
            assert httpx.get(f"{url}/_mock/requests").status_code == 403
        assert httpx.post(f"{server.base_url}/code/embed", json=BODY, headers=KEY).is_success


@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
@pytest.mark.parametrize("host", ["localhost", "::"])
def test_the_server_listens_on_ipv4_alone_when_there_is_no_ipv6(
    monkeypatch: pytest.MonkeyPatch, host: str, code: int
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    create = socket.create_server

    def create_server(address: Any, **settings: Any) -> socket.socket:
        if settings["family"] == socket.AF_INET6:
            raise OSError(code, "no IPv6")
        return create(address, **settings)

    monkeypatch.setattr(socket, "create_server", create_server)
    with closing(listening.bind(host, 0)) as sockets:
        assert [each.family for each in sockets] == [socket.AF_INET]
        assert listening.reachable(sockets).startswith("127.0.0.1:")


@ipv6
def test_the_server_listens_on_ipv6_alone_when_there_is_no_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = socket.create_server

    def create_server(address: Any, **settings: Any) -> socket.socket:
        if settings["family"] == socket.AF_INET:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv4")
        return create(address, **settings)

    monkeypatch.setattr(socket, "create_server", create_server)
    with closing(listening.bind("localhost", 0)) as sockets:
        assert listening.reachable(sockets).startswith("[::1]:")


@ipv6
def test_a_free_port_is_free_on_ipv4_and_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the port chosen on IPv4 is in use on IPv6, the server tries another."""
    create = socket.create_server
    taken: list[int] = []

    def create_server(address: Any, **settings: Any) -> socket.socket:
        if settings["family"] == socket.AF_INET6 and len(taken) < 3:
            taken.append(address[1])
            raise OSError(errno.EADDRINUSE, "in use")
        return create(address, **settings)

    monkeypatch.setattr(socket, "create_server", create_server)
    with closing(listening.bind("localhost", 0)) as sockets:
        assert len(taken) == 3
        assert len({each.getsockname()[1] for each in sockets}) == 1


@ipv6
@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_in_use_on_ipv4_or_ipv6_alone_is_refused(family: int, address: str) -> None:
    with socket.create_server((address, 0), family=family) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"on localhost port {port}: port {port} is in use"):
            listening.bind("localhost", port)


@pytest.mark.parametrize("host", [EVERYWHERE, "::"])
def test_a_server_beyond_loopback_without_a_token_says_that_control_is_off(
    serve: Serve, host: str
) -> None:
    with serve("--host", host) as process:
        assert process.base_url.startswith("http://127.0.0.1:")
        assert httpx.post(f"{process.base_url}/code/embed", json=BODY, headers=KEY).is_success
        url = process.base_url.removesuffix("/v1")
        assert httpx.get(f"{url}/_mock/requests").status_code == 403
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert errors == (
        f"relace-mock: the control API (/_mock/) is closed on {host}, because other machines "
        "could use it: add --control-token TOKEN\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--host", EVERYWHERE, "--control-token", "t"], ["--host", "127.0.0.1"]]
)
def test_a_server_that_can_be_controlled_prints_nothing(serve: Serve, arguments: list[str]) -> None:
    with serve(*arguments) as process:
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert errors == ""


@contextlib.contextmanager
def closing(sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()
