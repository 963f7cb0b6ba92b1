"""RSP: a client understands every answer that the contract allows."""

from __future__ import annotations

import json
import struct
from typing import Any

from relace_contract.client.answers import NOT_SENT, content, lie, text
from relace_contract.client.case import Case
from relace_contract.client.generated import answer_of, for_all, is_finite
from relace_contract.client.origin import Origin, answer, chunked
from relace_contract.judgement import Departure, NotExercised

#: More than ten texts, so that a client that sorts indexes as strings gets the order wrong.
TEXTS = tuple(f"text {place}" for place in range(12))
#: Three vectors.
_ROWS = ([0.5, -0.25, 0.125], [1.0, 0.0, -1.0], [0.75, 1e-7, 3.5])
_LARGE = 16_000_000  # bytes of a large answer
_LARGE_LIMIT = 20.0  # seconds for it


def order(case: Case) -> None:
    """RSP-01."""
    for count in (2, 5, len(TEXTS)):
        texts = TEXTS[:count]
        talk = case.play(texts, lie("shuffle_results"), max_batch=len(texts))
        talk.gives(case.true(texts)[0])
    rows = content(*_ROWS)
    rows["results"].reverse()
    _read(case, json.dumps(rows))


def unknown_fields(case: Case) -> None:
    """RSP-02."""
    talk = case.play(TEXTS, lie("extra_fields"))
    talk.gives(*case.true(TEXTS))
    _read(case, json.dumps({"error": None, "embedding": [9], **content(*_ROWS)}))


def notation(case: Case) -> None:
    """RSP-03."""
    talk = case.play(TEXTS, lie("reordered_keys"))
    talk.gives(case.true(TEXTS)[0])
    right = {"usage": {"total_tokens": 4}, "results": content(*_ROWS)["results"]}
    plain = json.dumps(right)
    _read(case, json.dumps(right, separators=("\n ,\t", "\r\n : ")).replace("[", "[ \n"))
    _read(
        case,
        plain.replace('"index"', '"\\u0069nd\\u0065x"').replace('"results"', '"r\\u0065sults"'),
    )
    _read(case, " \n\t" + json.dumps(content(*_ROWS), indent=4) + "\r\n ")


def numbers(case: Case) -> None:
    """RSP-04."""
    written = (
        "[[1, 0, -0], [1e-7, -0.0, 1E+2], [3.77735783460639e+16, 12345678901234567890, 5e-324]]"
    )
    rows = json.loads(written)
    results = ", ".join(
        f'{{"index": {place}, "embedding": {row}}}'
        for place, row in enumerate(written[1:-1].replace("], [", "]|[").split("|"))
    )
    _read(case, f'{{"results": [{results}], "usage": {{"total_tokens": 4}}}}', rows)


def media_types(case: Case) -> None:
    """RSP-05."""
    for media_type in (
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        'application/json; charset="utf-8"; x=y',
    ):
        _read(case, json.dumps(content(*_ROWS)), media_type=media_type)


def chunks(case: Case) -> None:
    """RSP-06."""
    whole = {"note": "caf\u00e9 \u2028 \N{PARTY POPPER}", **content(*_ROWS)}
    raw = json.dumps(whole, ensure_ascii=False).encode()
    middle = raw.index("\N{PARTY POPPER}".encode()) + 2
    for pieces in (
        [raw[place : place + 1] for place in range(len(raw))],
        [raw[:middle], raw[middle:]],
        [raw[:-1], raw[-1:]],
    ):
        with Origin(chunked(pieces)) as origin:
            talk = case.ask(TEXTS[:3], origin, max_batch=3)
        talk.gives(_ROWS, 4)


def gzip(case: Case) -> None:
    """RSP-07: the mock compresses only for a client that accepts it."""
    talk = case.play(TEXTS, lie("gzip"))
    talk.gives(*case.true(TEXTS))


def dimensions(case: Case) -> None:
    """RSP-08."""
    for size in (1, 3, 2560):
        rows = [[(place + row) / 4096 for place in range(size)] for row in range(3)]
        _read(case, json.dumps(content(*rows)), rows)
    if case.claims("binary"):
        signed = [[-128, -1, 0, 127], [1, 2, 3, -4], [0, 0, 0, 0]]
        talk = case.play(
            TEXTS[:3], text(json.dumps(content(*signed))), output_dtype="binary", max_batch=3
        )
        talk.gives(signed)


def tokens(case: Case) -> None:
    """RSP-09."""
    for count in (0, 2**31, 2**53 - 1):
        talk = case.play(TEXTS[:3], text(json.dumps(content(*_ROWS, tokens=count))), max_batch=3)
        talk.gives(_ROWS, count)


def large(case: Case) -> None:
    """RSP-10."""
    row = [struct.unpack(">h", struct.pack(">H", place * 25 % 65536))[0] / 32768 for place in range(2560)]  # fmt: skip
    vector = json.dumps(row)
    count = _LARGE // len(vector) + 1
    results = ",".join(f'{{"index":{place},"embedding":{vector}}}' for place in range(count))
    raw = f'{{"results":[{results}],"usage":{{"total_tokens":4}}}}'.encode()
    texts = [f"text {place}" for place in range(count)]
    wanted = {"timeout_ms": int(_LARGE_LIMIT * 1000), "max_batch": count}
    with Origin(answer(raw)) as origin:
        talk = case.ask(texts, origin, limit=_LARGE_LIMIT, **wanted)
    talk.asked(1)
    talk.gives([row] * count)


def by_schema(case: Case) -> None:
    """RSP-11."""

    def judge(drawn: Any) -> None:
        whole, vectors, used = answer_of(drawn)
        if not is_finite(whole):
            return
        raw = json.dumps(whole, ensure_ascii=drawn[1], indent=1 if drawn[1] else None)
        talk = case.play(TEXTS[:3], text(raw), max_batch=3)
        talk.gives(vectors, used)

    for_all(case, "answers", judge)


def no_usage(case: Case) -> None:
    """RSP-12."""
    talk = case.play(TEXTS, lie("omit_usage"))
    talk.gives(case.true(TEXTS)[0])
    if talk.said.total_tokens not in {None, 0}:
        raise talk.departs(
            f"total_tokens must be null or 0 if the answer has no usage, not {talk.said.total_tokens}"
        )


def _read(
    case: Case, written: str, rows: Any = _ROWS, media_type: str = "application/json"
) -> None:
    talk = case.play(TEXTS[:3], text(written, media_type), max_batch=3)
    if not any(seen.answer.startswith("200") for seen in talk.requests):
        raise NotExercised(talk.spoiled_by or NOT_SENT, talk.evidence())
    try:
        talk.gives(rows, 4)
    except Departure as departure:
        raise departure.said_of(f"with Content-Type {media_type}") from None
