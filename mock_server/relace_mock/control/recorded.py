"""An entry of the journal, as a test reads it."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from relace_mock.counts import counted
from relace_mock.messages import Source

_KEPT = 64 * 1024  # bytes of a body that the journal keeps
# Window sizes of zlib: 47 reads gzip and zlib; -15 is deflate without a header, as some clients
# send it.
_ZIPPED = {"gzip": (47,), "x-gzip": (47,), "deflate": (47, -15)}
_MOST = 1 << 26  # the most bytes of a decoded body
_GZIP = b"\x1f\x8b"  # the first bytes of each member of a gzip file (RFC 1952 section 2.3.1)


@dataclass(frozen=True, slots=True, repr=False)
class RecordedRequest:
    """An entry of the journal. ``duration`` is in seconds.

    ``number`` counts all requests of the server, from 1; findings of a verdict name it. ``body``
    is at most 64 KiB, as text; ``content`` is the same as bytes. ``source`` says where the vectors
    of the answer come from; it is None if the answer has none. ``raw`` is the whole entry as the
    control API returns it.
    """

    number: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    outcome: str
    status: int | None
    scenario: str | None
    rule: int | None
    step: int | None
    fault: str | None
    mutations: list[str]
    not_applicable: bool
    attempt: int | None
    time: str
    duration: float | None
    violations: list[str]
    notes: list[str]
    source: Source | None
    content: bytes
    raw: dict[str, Any] = field(compare=False)

    def json(self) -> Any:
        """Parse the body as JSON, and decompress it first if it was sent compressed.

        Raises ``ValueError`` if the journal kept only a part of the body, or if the body does not
        match its ``Content-Encoding``. Raises ``json.JSONDecodeError`` if it is not JSON.
        """
        length = self.raw["request"]["length"]
        if length > _KEPT or (length and not self.content):
            kept = f"the journal keeps {_KEPT} bytes of a body" if self.content else "none was kept"
            raise ValueError(f"{self._name} has a body of {length} bytes, but {kept}")
        content = self.content
        for coding in reversed(self._codings()):
            content = self._decoded(content, coding)
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"the body of {self._name} is not UTF-8 at byte {error.start}: see `content`"
            ) from None
        if (whole := self._announced()) > length:
            raise ValueError(f"{self._name} was cut off by the client: {length} of {whole} bytes")
        return json.loads(text)

    @property
    def _name(self) -> str:
        return f"request #{self.number}"

    def _header(self, name: str) -> list[str]:
        values = [value for key, value in self.headers if key.lower() == name]
        return [part.strip().lower() for value in values for part in value.split(",")]

    def _codings(self) -> list[str]:
        return [each for each in self._header("content-encoding") if each not in ("", "identity")]

    def _announced(self) -> int:
        return max(
            (int(each) for each in self._header("content-length") if each.isdecimal()), default=0
        )

    def _decoded(self, content: bytes, coding: str) -> bytes:
        if coding not in _ZIPPED:
            known = ", ".join(_ZIPPED)
            raise ValueError(
                f"{self._name} has the Content-Encoding {coding!r}; json() decodes {known}: "
                "see `content`"
            )
        for window in _ZIPPED[coding]:
            try:
                plain, rest = _decompressed(content, window)
            except zlib.error:
                continue
            if rest:
                raise ValueError(
                    f"{self._name} has the Content-Encoding {coding}, but its body has "
                    f"{counted(len(rest), 'byte')} after the end of the compressed data: "
                    "see `content`"
                )
            return plain
        raise ValueError(
            f"{self._name} has the Content-Encoding {coding}, but its body is not valid {coding}: "
            "see `content`"
        )

    def __repr__(self) -> str:
        return f"<RecordedRequest {self}>"

    def __str__(self) -> str:
        """The exchange on one line."""
        answer = "no answer" if self.status is None else str(self.status)
        played = f" by {self.scenario}" if self.scenario and self.step is not None else ""
        story = f" ({', '.join(filter(None, [self.fault, *self.mutations]))})"
        broken = f": {'; '.join(self.violations)}" if self.violations else ""
        attempt = f" attempt {self.attempt}" if self.attempt else ""
        shown = story if story != " ()" else ""
        return (
            f"#{self.number} {self.time[11:23]} {self.method} {self.path}{attempt} → "
            f"{answer}, {self.outcome}{played}{shown}{broken}"
        )


def _decompressed(content: bytes, window: int) -> tuple[bytes, bytes]:
    """Decompress, and return the bytes that follow the compressed data too.

    A gzip file may have several members (RFC 1952 section 2.2). Raises ``zlib.error`` if the data
    is not valid, ends too early, or has too many bytes when it is decompressed.
    """
    pieces: list[bytes] = []
    left, rest = _MOST, content
    while not pieces or (rest.startswith(_GZIP) and content.startswith(_GZIP)):
        unpacking = zlib.decompressobj(window)
        pieces.append(unpacking.decompress(rest, left + 1))
        left -= len(pieces[-1])
        if left < 0 or not unpacking.eof:
            raise zlib.error
        rest = unpacking.unused_data
    return b"".join(pieces), rest


def recorded(entry: dict[str, Any]) -> RecordedRequest:
    """Read an entry as the control API returns it."""
    request = entry["request"]
    content = (
        base64.b64decode(request["body_base64"])
        if "body_base64" in request
        else request.get("body", "").encode()
    )
    same = RecordedRequest.__dataclass_fields__.keys() & entry.keys()
    return RecordedRequest(
        method=request["method"],
        path=request["path"],
        headers=[(name, value) for name, value in request["headers"]],
        body=content.decode("utf-8", "replace"),
        content=content,
        raw=entry,
        **{name: entry[name] for name in same},
    )
