"""The values that pass between the stages of the pipeline. Frozen; none knows a socket."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OutputDtype = Literal["float", "binary"]
#: Names in lower case, as ASGI has them.
Headers = Sequence[tuple[bytes, bytes]]

_SECRET = re.compile(rb"authorization|cookie|key|token|secret", re.IGNORECASE)


@functools.lru_cache(256)
def is_secret(name: bytes) -> bool:
    """Whether a header field or parameter of this name holds what must not be written."""
    return _SECRET.search(name) is not None


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in.

    ``length`` is the size of the body in bytes, as far as it is known. ``body`` may be
    empty if that is over the limit: the server does not keep what it refuses for its size.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    length: int
    query: bytes = b""

    def header(self, name: bytes) -> list[str]:
        """The values of every header field of this lower-case name, without outer blanks."""
        return [value.decode("latin-1").strip(" \t") for key, value in self.headers if key == name]

    def with_body(self, body: bytes, length: int) -> Received:
        """The same request, once its body has come."""
        return Received(self.method, self.path, self.headers, body, length, self.query)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the API key, which is also the namespace of all state."""

    key: str


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A valid request."""

    model: str
    input: Sequence[str]
    output_dtype: OutputDtype


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was asked for, and the tokens it cost.

    ``rows`` has, for each input in order, its vector as a JSON array without the closing
    bracket: rows are long, and whoever joins them adds it for nothing.
    """

    rows: Sequence[bytes]
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, complete but for the headers that every connection adds (date, length)."""

    status: int
    headers: Headers
    body: bytes
