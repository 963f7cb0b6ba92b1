"""``relace-mock serve --workers N``: several processes, one port, one ready line, one end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml

import relace_mock
from relace_mock import RunningServer
from relace_mock.cli.serve import serve
from tests.conftest import Process, Serve
from tests.redis_server import new_prefix, shared
from tests.sockets import refuses_connections
from tests.steering import ask, until
from tests.test_concurrency import Client, connect

pytestmark = pytest.mark.usefixtures("measured")
#: Rounds of the proof with 64 clients; 200 take some minutes.
ROUNDS = int(os.environ.get("TEST_ROUNDS", "5"))


def options(workers: int, prefix: str | None = None) -> tuple[str, ...]:
    store = ("--store", shared().url, "--store-prefix", prefix or new_prefix())
    patient = ("--store-timeout", "60s")  # the machine may be busy
    return ("--workers", str(workers), "--dimensions", "8", *store, *patient)


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """The process ids of the processes that this one has started."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(number) for number in children.read_text().split()]
    return []


def workers_of(process: Process) -> list[int]:
    """The process ids of the workers."""
    return children_of(process.popen)


def open_sockets(number: int) -> int:
    """How many sockets a process has."""
    links = [str(path.readlink()) for path in Path(f"/proc/{number}/fd").iterdir()]
    return sum(link.startswith("socket:") for link in links)


