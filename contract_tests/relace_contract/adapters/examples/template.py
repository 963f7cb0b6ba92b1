"""A template: replace ``embed`` by your own client, and list its features in IDENTITY.

Run it with ``relace-mock verify-client --stdio 'python template.py'``, or in the process of the
kit with ``relace-mock verify-client --python template:answer``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx

IDENTITY = {
    "client": "template",
    "version": "1.0",
    "language": "python",
    "features": [],  # of: retry, retry_after, timeout, batch, binary, rate_limit
}


def embed(texts: list[str], request: dict[str, Any]) -> tuple[list[list[float]], int | None]:
    """Your client: vectors in the order of the texts, and tokens."""
    response = httpx.post(
        request["base_url"].rstrip("/") + "/code/embed",
        headers={"Authorization": f"Bearer {request['api_key']}"},
        json={"model": request["model"], "input": texts},
        timeout=request["timeout_ms"] / 1000,
    )
    response.raise_for_status()
    content = response.json()
    results = sorted(content["results"], key=lambda result: result["index"])
    return [result["embedding"] for result in results], content["usage"]["total_tokens"]


# The protocol. Only answers go to standard output; send logs to standard error.


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one message."""
    if request["cmd"] == "start":
        return IDENTITY
    try:
        vectors, tokens = embed(request["input"], request)
    except httpx.HTTPStatusError as error:
        # If your client tells errors apart, translate them into `kind`.
        return {
            "outcome": "error",
            "kind": "other",
            "status": error.response.status_code,
            "message": error.response.text,
        }
    except httpx.TimeoutException as error:
        return {"outcome": "error", "kind": "timeout", "message": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, is what a user gets
        return {"outcome": "error", "kind": "other", "message": repr(error)}
    return {"outcome": "ok", "embeddings": vectors, "total_tokens": tokens}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if message["cmd"] == "stop":
            break
        print(json.dumps({"seq": message["seq"], **answer(message)}), flush=True)  # noqa: T201 - the protocol
