"""No spelling of an API key survives in what is shown of a request; nothing else is lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.journal.redaction import Redaction

KEY = "rlc-ab/cd+ef&gh01"
MARK = "<key nnnnnnnn>"
NAMESPACE = "n" * 16


def redaction(*headers: tuple[str, str], query: str = "") -> Redaction:
    fields = [(name.encode(), value.encode()) for name, value in headers]
    return Redaction(fields, query.encode(), NAMESPACE)


def percent(text: str) -> str:
    return quote(text, safe="")


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


SPELLINGS = {
    "as it was sent": KEY,
    "PHP's JSON": KEY.replace("/", "\\/"),
    "Go's JSON": KEY.replace("&", "\\u0026"),
    "every character escaped": "".join(f"\\u{ord(each):04X}" for each in KEY),
    "some characters escaped": "".join(
        f"\\u{ord(each):04x}" if number % 3 else each for number, each in enumerate(KEY)
    ),
    "percent-encoded": percent(KEY),
    "percent-encoded twice": percent(percent(KEY)),
    "percent-encoded three times": percent(percent(percent(KEY))),
    "every character percent-encoded": "".join(f"%{ord(each):02x}" for each in KEY),
    "in upper case": KEY.upper(),
    "Go's path in Go's JSON": quote(KEY, safe="&+").replace("&", "\\u0026"),
    "Python's path in PHP's JSON": quote(KEY, safe="/").replace("/", "\\/"),
    "PHP's JSON, percent-encoded": percent(KEY.replace("/", "\\/")),
    "Go's JSON, percent-encoded": percent(KEY.replace("&", "\\u0026")),
    "Go's JSON, percent-encoded twice": percent(percent(KEY.replace("&", "\\u0026"))),
    "percent signs escaped in JSON": percent(KEY).replace("%", "\\u0025"),
    "JSON in JSON": in_json(in_json(KEY.replace("/", "\\/"))),
    "percent-encoded three times, in JSON": percent(percent(percent(KEY))).replace("2", "\\u0032"),
}
PLACES = {
    "authorization": ("authorization", f"Bearer {KEY}"),
    "another scheme": ("authorization", f"Token {KEY}"),
    "no scheme": ("authorization", KEY),
    "basic": ("authorization", "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()),
    "basic, as the user": (
        "authorization",
        "Basic " + base64.b64encode(f"{KEY}:".encode()).decode(),
    ),
    "a header named like one": ("x-relace-api-key", KEY),
    "a proxy": ("proxy-authorization", f"Bearer {KEY}"),
    "a cookie": ("cookie", f"a=1; session={KEY}; b=2"),
    "a token": ("x-auth-token", f'"{KEY}"'),
    "percent-encoded": ("authorization", "Bearer " + quote(quote(KEY, safe=""), safe="")),
    "as a client quotes it": ("x-api-key", f"%22{quote(KEY, safe='')}%22"),
    "in brackets": ("authorization", f"Bearer <{KEY}>"),
    "basic, with a tab": (
        "proxy-authorization",
        "basic\t" + base64.b64encode(f"user:{KEY}".encode()).decode(),
    ),
    "basic, percent-encoded": (
        "authorization",
        "Basic " + base64.b64encode(f"user:{quote(KEY, safe='')}".encode()).decode(),
    ),
    "basic, with the alphabet of URLs": (
        "authorization",
        "Basic " + base64.urlsafe_b64encode(f"~~~???:{KEY}".encode()).decode(),
    ),
    "a percent-encoded cookie": ("cookie", f"auth=Bearer%20{quote(KEY, safe='')}"),
    "a cookie without a name": ("cookie", KEY),
    "a list of cookies": ("cookie", f"a=x, b={KEY}"),
    "a password": ("x-password", KEY),
    "a session": ("x-session", KEY),
    "a JSON web token": ("x-jwt", KEY),
    "a signature": ("x-signature", KEY),
    "credentials": ("x-credential", KEY),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_key_is_hidden_wherever_it_was_sent_and_however_it_is_spelt(
    place: tuple[str, str], spelling: str
) -> None:
    assert redaction(place).line(f"before {spelling} after") == f"before {MARK} after"


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("ends", [False, True], ids=["before an ellipsis", "at the end of a body"])
def test_the_beginning_of_a_key_is_hidden_before_a_cut(spelling: str, *, ends: bool) -> None:
    """Wherever the cut is, also within an escape. Fewer than six characters are no secret."""
    hides = redaction(("authorization", f"Bearer {KEY}"))
    for cut in range(len(spelling) + 1):
        text = f"before {spelling[:cut]}"
        shown = hides.text(text.encode(), cut=True).decode() if ends else hides.line(f"{text}…")
        told = shown.removesuffix("…").removeprefix("before ")
        assert told == MARK or told == spelling[:cut]
        assert told == MARK or cut < 6 * len(spelling) / len(KEY) + 10
        assert KEY[:6].lower() not in told.lower()
    assert redaction().line("a rlc-0123456789… b") == f"a {MARK}… b"


def test_other_text_before_a_cut_is_shown() -> None:
    hides = redaction(("authorization", f"Bearer {KEY}"))
    for text in (f"{KEY[:5]}…", f"{KEY[:9]} …", f"{KEY[:9]}Q…", "…", f"… {KEY[:9]}", "rlc-other…"):
        assert hides.line(text) == text
    assert hides.text(f"{KEY[:9]} ".encode(), cut=True).decode() == f"{KEY[:9]} "


def test_the_longest_beginning_of_a_key_is_hidden_though_it_repeats_itself() -> None:
    hides = redaction(("authorization", "Bearer abcabcabd-abcabcabe"))
    assert hides.line("x abcabcabcabcabd-abc… abcabcabd-… y") == f"x abcabc{MARK}… {MARK}… y"


@pytest.mark.parametrize(
    "value",
    [
        percent(f"http://x/?api_key={KEY.replace('&', '%26')}&a=1"),
        percent(f"http://x/?a=1&api_key={percent(KEY)}"),
        percent(percent(f"http://x/?api_key={percent(KEY)}")),
        percent(f"1&token={percent(KEY)}"),
        f"1,api_key={percent(KEY)}",
        percent(f"http://user:{percent(KEY)}@host/"),
        f"http://user:{percent(KEY)}@host/",
    ],
)
def test_a_key_in_a_url_within_the_query_is_hidden_there_and_elsewhere(value: str) -> None:
    hides = redaction(query=f"url={value}")
    shown = hides.query(f"url={value}".encode())
    assert MARK in shown and KEY[:8] not in shown
    assert hides.line(f"x{KEY}y") == f"x{MARK}y"


def test_a_key_is_hidden_in_the_names_and_texts_of_a_json_value() -> None:
    value = {"headers": {KEY: "1", "X-A": [f"a {KEY}", 1, None]}}
    hides = redaction(("authorization", f"Bearer {KEY}"))
    assert hides.values(value) == {"headers": {MARK: "1", "X-A": [f"a {MARK}", 1, None]}}
    assert hides.values({"a": [1]}) == {"a": [1]}


def test_the_values_within_a_cookie_are_hidden() -> None:
    hides = redaction(("cookie", "prefs=a:1&tok=abcdefgh1234&z; b=2"))
    assert hides.line("an abcdefgh1234 b") == f"an {MARK} b"


def test_a_password_in_the_host_is_hidden() -> None:
    fields = [(b"host", f"user:{KEY}@localhost".encode())]
    hides = Redaction(fields, b"", NAMESPACE)
    assert hides.headers(fields) == [(b"host", f"user:{MARK}@localhost".encode())]
    assert hides.line(f"x{KEY}y") == f"x{MARK}y"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apikey",
        "access_token",
        "key",
        "%61pi_key",
        "auth",
        "password",
        "pwd",
        "signature",
        "bearer",
    ],
)
def test_a_parameter_named_like_a_key_is_hidden_here_and_elsewhere(name: str) -> None:
    query = f"a=1&{name}={percent(KEY)}&b=2"
    hides = redaction(query=query)
    assert hides.query(query.encode()) == f"a=1&{name}={MARK}&b=2"
    assert hides.line(f"x{KEY}y") == f"x{MARK}y"


def test_a_semicolon_separates_parameters_too() -> None:
    query = f"a=1;api_key={percent(KEY)};b=2"
    assert redaction(query=query).query(query.encode()) == f"a=1;api_key={MARK};b=2"


def test_a_key_in_a_query_is_known_with_its_blanks_written_as_a_plus() -> None:
    assert redaction(query="api_key=my+long+secret").line("my long secret") == MARK


def test_the_name_of_a_header_field_hides_a_key_in_lower_case() -> None:
    fields = [(b"authorization", b"Bearer Sk-Some-Long-Word"), (b"sk-some-long-word", b"1")]
    hides = Redaction(fields, b"", NAMESPACE)
    assert hides.headers(fields)[1] == (MARK.encode(), b"<hidden>")


def test_a_name_such_as_author_is_no_secret() -> None:
    assert redaction(("x-author", "somebody")).line("somebody") == "somebody"


def test_what_looks_like_a_key_of_relaces_is_hidden_though_no_header_has_it() -> None:
    other = "rlc-" + "0aB" * 10 + "zz"
    assert redaction().line(f'{{"input":["{other}"]}}') == f'{{"input":["{MARK}"]}}'
    assert redaction().line("rlc-short") == "rlc-short"


def test_only_harmless_header_fields_show_their_values() -> None:
    fields = [(b"content-type", b"application/json"), (b"x-debug", b"anything at all")]
    fields += [(b"authorization", f"Bearer {KEY}".encode()), (b"user-agent", KEY.encode())]
    assert redaction(("authorization", f"Bearer {KEY}")).headers(fields) == [
        (b"content-type", b"application/json"),
        (b"x-debug", b"<hidden>"),
        (b"authorization", f"Bearer {MARK}".encode()),
        (b"user-agent", MARK.encode()),
    ]


def test_a_short_key_is_in_many_words_and_stays_there() -> None:
    assert redaction(("authorization", "Bearer short")).line("a short text") == "a short text"


@given(
    key=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8),
    around=st.text(),
    encode=st.sampled_from(
        [
            str,
            percent,
            in_json,
            lambda key: in_json(percent(key)),
            lambda key: percent(in_json(key)),
            lambda key: percent(in_json(percent(key))),
        ]
    ),
)
def test_no_text_shows_a_key(key: str, around: str, encode: Callable[[str], str]) -> None:
    hidden = redaction(("x-api-key", key)).line(f"{around} {encode(key)} {around}")
    assert MARK in hidden
    assert key not in hidden.replace(MARK, " ")


@given(st.text(st.characters(exclude_characters="\\%", codec="utf-8")))
def test_a_text_without_the_key_does_not_change(text: str) -> None:
    assert redaction(("authorization", f"Bearer {KEY}")).line(text) == text


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (f"Bearer {KEY}", "%25" * 20_000),
        (f"Bearer {KEY}", "\\u0041" * 10_000),
        (f"Bearer {KEY}", KEY[:-1] * 4_000),
        ("Bearer " + "a" * 60_000, "a" * 60_000),
        ("Bearer " + "a" * 60_000, "a" * 59_000 + "…" * 500),
        ("Bearer " + "a" * 30_000 + "b", "a" * 60_000 + "…" * 500),
        (f"Bearer {KEY}", f"{KEY[:9]}…" * 5_000),
        (" ".join(f"word{number:06}" for number in range(6_000)), "word" * 15_000),
    ],
    ids=[
        "percents",
        "escapes",
        "nearly the key",
        "a long key",
        "a long key, cut",
        "nearly a long key, cut",
        "cuts",
        "many words",
    ],
)
def test_hostile_texts_take_linear_time(header: str, text: str) -> None:
    """The test measures no time: a quadratic search over these texts would run into its timeout."""
    hides = redaction(("authorization", header))
    hides.line(text)
    hides.text(text.encode(), cut=True)
    hides.query(text.encode())
    hides.query(("&" * 60_000).encode())
    for query in (text, "url=" + text, "url=" + "a" * 60_000, "url=" + "://" * 20_000):
        redaction(query=query).line("x")
