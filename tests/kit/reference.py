"""A correct server of all endpoints, as plain as possible, independent of ``relace_mock``.

The kit must find nothing wrong with it. ``mutants.py`` breaks it in one line each, so every
decision is a small method or a rule with a name.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KEY = "rlc-0123456789abcdef0123456789abcdef"
_TOKEN = re.compile(r"[^\W\d_]+|\d|\s+|.", re.DOTALL)


@dataclass
class Asked:
    """A request. ``headers`` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: str = ""


@dataclass
class Answer:
    """What goes back; a string is an error's message."""

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Raised to answer a request with an error."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, message, headers)


def _texts(body: dict[str, Any]) -> list[Any]:
    texts = body.get("input")
    return texts if isinstance(texts, list) else []


#: The rules for a body. A body with one fault breaks exactly one of them.
RULES: dict[str, Callable[[Any], bool]] = {
    "body-array": lambda body: isinstance(body, list),
    "body-scalar": lambda body: not isinstance(body, (list, dict)),
    "model-missing": lambda body: "model" not in body,
    "model-null": lambda body: "model" in body and body["model"] is None,
    "model-type": lambda body: not isinstance(body.get("model"), (str, type(None))),
    "model-empty": lambda body: body.get("model") == "",
    "input-missing": lambda body: "input" not in body,
    "input-null": lambda body: "input" in body and body["input"] is None,
    "input-string": lambda body: isinstance(body.get("input"), str),
    "input-type": lambda body: not isinstance(body.get("input"), (list, str, type(None))),
    "input-empty": lambda body: body.get("input") == [],
    "item-null": lambda body: None in _texts(body),
    "item-boolean": lambda body: any(isinstance(text, bool) for text in _texts(body)),
    "item-number": lambda body: any(type(text) in (int, float) for text in _texts(body)),
    "item-nested": lambda body: any(isinstance(text, (list, dict)) for text in _texts(body)),
    "dtype-null": lambda body: "output_dtype" in body and body["output_dtype"] is None,
    "dtype-type": lambda body: not isinstance(body.get("output_dtype"), (str, type(None))),
    "dtype-empty": lambda body: body.get("output_dtype") == "",
    "dtype-case": lambda body: str(body.get("output_dtype")) in {"Float", "FLOAT", "Binary"},
    "dtype-unknown": lambda body: (
        str(body.get("output_dtype") or "float").lower() not in {"float", "binary"}
        and isinstance(body.get("output_dtype"), str)
    ),
    "surrogate": lambda body: "\ud800" <= max("".join(map(str, _texts(body))) or " ") <= "\udfff",
}


def _files(body: dict[str, Any]) -> list[Any]:
    files = body.get("codebase")
    return files if isinstance(files, list) else []


def _fields(body: dict[str, Any], name: str) -> list[Any]:
    return [file.get(name) for file in _files(body) if isinstance(file, dict)]


def _is_whole(number: Any) -> bool:
    return type(number) is int or (type(number) is float and number.is_integer())


#: The same for a body of the ranker.
RANK_RULES: dict[str, Callable[[Any], bool]] = {
    "body": lambda body: not isinstance(body, dict),
    "query": lambda body: not isinstance(body.get("query"), str),
    "codebase": lambda body: not isinstance(body.get("codebase"), list),
    "codebase-empty": lambda body: body.get("codebase") == [],
    "file": lambda body: not all(isinstance(file, dict) for file in _files(body)),
    "filename": lambda body: not all(isinstance(one, str) for one in _fields(body, "filename")),
    "content": lambda body: not all(isinstance(one, str) for one in _fields(body, "content")),
    "limit": lambda body: not _is_whole(body.get("token_limit")),
    "limit-low": lambda body: _is_whole(body.get("token_limit")) and body["token_limit"] < 1,
    "metadata": lambda body: not isinstance(body.get("relace_metadata", {}), dict),
}


