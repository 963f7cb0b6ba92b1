"""The plugin in tests that freeze clocks, replace sockets and threads, fork, or block the network."""

from __future__ import annotations

import os

import pytest

from tests.conftest import QUICKLY

ASK = """
import http.client
import json
import pytest
from urllib.parse import urlsplit

CLASS = http.client.HTTPConnection

def ask(mock):
    url = urlsplit(mock.base_url)
    connection = CLASS(url.hostname, url.port, timeout=60)
    body = json.dumps({"model": "m", "input": ["a"]})
    headers = {"Authorization": f"Bearer {mock.api_key}", "Content-Type": "application/json"}
    connection.request("POST", url.path + "/code/embed", body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status

def play(mock):
    mock.play("rate-limited-twice")
    assert [ask(mock), ask(mock), ask(mock)] == [429, 429, 200]
    mock.advance(1)
    assert [request.status for request in mock.requests] == [429, 429, 200]
    assert mock.verdict().requests == 3
    mock.reset()
"""


def passes(pytester: pytest.Pytester, code: str, *options: str, conftest: str = "") -> None:
    pytester.makeconftest(conftest)
    pytester.makepyfile(ASK + code)
    result = pytester.runpytest_subprocess(*QUICKLY, *options, timeout=300)
    assert result.ret == 0


def test_frozen_clocks_of_freezegun(pytester: pytest.Pytester) -> None:
    """Frozen before the server starts, within the test, and for `running()`; pending ones too."""
    passes(
        pytester,
        """
import freezegun
import relace_mock

@pytest.fixture(scope="session", autouse=True)
def frozen():
    with freezegun.freeze_time("2020-01-01"):
        yield

def test_fixture(relace_mock):
    play(relace_mock)

@freezegun.freeze_time("2040-01-01")
def test_frozen(relace_mock):
    play(relace_mock)

def test_running():
    with relace_mock.running(dimensions=8) as server:
        play(server.control("rlc-x"))

def test_pending_requests_are_waited_for_by_the_server(relace_mock):
    relace_mock.play("hang")
    url = urlsplit(relace_mock.base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port)
    headers = {"Authorization": f"Bearer {relace_mock.api_key}"}
    connection.request("POST", url.path + "/code/embed", b"{}", headers)
    while not relace_mock.requests:
        pass
    assert relace_mock.requests[0].outcome == "pending"
    connection.close()

def test_transport():
    control = relace_mock.transport(dimensions=8).control("rlc-x")
    assert control.requests == []
""",
    )


def test_frozen_clocks_of_time_machine(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
import time_machine
import relace_mock

@pytest.fixture(scope="session", autouse=True)
def frozen():
    with time_machine.travel(0, tick=False):
        yield

def test_fixture(relace_mock):
    play(relace_mock)

@time_machine.travel("2040-01-01", tick=False)
def test_frozen(relace_mock):
    play(relace_mock)

def test_running():
    with relace_mock.running(dimensions=8) as server:
        play(server.control("rlc-x"))
""",
    )


GEVENT = """
import relace_mock

def test_fixture(relace_mock):
    play(relace_mock)

def test_running():
    with relace_mock.running(dimensions=8) as server:
        play(server.control("rlc-x"))

def test_greenlets(relace_mock):
    import gevent
    jobs = [gevent.spawn(ask, relace_mock) for _ in range(5)]
    gevent.joinall(jobs)
    assert [job.value for job in jobs] == [200] * 5
    assert len(relace_mock.requests) == 5

def test_a_thread_is_refused_in_one_line():
    with pytest.raises(relace_mock.ServerError, match="gevent has replaced threads"):
        with relace_mock.running(thread=True):
            pass
"""


def test_gevent_that_patches_at_the_start(pytester: pytest.Pytester) -> None:
    conftest = "from gevent import monkey\nmonkey.patch_all()\n"
    passes(pytester, GEVENT, "-p", "no:rerunfailures", conftest=conftest)


def test_gevent_that_patches_in_a_test(pytester: pytest.Pytester) -> None:
    code = """
def test_before(relace_mock):
    play(relace_mock)

@pytest.mark.filterwarnings("ignore")
def test_patch(relace_mock):
    from gevent import monkey
    monkey.patch_all()
    play(relace_mock)
"""
    passes(pytester, code + GEVENT, "-p", "no:rerunfailures")


def test_sockets_that_pytest_socket_blocks(pytester: pytest.Pytester) -> None:
    """The client under test is blocked, the fixture is not."""
    passes(
        pytester,
        """
import pytest
import pytest_socket
import relace_mock

# Since 0.8 pytest-socket warns, too.
pytestmark = pytest.mark.filterwarnings("ignore")

@pytest.mark.relace_scenario("flaky")
def test_fixture(relace_mock):
    relace_mock.play("rate-limited-twice")
    relace_mock.advance(1)
    assert relace_mock.requests == []
    with pytest.raises(pytest_socket.SocketBlockedError):
        ask(relace_mock)

def test_running():
    with relace_mock.running(dimensions=8) as server:
        assert server.control("rlc-x").requests == []

@pytest.mark.enable_socket
def test_enabled(relace_mock):
    play(relace_mock)

@pytest.mark.allow_hosts(["192.0.2.1"])
def test_other_hosts_only(relace_mock):
    relace_mock.play("flaky")
    with pytest.raises(pytest_socket.SocketConnectBlockedError):
        ask(relace_mock)
    assert relace_mock.requests == []
""",
        "--disable-socket",
    )


def test_a_socket_module_that_a_test_replaces(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
import socket

def blocked(*args, **kwargs):
    raise AssertionError("no network here")

@pytest.mark.parametrize("name", ["socket", "create_connection", "getaddrinfo"])
def test_it(relace_mock, monkeypatch, name):
    monkeypatch.setattr(socket, name, blocked)
    relace_mock.play("flaky")
    assert relace_mock.requests == []

def test_the_classes_of_http(relace_mock, monkeypatch):
    monkeypatch.setattr(http.client, "HTTPConnection", blocked)
    relace_mock.play("flaky")
    assert relace_mock.requests == []
""",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_tests_that_fork(pytester: pytest.Pytester) -> None:
    """One fork exits as a process does; the other leaves the test by an exception."""
    passes(
        pytester,
        """
import os

def test_a_fork_asks(relace_mock):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ask(relace_mock) == 200 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(relace_mock.requests) == 1

@pytest.fixture(scope="session")
def wide(relace_mock_server):
    mock = relace_mock_server.mock("wide")
    mock.play("unauthorized")
    return mock

def test_a_fork_leaves(relace_mock, wide):
    assert ask(relace_mock) == 200
    pid = os.fork()
    if pid == 0:
        os.close(1)
        pytest.exit("the fork is done", returncode=0)
    os.waitpid(pid, 0)
    assert len(relace_mock.requests) == 1
    assert ask(relace_mock) == 200

def test_afterwards(relace_mock, wide):
    play(relace_mock)
    assert ask(wide) == 401
""",
        "-p",
        "no:warnings",
    )
