"""A request to a server and its answer, as values and in readable form."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from typing import Any

import orjson

from relace_contract.counts import counted
from relace_contract.foreign_text import cut, on_one_line, visible
from relace_contract.judgement import Evidence
from relace_contract.server.keys import API_KEY, BAD_KEY

Headers = tuple[tuple[str, str], ...]
#: The most characters of a body that a finding shows, and the most bytes of a body that a shell
#: command contains.
_SHOWN = 700
_TYPED = 3000
#: Bytes of a body that are read in order to show it, and the long lists of numbers to shorten.
_READ = 100_000
_NUMBERS = re.compile(
    r"((?:-?[\d.]+(?:[eE][+-]?\d+)?, ?){4})(?:-?[\d.]+(?:[eE][+-]?\d+)?(?:, ?)?){4,}"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``recipe`` is a Python expression for a body too long for a shell command.

    ``cacert`` is the file of certificates to trust, empty for the default ones.
    """

    method: str
    url: str
    headers: Headers
    body: bytes
    recipe: str = ""
    cacert: str = ""

    def text(self) -> str:
        """The request as it is sent; a long body is cut."""
        return _message(f"{self.method} {self.url}", self.headers, self.body)

    def curl(self) -> str:
        """A shell command that sends the request; the key comes from the environment."""
        words = ["curl", "-sS", "-i", *self._target()]
        sent = {name.lower() for name, _ in self.headers}
        for name in ("Accept", "Content-Type"):  # curl would add these
            if name.lower() not in sent and (self.body or name == "Accept"):
                words += ["-H", f"'{name}:'"]
        for name, value in self.headers:
            words += ["-H", _quoted(f"{name}: {value}" if value else f"{name};")]
        if not self.body:
            return " ".join([*words, *(["-d", "''"] if self.method == "POST" else [])])
        try:
            typed = self.body.decode() if len(self.body) <= _TYPED else ""
        except UnicodeDecodeError:
            typed = ""
        if typed and typed.isprintable():
            return " ".join([*words, "--data-raw", shlex.quote(typed)])
        if len(self.body) <= _TYPED:
            source = f"printf '{_octal(self.body)}'"
        elif self.recipe:
            source = f"python3 -c {shlex.quote(f'print({self.recipe}, end=str())')}"
        else:
            return ""
        return f"{source} | {' '.join([*words, '--data-binary', '@-'])}"

    def _target(self) -> list[str]:
        method = [] if self.method == "POST" else ["-X", self.method]
        trusted = ["--cacert", shlex.quote(self.cacert)] if self.cacert else []
        return [*method, *trusted, _quoted(self.url)]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A request and its answer.

    ``status`` is 0 if no answer came; ``failure`` says why. ``connection`` is the local port of
    the connection, 0 if it is unknown.
    """

    request: Request
    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    failure: str = ""
    connection: int = 0
    #: Unix time of the answer.
    at: float = 0.0
    #: The place where an error repeats a key that was sent; empty if it does not.
    repeats_key: str = ""
    #: Whether the request had a key that the server should accept.
    authorized: bool = False

    def header(self, name: str) -> str | None:
        """The value of a header of the answer."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def media_type(self) -> str:
        """The content type of the answer, without parameters, in lower case."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The parsed body of the answer, or None if it is not JSON."""
        return _parsed(self.body)

    @property
    def tokens(self) -> Any:
        """``usage.total_tokens`` of the answer, unchecked; None if it is missing."""
        body = self.json()
        usage = body.get("usage") if isinstance(body, dict) else None
        return usage.get("total_tokens") if isinstance(usage, dict) else None

    @property
    def results(self) -> list[Any] | None:
        """``results`` of the answer; None if there is no such list.

        A list nested once more, as in the documented example, is unwrapped: SCHEMA-body judges it.
        """
        body = self.json()
        found = body.get("results") if isinstance(body, dict) else None
        if not isinstance(found, list):
            return None
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found

    def summary(self) -> str:
        """The answer in a few words."""
        if not self.status:
            return self.failure
        body = self.json()
        if isinstance(body, dict) and isinstance(body.get("error"), str):
            return f"{self.status} ({cut(body['error'], 80)})"
        return str(self.status)

    def evidence(self) -> Evidence:
        """The round trip as a finding shows it."""
        received = (
            _message(str(self.status), self.headers, self.body)
            if self.status
            else f"no answer: {self.failure}"
        )
        return Evidence(self.request.text(), received, self.request.curl())


@functools.lru_cache(8)  # several checks look into one answer, which may be large
def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _message(first: str, headers: Headers, body: bytes) -> str:
    lines = [first, *(on_one_line(f"{name}: {value}") for name, value in headers)]
    text = body[:_READ].decode(errors="backslashreplace")
    text = _NUMBERS.sub(r"\1…", text)
    if len(text) > _SHOWN:
        text = f"{cut(text, _SHOWN)} ({counted(len(body), 'byte')})"
    shown = visible(text)
    return "\n".join([*lines, "", shown] if body else lines)


def _quoted(word: str) -> str:
    """A word of a shell command, quoted so that the shell still expands the variable of a key."""
    if API_KEY not in word and BAD_KEY not in word:
        return shlex.quote(word)
    return '"' + re.sub(r'([`"\\])', r"\\\1", word) + '"'


def _octal(body: bytes) -> str:
    """Bytes as an argument of ``printf``, with octal escapes for all but plain text."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"%\\'" else f"\\{byte:03o}" for byte in body
    )
