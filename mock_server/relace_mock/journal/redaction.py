"""Hides API keys in what the journal shows of a request; a short hash replaces each.

These values count as keys: those of authorization-like header fields (with ``Basic`` decoded), of
cookies, and of query parameters that are named like a key. Such a key is hidden everywhere in the
request: as it was sent, as JSON escapes it, and percent-encoded up to three times, in upper or
lower case. If the key itself was sent with such escapes, its decoded text is hidden too. Text that
looks like a Relace key is hidden as well. A key of fewer than 8 characters may be part of ordinary
words, so it is hidden only in its own place.

All of this takes time linear in the size of the request.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from relace_mock.auth import bearer_key
from relace_mock.keys import namespace_of
from relace_mock.messages import Headers, Received, is_secret
from relace_mock.refusals import Refusal

_SHORTEST = 8
# No credential has more words than this. With more, all text of the request is hidden.
_MOST_KEYS = 32
_SCHEMES = (b"bearer", b"basic", b"digest", b"token", b"negotiate")
# A key in quotes or brackets, or with a comma after it.
_PART = re.compile(rb"[^\s,;:=|\"'`<>()\[\]{}]+")
_OF_RELACE = re.compile(rb"rlc-[0-9a-z]{32}")  # in lower case
_SEPARATOR = re.compile(rb"[&;]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# The JSON escapes of characters that a key can have.
_ESCAPE = re.compile(rb'\\(?:u([Dd][89ABab]..)\\u([Dd][C-Fc-f]..)|u([0-9A-Fa-f]{4})|([/"\\]))')
#: Header fields whose values are shown. Those of every other field may hold a key.
_HARMLESS = frozenset(
    b"accept accept-encoding accept-language cache-control connection content-encoding "
    b"content-length content-type date expect host prefer transfer-encoding upgrade user-agent "
    b"x-mock-scenario".split()
)
_HARMLESS_PREFIX = b"x-stainless-"  # fields in which generated SDKs describe themselves

_Span = tuple[int, int]


class Redaction:
    """Hides the keys of one request, which its header fields and its query string hold."""

    def __init__(self, headers: Headers, query: bytes, namespace: str) -> None:
        self._mark = b"<key %b>" % namespace[:8].encode()
        keys = {
            key.lower()
            for part in (*_in_headers(headers), *_in_query(query))
            for key in (part, part.decode("latin-1").encode())  # also as UTF-8
            if len(key) >= _SHORTEST and key.lower() not in _SCHEMES
        }
        self._hides_all = len(keys) > _MOST_KEYS
        self._keys = [] if self._hides_all else sorted(keys, key=len, reverse=True)

    def text(self, raw: bytes) -> bytes:
        """Bytes with the keys hidden."""
        if self._hides_all:
            return self._mark if raw else raw
        spans = [span for view in _views(raw) for span in self._found(view)]
        if not spans:
            return raw
        shown: list[bytes] = []
        at = 0
        for start, end in _merged(spans):
            shown += (raw[at:start], self._mark)
            at = end
        return b"".join((*shown, raw[at:]))

    def line(self, text: str) -> str:
        """Text with the keys hidden."""
        raw = text.encode("utf-8", "replace")
        hidden = self.text(raw)
        return text if hidden is raw else hidden.decode("utf-8", "replace")

    def values(self, value: Any) -> Any:
        """A JSON value with the keys hidden in its texts."""
        dumped = orjson.dumps(value)
        return value if self.text(dumped) is dumped else self._in_texts(value)

    def _in_texts(self, value: Any) -> Any:
        match value:
            case str():
                return self.line(value)
            case list():
                return [self._in_texts(each) for each in value]
            case dict():
                return {name: self._in_texts(each) for name, each in value.items()}
        return value

    def query(self, raw: bytes) -> str:
        """A query string with keys hidden, and all values of parameters named like a key."""
        if not raw:
            return ""
        hidden = self.text(raw)
        shown = []
        at = 0
        for end in (*(match.start() for match in _SEPARATOR.finditer(hidden)), len(hidden)):
            name, equals, _ = hidden[at:end].partition(b"=")
            secret = equals and is_secret(_unquoted(name))
            shown.append(name + b"=" + self._mark if secret else hidden[at:end])
            shown.append(hidden[end : end + 1])
            at = end + 1
        return b"".join(shown).decode("utf-8", "replace")

    def headers(self, fields: Headers) -> Headers:
        """Header fields with keys hidden, and all values of fields not known to be harmless."""
        return [(self.text(name), self._value(name, value)) for name, value in fields]

    def answered(self, fields: Headers) -> Headers:
        """Header fields of an answer, with keys hidden, and with values hidden that may be keys."""
        return [
            (self.text(name), self._mark if is_secret(name) else self.text(value))
            for name, value in fields
        ]

    def _value(self, name: bytes, value: bytes) -> bytes:
        if name in _HARMLESS or name.startswith(_HARMLESS_PREFIX):
            return self.text(value)
        if not is_secret(name):
            return b"<hidden>"
        scheme, blank, rest = value.partition(b" ")
        known = blank and rest and scheme.lower() in _SCHEMES
        return scheme + b" " + self._mark if known else self._mark

    def _found(self, view: _View) -> Iterator[_Span]:
        """Yield where keys are, as spans of the raw text."""
        text = view.text.lower()  # of the same length: only ASCII letters change
        for key in self._keys:
            at = text.find(key)
            while at >= 0:
                yield view.raw_span(at, at + len(key))
                at = text.find(key, at + len(key))
        for match in _OF_RELACE.finditer(text):
            yield view.raw_span(*match.span())


def of_request(received: Received) -> Redaction:
    """The redaction of what is told about a request."""
    namespace = namespace_of(bearer_key(received))
    return Redaction(received.headers, received.query, namespace)


def without_keys(refusal: Refusal, received: Received) -> Refusal:
    """The refusal of a request with its keys hidden, if the message may repeat what was sent."""
    if refusal.status not in (400, 405):
        return refusal
    return refusal._replace(detail=of_request(received).line(refusal.detail))


class _View:
    """A text with one more level of escapes decoded, and the map back to the raw text.

    ``starts`` has the offset of each part in the decoded text. ``raws`` has the offset of the same
    part in the view ``before`` this decoding.
    """

    def __init__(
        self, text: bytes, starts: list[int], raws: list[int], before: _View | None
    ) -> None:
        self.text = text
        self._starts = starts
        self._raws = raws
        self._before = before

    def raw_span(self, start: int, end: int) -> _Span:
        """The span of the raw text that a span of this view stands for."""
        if self._before is None:
            return start, end
        return self._before.raw_span(self._raw(start), self._raw(end - 1, after=True))

    def _raw(self, at: int, *, after: bool = False) -> int:
        """Offset of a character in the view before; with ``after``, of its end."""
        part = bisect_right(self._starts, at) - 1
        if part % 2:  # an escape: every second part
            return self._raws[part + 1 if after else part]
        return self._raws[part] + at - self._starts[part] + after


def _decoded(
    before: _View, escape: re.Pattern[bytes], undo: Callable[[re.Match[bytes]], bytes]
) -> _View:
    """The view with one level of escapes undone."""
    text, parts, starts, raws, at, length = before.text, [], [], [], 0, 0
    for match in escape.finditer(text):
        for part, raw in ((text[at : match.start()], at), (undo(match), match.start())):
            starts.append(length)
            raws.append(raw)
            parts.append(part)
            length += len(part)
        at = match.end()
    starts.append(length)
    raws.append(at)
    parts.append(text[at:])
    return _View(b"".join(parts), starts, raws, before)


def _views(raw: bytes) -> Iterator[_View]:
    """Yield the text as sent, with JSON escapes decoded, and percent-decoded up to three times."""
    plain = view = _View(raw, [], [], None)
    yield plain
    if b"\\" in raw:
        yield _decoded(plain, _ESCAPE, _json_character)
    for _ in range(3):
        if not _PERCENT.search(view.text):
            return
        view = _decoded(view, _PERCENT, lambda match: bytes((int(match[1], 16),)))
        yield view


def _json_character(match: re.Match[bytes]) -> bytes:
    high, low, single, plain = match.groups()
    if plain:
        return plain
    code = int(single, 16) if single else 0
    try:
        if high:
            code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
        return chr(code).encode()
    except ValueError:  # half of a surrogate pair, or not hexadecimal digits
        return b"?"


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield the spans in order, with overlapping ones merged."""
    first, *others = sorted(spans)
    start, end = first
    for begins, ends in others:
        if begins > end:
            yield start, end
            start, end = begins, ends
        end = max(end, ends)
    yield start, end


