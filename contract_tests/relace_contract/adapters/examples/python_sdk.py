"""The adapter of the official Python SDK, ``relace``.

Run it as ``python -m relace_contract.adapters.examples.python_sdk``.

The SDK has no method for embeddings, so the request goes through its generic ``post``. The SDK
makes the request, retries, waits, times out, and chooses the exception. The adapter does what any
user would write: it reads the vectors from ``results`` as they come, and translates the SDK's
exceptions into the protocol. It does not sort, count or check anything that the SDK does not; an
exception that is not the SDK's is ``other``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import relace

FEATURES = ["retry", "retry_after", "timeout", "binary", "rate_limit"]
#: The first class that fits counts; some classes are subclasses of others.
KINDS: Mapping[type[Exception], str] = {
    relace.APITimeoutError: "timeout",
    relace.APIConnectionError: "connection",
    relace.APIResponseValidationError: "invalid_response",
    relace.BadRequestError: "bad_request",
    relace.AuthenticationError: "authentication",
    relace.NotFoundError: "key_not_found",
    relace.RateLimitError: "rate_limit",
    relace.InternalServerError: "server",
}


def identity(name: str) -> dict[str, Any]:
    """The answer to ``start``."""
    return {
        "client": name,
        "version": relace.__version__,
        "language": "python",
        "features": FEATURES,
    }


def body(request: dict[str, Any]) -> dict[str, Any]:
    """The request body for the endpoint."""
    names = ("model", "input", "output_dtype")
    return {name: request[name] for name in names if name in request}


def ok(answer: Any) -> dict[str, Any]:
    """The vectors and tokens of an answer, unchecked. A malformed answer raises any exception."""
    return {
        "outcome": "ok",
        "embeddings": [result["embedding"] for result in answer["results"]],
        "total_tokens": answer.get("usage", {}).get("total_tokens"),
    }


def error(raised: Exception) -> dict[str, Any]:
    """Translate an exception into the protocol."""
    kind = next((kind for type_, kind in KINDS.items() if isinstance(raised, type_)), "other")
    said = {"outcome": "error", "kind": kind, "message": f"{type(raised).__name__}: {raised}"}
    if not isinstance(raised, relace.APIStatusError):
        return said
    limits = {
        name: raised.response.headers.get(f"x-ratelimit-{name}")
        for name in ("limit", "remaining", "reset")
    }
    return {**said, "status": raised.status_code, "rate_limit": limits}


class Handler:
    """Answers messages of the protocol; keeps its client, as a user would."""

    def __init__(self) -> None:
        self._client: relace.Relace | None = None

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message."""
        if request["cmd"] == "start":
            return identity("relace, synchronous")
        if request["cmd"] == "stop":
            return self._close()
        client = self._client_for(request).with_options(
            timeout=request["timeout_ms"] / 1000, max_retries=request["max_retries"]
        )
        try:
            return ok(client.post("/code/embed", body=body(request), cast_to=object))
        except Exception as raised:  # noqa: BLE001 - whatever it is, is what the user gets
            return error(raised)

    def _client_for(self, request: dict[str, Any]) -> relace.Relace:
        url, key = request["base_url"], request["api_key"]
        kept = self._client
        if kept is None or (str(kept.base_url), kept.api_key) != (url.rstrip("/") + "/", key):
            self._close()
            kept = self._client = relace.Relace(base_url=url, api_key=key)
        return kept

    def _close(self) -> dict[str, Any]:
        if self._client is not None:
            self._client.close()
        return {}


def main() -> None:
    """Answer JSON lines until ``stop``."""
    handler = Handler()
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"seq": request["seq"], **handler(request)}
        if request["cmd"] == "stop":
            return
        print(json.dumps(answer), flush=True)  # noqa: T201 - standard output is the protocol


if __name__ == "__main__":
    main()
