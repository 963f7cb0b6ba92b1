"""The adapter of a client like that of Relace's own agent.

Run it as ``python -m relace_contract.adapters.examples.agent``.

As seen in public code, ``AgentClient`` takes a host, cuts files into chunks of up to 112,000
characters, sends 32 chunks in a request with 4 requests in flight, waits 600 seconds, never
retries, reads results in the order in which they came, and sends a query as a lone string.
The adapter passes a single text as a query. It replaces only the transport, because the client
speaks https but the mock speaks http.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import httpx

IDENTITY = {
    "client": "agent-shaped httpx",
    "version": httpx.__version__,
    "language": "python",
    "features": ["batch"],
}
KINDS = {400: "bad_request", 401: "authentication", 404: "key_not_found", 429: "rate_limit"}
CHUNK = 112_000  # characters: 32,000 tokens of 3.5 characters


class AgentClient:
    """The client. ``batch`` is the number of chunks in a request, ``in_flight`` of requests."""

    def __init__(
        self,
        host: str,
        api_key: str,
        batch: int = 32,
        in_flight: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = f"https://{host}/v1/code/embed"
        self._batch = batch
        self._turns = asyncio.Semaphore(in_flight)
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"}, timeout=600, transport=transport
        )

    async def embed_query(self, model: str, query: str) -> tuple[list[list[float]], int]:
        """Return the vector of one query and its tokens."""
        return await self._embed(model, query)

    async def embed_files(self, model: str, files: list[str]) -> tuple[list[list[float]], int]:
        """Return a vector for each chunk of each file, and the tokens of all."""
        chunks = [
            file[start : start + CHUNK]
            for file in files
            for start in range(0, max(len(file), 1), CHUNK)
        ]
        answers = await asyncio.gather(
            *(
                self._embed(model, chunks[start : start + self._batch])
                for start in range(0, len(chunks), self._batch)
            )
        )
        vectors = [vector for found, _ in answers for vector in found]
        return vectors, sum(tokens for _, tokens in answers)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _embed(self, model: str, texts: str | list[str]) -> tuple[list[list[float]], int]:
        async with self._turns:
            response = await self._http.post(self._url, json={"model": model, "input": texts})
        response.raise_for_status()
        content = response.json()
        vectors = [result["embedding"] for result in content["results"]]
        return vectors, content.get("usage", {}).get("total_tokens", 0)


class PlainHttp(httpx.AsyncHTTPTransport):
    """A transport that sends requests for https in plain text."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        request.url = request.url.copy_with(scheme="http")
        return await super().handle_async_request(request)


async def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol's answer to one message."""
    if message["cmd"] == "start":
        return IDENTITY
    host, model, texts = urlsplit(message["base_url"]).netloc, message["model"], message["input"]
    batch = message.get("max_batch", 32)
    client = AgentClient(host, message["api_key"], batch, transport=PlainHttp())
    try:
        if len(texts) == 1:
            vectors, tokens = await client.embed_query(model, texts[0])
        else:
            vectors, tokens = await client.embed_files(model, texts)
    except Exception as raised:  # noqa: BLE001 - the user gets any exception
        return error(raised)
    finally:
        await client.aclose()
    return {"outcome": "ok", "embeddings": vectors, "total_tokens": tokens}


def error(raised: Exception) -> dict[str, Any]:
    """Translate an exception into the protocol."""
    said: dict[str, Any] = {"outcome": "error", "kind": "other"}
    match raised:
        case httpx.HTTPStatusError():
            status = raised.response.status_code
            said["kind"] = KINDS.get(status, "server" if status >= 500 else "other")
            said["status"] = status
        case httpx.TimeoutException():
            said["kind"] = "timeout"
        case httpx.TransportError():
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
