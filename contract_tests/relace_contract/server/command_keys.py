"""Find API keys in the command line of a client, so that reports can hide them.

A key is a value where a command line usually has one: after an option, a header field, a parameter
or a variable that is named like a secret, after the name of a user, and in a URL before ``@``.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import shlex
from collections.abc import Iterator
from urllib.parse import unquote

from relace_contract.server.keys import API_KEY, SECRET, Key, Keys

_MOST = 64  # keys of one command
_RELACES = re.compile(r"rlc-[0-9A-Za-z]{32}", re.IGNORECASE)
# Part of a name, from the word that tells of a secret to the end.
_NAME = (
    r"(?:authoriz|auth(?!or)|cookie|key|token(?!i[sz])|secret|(?<![a-z])pass|pwd|credential|session"
    r"|signature|jwt|bearer)[\w.\[\]-]{0,64}"
)
_OPTION = re.compile(rf"-[\w.-]*?{_NAME}", re.IGNORECASE)
_HEADER = re.compile(rf"[\w-]*?{_NAME}\s*:\s(.+)", re.IGNORECASE | re.DOTALL)
# In JSON, and for a shell, quotes and backslashes may be around the name.
_PAIR = re.compile(
    rf"({_NAME})[\\\"']*\s*[=:,]+\s*\\?(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'&;,}}]+))", re.IGNORECASE
)
_AFTER_BLANK = re.compile(
    r"(?:bearer|basic|key|token|secret|password)[\"']?\s+[\"']?([^\s\"'-][^\s\"']*)", re.IGNORECASE
)
_USER = re.compile(r"(?:-u|--(?:proxy-)?user)(?:=|\s)?([^:]+:.+)", re.DOTALL)
_IN_URL = re.compile(r"://([^/\s@\"']{0,256}:[^/\s\"']+)@")
_BETWEEN = re.compile(r"[\s;,&\"'`\\{}()]+")
# A name such as `--key-file`: its value leads to a secret, and is none.
_LEADS_THERE = re.compile(r"(?:file|path|dir|url|host)\Z", re.IGNORECASE)
_VARIABLE = re.compile(r"(?<![^\s\"'=:])\$(?:\w+|\{\w+\})(?![^\s\"',;])")
_SCHEMES = ("basic", "bearer", "digest", "negotiate")


def keys_in_command(command: str) -> Keys:
    """The keys in the command line of a client. Variables of the shell, such as $KEY, are none."""
    found = dict.fromkeys(each for each in _possible(command) if _may_be_secret(each))
    return Keys(*(Key(secret, API_KEY) for secret in itertools.islice(found, _MOST)))


def _may_be_secret(text: str) -> bool:
    """Whether a value is long enough, and is no address and no name of a scheme."""
    return len(text) >= SECRET and "://" not in text and text.lower() not in _SCHEMES


def _possible(command: str) -> Iterator[str]:
    yield from _RELACES.findall(command)
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that is not closed
        words = command.split()
    for text in (command, *words):
        yield from _in_text(text)
        if "%" in text:
            yield from _in_text(unquote(text))
    for word in words:
        if header := _HEADER.fullmatch(word):
            yield from _parts(header[1])
    for option, value in itertools.pairwise(words):
        if _OPTION.fullmatch(option) and not (value.startswith("-") or _LEADS_THERE.search(option)):
            yield from _parts(value)
    for text in (*words, *map(" ".join, itertools.pairwise(words))):
        if user := _USER.fullmatch(text):
            yield from _password(user[1])


def _in_text(text: str) -> Iterator[str]:
    """Yield the values after names of secrets, and the passwords of URLs."""
    for name, *values in _PAIR.findall(text):
        if not _LEADS_THERE.search(name):
            yield from _parts("".join(values))
    for value in _AFTER_BLANK.findall(text):
        yield from _parts(value)
    for pair in _IN_URL.findall(text):
        yield from _password(pair)


def _password(pair: str) -> Iterator[str]:
    """Yield the password of ``user:password``."""
    yield pair.partition(":")[2]


def _parts(value: str) -> Iterator[str]:
    """Yield a value, its words, and what stands after ``=`` or ``:`` in them."""
    value = _VARIABLE.sub(" ", value)
    words = [word for word in _BETWEEN.split(value) if word]
    for text in (value.strip("\\\"' \t"), *words):
        if not any(map(str.isspace, text)):
            yield text
            yield text.partition("=")[2]
            yield text.partition(":")[2]
    for scheme, encoded in itertools.pairwise(words):
        if scheme.lower() == "basic":
            yield from _decoded(encoded)


def _decoded(encoded: str) -> Iterator[str]:
    """Yield the password of the scheme ``Basic`` (RFC 7617)."""
    try:
        yield from _password(base64.b64decode(encoded + "==").decode())
    except (ValueError, binascii.Error):
        return
