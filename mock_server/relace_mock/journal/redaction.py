"""Hides API keys in what the journal shows of a request; a short hash stands in their place.

A key is whatever stands where a key may stand: in an authorization-like header field (the
secret of ``Basic`` included), in a cookie, in a parameter that is named like one. Wherever
else in the request such a key occurs, it is hidden too: as it was sent, as JSON escapes it,
and percent-encoded up to three times. So is whatever looks like a key of Relace's. Keys of
fewer than 8 characters are in many words, and are hidden in their own place only.

Everything here takes time linear in what was sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from relace_mock.messages import Headers, is_secret

_SHORTEST = 8
# More words than these are no credential. Then nothing is shown at all.
_MOST_KEYS = 32
_SCHEMES = (b"bearer", b"basic", b"digest", b"token", b"negotiate")
_PART = re.compile(rb"[^\s,;:=\"']+")  # a key in quotes, or with a comma after it
_OF_RELACE = re.compile(rb"rlc-[0-9A-Za-z]{32}")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# Of the escapes of JSON, those of characters that a key can have.
_ESCAPE = re.compile(rb'\\(?:u([Dd][89ABab]..)\\u([Dd][C-Fc-f]..)|u([0-9A-Fa-f]{4})|([/"\\]))')
#: Header fields whose values are shown. Those of every other field may hold a key.
_HARMLESS = frozenset(
    b"accept accept-encoding accept-language cache-control connection content-encoding "
    b"content-length content-type date expect host prefer transfer-encoding upgrade user-agent "
    b"x-mock-scenario".split()
)
_HARMLESS_PREFIX = b"x-stainless-"  # what generated SDKs say of themselves

_Span = tuple[int, int]


class Redaction:
    """What to hide of one request, given its header fields and its query string."""

    def __init__(self, headers: Headers, query: bytes, namespace: str) -> None:
        self._mark = b"<key %b>" % namespace[:8].encode()
        keys = {
            key
            for part in (*_in_headers(headers), *_in_query(query))
            for key in (part, part.decode("latin-1").encode())  # as UTF-8, if it was not
            if len(key) >= _SHORTEST and key.lower() not in _SCHEMES
        }
        self._hides_all = len(keys) > _MOST_KEYS
        self._keys = [] if self._hides_all else sorted(keys, key=len, reverse=True)

    def text(self, raw: bytes) -> bytes:
        """Bytes without keys."""
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
        """Text without keys."""
        raw = text.encode("utf-8", "replace")
        hidden = self.text(raw)
        return text if hidden is raw else hidden.decode("utf-8", "replace")

    def query(self, raw: bytes) -> str:
        """A query string without keys, and without the values of parameters named like one."""
        if not raw:
            return ""
        shown = []
        for parameter in self.text(raw).split(b"&"):
            name, equals, _ = parameter.partition(b"=")
            secret = equals and is_secret(_unquoted(name))
            shown.append(name + b"=" + self._mark if secret else parameter)
        return b"&".join(shown).decode("utf-8", "replace")

    def headers(self, fields: Headers) -> Headers:
        """Header fields without keys; values of fields that are not known to be harmless."""
        return [(self.text(name), self._value(name, value)) for name, value in fields]

    def _value(self, name: bytes, value: bytes) -> bytes:
        if name in _HARMLESS or name.startswith(_HARMLESS_PREFIX):
            return self.text(value)
        if not is_secret(name):
            return b"<hidden>"
        scheme, blank, rest = value.partition(b" ")
        known = blank and rest and scheme.lower() in _SCHEMES
        return scheme + b" " + self._mark if known else self._mark

    def _found(self, view: _View) -> Iterator[_Span]:
        """Where keys are, as places in the raw text."""
        text = view.text
        for key in self._keys:
            at = text.find(key)
            while at >= 0:
                yield view.raw_span(at, at + len(key))
                at = text.find(key, at + len(key))
        for match in _OF_RELACE.finditer(text):
            yield view.raw_span(*match.span())


class _View:
    """A text as it reads once escapes are undone, with the way back to the raw text.

    ``starts`` has where each part of the decoded text begins, and ``raws`` where the same part
    begins in the text before.
    """

    def __init__(
        self, text: bytes, starts: list[int], raws: list[int], before: _View | None
    ) -> None:
        self.text = text
        self._starts = starts
        self._raws = raws
        self._before = before

    def raw_span(self, start: int, end: int) -> _Span:
        """The place in the raw text of a place here."""
        if self._before is None:
            return start, end
        return self._before.raw_span(self._raw(start), self._raw(end - 1, after=True))

    def _raw(self, at: int, *, after: bool = False) -> int:
        """Where a character begins in the text before, or where it is over."""
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
    """The text as it was sent, JSON-unescaped, and percent-decoded up to three times."""
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
    except ValueError:  # half of a pair, or no hexadecimal digits
        return b"?"


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """The spans in order, those that overlap as one."""
    first, *others = sorted(spans)
    start, end = first
    for begins, ends in others:
        if begins > end:
            yield start, end
            start, end = begins, ends
        end = max(end, ends)
    yield start, end


def _in_headers(headers: Headers) -> Iterator[bytes]:
    """What may be a key in the header fields that hold one."""
    for name, value in headers:
        if not is_secret(name):
            continue
        if b"cookie" in name:
            for cookie in value.split(b";"):
                yield cookie.partition(b"=")[2].strip(b' "')
            continue
        yield value.strip()
        yield from value.split()
        yield from _PART.findall(value)
        scheme, _, rest = value.partition(b" ")
        if scheme.lower() == b"basic":
            yield from _basic(rest)


def _basic(encoded: bytes) -> Iterator[bytes]:
    """User and password of the scheme ``Basic`` (RFC 7617)."""
    try:
        pair = base64.b64decode(encoded.strip() + b"==")
    except (ValueError, binascii.Error):
        return
    user, _, password = pair.partition(b":")
    yield from (pair, user, password)


def _in_query(query: bytes) -> Iterator[bytes]:
    """Values of parameters that are named like a key, as they were sent and decoded."""
    for parameter in query.split(b"&") if b"=" in query else ():
        name, _, value = parameter.partition(b"=")
        if is_secret(_unquoted(name)):
            yield value
            for _ in range(3):
                if b"%" not in value:
                    break
                value = _unquoted(value)
                yield value


def _unquoted(raw: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), raw)
