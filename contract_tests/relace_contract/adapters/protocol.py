"""The protocol between the kit and an adapter: messages, answers, and how answers are parsed.

::

    → {"seq":1,"cmd":"start","protocol":1}
    ← {"seq":1,"client":"mine","version":"1.0","language":"python","features":["retry"]}
    → {"seq":2,"cmd":"embed","base_url":"…","api_key":"…","model":"…","input":["a"],…}
    ← {"seq":2,"outcome":"ok","embeddings":[[0.5]],"total_tokens":1}
    ← {"seq":2,"outcome":"error","kind":"rate_limit","status":429,"message":"…"}
    → {"seq":3,"cmd":"stop"}
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Protocol

from relace_contract.counts import counted
from relace_contract.foreign_text import brief, cut

PROTOCOL = 1
#: Features that a client may claim; checks of unclaimed features do not apply to it.
FEATURES = ("retry", "retry_after", "timeout", "batch", "binary", "rate_limit")
KINDS = (
    "bad_request",
    "authentication",
    "key_not_found",
    "rate_limit",
    "server",
    "connection",
    "timeout",
    "invalid_response",
    "invalid_argument",
    "other",
)
_NAME = 100  # characters of a client's name that are kept


class AdapterError(Exception):
    """The client cannot be used: it does not start, or does not follow the protocol."""


class Ending(enum.Enum):
    """How a call ended. The client reports the first two; the kit finds the last three."""

    OK = "ok"
    ERROR = "error"
    CRASH = "crash"
    HANG = "hang"
    BABBLE = "babble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a client. Fields that are None are omitted from the message."""

    base_url: str
    api_key: str
    input: tuple[str, ...]
    model: str = "relace-embed-v1"
    output_dtype: str | None = "float"
    timeout_ms: int = 5000
    max_retries: int = 0
    max_batch: int | None = None

    def message(self) -> dict[str, Any]:
        """The call as a message of the protocol, without ``seq``."""
        fields = {
            "base_url": self.base_url,
            "api_key": self.api_key,
            "model": self.model,
            "input": list(self.input),
            "output_dtype": self.output_dtype,
            "timeout_ms": self.timeout_ms,
            "max_retries": self.max_retries,
            "max_batch": self.max_batch,
        }
        said = {name: value for name, value in fields.items() if value is not None}
        return {"cmd": "embed", **said}


@dataclass(frozen=True, slots=True)
class Identity:
    """A client's answer to ``start``."""

    client: str
    version: str = ""
    language: str = ""
    features: frozenset[str] = frozenset()

    def __str__(self) -> str:
        language = f" ({self.language})" if self.language else ""
        return f"{self.client} {self.version}".strip() + language


@dataclass(frozen=True, slots=True)
class Said:
    """The outcome of a call. ``raw`` is the client's output, ``errors`` its standard error.

    ``raw`` is empty for a call that succeeds.
    """

    ending: Ending
    embeddings: list[list[Any]] = field(default_factory=list)
    total_tokens: int | None = None
    kind: str = ""
    status: int | None = None
    message: str = ""
    rate_limit: dict[str, Any] = field(default_factory=dict)
    raw: str = ""
    errors: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        match self.ending:
            case Ending.OK:
                sizes = ", ".join(str(len(vector)) for vector in self.embeddings[:8])
                more = ", …" if len(self.embeddings) > 8 else ""
                vectors = f"{counted(len(self.embeddings), 'vector')} ({sizes}{more})"
                return f"ok, {vectors}, {self.total_tokens} tokens"
            case Ending.ERROR:
                status = f", status {self.status}" if self.status else ""
                return f"error, {self.kind}{status}: {brief(self.message)}"
            case _:
                return f"{self.ending.value}: {brief(self.message)}"


class Adapter(Protocol):
    """Drives one client. One thread at a time uses it; any thread may call ``kill``.

    ``left`` names processes that the client started and that are still running.
    """

    left: list[str]

    def start(self) -> Identity:
        """Start the client. Raises ``AdapterError``."""

    def embed(self, call: Call, limit: float) -> Said:
        """Make a call; without an answer after ``limit`` seconds it counts as a hang."""

    def close(self) -> None:
        """Let the client stop in an orderly way."""

    def kill(self) -> None:
        """End the client at once, even in the middle of a call."""


def start_message() -> dict[str, Any]:
    """The first message to a client."""
    return {"cmd": "start", "protocol": PROTOCOL}


def stop_message() -> dict[str, Any]:
    """The last message to a client."""
    return {"cmd": "stop"}


def identity(content: Any) -> Identity:
    """Parse the answer to ``start``. Raises ``AdapterError``, which says what is wrong in it."""
    if not isinstance(content, dict) or not isinstance(content.get("client"), str):
        raise AdapterError(
            'the client must answer "start" with {"client": "name", "features": […]}, '
            f"not {brief(str(content))}"
        )
    features = content.get("features", [])
    if not isinstance(features, list) or not all(isinstance(one, str) for one in features):
        raise AdapterError(f'"features" must be a list of words: {", ".join(FEATURES)}')
    for one in features:
        if one not in FEATURES:
            raise AdapterError(f"unknown feature {one!r}; the features are {', '.join(FEATURES)}")
    client, version, language = (
        cut(str(content.get(name, "")), _NAME) for name in ("client", "version", "language")
    )
    return Identity(
        client,
        version,
        language,
        frozenset(features),
    )


def understood(content: Any) -> Said:
    """Parse the answer to ``embed``; an answer against the protocol becomes ``BABBLE``."""
    problem = _problem(content)
    if problem:
        return Said(Ending.BABBLE, message=f"{problem}: {brief(str(content))}")
    if content["outcome"] == "ok":
        return Said(Ending.OK, content["embeddings"], content.get("total_tokens"))
    limits = content.get("rate_limit")
    return Said(
        Ending.ERROR,
        kind=content["kind"],
        status=content.get("status"),
        message=str(content.get("message") or ""),
        rate_limit=limits if isinstance(limits, dict) else {},
    )


def _problem(content: Any) -> str:
    if not isinstance(content, dict) or content.get("outcome") not in {"ok", "error"}:
        return 'an answer must be an object with the "outcome" "ok" or "error"'
    if content["outcome"] == "ok":
        rows = content.get("embeddings")
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            return '"embeddings" must be a list of lists'
    elif content.get("kind") not in KINDS:
        return f'"kind" must be one of {", ".join(KINDS)}'
    for name in ("total_tokens", "status"):
        if not _is_count(content.get(name)):
            return f'"{name}" must be an integer, or null'
    return ""


def _is_count(value: Any) -> bool:
    # A client in JavaScript may write a large integer as 9.007e15.
    whole = isinstance(value, float) and value.is_integer()
    return value is None or whole or (isinstance(value, int) and not isinstance(value, bool))
