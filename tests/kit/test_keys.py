"""No report, no command and no error shows a key that was given, however a server spells it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from relace_contract.server.keys import Key, Keys
from tests.kit.mutants import change
from tests.kit.reference import Answer, Asked, Reference
from tests.kit.running import running
from tests.kit.test_command import verify

#: A key with characters that each encoding changes.
SECRET = "rlc-a/b+c&d<e>f%g=h'i.j~0123456789"
KEYS = Keys(Key(SECRET, "$RELACE_API_KEY"))


def times(count: int, encode: Callable[[str], str]) -> str:
    text = SECRET
    for _ in range(count):
        text = encode(text)
    return text


def every_character(text: str) -> str:
    return "".join(f"%{ord(char):02x}" for char in text)


def in_base64(before: str, after: str = "") -> str:
    return base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()


SPELLINGS = {
    "as it was sent": SECRET,
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON of PHP": SECRET.replace("/", r"\/"),
    "JSON of Go": SECRET.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003E"),
    "JSON, every character": "".join(f"\\u{ord(char):04x}" for char in SECRET),
    "JSON in JSON": json.dumps(json.dumps(SECRET.replace("/", r"\/"))),
    "Python": "".join(f"\\x{ord(char):02x}" for char in SECRET),
    "percent, once": quote(SECRET, safe=""),
    "percent, twice": times(2, lambda text: quote(text, safe="")),
    "percent, three times": times(3, lambda text: quote(text, safe="")),
    "percent, lower case": quote(SECRET, safe="").lower(),
    "percent, every character": every_character(SECRET),
    "percent and JSON": quote(SECRET, safe="/").replace("/", r"\/"),
    "HTML": SECRET.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    "HTML, numbers": SECRET.replace("&", "&#38;").replace("'", "&#x27;"),
    "HTML, every character": "".join(f"&#{ord(char)};" for char in SECRET),
    "HTML, every character, padded": "".join(f"&#x{ord(char):05X};" for char in SECRET),
    "HTML in HTML": html.escape(html.escape(SECRET)),
    "JavaScript": "".join(f"\\u{{{ord(char):x}}}" for char in SECRET),
    "Python, the longest way": "".join(f"\\U{ord(char):08X}" for char in SECRET),
    "octal digits": "".join(f"\\{ord(char):03o}" for char in SECRET),
    "hexadecimal digits": SECRET.encode().hex(),
    "hexadecimal digits in upper case": SECRET.encode().hex().upper(),
    "upper case": SECRET.upper(),
    "most of it in upper case": SECRET[:20].upper(),
    "upper case and percent": quote(SECRET.upper(), safe=""),
    "Basic, as the password": in_base64("user:"),
    "Basic, as the user": in_base64("", ":"),
    "Basic, with one more": in_base64("a:", "xy"),
    "Basic, safe for URLs": in_base64("me:").translate(str.maketrans("+/", "-_")),
    "Basic in a URL": quote(in_base64("user:"), safe=""),
    "most of it": SECRET[:20],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_hidden_in_every_spelling(spelling: str) -> None:
    text = f"the key «{SPELLINGS[spelling]}» is wrong"
    hidden = KEYS.hide(text)
    assert "RELACE_API_KEY" in hidden
    assert hidden.startswith("the key «") and hidden.endswith("» is wrong")
    assert not any(SECRET[at : at + 8].lower() in hidden.lower() for at in range(len(SECRET) - 7))
    assert KEYS.found_in(text)
    assert KEYS.hide(text.encode()) == hidden.encode()


def test_a_hint_of_a_key_and_a_short_key_stay() -> None:
    for text in (f"{SECRET[:10]}…{SECRET[-4:]}", "no key", "100 % \\ &amp;", ""):
        assert KEYS.hide(text) == text
    short = Keys(Key("text", "$RELACE_API_KEY"))
    assert short.hide("some text") == "some text"


def test_hiding_is_linear_in_what_came() -> None:
    """The test measures no time: if hiding were quadratic, it would not end."""
    for piece in ("%25", "\\", "r", "cmxj", "&#x", "&amp;", "&#0", "\\u{0", "%2572"):
        text = piece * (500_000 // len(piece))
        assert KEYS.hide(text) == text


@pytest.mark.parametrize("place", ["body", "header", "200"])
@pytest.mark.parametrize("spelling", ["JSON of PHP", "percent, three times", "Basic, as the user"])
def test_whatever_a_server_sends_back_no_output_has_the_key(
    spelling: str, place: str, tmp_path: Path
) -> None:
    secret = "rlc-0123/456789ab&cdef0123456789abcd"
    text = {
        "JSON of PHP": secret.replace("/", r"\/"),
        "percent, three times": quote(quote(quote(secret, safe=""))),
        "Basic, as the user": base64.b64encode(f"{secret}:".encode()).decode(),
    }[spelling]

    def encoded(self: Reference, asked: Asked, answer: Answer) -> bytes:
        plain = Reference.encoded(self, asked, answer)
        if place == "body" and answer.status >= 400:
            return b'{"error": "%s"}' % text.encode()
        if place == "200" and answer.status == 200:
            return b'{"key": "%s", ' % text.encode() + plain[1:]
        return plain

    def refused(_: Reference, __: Asked, answer: Answer) -> Answer:
        more = {"x-key": text} if place == "header" else {}
        return Answer(422, answer.content, answer.headers | more)

    app = change(
        encoded=encoded,
        refused=refused,
        known=lambda _, key: key == secret,
        index=lambda _, place: place + 1,
    )
    paths = [tmp_path / f"report{suffix}" for suffix in (".xml", ".json", ".html")]
    reports = [word for path in paths for word in ("--report", str(path))]
    only = ("--only", "NEG-nan,BIJ-indexes,ENV", "--verbose")
    with running(app()) as url:
        done = verify(url, *only, *reports, "--api-key", secret)
        refused_key = verify(url, "--api-key", secret + "x")
    assert done.returncode == 1, done.stderr
    shown = [
        done.stdout,
        done.stderr,
        refused_key.stderr,
        *(one.read_text("utf-8") for one in paths),
    ]
    for output in shown:
        assert not any(part in output for part in (secret, text, secret[:20], text[:16]))
    assert "$RELACE_API_KEY" in done.stdout


def test_a_key_in_the_url_is_hidden_in_names_commands_and_errors(tmp_path: Path) -> None:
    key = "rlc-0123456789abcdef0123456789abcdef"
    path = tmp_path / "report.json"
    done = verify(f"http://127.0.0.1:9/{key}/v1", "--api-key", key, "--report", str(path))
    assert done.returncode == 2
    assert key not in done.stderr + path.read_text(encoding="utf-8")
    assert key not in verify(f"htp://{key}").stderr
