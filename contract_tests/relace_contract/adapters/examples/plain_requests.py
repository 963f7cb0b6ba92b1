"""The adapter of a plain client on ``requests``.

Run it as ``python -m relace_contract.adapters.examples.plain_requests``.

``embed`` is what most people write: ``requests.post``, ``raise_for_status``, and the vectors in the
order in which they came. The rest only translates between ``embed`` and the protocol.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import requests

IDENTITY = {
    "client": "plain requests",
    "version": version("requests"),
    "language": "python",
    "features": ["timeout"],
}
KINDS = {400: "bad_request", 401: "authentication", 404: "key_not_found", 429: "rate_limit"}


def embed(
    base_url: str, api_key: str, model: str, texts: list[str], timeout: float
) -> tuple[list[list[float]], int | None]:
    """Return the vectors and the number of tokens. Raises what ``requests`` raises."""
    response = requests.post(
        f"{base_url}/code/embed",
        headers={"Authorization": f"Bearer {api_key}"},
        json={"model": model, "input": texts},
        timeout=timeout,
    )
    response.raise_for_status()
    data = response.json()
    vectors = [item["embedding"] for item in data["results"]]
    return vectors, data.get("usage", {}).get("total_tokens")


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol's answer to one message."""
    if message["cmd"] == "start":
        return IDENTITY
    try:
        vectors, tokens = embed(
            message["base_url"],
            message["api_key"],
            message["model"],
            message["input"],
            message["timeout_ms"] / 1000,
        )
    except Exception as raised:  # noqa: BLE001 - the user gets any exception
        return error(raised)
    return {"outcome": "ok", "embeddings": vectors, "total_tokens": tokens}


def error(raised: Exception) -> dict[str, Any]:
    """Translate an exception into the protocol."""
    said: dict[str, Any] = {"outcome": "error", "kind": "other"}
    match raised:
        case requests.HTTPError(response=requests.Response(status_code=status)):
            said["kind"] = KINDS.get(status, "server" if status >= 500 else "other")
            said["status"] = status
        case requests.Timeout():
            said["kind"] = "timeout"
        # An error in the JSON of a 200, not a connection error.
        case requests.JSONDecodeError():
            pass
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            said["kind"] = "connection"
    return {**said, "message": f"{type(raised).__name__}: {raised}"}


def main() -> None:
    """Answer JSON lines until ``stop``."""
    for line in sys.stdin:
        message = json.loads(line)
        if message["cmd"] == "stop":
            return
        print(json.dumps({"seq": message["seq"], **answer(message)}), flush=True)  # noqa: T201 - standard output is the protocol


if __name__ == "__main__":
    main()
