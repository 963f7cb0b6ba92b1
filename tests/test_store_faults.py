"""What clients see when the shared store fails: a clear 500 in time, and service that returns."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import trustme

import relace_mock
from relace_mock import RunningServer, ServerError
from tests.conftest import Serve
from tests.redis_server import Redis, free_port, new_prefix, shared
from tests.steering import Steering, ask, until


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    with contextlib.suppress(Exception):
        os.kill(server._process.pid, signal.SIGCONT)
    server.stop()


@contextlib.contextmanager
def mock(redis: Redis, **settings: Any) -> Iterator[RunningServer]:
    settings = {"dimensions": 8, "store": redis.url, "store_timeout": 0.5, **settings}
    with relace_mock.running(**settings) as server:
        yield server


def works(server: RunningServer) -> Callable[[], bool]:
    return lambda: ask(server).status_code == 200


def serve_fails(*options: str, **environment: str) -> str:
    """Run a command that does not start; return its message, which is one line."""
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_store_that_cannot_be_reached_at_start_is_one_line(workers: str) -> None:
    url = f"redis://user:a-password@127.0.0.1:{free_port()}/0"
    told = serve_fails("--store", url, "--workers", workers)
    assert "--store redis://127.0.0.1:" in told
    assert "connection refused" in told
    assert "a-password" not in told


def test_a_host_that_is_not_known_is_one_line() -> None:
    told = serve_fails("--store", "redis://no-such-host.invalid:6379")
    assert "--store redis://no-such-host.invalid:6379: the store cannot be reached" in told


def test_a_store_that_does_not_answer_at_start_is_one_line(redis: Redis) -> None:
    os.kill(redis._process.pid, signal.SIGSTOP)
    told = serve_fails("--store", redis.url, "--store-timeout", "300ms")
    assert "did not answer within 0.3 s (--store-timeout)" in told


@pytest.mark.parametrize("store", ["redis:", "redis://", "http://h:1", "Memory", "redis://h:70000"])
def test_a_bad_store_is_one_line(store: str) -> None:
    assert "redis://" in serve_fails("--store", store)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--store-prefix", "a b", "store-prefix must be up to 64 letters"),
        ("--store-ttl", "1m", "store-ttl must be at least namespace-ttl"),
        ("--store-timeout", "0s", "store-timeout must be a duration"),
    ],
)
def test_bad_options_of_the_store_are_one_line(option: str, value: str, told: str) -> None:
    assert told in serve_fails("--store", shared().url, option, value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ServerError, match=r"pip install 'relace-mock\[redis\]'"), mock(shared()):
        pass


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_one_line_without_it(password: str) -> None:
    redis = Redis("--requirepass", "s3cret-good")
    try:
        url = f"redis://:{password}@127.0.0.1:{redis.port}" if password else redis.url
        told = serve_fails("--store", url)
        assert "the store refuses access: write its user and password" in told
        assert "wrong@" not in told
        good = f"redis://:s3cret-good@127.0.0.1:{redis.port}"
        with mock(redis, store=good) as server:
            assert works(server)()
            redis.kill()
            told = ask(server).text
        assert "s3cret" not in told
    finally:
        redis.stop()


def test_the_password_is_in_no_settings_that_are_shown() -> None:
    settings = relace_mock.Settings(store="redis://:s3cret@127.0.0.1")
    assert "s3cret" not in repr(settings)
    transport = relace_mock.transport(store=shared().url, store_prefix=new_prefix(), dimensions=8)
    assert "store=…" in repr(transport)


def test_requests_get_500_while_the_store_is_down_and_service_returns(redis: Redis) -> None:
    with mock(redis) as server:
        assert works(server)()
        redis.kill()
        for response in (ask(server), httpx.get(f"{server.url}/_mock/requests")):
            assert response.status_code == 500
            assert response.json()["error"].startswith(
                "relace-mock: the store cannot be reached"
            ) or ("the store cannot be reached" in response.text)
        redis.start()
        until(works(server), "service")


def test_the_end_of_the_store_under_load_ends_no_service(redis: Redis) -> None:
    """Every request is answered, with 200 or 500, and after the restart with 200."""
    with mock(redis) as server:
        statuses: list[int] = []
        stop = threading.Event()

        def load() -> None:
            with httpx.Client(timeout=30) as client:
                steering = {"Authorization": "Bearer rlc-load"}
                while not stop.is_set():
                    body = {"model": "m", "input": ["a"]}
                    url = f"{server.base_url}/code/embed"
                    statuses.append(client.post(url, json=body, headers=steering).status_code)

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: statuses.count(200) > 20, "answers")
        redis.kill()
        until(lambda: 500 in statuses, "a failure")
        redis.start()
        before = len(statuses)
        until(lambda: statuses[before:].count(200) > 20, "answers again")
        stop.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 500}


def test_a_store_that_hangs_costs_each_request_the_timeout_and_no_more(redis: Redis) -> None:
    with mock(redis) as server:
        assert works(server)()
        os.kill(redis._process.pid, signal.SIGSTOP)
        found: list[httpx.Response] = []
        threads = [
            threading.Thread(target=lambda: found.append(ask(server, timeout=20)))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [response.status_code for response in found] == [500] * 50
        assert all("did not answer" in response.text for response in found)
        assert all("--store-timeout" in response.text for response in found)
        control = httpx.get(f"{server.url}/_mock/verdict", timeout=20)
        assert (control.status_code, "--store-timeout" in control.text) == (500, True)
        os.kill(redis._process.pid, signal.SIGCONT)
        until(works(server), "service")


def test_requests_that_the_journal_missed_make_the_verdict_incomplete(redis: Redis) -> None:
    with mock(redis) as server, mock(redis) as other:
        steering = Steering(server.url, "rlc-missed")
        steering.ask()
        redis.kill()
        assert [steering.ask().status_code for _ in range(2)] == [500, 500]
        redis.start()
        until(lambda: steering.ask().status_code == 200, "service")
        verdict = steering.control("GET", "verdict").json()
        assert (verdict["ok"], verdict["complete"]) == (False, False)
        elsewhere = Steering(other.url, "rlc-missed")
        until(lambda: elsewhere.control("GET", "verdict").json() == verdict, "the same verdict")


def test_a_request_whose_arrival_hung_is_in_the_journal_once_or_counted_as_missing(
    redis: Redis,
) -> None:
    """Redis may still get the command when it continues, or not."""
    with mock(redis) as server:
        steering = Steering(server.url, "rlc-hung")
        steering.ask()
        os.kill(redis._process.pid, signal.SIGSTOP)
        assert steering.ask().status_code == 500
        os.kill(redis._process.pid, signal.SIGCONT)
        failures = 1
        while steering.ask().status_code != 200:
            failures += 1

        def settled() -> bool:
            statuses = [e["status"] for e in steering.journal() if e["outcome"] != "pending"]
            complete: bool = steering.control("GET", "verdict").json()["complete"]
            return statuses == [200, *[500] * failures, 200] if complete else len(statuses) >= 2

        until(settled, "an entry, or a verdict that is not complete")
        assert all(e["outcome"] != "pending" for e in steering.journal(settle="10s"))


def test_a_full_store_is_said_and_service_returns(redis: Redis) -> None:
    with mock(redis) as server:
        steering = Steering(server.url, "rlc-full")
        steering.play({"steps": [{"status": 418, "times": 2}]})
        assert steering.ask().status_code == 418
        steering.journal(settle="5s")
        redis.client().config_set("maxmemory", "1")
        refused = steering.ask()
        assert (refused.status_code, "is full (OOM)" in refused.text) == (500, True)
        assert "maxmemory" in refused.text
        redis.client().config_set("maxmemory", "0")
        until(lambda: steering.ask().status_code == 418, "the step, which was not used up")
        entries = steering.journal(settle="10s")
        assert all(entry["outcome"] != "pending" for entry in entries)


def test_a_store_that_was_emptied_is_said_in_the_verdict(redis: Redis) -> None:
    with mock(redis) as server, mock(redis) as other:
        control = server.control("rlc-forgotten")
        control.play({"steps": [{"status": 500, "times": "forever"}]})
        assert ask(control).status_code == 500
        redis.kill()
        redis.start()
        until(lambda: ask(control).status_code == 200, "service without the scenario")
        for each in (server, other):
            verdict = each.control("rlc-forgotten").verdict()
            assert "state_forgotten" in [finding.rule for finding in verdict.failures]
        control.reset()
        assert ask(other.control("rlc-forgotten")).status_code == 200
        assert control.verdict().ok


def test_a_key_that_was_not_used_before_the_store_was_emptied_has_lost_nothing(
    redis: Redis,
) -> None:
    with mock(redis) as first, mock(redis) as second:
        for server, key in ((first, "rlc-first"), (second, "rlc-second")):
            assert ask(server.control(key)).status_code == 200
        redis.client().flushall()
        ask(first)
        ask(second)
        client = redis.client()
        (meta,) = (key for key in client.keys("*:meta"))
        client.hset(meta, "lost_at", "1000")  # all replicas have reported their keys
        for server in (first, second):
            for key, forgotten in (("rlc-first", True), ("rlc-second", True), ("rlc-new", False)):
                ask(server.control(key))
                rules = [finding.rule for finding in server.control(key).verdict().failures]
                assert ("state_forgotten" in rules) is forgotten, key


def test_two_replicas_that_meet_an_empty_store_share_it(redis: Redis) -> None:
    with mock(redis) as first, mock(redis) as second:
        redis.client().flushall()
        first.control("rlc-a").play({"steps": [{"status": 500}, {"status": 502}]})
        statuses = [ask(server.control("rlc-a")).status_code for server in (second, first, second)]
        assert statuses == [500, 502, 200]


def test_a_namespace_that_expired_though_a_test_relied_on_it_is_forgotten_loudly() -> None:
    prefix = new_prefix()
    with mock(shared(), store_prefix=prefix) as server:
        control = server.control("rlc-expired")
        control.play({"steps": [{"status": 500, "times": "forever"}]})
        ask(control)
        control.journal(settle="5s")
        client = shared().client()
        client.delete(*client.keys(f"{prefix}:*{{*"))  # as if they had expired
        assert ask(control).status_code == 200
        verdict = control.verdict()
        assert {f.rule for f in verdict.failures} == {"journal_incomplete", "state_forgotten"}


class Proxy:
    """Passes bytes to a Redis and back; ``drops`` says which reply to lose, and the connection."""

    def __init__(self, port: int, drops: Callable[[bytes], bool]) -> None:
        self._target = port
        self._drops = drops
        self.dropped = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        target = socket.create_connection(("127.0.0.1", self._target))
        with client, target as server, contextlib.suppress(OSError):
            while command := client.recv(1 << 20):
                server.sendall(command)
                reply = server.recv(1 << 20)
                if self._drops(command):
                    self.dropped += 1
                    return
                client.sendall(reply)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("operation", ["arrive", "settle", "finish"])
def test_a_lost_reply_is_never_repeated(operation: str) -> None:
    """The step of the lost reply is used up once, and the journal says what it knows."""
    lose = [False]

    def drops(command: bytes) -> bool:
        if lose[0] and f"${len(operation)}\r\n{operation}\r\n".encode() in command:
            lose[0] = False
            return True
        return False

    proxy = Proxy(shared().port, drops)
    try:
        with relace_mock.running(
            dimensions=8, store=proxy.url, store_prefix=new_prefix()
        ) as server:
            steering = Steering(server.url, "rlc-lost")
            steering.play({"steps": [{"status": 401}, {"status": 402}, {"status": 403}]})
            lose[0] = True
            first = steering.ask()
            until(lambda: proxy.dropped == 1, "the lost reply")
            rest = [steering.ask().status_code for _ in range(3)]
            until(lambda: len(steering.journal()) == 4, "four entries")
            entries = steering.journal(settle="10s")
            if operation == "finish":
                assert (first.status_code, rest) == (401, [402, 403, 200])
            elif operation == "settle":
                assert (first.status_code, rest) == (500, [402, 403, 200])
            else:
                assert (first.status_code, rest) == (500, [401, 402, 403])
            assert [entry["status"] for entry in entries] == [first.status_code, *rest]
            until(lambda: steering.control("GET", "verdict").json()["complete"], "a whole verdict")
    finally:
        proxy.close()


def test_a_read_only_replica_is_said(redis: Redis) -> None:
    with mock(redis) as server:
        assert works(server)()
        redis.client().replicaof("127.0.0.1", str(shared().port))
        until(lambda: ask(server).status_code == 500, "a refusal")
        assert "read-only replica" in ask(server).text
        redis.client().replicaof("NO", "ONE")
        until(works(server), "service")


def test_a_replica_without_its_primary_is_said(redis: Redis) -> None:
    with mock(redis) as server:
        assert works(server)()
        redis.client().config_set("replica-serve-stale-data", "no")
        redis.client().replicaof("127.0.0.1", str(free_port()))
        until(lambda: "a replica that has lost its primary" in ask(server).text, "a reason")
        redis.client().replicaof("NO", "ONE")
        until(works(server), "service")


def test_a_primary_without_replicas_that_needs_them_is_said(redis: Redis) -> None:
    with mock(redis) as server:
        assert works(server)()
        redis.client().config_set("min-replicas-to-write", "1")
        until(lambda: "has lost its replicas, and refuses writes" in ask(server).text, "a reason")
        redis.client().config_set("min-replicas-to-write", "0")
        until(works(server), "service")


def test_a_user_who_may_not_do_enough_is_said(redis: Redis) -> None:
    redis.client().acl_setuser("ci", enabled=True, passwords=["+pw"], commands=["+ping"])
    told = serve_fails("--store", f"redis://ci:pw@127.0.0.1:{redis.port}/0")
    assert "does not let this user run what the mock needs" in told


def test_a_database_that_is_not_there_is_said() -> None:
    told = serve_fails("--store", f"redis://127.0.0.1:{shared().port}/99")
    assert "has no database with this number" in told


def test_a_store_without_tls_is_said() -> None:
    told = serve_fails("--store", f"rediss://127.0.0.1:{shared().port}/0")
    assert "if it does not speak TLS, write redis:// instead of rediss://" in told


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Redis, str]]:
    """A Redis with TLS, and the file of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    port = free_port()
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(folder / "cert.pem")]
    options += ["--tls-key-file", str(folder / "key.pem")]
    options += ["--tls-ca-cert-file", str(folder / "ca.pem")]
    redis = Redis(*options, port=port)
    yield redis, str(folder / "ca.pem")
    redis.stop()


