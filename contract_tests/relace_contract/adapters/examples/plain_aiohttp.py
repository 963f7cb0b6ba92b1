"""The adapter of a plain client on ``aiohttp``.

Run it as ``python -m relace_contract.adapters.examples.plain_aiohttp``.

``embed`` is what most people write: a session for the call, ``raise_for_status``, and the vectors
in the order in which they came. The rest only translates between ``embed`` and the protocol.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp

IDENTITY = {
    "client": "plain aiohttp",
    "version": aiohttp.__version__,
    "language": "python",
    "features": ["timeout"],
}
KINDS = {400: "bad_request", 401: "authentication", 404: "key_not_found", 429: "rate_limit"}


async def embed(
    base_url: str, api_key: str, model: str, texts: list[str], limits: aiohttp.ClientTimeout
) -> tuple[list[list[float]], int | None]:
    """Return the vectors and the number of tokens. Raises what ``aiohttp`` raises."""
    async with (
        aiohttp.ClientSession(timeout=limits) as session,
        session.post(
            f"{base_url}/code/embed",
            headers={"Authorization": f"Bearer {api_key}"},
            json={"model": model, "input": texts},
        ) as response,
    ):
        response.raise_for_status()
        data = await response.json()
    vectors = [item["embedding"] for item in data["results"]]
    return vectors, data.get("usage", {}).get("total_tokens")


async def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol's answer to one message."""
    if message["cmd"] == "start":
        return IDENTITY
    try:
        vectors, tokens = await embed(
            message["base_url"],
            message["api_key"],
            message["model"],
            message["input"],
            aiohttp.ClientTimeout(total=message["timeout_ms"] / 1000),
        )
    except Exception as raised:  # noqa: BLE001 - the user gets any exception
        return error(raised)
    return {"outcome": "ok", "embeddings": vectors, "total_tokens": tokens}


def error(raised: Exception) -> dict[str, Any]:
    """Translate an exception into the protocol."""
    said: dict[str, Any] = {"outcome": "error", "kind": "other"}
    match raised:
        # Raised for a 200 whose content type is not JSON; its status is that 200.
        case aiohttp.ContentTypeError():
            pass
        case aiohttp.ClientResponseError():
            said["kind"] = KINDS.get(raised.status, "server" if raised.status >= 500 else "other")
            said["status"] = raised.status
        case TimeoutError():
            said["kind"] = "timeout"
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            said["kind"] = "connection"
    return {**said, "message": f"{type(raised).__name__}: {raised}"}


def main() -> None:
    """Answer JSON lines until ``stop``."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            message = json.loads(line)
            if message["cmd"] == "stop":
                return
            said = {"seq": message["seq"], **runner.run(answer(message))}
            print(json.dumps(said), flush=True)  # noqa: T201 - standard output is the protocol


if __name__ == "__main__":
    main()
