"""Takes keys out of what is kept of a request: a short hash stands in their place."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from relace_mock.messages import Headers, is_secret

# A key of a few characters is in many words, so it is only taken out of its header field.
_SHORTEST = 8
_SCHEMES = (b"bearer", b"basic", b"digest", b"token")
_KEYS = (b"authorization", b"x-api-key", b"api-key")
_PART = re.compile(rb"[^\s,;:=\"']+")  # a key in quotes, or with a comma after it
_PARAMETER = re.compile(r"([^&=]+)=([^&]*)")


class Redaction:
    """What to hide of one request: the words of the fields that hold a key, wherever they are."""

    def __init__(self, headers: Headers, namespace: str) -> None:
        self._mark = f"<key {namespace[:8]}>"
        words: list[bytes] = []
        for name, value in headers:
            if name in _KEYS:
                words += value.split()
                words += _PART.findall(value)
        words = [word for word in words if word.lower() not in _SCHEMES]
        self._words = [word for word in words if len(word) >= _SHORTEST]

    def text(self, raw: bytes) -> bytes:
        """Bytes without keys."""
        for word in self._words:
            raw = raw.replace(word, self._mark.encode())
        return raw

    def line(self, text: str) -> str:
        """Text without keys."""
        if not self._words:
            return text
        return self.text(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def path(self, text: str) -> str:
        """A path without keys, however its segments spell them in percents."""
        hidden = self.line(text)
        if "%" not in hidden:
            return hidden
        segments = hidden.split("/")
        return "/".join(self._mark if self._in(each.encode()) else each for each in segments)

    def query(self, raw: bytes) -> str:
        """A query without keys, and without the values of parameters that are named so."""

        def hide(parameter: re.Match[str]) -> str:
            secret = is_secret(parameter[1].encode()) or self._in(parameter[2].encode())
            return f"{parameter[1]}={self._mark}" if secret else parameter[0]

        return _PARAMETER.sub(hide, self.text(raw).decode("utf-8", "replace")) if raw else ""

    def _in(self, raw: bytes) -> bool:
        """Whether a key is in there, percent-encoded up to three times."""
        for _ in range(3):
            raw = unquote_to_bytes(raw)
            if any(word in raw for word in self._words):
                return True
        return False

    def headers(self, fields: Headers) -> Headers:
        """Header fields without keys."""
        return [
            (self.text(name), self._secret(value) if is_secret(name) else self.text(value))
            for name, value in fields
        ]

    def _secret(self, value: bytes) -> bytes:
        """The scheme, if it is one and not a key in its place, and the mark."""
        scheme, blank, rest = value.partition(b" ")
        known = blank and rest and scheme.lower() in _SCHEMES
        return scheme + b" " + self._mark.encode() if known else self._mark.encode()