def is_alive(number: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def process(serve: Serve) -> Iterator[Process]:
    with serve(*options(2)) as started:
        yield started


def test_one_line_says_that_all_workers_are_ready(process: Process) -> None:
    assert len(workers_of(process)) == 2
    assert ask(RunningServer(process.base_url)).status_code == 200
    process.popen.terminate()
    output, errors = process.popen.communicate()
    assert (output, errors, process.popen.returncode) == ("", "", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_supervisor_and_workers(process: Process, number: signal.Signals) -> None:
    workers = workers_of(process)
    process.popen.send_signal(number)
    _, errors = process.popen.communicate(timeout=30)
    assert (process.popen.returncode, errors) == (0, "")
    assert not any(map(is_alive, workers))
    assert refuses_connections(process.base_url)


def test_a_signal_ends_workers_that_are_busy_or_stopped(process: Process) -> None:
    """A worker that cannot react is killed."""
    workers = workers_of(process)
    os.kill(workers[0], signal.SIGSTOP)
    process.popen.terminate()
    process.popen.communicate(timeout=30)
    assert process.popen.returncode == 0
    assert not any(map(is_alive, workers))


@pytest.mark.parametrize("started", [1, 2])
def test_a_signal_while_the_workers_start_ends_all(started: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *options(2)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(children_of(process)) >= started, "a worker that starts")
    workers = children_of(process)
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert not any(map(is_alive, workers))


def test_a_worker_that_dies_is_replaced(process: Process) -> None:
    server = RunningServer(process.base_url)
    first, second = workers_of(process)
    os.kill(first, signal.SIGKILL)
    assert process.popen.stderr is not None
    line = process.popen.stderr.readline()
    assert line == f"relace-mock: worker {first} ended with signal 9: another one starts\n"
    until(lambda: len(set(workers_of(process)) - {first}) == 2, "another worker")
    assert second in workers_of(process)
    assert [ask(server).status_code for _ in range(10)] == [200] * 10


def test_workers_that_keep_dying_end_the_server_with_a_line(process: Process) -> None:
    assert process.popen.stderr is not None
    killed: set[int] = set()

    def kill_until_it_ends() -> bool:
        for number in set(workers_of(process)) - killed:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
            killed.add(number)
        return process.popen.poll() is not None

    until(kill_until_it_ends, "the end of the server")
    errors = process.popen.stderr.read()
    assert process.popen.returncode == 2
    assert "the server stops" in errors.splitlines()[-1]


def test_no_worker_outlives_a_supervisor_that_is_killed(process: Process) -> None:
    workers = workers_of(process)
    process.popen.kill()
    until(lambda: not any(map(is_alive, workers)), "the end of the workers")
    assert refuses_connections(process.base_url)


@pytest.mark.parametrize("store", [(), ("--store", "memory")])
def test_workers_without_a_shared_store_are_refused_with_the_reason(store: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", "--workers", "2", *store],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "--workers 2 needs a store that all workers share" in done.stderr
    assert "--store redis://HOST:PORT" in done.stderr


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (("--scenario", "nothing-like-it"), "there is no scenario 'nothing-like-it'"),
        (("--host", "203.0.113.1"), "is not an address of this machine"),
        (("--workers", "0"), "--workers"),
    ],
)
def test_a_bad_option_is_told_once_and_not_by_each_worker(bad: tuple[str, ...], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *options(3), *bad],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count(told) == 1


def test_the_environment_sets_workers_and_store() -> None:
    environment = {"RELACE_MOCK_WORKERS": "2", "RELACE_MOCK_STORE": shared().url}
    environment["RELACE_MOCK_STORE_PREFIX"] = new_prefix()
    process = Process(("--dimensions", "8"), environment)
    assert len(workers_of(process)) == 2
    process.popen.terminate()
    process.popen.communicate()


def test_both_workers_answer(process: Process) -> None:
    """Connections go to whichever worker accepts first."""
    server, workers = RunningServer(process.base_url), workers_of(process)

    async def hold() -> None:
        clients = await asyncio.gather(*(connect(server) for _ in range(64)))
        await asyncio.gather(*(client.ask("rlc-a", "same") for client in clients))
        assert all(open_sockets(worker) > 12 for worker in workers)
        for client in clients:
            client.close()

    asyncio.run(hold())


def test_two_replicas_of_four_workers_give_a_one_shot_failure_to_one_of_64_clients(
    serve: Serve,
) -> None:
    prefix = new_prefix()
    given = (*options(4, prefix), "--journal-size", str(64 * ROUNDS))
    with serve(*given) as first, serve(*given) as second:
        servers = [RunningServer(process.base_url) for process in (first, second)]

        async def play() -> None:
            clients: list[Client] = await asyncio.gather(
                *(connect(servers[number % 2]) for number in range(64))
            )
            for number in range(ROUNDS):
                key = f"mock.server-error-once.{number}"
                statuses = await asyncio.gather(*(client.ask(key, "same") for client in clients))
                assert Counter(statuses) == {500: 1, 200: 63}, number
            for client in clients:
                client.close()

        asyncio.run(play())
        control = servers[1].control(f"mock.server-error-once.{ROUNDS - 1}")
        entries = control.journal(settle="30s")
        assert Counter(entry.status for entry in entries) == {500: 1, 200: 63}
        numbers = [entry.number for entry in entries]
        assert numbers == sorted(set(numbers))
        verdicts = [httpx.get(f"{server.url}/_mock/verdict").json() for server in servers]
        assert verdicts[0] == verdicts[1]


COMPOSE = yaml.safe_load((Path(__file__).parent.parent / "compose.yaml").read_text())


def test_the_options_of_the_compose_file_are_those_of_serve() -> None:
    """The test compares options only, because it has no Docker."""
    services = COMPOSE["services"]
    assert services["mock-1"] == services["mock-2"]
    environment = services["mock-1"]["environment"]
    variables = {
        option.envvar: option for option in serve.params if isinstance(option, click.Option)
    }
    given = [
        part
        for name, value in environment.items()
        for part in (variables[name].opts[-1], value.replace("${RELACE_MOCK_CONTROL_TOKEN:-", ""))
    ]
    context = serve.make_context("serve", given)
    assert context.params["workers"] == 2
    assert context.params["store"] == "redis://redis:6379/0"
    assert "relace-mock serve" in services["mock-1"]["command"][-1]
    balancer = COMPOSE["configs"]["balancer"]["content"]
    assert all(f"server {name} {name}:8080 check" in balancer for name in ("mock-1", "mock-2"))


def test_a_server_of_a_test_session_may_be_a_replica() -> None:
    prefix = new_prefix()
    settings: dict[str, Any] = {"dimensions": 8, "store": shared().url, "store_prefix": prefix}
    with (
        relace_mock.running(thread=False, **settings) as first,
        relace_mock.running(thread=False, **settings) as second,
    ):
        first.control("rlc-a").play({"steps": [{"status": 500}, {"status": 502}]})
        statuses = [ask(server.control("rlc-a")).status_code for server in (second, first, second)]
    assert statuses == [500, 502, 200]


def test_an_application_in_another_server_may_be_a_replica() -> None:
    """At the end of its lifespan it leaves, so an application with other settings may start."""
    prefix = new_prefix()

    async def play(seed: int) -> list[int]:
        app = relace_mock.app(dimensions=8, store=shared().url, store_prefix=prefix, seed=seed)
        messages = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

        async def receive() -> dict[str, str]:
            return next(messages)

        async def send(_: Any) -> None: ...

        headers = {"Authorization": "Bearer mock.server-error-once.x"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mock/v1") as client:
            body = {"model": "m", "input": ["a"]}
            asked = [client.post("/code/embed", json=body, headers=headers) for _ in range(4)]
            statuses = [response.status_code for response in await asyncio.gather(*asked)]
        await app({"type": "lifespan"}, receive, send)
        return sorted(statuses)

    assert asyncio.run(play(1)) == [200, 200, 200, 500]
    assert asyncio.run(play(2)) == [200, 200, 200, 500]
