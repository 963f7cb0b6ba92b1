"""Many clients at once: each step is played once, and chance fails the same bodies."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

import relace_mock
from relace_mock import RunningServer
from tests.conftest import Serve
from tests.redis_server import new_prefix, shared

#: Rounds of each test; `nox -s proof` runs more.
ROUNDS = int(os.environ.get("TEST_ROUNDS", "100"))


SHARED = "two workers with Redis"


@pytest.fixture(scope="module", params=["httptools", "h11", SHARED])
def running(request: pytest.FixtureRequest, serve: Serve) -> Iterator[RunningServer]:
    if request.param == SHARED:
        store = ("--store", shared().url, "--store-prefix", new_prefix(), "--store-timeout", "60s")
        with serve("--workers", "2", "--dimensions", "8", *store) as process:
            yield RunningServer(process.base_url)
        return
    with relace_mock.running(http=request.param, dimensions=8) as server:
        yield server


class Client:
    """A client that keeps one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, key: str, *texts: str) -> int:
        """Return the status of one answer; 0 if the connection was reset."""
        body = json.dumps({"model": "m", "input": texts}).encode()
        self._writer.write(
            b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (key.encode(), len(body), body)
        )
        async with asyncio.timeout(60):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError):
                return 0
            lines = head.split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            await self._reader.readexactly(length)
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


async def connect(server: RunningServer) -> Client:
    url = urlsplit(server.url)
    return Client(*await asyncio.open_connection(url.hostname, url.port))


def test_a_one_shot_failure_meets_exactly_one_of_sixteen_clients(running: RunningServer) -> None:
    async def play() -> None:
        clients = await asyncio.gather(*(connect(running) for _ in range(16)))
        for number in range(ROUNDS):
            key = f"mock.server-error-once.{number}"
            statuses = await asyncio.gather(*(client.ask(key, "same") for client in clients))
            assert Counter(statuses) == {500: 1, 200: 15}, number
        for client in clients:
            client.close()

    asyncio.run(play())


def test_sixteen_clients_together_get_every_step_of_a_script_once(running: RunningServer) -> None:
    steps = [{"status": 401}, {"status": 429, "times": 5}, {"status": 503, "times": 3}]
    running.control("rlc-dealt").play({"steps": steps})

    async def play() -> Counter[int]:
        clients = await asyncio.gather(*(connect(running) for _ in range(16)))
        statuses = await asyncio.gather(*(client.ask("rlc-dealt", "same") for client in clients))
        for client in clients:
            client.close()
        return Counter(statuses)

    assert asyncio.run(play()) == {401: 1, 429: 5, 503: 3, 200: 7}


def test_chance_fails_the_same_bodies_for_one_client_and_for_thirty_two(
    running: RunningServer,
) -> None:
    """Whether a body fails depends neither on the key nor on the order of requests."""
    rule = {"when": {}, "chance": 0.2, "steps": [{"status": 500}], "repeat": True}
    texts = [f"text {number}" for number in range(320)]

    async def fates(key: str, connections: int) -> dict[str, int]:
        running.control(key).play({"seed": 5, "rules": [rule]})
        clients = await asyncio.gather(*(connect(running) for _ in range(connections)))
        left = list(texts)
        found: dict[str, int] = {}

        async def work(client: Client) -> None:
            while left:
                text = left.pop()
                found[text] = await client.ask(key, text)
            client.close()

        await asyncio.gather(*map(work, clients))
        return found

    alone = asyncio.run(fates("rlc-alone", 1))
    assert asyncio.run(fates("rlc-crowd", 32)) == alone
    failed = Counter(alone.values())[500]
    assert 0.1 < failed / len(texts) < 0.3


def test_clients_with_different_keys_do_not_affect_each_other(running: RunningServer) -> None:
    async def play() -> None:
        clients = await asyncio.gather(*(connect(running) for _ in range(16)))
        keys = [f"rlc-own-{number}" for number in range(16)]
        for number, key in enumerate(keys):
            await asyncio.to_thread(
                running.control(key).play, {"steps": [{"status": 400 + number, "times": 2}]}
            )
        for _ in range(2):
            pairs = zip(clients, keys, strict=True)
            statuses = await asyncio.gather(*(client.ask(key, "same") for client, key in pairs))
            assert statuses == [400 + number for number in range(16)]
        for client in clients:
            client.close()

    asyncio.run(play())


async def at_once(server: RunningServer, key: str) -> Counter[int]:
    """Send the same request from sixteen clients at once; count the statuses."""
    clients = await asyncio.gather(*(connect(server) for _ in range(16)))
    statuses = await asyncio.gather(*(client.ask(key, "same") for client in clients))
    for client in clients:
        client.close()
    return Counter(statuses)


def test_a_one_shot_reset_meets_exactly_one_of_sixteen_clients(running: RunningServer) -> None:
    for number in range(ROUNDS // 4):
        key = f"mock.connection-reset.{number}"
        assert asyncio.run(at_once(running, key)) == {0: 1, 200: 15}, number


def test_a_quota_lets_exactly_its_number_of_requests_through(running: RunningServer) -> None:
    control = running.control("rlc-quota")
    for _ in range(ROUNDS // 10):
        control.play({"rate_limit": {"requests": 7, "per": "1h"}})
        assert asyncio.run(at_once(running, control.api_key)) == {200: 7, 429: 9}


def test_chance_fails_one_repeated_body_as_often_on_32_connections_as_on_one(
    running: RunningServer,
) -> None:
    """It does not matter which connection a request comes on."""
    rule = {"when": {}, "chance": 0.5, "steps": [{"status": 500}], "repeat": True}

    async def fates(key: str, connections: int) -> Counter[int]:
        running.control(key).play({"rules": [rule]})
        clients = await asyncio.gather(*(connect(running) for _ in range(connections)))
        left = ["the same"] * 200
        found: Counter[int] = Counter()

        async def work(client: Client) -> None:
            while left:
                found[await client.ask(key, left.pop())] += 1
            client.close()

        await asyncio.gather(*map(work, clients))
        return found

    alone = asyncio.run(fates("rlc-one", 1))
    assert asyncio.run(fates("rlc-thirty-two", 32)) == alone
    assert 60 < alone[500] < 140


async def answers_until_all_have_one(server: RunningServer, clients: int) -> list[int]:
    """Count the answers of each client until every client has at least one."""
    counts = [0] * clients
    texts = [f"{number} words " * 8000 for number in range(8)]

    async def ask_on(number: int) -> None:
        client = await connect(server)
        while not all(counts):
            assert await client.ask("rlc-many", *texts) == 200
            counts[number] += 1
            if counts == [1] + [0] * (clients - 1):  # now start the others
                others.extend(asyncio.create_task(ask_on(other)) for other in range(1, clients))
        client.close()

    others: list[asyncio.Task[None]] = []
    await ask_on(0)
    await asyncio.gather(*others)
    return counts


def test_new_connections_are_accepted_while_vectors_are_computed(serve: Serve) -> None:
    """Uvloop accepts one connection a turn of its loop: the last client could wait for all others."""
    with serve("--dimensions", "8", "--cache-bytes", "0") as process:
        counts = asyncio.run(answers_until_all_have_one(RunningServer(process.base_url), 24))
    assert max(counts) <= 6, counts
