"""The adapter of the reference client: ``python -m relace_contract.adapters.examples.reference``.

The client itself has all the claimed features; the adapter only translates.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from relace_contract.adapters.examples.reference_client import Client, EmbedError

IDENTITY = {
    "client": "reference",
    "version": "1.0",
    "language": "python",
    "features": ["retry", "retry_after", "timeout", "batch", "binary", "rate_limit"],
}


class Handler:
    """Answers messages of the protocol; keeps its client and connections, as a user would."""

    def __init__(self) -> None:
        self._client: Client | None = None

    async def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message."""
        if request["cmd"] == "start":
            return IDENTITY
        if request["cmd"] == "stop":
            return await self._close()
        client = await self._client_for(request["base_url"], request["api_key"])
        client.model = request["model"]
        client.timeout = request["timeout_ms"] / 1000
        client.max_retries = request["max_retries"]
        client.max_batch = request.get("max_batch", 32)
        try:
            vectors, tokens = await client.embed(request["input"], request.get("output_dtype"))
        except EmbedError as error:
            limits = {
                name: error.headers.get(f"x-ratelimit-{name}")
                for name in ("limit", "remaining", "reset")
            }
            return {
                "outcome": "error",
                "kind": error.kind,
                "status": error.status,
                "message": str(error),
                "rate_limit": limits,
            }
        return {"outcome": "ok", "embeddings": vectors, "total_tokens": tokens}

    async def _client_for(self, base_url: str, api_key: str) -> Client:
        kept = self._client
        if kept is None or (kept.base_url, kept.api_key) != (base_url, api_key):
            await self._close()
            kept = self._client = Client(base_url, api_key)
        return kept

    async def _close(self) -> dict[str, Any]:
        if self._client is not None:
            await self._client.__aexit__()
        return {}


def main() -> None:
    """Answer JSON lines until ``stop``."""
    handler = Handler()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            request = json.loads(line)
            answer = {"seq": request["seq"], **runner.run(handler(request))}
            if request["cmd"] == "stop":
                return
            print(json.dumps(answer), flush=True)  # noqa: T201 - standard output is the protocol


if __name__ == "__main__":
    main()
