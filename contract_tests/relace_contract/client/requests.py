"""REQ: the requests that a client sends."""

from __future__ import annotations

import json
from typing import Any

from relace_contract import contract
from relace_contract.client.answers import content, status
from relace_contract.client.case import Case
from relace_contract.client.conversation import Conversation
from relace_contract.client.generated import for_all
from relace_contract.client.origin import Bytes, Origin, answer
from relace_contract.counts import counted
from relace_contract.judgement import NotExercised

TEXTS = ("def add(a, b):\n    return a + b\n", "class Point: ...")
_NO = b'{"error": "try again"}'
#: Texts that a careless client changes, or cannot send.
ODD_TEXTS = (
    "",
    " both edges ",
    "\nline feeds\n",
    "\r\n",
    "\ttab",
    "a\0b",
    "two\u2028lines\u2029",
    "caf\u00e9",
    "cafe\u0301",
    "\N{PARTY POPPER}\N{ZERO WIDTH JOINER}",
    "\ufeffmark",
    "</script>&amp;%20\\u0041\\",
)


def path(case: Case) -> None:
    """REQ-01."""
    for base_url in (case.setup.server.base_url, case.setup.server.base_url + "/"):
        talk = case.play(TEXTS, base_url=base_url)
        for seen in talk.requests:
            if (seen.method, seen.target) != ("POST", contract.EMBED_PATH):
                raise talk.departs(
                    f"with the base URL {base_url} the client must POST {contract.EMBED_PATH}, "
                    f"not {seen.method} {seen.target}"
                )


def authorization(case: Case) -> None:
    """REQ-02: a first request, and one that is sent again after a failure."""
    busy = answer(_NO, "Content-Type: application/json", "Retry-After: 0", status="503 Busy")
    for before in ((), (busy,)):
        talk = _raw(case, before=before)
        for place, seen in enumerate(talk.requests):
            fields = seen.header("authorization")
            if fields != [f"Bearer {talk.call.api_key}"]:
                which = "a request that is sent again" if place and before else "a request"
                raise talk.departs(
                    f"{which} must have one `Authorization: Bearer KEY`, but has "
                    f"{_described(fields, talk.call.api_key)}"
                )


def _described(fields: list[str], key: str) -> str:
    """The Authorization headers of a request, without their keys."""
    if not fields:
        return "no Authorization header"
    scheme, blank, sent = fields[0].partition(" ")
    which = f"the scheme {scheme!r}" if blank else "no scheme"
    if blank and sent.strip() != key:
        around = "the key among other characters" if key in sent else "another key than the call's"
        which += f" and {around}"
    many = ", the first" if len(fields) > 1 else ""
    return f"{counted(len(fields), 'Authorization header')}{many} with {which}"


def media_type(case: Case) -> None:
    """REQ-03."""
    talk = case.play(TEXTS)
    for seen in talk.requests:
        found = seen.header("content-type")
        if [value.partition(";")[0].strip().lower() for value in found] != ["application/json"]:
            raise talk.departs(f"Content-Type must be application/json, not {found}")


def body(case: Case) -> None:
    """REQ-04."""
    for texts, wanted in ((TEXTS, "float"), (TEXTS[:1], "float"), (TEXTS, None)):
        _judge_body(case.play(texts, output_dtype=wanted), wanted)


def _judge_body(talk: Conversation, dtype: str | None) -> None:
    known = {"model", "input", "output_dtype"}
    for seen in talk.requests:
        sent: Any = seen.json()
        error = next(contract.validator("EmbedRequest").iter_errors(sent), None)
        if error is not None:
            where = "/".join(map(str, error.instance_path)) or "the body"
            raise talk.departs(
                f"the body must match the contract's schema; {where}: {error.message}"
            )
        if unknown := sorted(sent.keys() - known):
            raise talk.departs(
                f"the body must not have fields that the contract lacks: {', '.join(unknown)}"
            )
        if sent["model"] != talk.call.model:
            raise talk.departs(f"the model must be {talk.call.model!r}, not {sent['model']!r}")
        if dtype is None and sent.get("output_dtype", "float") != "float":
            raise talk.departs('omit output_dtype, or send "float", when none was asked for')


def texts_unchanged(case: Case) -> None:
    """REQ-05."""
    _judge_texts(case.play(ODD_TEXTS))
    for_all(case, "texts", lambda texts: _judge_texts(case.play(texts)))


def _judge_texts(talk: Conversation) -> None:
    found = [text for seen in talk.requests for text in seen.texts]
    for place, text in enumerate(talk.call.input):
        if text not in found:
            # ASCII, because two spellings of one text can look alike.
            other = ascii(found[place]) if place < len(found) else "nothing"
            raise talk.departs(
                f"text {place}, {text!a}, must arrive unchanged; {other} arrived instead"
            )


def duplicates(case: Case) -> None:
    """REQ-06."""
    texts = ("a", "b", "a", "a")
    talk = case.play(texts)
    found = [text for seen in talk.requests for text in seen.texts]
    if sorted(found) != sorted(texts):
        raise talk.departs(f"all 4 texts must be sent, duplicates too, not {found}")
    talk.gives(case.true(texts)[0])


def dtype(case: Case) -> None:
    """REQ-07."""
    case.needs("binary")
    talk = case.play(TEXTS, output_dtype="binary")
    for seen in talk.requests:
        if (sent := (seen.json() or {}).get("output_dtype")) != "binary":
            raise talk.departs(f"output_dtype must be 'binary', as in the call, not {sent!r}")
    talk.gives(case.true(TEXTS, "binary")[0])


def key_hidden(case: Case) -> None:
    """REQ-08: this looks at URLs; ``Case`` looks at messages and standard error in every call."""
    with Origin(answer(b"", status="500 Oops")) as origin:
        talk = case.ask(TEXTS, origin)
    if any(talk.call.api_key in seen.target for seen in talk.requests):
        raise talk.departs("the API key must not be in the URL, where logs keep it")
    for step in (status(401), status(404), status(500), status(429)):
        case.play(TEXTS, step)


def framing(case: Case) -> None:
    """REQ-09."""
    talk = _raw(case, (*TEXTS, "caf\u00e9 \N{PARTY POPPER}"))
    for seen in talk.requests:
        if seen.problems:
            raise talk.departs(f"a request must be valid HTTP/1.1, but {'; '.join(seen.problems)}")
        if seen.json() is None:
            raise talk.departs("the body must arrive whole, but what arrived is not JSON")


def manners(case: Case) -> None:
    """REQ-10."""
    talk = case.play(TEXTS)
    for seen in talk.requests:
        accepted = ",".join(seen.header("accept")).lower()
        if accepted and not any(one in accepted for one in ("*/*", "application/*", "/json")):
            raise talk.departs(f"Accept must allow application/json, not {accepted!r}")
        if not "".join(seen.header("user-agent")).strip():
            raise talk.departs("a request must name the client in User-Agent")


def _raw(
    case: Case, texts: tuple[str, ...] = TEXTS, before: tuple[Bytes, ...] = ()
) -> Conversation:
    """A call to a server that sees the raw bytes; the client may send any number of requests.

    The server gives the answers in ``before`` first.
    """
    vectors = [[0.5, -0.25]] * len(texts)
    with Origin(*before, answer(json.dumps(content(*vectors)).encode())) as origin:
        talk = case.ask(texts, origin, max_batch=len(texts), max_retries=len(before))
    if not talk.requests:
        raise NotExercised("no request arrived", talk.evidence())
    return talk
