"""The soak: every kind of request at full speed, for as long as the process is left alive."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random

import httpx

from tests.attacks.attacks import Address, Attack

_CLIENTS = 16
_SCENARIOS = ("flaky", "connection-reset", "rate-limited", "reset-mid-body", "garbage", "ok")


async def _client(address: Address, number: int) -> None:
    """Send requests with new keys, scenarios and texts, and read the journal now and then."""
    host, port = address
    draw = random.Random(number)  # noqa: S311 - for variety, not for secrets
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client:
        for turn in itertools.count():
            name = draw.choice(_SCENARIOS)
            key = f"mock.{name}.{number}-{turn // 20}" if turn % 3 else f"rlc-{number}-{turn // 9}"
            headers = {"Authorization": f"Bearer {key}"}
            texts = [f"def f_{draw.random()}(): pass" for _ in range(draw.randint(1, 32))]
            with contextlib.suppress(httpx.HTTPError):
                body = {"model": "m", "input": texts}
                await client.post("/v1/code/embed", json=body, headers=headers)
                if turn % 50 == 0:
                    await client.put("/_mock/scenario", json={"name": name}, headers=headers)
                    await client.get("/_mock/requests?limit=100", headers=headers)
                    await client.get("/_mock/verdict", headers=headers)


def _run(address: Address) -> None:
    async def all_clients() -> None:
        await asyncio.gather(*(_client(address, number) for number in range(_CLIENTS)))

    asyncio.run(all_clients())


SOAK = Attack(
    "every kind of request at full speed",
    "memory and file descriptors do not grow",
    _run,
    ("--dimensions", "256", "--rate-limit", "30/1s", "--max-namespaces", "2000"),
)  # fmt: skip - as the other attacks