def test_a_store_can_be_reached_with_tls(tls: tuple[Redis, str], serve: Serve) -> None:
    redis, authority = tls
    url = f"rediss://localhost:{redis.port}/0?ssl_ca_certs={authority}"
    with serve("--store", url, "--workers", "2", "--dimensions", "8") as process:
        assert ask(RunningServer(process.base_url)).status_code == 200


def test_a_certificate_that_is_not_trusted_is_said(tls: tuple[Redis, str]) -> None:
    redis, _ = tls
    told = serve_fails("--store", f"rediss://localhost:{redis.port}/0")
    assert "TLS failed" in told
    assert "certificate" in told.lower()


def test_a_signal_stops_the_server_though_the_store_hangs(redis: Redis, serve: Serve) -> None:
    with serve("--store", redis.url, "--workers", "2", "--dimensions", "8") as process:
        assert ask(RunningServer(process.base_url)).status_code == 200
        os.kill(redis._process.pid, signal.SIGSTOP)
        process.popen.terminate()
        process.popen.communicate(timeout=30)
        assert process.popen.returncode == 0


def test_one_line_says_that_the_store_fails_and_one_that_it_works_again(
    redis: Redis, serve: Serve
) -> None:
    with serve("--store", redis.url, "--dimensions", "8") as process:
        server = RunningServer(process.base_url)
        redis.kill()
        for _ in range(3):
            assert ask(server).status_code == 500
        redis.start()
        until(works(server), "service")
        lines: list[str] = []
        assert process.popen.stderr is not None
        while not lines or "store works again" not in lines[-1]:
            lines.append(process.popen.stderr.readline())
    assert len(lines) == 2
    assert re.match(r"relace-mock: the store cannot be reached: .*; requests get 500", lines[0])
