"""An embed client that keeps the whole contract: copy what you need.

async with Client("http://127.0.0.1:8080/v1", key) as client:
    vectors, tokens = await client.embed(["def f(): ...", "class A: ..."])
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

KINDS = {400: "bad_request", 401: "authentication", 404: "key_not_found", 429: "rate_limit"}
RETRIED = {"rate_limit", "server", "connection", "timeout"}
LONGEST_WAIT = 4.0  # seconds; a longer wait that a server asks for is ignored


class EmbedError(Exception):
    """``kind`` says what to do about it; ``status`` is the server's, if it answered."""

    def __init__(self, kind: str, message: str, answer: httpx.Response | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = answer.status_code if answer is not None else None
        self.headers = answer.headers if answer is not None else httpx.Headers()


@dataclass
class Client:
    """A client. ``timeout`` is in seconds, for a whole attempt, even if bytes come slowly."""

    base_url: str
    api_key: str
    model: str = "relace-embed-v1"
    timeout: float = 30.0
    max_retries: int = 2
    max_batch: int = 32

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=None)  # noqa: S113 - asyncio.timeout covers all of it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def embed(
        self, texts: list[str], dtype: str | None = None
    ) -> tuple[list[list[float]], int]:
        """A vector for each text, in order, and the tokens of all. Raises ``EmbedError``."""
        size = self.max_batch
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._batch(batch, dtype)) for batch in batches]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        answers = [task.result() for task in tasks]
        vectors = [vector for found, _ in answers for vector in found]
        return vectors, sum(tokens for _, tokens in answers)

    async def _batch(self, texts: list[str], dtype: str | None) -> tuple[list[list[float]], int]:
        body: dict[str, Any] = {"model": self.model, "input": texts}
        if dtype is not None:
            body["output_dtype"] = dtype
        content = json.dumps(body).encode()
        for attempt in itertools.count():
            try:
                return _checked(await self._attempt(content), len(texts))
            except EmbedError as error:
                if error.kind not in RETRIED or attempt >= self.max_retries:
                    raise
                await asyncio.sleep(_wait(error.headers, attempt))
        raise AssertionError

    async def _attempt(self, content: bytes) -> bytes:
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "reference-client/1.0",
        }
        url = self.base_url.rstrip("/") + "/code/embed"
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._http.post(url, content=content, headers=headers)
        except TimeoutError:
            raise EmbedError("timeout", f"no answer within {self.timeout:g} s") from None
        except httpx.DecodingError as error:
            raise EmbedError("invalid_response", str(error)) from None
        except httpx.HTTPError as error:
            raise EmbedError("connection", str(error) or type(error).__name__) from None
        if answer.status_code != 200:
            kind = "server" if answer.status_code >= 500 else "other"
            raise EmbedError(KINDS.get(answer.status_code, kind), _message(answer), answer)
        return answer.content


def _message(answer: httpx.Response) -> str:
    """The server's words, if it uses the documented form."""
    try:
        return str(json.loads(answer.content)["error"])
    except (ValueError, TypeError, KeyError):
        return f"status {answer.status_code}"


def _wait(headers: httpx.Headers, attempt: int) -> float:
    """Seconds until the next attempt: as the server asks, or exponential backoff with jitter."""
    asked = headers.get("retry-after", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            seconds = math.nan
    if 0 <= seconds <= LONGEST_WAIT:
        return seconds
    return 0.3 * 2.0**attempt * random.uniform(0.75, 1.0)  # noqa: S311 - not for secrets


def _checked(content: bytes, count: int) -> tuple[list[list[float]], int]:
    """The vectors in the order of ``index``, and the tokens. Checks all, as a 200 can be wrong."""
    try:
        answer = json.loads(content, parse_constant=_refuse)
        vectors: list[list[float]] = [[] for _ in range(count)]
        for result in answer["results"]:
            index, vector = result["index"], result["embedding"]
            _demand(type(index) is int and 0 <= index < count, "an index that was not asked for")
            _demand(not vectors[index], "an index that is there twice")
            _demand(isinstance(vector, list) and vector != [], "an embedding that is no list")
            _demand(all(type(part) in {int, float} for part in vector), "a component, no number")
            _demand(all(map(math.isfinite, vector)), "a component that is not finite")
            vectors[index] = vector
        _demand(all(vectors), "no result for some text")
        _demand(len({len(vector) for vector in vectors}) < 2, "vectors of several lengths")
        tokens = answer["usage"]["total_tokens"] if "usage" in answer else 0
        _demand(type(tokens) is int and tokens >= 0, "a number of tokens that is none")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise EmbedError("invalid_response", f"the answer has {error}") from None
    return vectors, tokens


def _demand(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant}, which is not JSON")
