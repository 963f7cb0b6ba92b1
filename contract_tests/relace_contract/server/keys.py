"""Find and hide API keys in the answers of a server, in every spelling.

A key is found in upper and lower case, with characters escaped as in JSON, HTML, JavaScript and
Python, percent-encoded up to three times, as hexadecimal digits, and inside Base64, as in the
scheme ``Basic``. A long part of a key is found too. The time is linear in the length of the text.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

#: Placeholders for the user's keys in reports and shell commands.
API_KEY, BAD_KEY = "$RELACE_API_KEY", "$RELACE_BAD_KEY"
#: Characters that a secret key has at least. Relace's keys are longer; hiding a shorter one would
#: hide ordinary words.
SECRET = 8
#: A part of a key with at least this many characters is hidden; a hint such as `rlc-01…cd` is not.
_PART = 16
#: A text without any of these can hold a key only in plain spelling.
_ESCAPES = ("\\", "%", "&")
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-=")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_ANY_CASE = re.IGNORECASE | re.ASCII
_Value = TypeVar("_Value")


class Key:
    """A key, and the name that replaces it where it is hidden."""

    def __init__(self, secret: str, name: str) -> None:
        self.secret = secret
        self.name = name
        self._base64 = _middles(secret.encode())
        self._digits = secret.encode().hex()
        #: A text with the unescaped key, or a large part of it, contains one of these: a part of
        #: 16 characters contains a whole block of 8, wherever it begins.
        blocks = (secret[at : at + SECRET] for at in range(0, len(secret) - SECRET + 1, SECRET))
        self.marks = (*blocks, *self._base64, self._digits)
        self._lower = secret.lower()

    def hidden_in(self, text: str) -> str:
        """The text, with the key replaced by its name."""
        text = self._whole.sub(lambda _: self.name, text)
        text = _replaced(self._encoded, text, f"<Base64 of {self.name}>", _token_around)
        return _replaced(self._part, text, self.name, self._part_from)

    # Compiling these patterns takes a tenth of a second, and most runs do not need them.

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
        """The start and end of the longest part of the key that begins at ``start``."""
        place = self._lower.find(text[start:end].lower()) + _PART
        while end < len(text) and self._lower[place : place + 1] == text[end].lower():
            end, place = end + 1, place + 1
        return start, end


class Keys:
    """Several keys, to find or hide together."""

    def __init__(self, *keys: Key) -> None:
        long_enough = [key for key in keys if len(key.secret) >= SECRET]
        # The longest first, because one key may be a part of another.
        self._keys = sorted(long_enough, key=lambda key: len(key.secret), reverse=True)
        marks = [*_ESCAPES, *(mark.lower() for key in self._keys for mark in key.marks)]
        self._marks = [mark.encode() for mark in marks] if self._keys else []
        self._marked = re.compile("|".join(map(re.escape, marks)) if self._keys else "(?!)")

    def hide(self, value: _Value) -> _Value:
        """Replace every key in a text, in bytes, or in a dataclass or tuple of such values."""
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
        if not any(mark in lower for mark in self._marks):  # do not decode a large body
            return body
        return self.hide(body.decode("latin-1")).encode("latin-1")

    def found_in(self, text: str) -> bool:
        """Whether a text has one of the keys, or a large part of one."""
        return self.hide(text) != text


def _token_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The start and end of the whole Base64 word around a match."""
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
    """Replace every match by ``name``; ``extent`` may enlarge a match."""
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
    """A pattern that matches every spelling of a text."""
    return "".join(map(_spelt_character, text))


#: Any number of backslashes, as nested strings need them. The possessive quantifiers do not
#: backtrack, so a long run of backslashes is cheap.
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
    """The Base64 of a secret inside a longer text: one string for each of the three offsets."""
    found = []
    for offset in range(3):
        encode = base64.b64encode(b"\0" * offset + secret).decode()
        first, last = math.ceil(offset * 8 / 6), (offset + len(secret)) * 8 // 6
        found.append(encode[first:last])
    return list(dict.fromkeys([*found, *(one.translate(_URL_SAFE) for one in found)]))


_URL_SAFE = str.maketrans("+/", "-_")
