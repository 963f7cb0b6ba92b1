"""The values that pass between the stages of the pipeline. No stage changes a value.

They are not frozen dataclasses, because creating one of those takes three times as long, and each
request creates several values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from relace_mock.settings import OnMiss

OutputDtype = Literal["float", "binary"]
#: Where the vectors of an answer come from; ``mixed`` is more than one of the others.
Source = Literal["computed", "recorded", "forwarded", "mixed"]
#: The endpoints of the contract. ``rank`` has two paths, which differ in the form of the answer.
EndpointName = Literal["embed", "rank"]
#: Header fields. Names are in lower case, as in ASGI.
Headers = Sequence[tuple[bytes, bytes]]
Piece = bytes | memoryview

_TOLD = 1000  # approximate bytes in memory of an upstream's answer without its data
_SECRET = re.compile(
    rb"authoriz|auth(?!or)|cookie|key|token|secret|(?<![a-z])pass|pwd|credential|session|signature"
    rb"|jwt|bearer",
    re.IGNORECASE,
)


@functools.lru_cache(256)
def is_secret(name: bytes) -> bool:
    """Whether a header field or parameter of this name may hold a secret."""
    return _SECRET.search(name) is not None


class Received:
    """A received request.

    ``length`` is the size of the body in bytes, or of its part that has arrived. ``body`` may be
    empty if the size is over the limit: the server does not keep a body that it refuses. ``path``
    is the path that the client sent, still percent-encoded. ``server_url`` is the address at which
    the client reached the server; only descriptions of the server need it.
    """

    __slots__ = ("_by_name", "body", "headers", "length", "method", "path", "query", "server_url")

    def __init__(
        self,
        method: str,
        path: str,
        headers: Headers,
        body: bytes,
        length: int,
        query: bytes = b"",
        server_url: str = "http://127.0.0.1:8080",
        *,
        _by_name: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method: Final = method
        self.path: Final = path
        self.headers: Final = headers
        self.body: Final = body
        self.length: Final = length
        self.query: Final = query
        self.server_url: Final = server_url
        # If a name is repeated, its last field.
        self._by_name = dict(headers) if _by_name is None else _by_name

    def header(self, name: bytes) -> list[str]:
        """Return the value of each field with this lower-case name, without spaces around it."""
        last = self._by_name.get(name)
        if last is None:
            return []
        if len(self._by_name) == len(self.headers):  # no name is repeated
            return [last.decode("latin-1").strip(" \t")]
        values = [value for key, value in self.headers if key == name]
        return [value.decode("latin-1").strip(" \t") for value in values]

    def with_body(self, body: bytes, length: int) -> Received:
        """Return the same request with its body, which arrives after the headers."""
        return Received(
            self.method,
            self.path,
            self.headers,
            body,
            length,
            self.query,
            self.server_url,
            _by_name=self._by_name,
        )


class EmbedRequest(NamedTuple):
    """A valid request to embed texts.

    ``notes`` name the parts that the contract accepts only because Relace is observed to accept
    them. ``dimensions`` is the length of the vectors; None means the server's setting.
    """

    model: str
    input: Sequence[str]
    output_dtype: OutputDtype
    notes: Sequence[str] = ()
    dimensions: int | None = None

    @property
    def searched(self) -> Sequence[str]:
        """The texts that conditions of a scenario search."""
        return self.input

    @property
    def size(self) -> int:
        """The number of inputs."""
        return len(self.input)


class CodeFile(NamedTuple):
    """A file of a codebase. Several files may have the same name."""

    name: str
    content: str


class RankRequest(NamedTuple):
    """A valid request to rank files.

    ``token_limit`` bounds the tokens of the files in the answer. ``tokens`` has the tokens of each
    file, ``query_tokens`` those of the query. At least ``fewest_results`` files are in the answer,
    whatever their scores. ``names_only`` asks for file names without scores. ``notes``: see
    ``EmbedRequest``.
    """

    query: str
    files: Sequence[CodeFile]
    token_limit: int
    tokens: Sequence[int]
    query_tokens: int
    fewest_results: int
    names_only: bool = False
    notes: Sequence[str] = ()

    @property
    def searched(self) -> Sequence[str]:
        """The texts that conditions of a scenario search."""
        return [self.query, *(text for file in self.files for text in file)]

    @property
    def size(self) -> int:
        """The number of files."""
        return len(self.files)


Request = EmbedRequest | RankRequest


class Embedded(NamedTuple):
    """The vectors of a request, and the number of its tokens.

    ``rows`` has the vector of each input, in order, as a JSON array without the closing bracket.
    The text between two rows begins with that bracket, so no long row needs to be copied.
    ``total_tokens`` is None if an upstream told no number. ``headers`` are those of an upstream's
    answer that pass through.
    """

    rows: Sequence[Piece]
    total_tokens: int | None
    source: Source = "computed"
    headers: Headers = ()


class Told(NamedTuple):
    """The answer of an upstream, for the journal.

    ``status`` is None if there was no answer. ``error`` is the beginning of the body of an error.
    ``waited`` is the time in seconds that was spent waiting because of 429s.
    """

    host: str
    status: int | None
    headers: Headers = ()
    error: str = ""
    waited: float = 0.0

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return _TOLD + len(self.error) + sum(len(name) + len(value) for name, value in self.headers)


class Replaying(NamedTuple):
    """The recording or upstream that a key, or the server, uses instead of computing vectors.

    ``file`` is the absolute path of a recording; None if only an upstream answers. ``records`` says
    that what the upstream answers is recorded in it.
    """

    file: str | None
    on_miss: OnMiss
    records: bool = False


class Ranked(NamedTuple):
    """The files of a codebase, best first, each with its score in units of 1/10,000.

    ``total_tokens`` counts the query and every file that was sent.
    """

    results: Sequence[tuple[str, int]]
    total_tokens: int
    names_only: bool


class Reply(NamedTuple):
    """A response, complete except for the header fields that a connection adds (date, length).

    The body is in pieces: joining a megabyte of rows takes long, and a socket can send the pieces.
    """

    status: int
    headers: Headers
    pieces: Sequence[Piece]

    @property
    def body(self) -> bytes:
        """The body in one piece. Each access joins the pieces again."""
        return b"".join(self.pieces)

    @property
    def length(self) -> int:
        """The length of the body, in bytes."""
        return sum(map(len, self.pieces))
