"""Answers that the checks have the mock give, and what it answers by itself."""

from __future__ import annotations

import base64
import functools
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

#: A step of a scenario, as JSON has it.
StepJson = dict[str, Any]


def status(
    code: int, message: str | None = None, *, times: Any = "forever", **fields: str
) -> StepJson:
    """An error in the documented form; ``fields`` are headers, ``_`` for each dash."""
    step: StepJson = {"status": code, "times": times}
    if message is not None:
        step["body"] = {"error": message}
    if fields:
        step["headers"] = {name.replace("_", "-"): value for name, value in fields.items()}
    return step


def text(content: str | bytes, media_type: str = "application/json", code: int = 200) -> StepJson:
    """Any body, to the byte, for ever."""
    step: StepJson = {"status": code, "headers": {"Content-Type": media_type}, "times": "forever"}
    if isinstance(content, str):
        return {**step, "body_text": content}
    return {**step, "body_base64": base64.b64encode(content).decode()}


def fault(name: str, *, times: Any = "forever", **measure: Any) -> StepJson:
    """A fault of the transport."""
    return {"fault": name, "times": times, **measure}


def lie(*mutations: str) -> StepJson:
    """A 200 that the mock falsifies."""
    return {"mutate": list(mutations), "times": "forever"}


def content(*vectors: list[Any], tokens: Any = 4) -> dict[str, Any]:
    """A right answer with these vectors."""
    results = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"results": results, "usage": {"total_tokens": tokens}}


@functools.lru_cache(256)
def truth(base_url: str, texts: tuple[str, ...], dtype: str) -> tuple[list[list[float]], int]:
    """Ask the mock, as plainly as can be. Vectors in the order of the texts, and tokens."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    asked = {"model": "relace-embed-v1", "input": texts, "output_dtype": dtype}
    fields = {"Authorization": "Bearer rlc-truth", "Content-Type": "application/json"}
    connection.request("POST", url.path + "/code/embed", json.dumps(asked), fields)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    results = sorted(answer["results"], key=lambda result: int(result["index"]))
    return [result["embedding"] for result in results], answer["usage"]["total_tokens"]
