"""API keys in what a server sends back: found and hidden in every spelling.

A key is found in upper and lower case, with characters escaped as JSON, HTML, JavaScript and Python
do, percent-encoded up to three times, as hexadecimal digits, and inside Base64, as the scheme
``Basic`` has it. So is a part of it that is too long to be a hint. The work is linear in the text.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

#: What stands for a key that was given, in reports and in shell commands.
API_KEY, BAD_KEY = "$RELACE_API_KEY", "$RELACE_BAD_KEY"
#: A shorter key is a word like any other, and no key of Relace's.
SECRET = 8
#: Characters of a key that are more than a hint: `rlc-01…cd` is one.
_PART = 16
#: Without any of these, a text has no spelling of a key but the plain ones.
_ESCAPES = ("\\", "%", "&")
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-=")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_IN_COMMAND = re.compile(
    r"(rlc-[0-9A-Za-z]{32})"
    r"|(?:bearer|basic|key|token|secret|password)(?:[\"']?[\s=:]+[\"']?)([^\s\"'$]{8,})",
    re.IGNORECASE,
)
_ANY_CASE = re.IGNORECASE | re.ASCII
_Value = TypeVar("_Value")


class Key:
    """A key, and the name that stands for it where it is hidden."""

    def __init__(self, secret: str, name: str) -> None:
        self.secret = secret
        self.name = name
        self._base64 = _middles(secret.encode())
        self._digits = secret.encode().hex()
        #: A text that has the key without any escape, or a large part of it, has one of these.
        #: A part of 16 characters has a whole block of 8, wherever it begins.
        blocks = (secret[at : at + SECRET] for at in range(0, len(secret) - SECRET + 1, SECRET))
        self.marks = (*blocks, *self._base64, self._digits)
        self._lower = secret.lower()

    def hidden_in(self, text: str) -> str:
        """The text with the key's name in its place."""
        text = self._whole.sub(lambda _: self.name, text)
        text = _replaced(self._encoded, text, f"<Base64 of {self.name}>", _token_around)
        return _replaced(self._part, text, self.name, self._part_from)

    # To compile these takes a tenth of a second, and most runs meet no text with a mark.

    @functools.cached_property
    def _whole(self) -> re.Pattern[str]:
        return re.compile(f"{_spelt(self.secret)}|{self._digits}", _ANY_CASE)

    @functools.cached_property
    def _encoded(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_spelt, self._base64)))

    @functools.cached_property
    def _part(self) -> re.Pattern[str]:
        starts = range(len(self.secret) - _PART + 1)
        parts = [re.escape(self.secret[at : at + _PART]) for at in starts]
        return re.compile("|".join(parts) or "(?!)", _ANY_CASE)

    def _part_from(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Where the longest part of the key that begins here ends."""
        place = self._lower.find(text[start:end].lower()) + _PART
        while end < len(text) and self._lower[place : place + 1] == text[end].lower():
            end, place = end + 1, place + 1
        return start, end


class Keys:
    """Several keys."""

    def __init__(self, *keys: Key) -> None:
        long_enough = [key for key in keys if len(key.secret) >= SECRET]
        # The longest first, as one may be a part of another.
        self._keys = sorted(long_enough, key=lambda key: len(key.secret), reverse=True)
        marks = [*_ESCAPES, *(mark.lower() for key in self._keys for mark in key.marks)]
        self._marks = [mark.encode() for mark in marks] if self._keys else []
        self._marked = re.compile("|".join(map(re.escape, marks)) if self._keys else "(?!)")

    def hide(self, value: _Value) -> _Value:
        """A value without any key in its texts: text, bytes, or a dataclass or tuple of such."""
        hidden: Any = value
        match value:
            case str():
                if self._marked.search(value.lower()):
                    for key in self._keys:
                        hidden = key.hidden_in(hidden)
            case bytes():
                hidden = self._without(value)
            case tuple():
                hidden = tuple(map(self.hide, value))
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = {
                    field.name: self.hide(getattr(value, field.name))
                    for field in dataclasses.fields(value)
                    if field.init
                }
                hidden = dataclasses.replace(value, **fields)
        result: _Value = hidden
        return result

    def _without(self, body: bytes) -> bytes:
        lower = body.lower()
        if not any(mark in lower for mark in self._marks):  # a large body costs no more
            return body
        return self.hide(body.decode("latin-1")).encode("latin-1")

    def found_in(self, text: str) -> bool:
        """Whether a text has one of the keys, or a large part of one."""
        return self.hide(text) != text


def keys_in_command(command: str) -> Keys:
    """The keys that a client's command has: what looks like one of Relace's, or is named so."""
    found = (match[1] or match[2] for match in _IN_COMMAND.finditer(command))
    return Keys(*(Key(secret, API_KEY) for secret in dict.fromkeys(found)))


def _token_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the whole word of Base64 begins and ends."""
    while start > 0 and text[start - 1] in _TOKEN:
        start -= 1
    while end < len(text) and text[end] in _TOKEN:
        end += 1
    return start, end


def _replaced(
    pattern: re.Pattern[str],
    text: str,
    name: str,
    extent: Callable[[str, int, int], tuple[int, int]],
) -> str:
    """The text with ``name`` for every match, which ``extent`` may make larger."""
    parts: list[str] = []
    done = 0
    for match in pattern.finditer(text):
        if match.start() < done:
            continue
        start, end = extent(text, match.start(), match.end())
        parts += [text[done : max(start, done)], name]
        done = end
    return "".join([*parts, text[done:]])


def _spelt(text: str) -> str:
    """A pattern of every spelling of a text."""
    return "".join(map(_spelt_character, text))


#: As many as texts in texts need, and none of them tried twice: a run of them is cheap.
_BACKSLASHES = r"(?:(?<!\\)\\++|(?:%(?:25){0,2}5[cC]){1,8}+)"


def _spelt_character(char: str) -> str:
    code = f"(?i:{ord(char):02x})"
    own = f"|{char}" if char in "\"'/" else ""  # `\/` is PHP's way
    escapes = f"u00{code}|u\\{{0{{0,4}}{code}\\}}|U000000{code}|x{code}|{ord(char):03o}{own}"
    entities = f"#0{{0,5}}{ord(char)}|#x0{{0,5}}{code}|{_ENTITIES.get(char, '(?!)')}"
    spellings = [
        f"{_BACKSLASHES}(?:{escapes})",
        f"%(?:25){{0,2}}{code}",
        f"&(?:amp;){{0,3}}(?:{entities});",
    ]
    if char == "\\":
        spellings.append(r"\\++")
    return f"(?:{'|'.join([*spellings, re.escape(char)])})"


def _middles(secret: bytes) -> list[str]:
    """What Base64 makes of a secret, whatever stands around it: one text for each offset."""
    found = []
    for offset in range(3):
        encode = base64.b64encode(b"\0" * offset + secret).decode()
        first, last = math.ceil(offset * 8 / 6), (offset + len(secret)) * 8 // 6
        found.append(encode[first:last])
    return list(dict.fromkeys([*found, *(one.translate(_URL_SAFE) for one in found)]))


_URL_SAFE = str.maketrans("+/", "-_")