class Reference:
    """The server as an ASGI application."""

    dimensions = 64
    max_body = 50_000_000
    rules = RULES
    rank_rules = RANK_RULES
    unknown_key_status = 404
    #: Requests in a window of ``per`` seconds; None for no quota.
    quota: int | None = None
    per = 60.0

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.served = 0
        self.window = (0.0, 0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body, more = b"", True
        parts = []
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(parts)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        asked = Asked(scope["method"], scope["path"], headers, body, query)
        answer = await self.guarded(asked)
        content = self.encoded(asked, answer)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (name.replace("_", "-").encode(), value.encode())
                    for name, value in {
                        "content-type": self.content_type(asked, answer),
                        "content-length": str(len(content)),
                        **answer.headers,
                    }.items()
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def guarded(self, asked: Asked) -> Answer:
        """The answer; an error of the server becomes an answer, too."""
        self.served += 1
        try:
            return await self.answer(asked)
        except Refused as refused:
            return self.refused(asked, refused.answer)
        except Exception:  # noqa: BLE001 - the last resort of a server
            return Answer(500, self.failure(traceback.format_exc()))

    async def answer(self, asked: Asked) -> Answer:
        """Run all stages in their order."""
        self.route(asked)
        self.authorize(asked)
        self.measure(asked)
        self.media_type(asked)
        body = self.parse(asked)
        if asked.path != "/v1/code/embed":
            return self.ranked(asked, body)
        self.validate(body)
        counted = self.count()
        answer = Answer(200, await self.embed(body), counted)
        return self.finish(asked, answer)

    def ranked(self, asked: Asked, body: Any) -> Answer:
        """Run the last stages of a ranking."""
        for name, broken in self.rank_rules.items():
            if broken(body):
                raise Refused(400, f"The body breaks the rule {name}")
        counted = self.count()
        content = self.rank(body)
        if asked.path == "/v1/code/rank":
            return Answer(200, self.names(content["results"]), counted)
        return Answer(200, content, counted)

    def rank(self, body: dict[str, Any]) -> Any:
        """The content of a 200 of ``/v2/code/rank``."""
        query, files = body["query"], body["codebase"]
        results = [
            {"filename": file["filename"], "score": self.score(query, file["content"])}
            for file in files
        ]
        tokens = [self.token_count(file["content"]) for file in files]
        kept = self.kept(self.ordered(results), results, tokens, body["token_limit"])
        return {"results": kept, "usage": {"total_tokens": sum(tokens)}}

    def names(self, results: list[dict[str, Any]]) -> list[Any]:
        """The content of a 200 of ``/v1/code/rank``."""
        return [result["filename"] for result in results]

    def score(self, query: str, content: str) -> float:
        """The fraction of the query's words that a file contains."""
        words, found = set(_TOKEN.findall(query)), set(_TOKEN.findall(content))
        return len(words & found) / max(len(words), 1)

    def ordered(self, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results, best first."""
        return sorted(results, key=lambda result: -result["score"])

    def kept(
        self,
        ordered: list[dict[str, Any]],
        results: list[dict[str, Any]],
        tokens: list[int],
        limit: float,
    ) -> list[dict[str, Any]]:
        """As many of the ordered results as fit into the limit."""
        costs = {id(result): count for result, count in zip(results, tokens, strict=True)}
        sums = itertools.accumulate(costs[id(result)] for result in ordered)
        return [result for result, total in zip(ordered, sums, strict=True) if total <= limit]

    def finish(self, _asked: Asked, answer: Answer) -> Answer:
        """A hook that can change every 200."""
        return answer

    def refused(self, _asked: Asked, answer: Answer) -> Answer:
        """A hook that can change every refusal."""
        return answer

    def failure(self, _trace: str) -> str:
        """The message for an error inside the server."""
        return "Error fetching from origin server"

    def encoded(self, _asked: Asked, answer: Answer) -> bytes:
        """The body's bytes."""
        content = answer.content
        return json.dumps({"error": content} if isinstance(content, str) else content).encode()

    def content_type(self, _asked: Asked, _answer: Answer) -> str:
        """The content type of every answer."""
        return "application/json"

    def route(self, asked: Asked) -> None:
        """Check the path, then the method."""
        if asked.path not in {"/v1/code/embed", "/v2/code/rank", "/v1/code/rank"}:
            raise Refused(404, "Bad Request: Route not found")
        if asked.method != "POST":
            raise Refused(405, "Use POST", allow="POST")

    def authorize(self, asked: Asked) -> None:
        """Check the key."""
        scheme, _, key = asked.headers.get("authorization", "").partition(" ")
        if not self.scheme(scheme) or not key:
            raise Refused(401, "Authorized header required")
        if not self.known(key):
            raise Refused(self.unknown_key_status, "API key not found")

    def scheme(self, scheme: str) -> bool:
        """Whether the scheme is ``Bearer``."""
        return scheme.lower() == "bearer"

    def known(self, key: str) -> bool:
        """Whether the server knows the key."""
        return key == KEY

    def measure(self, asked: Asked) -> None:
        """Check the size of the body."""
        if len(asked.body) > self.max_body:
            raise Refused(413, "The body is too large")

    def media_type(self, asked: Asked) -> None:
        """Check the content type."""
        if not self.is_json(asked.headers.get("content-type", "")):
            raise Refused(415, "The body must be application/json")

    def is_json(self, media_type: str) -> bool:
        """Whether a content type is JSON's: neither case nor parameters matter."""
        return media_type.partition(";")[0].strip().lower() == "application/json"

    def parse(self, asked: Asked) -> Any:
        """Parse the body as strict JSON."""
        try:
            return self.decode(asked.body.decode())
        except (ValueError, RecursionError):
            raise Refused(400, "Invalid JSON in request body") from None

    def decode(self, text: str) -> Any:
        """One JSON value."""
        return json.loads(text, parse_constant=self.constant)

    def constant(self, name: str) -> Any:
        """Refuse NaN and the infinities."""
        raise ValueError(name)

    def validate(self, body: Any) -> None:
        """Check every rule."""
        for name, broken in self.rules.items():
            if broken(body):
                raise Refused(400, f"The body breaks the rule {name}")

    def count(self) -> dict[str, str]:
        """Charge the quota: return headers for the answer, or refuse with a 429."""
        if self.quota is None:
            return {}
        start, used = self.window
        if self.now() >= start + self.per:
            start, used = self.now(), 0
        self.window = (start, used + 1)
        headers = self.limits(self.quota, self.quota - used - 1, start + self.per)
        if used >= self.quota:
            raise Refused(429, "Rate limit exceeded", **headers)
        return headers

    def limits(self, quota: int, left: int, end: float) -> dict[str, str]:
        """The three X-RateLimit headers."""
        return {
            "x-ratelimit-limit": str(quota),
            "x-ratelimit-remaining": str(max(left, 0)),
            "x-ratelimit-reset": f"{end:.3f}",
        }

    async def embed(self, body: dict[str, Any]) -> Any:
        """The content of a 200."""
        texts, model, dtype = await self.taken(body)
        results = [
            self.result(place, self.vector(model, text, place, texts), dtype)
            for place, text in enumerate(texts)
        ]
        return {"results": results, "usage": {"total_tokens": self.tokens(texts)}}

    async def taken(self, body: dict[str, Any]) -> tuple[list[str], str, str]:
        """Texts, model and dtype of a request."""
        return list(body["input"]), body["model"], body.get("output_dtype", "float")

    def result(self, place: int, vector: Any, dtype: str) -> dict[str, Any]:
        """One entry of ``results``."""
        numbers = self.packed(vector) if dtype == "binary" else vector.tolist()
        return {"index": self.index(place), "embedding": numbers}

    def index(self, place: int) -> Any:
        """The index of a text in the request."""
        return place

    def vector(self, model: str, text: str, _place: int, _texts: list[str]) -> Any:
        """A unit vector that depends on the model and the text alone."""
        return self.normed(self.raw(model, self.seen(text)))

    def seen(self, text: str) -> str:
        """The part of a text that its vector depends on: all of it."""
        return text

    def raw(self, model: str, text: str) -> Any:
        """Pseudo-random numbers from a text and a model."""
        seed = repr((model, text)).encode(errors="surrogatepass")
        digest = hashlib.shake_256(seed).digest(2 * self.dimensions)
        return np.frombuffer(digest, ">i2") + 0.5

    def normed(self, vector: Any) -> Any:
        """The vector, scaled to length 1."""
        return vector / np.linalg.norm(vector)

    def packed(self, vector: Any) -> list[int]:
        """The sign bits, eight in each signed byte."""
        numbers: list[int] = np.packbits(vector > 0).view(np.int8).tolist()
        return numbers

    def tokens(self, texts: list[str]) -> Any:
        """Tokens of a batch."""
        return sum(self.token_count(text) for text in texts)

    def token_count(self, text: str) -> int:
        """One token for each word, digit and blank, and one for the end."""
        return len(_TOKEN.findall(str(text))) + 1
