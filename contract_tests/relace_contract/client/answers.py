"""Answers that the checks make the mock give, and its normal answers."""

from __future__ import annotations

import base64
import functools
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

#: A step of a scenario, as JSON.
StepJson = dict[str, Any]
#: Why a check of an answer could not be exercised, if no request got a 200.
NOT_SENT = "the mock refused the client's request, so the prepared answer was not sent"


def status(
    code: int, message: str | None = None, *, times: Any = "forever", **fields: str
) -> StepJson:
    """An error in the documented form; ``fields`` are headers, written with ``_`` for ``-``."""
    step: StepJson = {"status": code, "times": times}
    if message is not None:
        step["body"] = {"error": message}
    if fields:
        step["headers"] = {name.replace("_", "-"): value for name, value in fields.items()}
    return step


def text(content: str | bytes, media_type: str = "application/json", code: int = 200) -> StepJson:
    """An exact body, repeated for every request."""
    step: StepJson = {"status": code, "headers": {"Content-Type": media_type}, "times": "forever"}
    if isinstance(content, str):
        return {**step, "body_text": content}
    return {**step, "body_base64": base64.b64encode(content).decode()}


def fault(name: str, *, times: Any = "forever", **measure: Any) -> StepJson:
    """A transport fault."""
    return {"fault": name, "times": times, **measure}


def lie(*mutations: str) -> StepJson:
    """A 200 that the mock mutates in these ways."""
    return {"mutate": list(mutations), "times": "forever"}


def content(*vectors: list[Any], tokens: Any = 4) -> dict[str, Any]:
    """A correct response body with these vectors."""
    results = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"results": results, "usage": {"total_tokens": tokens}}


@functools.lru_cache(256)
def truth(base_url: str, texts: tuple[str, ...], dtype: str) -> tuple[list[list[float]], int]:
    """Ask the mock with a plain request: its vectors in the order of the texts, and its tokens."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    asked = {"model": "relace-embed-v1", "input": texts, "output_dtype": dtype}
    fields = {"Authorization": "Bearer rlc-truth", "Content-Type": "application/json"}
    connection.request("POST", url.path + "/code/embed", json.dumps(asked), fields)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    results = sorted(answer["results"], key=lambda result: int(result["index"]))
    return [result["embedding"] for result in results], answer["usage"]["total_tokens"]
