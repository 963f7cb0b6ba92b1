"""The adapter of the asynchronous client of the official Python SDK.

Run it as ``python -m relace_contract.adapters.examples.python_sdk_async``. ``python_sdk`` explains
what the SDK does and what the adapter does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import relace

from relace_contract.adapters.examples.python_sdk import body, error, identity, ok


class Handler:
    """Answers messages of the protocol; keeps its client, as a user would."""

    def __init__(self) -> None:
        self._client: relace.AsyncRelace | None = None

    async def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message."""
        if request["cmd"] == "start":
            return identity("relace, asynchronous")
        if request["cmd"] == "stop":
            return await self._close()
        client = (await self._client_for(request)).with_options(
            timeout=request["timeout_ms"] / 1000, max_retries=request["max_retries"]
        )
        try:
            return ok(await client.post("/code/embed", body=body(request), cast_to=object))
        except Exception as raised:  # noqa: BLE001 - whatever it is, is what the user gets
            return error(raised)

    async def _client_for(self, request: dict[str, Any]) -> relace.AsyncRelace:
        url, key = request["base_url"], request["api_key"]
        kept = self._client
        if kept is None or (str(kept.base_url), kept.api_key) != (url.rstrip("/") + "/", key):
            await self._close()
            kept = self._client = relace.AsyncRelace(base_url=url, api_key=key)
        return kept

    async def _close(self) -> dict[str, Any]:
        if self._client is not None:
            await self._client.close()
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
