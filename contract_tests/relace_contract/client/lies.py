"""BAD: a 200 with a body that is not a valid answer, and redirects."""

from __future__ import annotations

import json
from typing import Any

from relace_contract.client.answers import NOT_SENT, content, lie, status, text
from relace_contract.client.case import Case
from relace_contract.client.origin import Origin, answer
from relace_contract.judgement import Departure, NotExercised

TEXTS = ("first", "second", "third")
#: Bodies that hold no results.
BODIES = ("", "{", "[]", "null", "{}", '"ok"', '{"results": null}', '{"results": {}}')
_HTML = "<!doctype html><title>Welcome</title>"


def bodies(case: Case) -> None:
    """BAD-01."""
    for body in BODIES:
        _refused(case, text(body), f"the body {body!r}")
    _refused(case, text(_HTML, "text/html"), "a page of HTML")
    _refused(case, text(_HTML), "a page of HTML with the content type of JSON")
    for name in ("nest_results", "truncated_json"):
        _refused(case, lie(name), name)


def indexes(case: Case) -> None:
    """BAD-02."""
    for name in ("duplicate_index", "index_out_of_range", "string_index"):
        _refused(case, lie(name), name)
    # Each is put where a careless client would convert it into a number that happens to be right.
    for place, index in ((2, -1), (2, 3), (1, 1.5), (1, True), (0, False), (0, None), (1, "1")):
        rows = content([0.5], [0.25], [1.0])
        rows["results"][place]["index"] = index
        _refused(case, text(json.dumps(rows)), f"an index that is {json.dumps(index)}")
    rows = content([0.5], [0.25], [1.0])
    del rows["results"][1]["index"]
    _refused(case, text(json.dumps(rows)), "an index that is missing")


def counts(case: Case) -> None:
    """BAD-03."""
    for name in ("drop_result", "extra_result"):
        _refused(case, lie(name), name)
    _refused(case, text('{"results": [], "usage": {"total_tokens": 4}}'), "no results")
    _refused(case, text(json.dumps(content([0.5], [0.25], [1.0], [2.0]))), "a fourth result")


def components(case: Case) -> None:
    """BAD-04."""
    for name in ("null_component", "nan_component", "ragged_dimensions"):
        _refused(case, lie(name), name)
    for vector in ("0.5", ["0.5"], [[0.5]], {"0": 0.5}, None, [True], []):
        rows: Any = content([0.5], [0.25], [1.0])
        rows["results"][1]["embedding"] = vector
        _refused(case, text(json.dumps(rows)), f"an embedding that is {json.dumps(vector)}")
    rows = json.dumps(content([0.5], [0.25], [1.0]))
    _refused(case, text(rows.replace("0.25", "1e999")), "a number too large for binary64 (1e999)")


def _refused(case: Case, step: dict[str, Any], what: str) -> None:
    talk = case.play(TEXTS, step, max_batch=len(TEXTS))
    if not any(seen.answer.startswith("200") for seen in talk.requests):
        raise NotExercised(talk.spoiled_by or NOT_SENT, talk.evidence())
    try:
        talk.fails("invalid_response")
    except Departure as departure:
        raise departure.said_of(what) from None


def redirect(case: Case) -> None:
    """BAD-05."""
    for code in (301, 302, 303, 307, 308):
        with Origin(answer(b'{"error": "no"}', status="401 No")) as other:
            elsewhere = f"http://localhost:{other.port}/v1/code/embed"
            talk = case.play(TEXTS, status(code, "moved", Location=elsewhere))
            arrived = other.requests
        for seen in arrived:
            sent = [seen.target, seen.body, *(value for _, value in seen.headers)]
            if any(talk.call.api_key in part for part in sent):
                raise talk.departs(f"after a {code} to another host it sent the API key there")
        talk.fails()