def _in_headers(headers: Headers) -> Iterator[bytes]:
    """Yield the possible keys in the header fields that may hold one."""
    for name, value in headers:
        if not is_secret(name):
            continue
        if b"cookie" in name:
            for cookie in value.split(b";"):
                _, equals, content = cookie.partition(b"=")
                yield from _words(content if equals else cookie)
            continue
        yield from _words(value)
        scheme, *rest = value.split(None, 1)[:2] or (b"",)
        if rest and scheme.lower() == b"basic":
            for part in _basic(rest[0]):
                yield from (view.text for view in _views(part))


def _words(value: bytes) -> Iterator[bytes]:
    """Yield the possible keys in a credential, as it was sent and with its escapes decoded."""
    for view in _views(value):
        text = view.text.strip()
        yield text
        yield from text.split()
        yield from _PART.findall(text)


def _basic(encoded: bytes) -> Iterator[bytes]:
    """Yield user and password of the scheme ``Basic`` (RFC 7617), together and apart."""
    try:
        pair = base64.b64decode(encoded.strip().translate(_URL_SAFE) + b"==")
    except (ValueError, binascii.Error):
        return
    user, _, password = pair.partition(b":")
    yield from (pair, user, password)


def _in_query(query: bytes) -> Iterator[bytes]:
    """Yield values of parameters that are named like a key, as sent and decoded."""
    for parameter in _SEPARATOR.split(query) if b"=" in query else ():
        name, _, value = parameter.partition(b"=")
        if is_secret(_unquoted(name)):
            yield from _words(value)
            if b"+" in value:  # a blank, as a form writes it
                yield from _words(value.replace(b"+", b" "))


def _unquoted(raw: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), raw)
