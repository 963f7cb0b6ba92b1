"""Hides API keys in what the journal shows of a request; a short hash replaces each.

These values count as keys: those of authorization-like header fields (with ``Basic`` decoded), of
cookies, and of query parameters that are named like a key. Such a key is hidden everywhere in the
request: as it was sent, as JSON escapes it, and percent-encoded up to three times, in upper or
lower case (see ``spellings``). If the key itself was sent with such escapes, its decoded text is
hidden too. Text that looks like a Relace key is hidden as well, and so is the beginning of a key
where a text was cut. A key of fewer than 8 characters may be part of ordinary words, so it is
hidden only in its own place.

All of this takes time linear in the size of the request.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import orjson

from relace_mock.auth import bearer_key
from relace_mock.keys import namespace_of
from relace_mock.messages import Headers, Received, is_secret
from relace_mock.refusals import Refusal
from relace_mock.spellings import SHORTEST, Spellings, unquoted, views

# No credential has more words than this. With more, all text of the request is hidden.
_MOST_KEYS = 32
_SCHEMES = (b"bearer", b"basic", b"digest", b"token", b"negotiate")
# A key in quotes or brackets, or with a comma after it.
_PART = re.compile(rb"[^\s,;:=|\"'`<>()\[\]{}]+")
# One of the values that a cookie has.
_SUBVALUE = re.compile(rb"[^\s,;:=|\"'`<>()\[\]{}&]+")
_SEPARATOR = re.compile(rb"[&;]")
_INNER_SEPARATOR = re.compile(rb"[&;,?#\s]")
_PASSWORD = re.compile(rb"://[^/\s@:]*:([^/\s@]+)@")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: Header fields whose values are shown. Those of every other field may hold a key.
_HARMLESS = frozenset(
    b"accept accept-encoding accept-language cache-control connection content-encoding "
    b"content-length content-type date expect host prefer transfer-encoding upgrade user-agent "
    b"x-mock-scenario".split()
)
_HARMLESS_PREFIX = b"x-stainless-"  # fields in which generated SDKs describe themselves


class Redaction:
    """Hides the keys of one request, which its header fields and its query string hold."""

    def __init__(self, headers: Headers, query: bytes, namespace: str) -> None:
        self._mark = b"<key %b>" % namespace[:8].encode()
        keys = {
            key.lower()
            for part in (*_in_headers(headers), *_in_query(query))
            for key in (part, part.decode("latin-1").encode())  # also as UTF-8
            if len(key) >= SHORTEST and key.lower() not in _SCHEMES
        }
        self._hides_all = len(keys) > _MOST_KEYS
        self._spellings = Spellings(() if self._hides_all else keys, self._mark, relaces=True)

    def text(self, raw: bytes, *, cut: bool = False) -> bytes:
        """Bytes with the keys hidden. ``cut`` says that these bytes are only the beginning."""
        if self._hides_all:
            return self._mark if raw else raw
        return self._spellings.hidden_in(raw, cut=cut)

    def line(self, text: str) -> str:
        """Text with the keys hidden."""
        raw = text.encode("utf-8", "replace")
        hidden = self.text(raw)
        return text if hidden is raw else hidden.decode("utf-8", "replace")

    def values(self, value: Any) -> Any:
        """A JSON value with the keys hidden in its texts and names."""
        dumped = orjson.dumps(value)
        return value if self.text(dumped) is dumped else self._in_texts(value)

    def _in_texts(self, value: Any) -> Any:
        match value:
            case str():
                return self.line(value)
            case list():
                return [self._in_texts(each) for each in value]
            case dict():
                return {self.line(name): self._in_texts(each) for name, each in value.items()}
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
            secret = equals and is_secret(unquoted(name))
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


def of_request(received: Received) -> Redaction:
    """The redaction of what is told about a request."""
    namespace = namespace_of(bearer_key(received))
    return Redaction(received.headers, received.query, namespace)


def without_keys(refusal: Refusal, received: Received) -> Refusal:
    """The refusal of a request with its keys hidden, if the message may repeat what was sent."""
    if refusal.status not in (400, 405):
        return refusal
    return refusal._replace(detail=of_request(received).line(refusal.detail))


def _in_headers(headers: Headers) -> Iterator[bytes]:
    """Yield the possible keys in the header fields that may hold one."""
    for name, value in headers:
        if not is_secret(name):
            if name == b"host" and b"@" in value:
                yield from _words(value.rpartition(b"@")[0].partition(b":")[2])
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
                yield from (view.text for view in views(part))


def _words(value: bytes) -> Iterator[bytes]:
    """Yield the possible keys in a credential, as it was sent and with its escapes decoded."""
    for view in views(value):
        text = view.text.strip()
        yield text
        yield from text.split()
        yield from _PART.findall(text)
        if b"&" in text:
            yield from _SUBVALUE.findall(text)


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
        if is_secret(unquoted(name)):
            yield from _words(value)
            if b"+" in value:  # a blank, as a form writes it
                yield from _words(value.replace(b"+", b" "))
        elif len(value) > SHORTEST:
            yield from _in_value(value)


def _in_value(value: bytes) -> Iterator[bytes]:
    """Yield the possible keys in a URL, or in another query, that is the value of a parameter."""
    for view in views(value):
        if b"=" in view.text:
            for parameter in _INNER_SEPARATOR.split(view.text):
                name, _, inner = parameter.partition(b"=")
                if is_secret(name):
                    yield from _words(inner)
        for password in _PASSWORD.findall(view.text):
            yield from _words(password)
