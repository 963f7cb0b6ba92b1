"""Servers with one wrong line each. ``requirements.yaml`` says which checks find which server.

A mutant replaces one method or one rule of the reference. Its name says what is wrong.
"""

# The replacements have the parameters of the methods of the reference, used or not.
# ruff: noqa: ARG005

from __future__ import annotations

import asyncio
import base64
import json
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from tests.kit.reference import RANK_RULES, RULES, Answer, Asked, Reference, Refused


def change(**methods: Any) -> type[Reference]:
    """The reference with these methods replaced."""
    return type("Mutant", (Reference,), methods)


def without(*rules: str, **methods: Any) -> type[Reference]:
    """The reference without these rules."""
    assert set(rules) <= set(RULES)
    return change(
        rules={name: rule for name, rule in RULES.items() if name not in rules}, **methods
    )


def refuse(status: int, message: str, **headers: str) -> Any:
    raise Refused(status, message, **headers)


def fail(*_: Any) -> Any:
    raise RuntimeError("this is a bug in /srv/app/server.py")


def repaired(self: Reference, text: str, repair: Callable[[str], str]) -> Any:
    """Parse; on failure repair and parse again."""
    try:
        return Reference.decode(self, text)
    except ValueError:
        return Reference.decode(self, repair(text))


def finished(edit: Callable[[Any], object]) -> type[Reference]:
    """The reference with an edit of every 200's content."""

    def finish(self: Reference, asked: Asked, answer: Answer) -> Answer:
        edit(answer.content)
        return answer

    return change(finish=finish)


def each(edit: Callable[[dict[str, Any]], object]) -> type[Reference]:
    """The reference with an edit of every result."""
    return finished(lambda content: [edit(result) for result in content["results"]])


def replied(edit: Callable[[Asked, Answer], Answer]) -> type[Reference]:
    """The reference with an edit of every 200."""
    return change(finish=lambda self, asked, answer: edit(asked, answer))


def refusing(edit: Callable[[Asked, Answer], Answer]) -> type[Reference]:
    """The reference with an edit of every refusal."""
    return change(refused=lambda self, asked, answer: edit(asked, answer))


def restated(before: int, after: int) -> type[Reference]:
    """The reference with another status for some refusal."""
    return refusing(
        lambda asked, answer: Answer(after, answer.content) if answer.status == before else answer
    )


def relaxed(stage: str, when: Callable[[Asked], bool], otherwise: Any = None) -> type[Reference]:
    """The reference with a stage that lets some requests pass, or does something else."""
    original = getattr(Reference, stage)

    def method(self: Reference, asked: Asked) -> Any:
        if when(asked):
            return otherwise(asked) if otherwise else None
        return original(self, asked)

    return change(**{stage: method})


def authorization(asked: Asked) -> str | None:
    return asked.headers.get("authorization")


async def _validating_first(self: Reference, asked: Asked) -> Answer:
    self.route(asked)
    self.validate(self.parse(asked))
    return await Reference.answer(self, asked)


async def _shared_state(self: Any, body: dict[str, Any]) -> Any:
    self.current = await Reference.taken(self, body)
    await asyncio.sleep(0.01)
    return self.current


def quotaed(**methods: Any) -> type[Reference]:
    """The reference with a quota and with these methods replaced."""
    return change(quota=60, per=2.5, **methods)


def blabbing(found: Callable[[Asked], str]) -> type[Reference]:
    """The reference with something of the request in the message of every refusal."""
    return refusing(
        lambda asked, answer: Answer(
            answer.status, f"{answer.content}: {found(asked)}", answer.headers
        )
    )


def with_header(name: str, found: Callable[[Asked], str]) -> type[Reference]:
    """The reference with something of the request in a header of every refusal."""
    return refusing(
        lambda asked, answer: Answer(
            answer.status, answer.content, answer.headers | {name: found(asked)}
        )
    )


def kept(number: Callable[[list[Any]], int]) -> type[Reference]:
    """The reference with so many of the results only."""
    return finished(
        lambda content: content.update(results=content["results"][: number(content["results"])])
    )


def ranked(edit: Callable[[dict[str, Any]], object]) -> type[Reference]:
    """The reference with an edit of the content of every ranking with scores."""

    def rank(self: Reference, body: dict[str, Any]) -> Any:
        content = Reference.rank(self, body)
        edit(content)
        return content

    return change(rank=rank)


def each_ranked(edit: Callable[[dict[str, Any]], object]) -> type[Reference]:
    """The reference with an edit of every result of a ranking."""
    return ranked(lambda content: [edit(result) for result in content["results"]])


def rank_without(*rules: str, **methods: Any) -> type[Reference]:
    """The reference without these rules of rankings."""
    assert set(rules) <= set(RANK_RULES)
    kept = {name: rule for name, rule in RANK_RULES.items() if name not in rules}
    return change(rank_rules=kept, **methods)


def rank_rule(broken: Callable[[Any], bool]) -> type[Reference]:
    """The reference with a wrong additional rule of rankings, before all others."""
    return change(rank_rules={"body": RANK_RULES["body"], "odd": broken, **RANK_RULES})


def rank_refusing(edit: Callable[[Answer], Answer]) -> type[Reference]:
    """The reference with an edit of every refused ranking."""
    return refusing(lambda asked, answer: edit(answer) if "rank" in asked.path else answer)


def _leniently(self: Reference, body: Any) -> Any:
    files = [file for file in body["codebase"] if "content" in file]
    return Reference.rank(self, body | {"codebase": files, "token_limit": 1000})


def _filled_up(
    _self: Reference, ordered: list[Any], results: list[Any], tokens: list[int], limit: float
) -> list[Any]:
    costs = {id(result): count for result, count in zip(results, tokens, strict=True)}
    kept, left = [], limit
    for result in ordered:
        if costs[id(result)] <= left:
            left -= costs[id(result)]
            kept.append(result)
    return kept


def _basic(asked: Asked) -> str:
    scheme, _, credentials = (authorization(asked) or "").partition(" ")
    try:
        return base64.b64decode(credentials).decode() if scheme == "Basic" else ""
    except ValueError:
        return ""


def _key(asked: Asked) -> str:
    return (authorization(asked) or "").rpartition(" ")[2]


GOOD = {"model": "relace-embed-v1", "input": ["a"]}
_EMPTY: Any = object()

MUTANTS: dict[str, type[Reference]] = {
    # Missing altogether, or by half.
    "always-500": change(embed=fail),
    "float-refused": change(rules={**RULES, "float": lambda body: body.get("output_dtype") == "float"}),
    "ascii-models-only": change(rules={**RULES, "ascii": lambda body: not str(body["model"]).isascii()}),
    "two-texts-at-least": change(rules={**RULES, "two": lambda body: len(body["input"]) < 2}),
    # Keys.
    "auth-optional": relaxed("authorize", lambda asked: authorization(asked) is None),
    "empty-auth-accepted": relaxed("authorize", lambda asked: authorization(asked) == ""),
    "bare-key-accepted": relaxed("authorize", lambda asked: (authorization(asked) or "").startswith("rlc-")),
    "basic-accepted": relaxed("authorize", lambda asked: (authorization(asked) or "").startswith("Basic")),
    "any-scheme-accepted": change(scheme=lambda self, scheme: scheme != ""),
    "no-key-accepted": relaxed("authorize", lambda asked: authorization(asked) == "Bearer"),
    "scheme-case-matters": change(scheme=lambda self, scheme: scheme == "Bearer"),
    "missing-auth-403": restated(401, 403),
    "missing-auth-400": restated(401, 400),
    "unknown-key-403": change(known=lambda self, key: Reference.known(self, key) or refuse(403, "no")),
    "unknown-key-accepted": change(known=lambda self, key: True),
    "validates-first": change(answer=_validating_first),
    # Bodies with one fault that are let through, or that break the server.
    "model-missing-accepted": without("model-missing", taken=lambda self, body: Reference.taken(self, {"model": "", **body})),
    "model-null-accepted": without("model-null"),
    "model-type-unchecked": without("model-type"),
    "model-empty-accepted": without("model-empty"),
    "input-missing-accepted": without("input-missing", taken=lambda self, body: Reference.taken(self, {"input": [], **body})),
    "input-null-fails": without("input-null"),
    "input-null-accepted": without("input-null", taken=lambda self, body: Reference.taken(self, {**body, "input": body["input"] or []})),
    "input-string-spelt": without("input-string"),
    "input-string-fails": change(rules={"input-text": lambda body: isinstance(body, dict) and isinstance(body.get("input"), str) and fail(), **RULES}),
    "input-object-accepted": without("input-type"),
    "input-empty-accepted": without("input-empty"),
    "item-null-accepted": without("item-null"),
    "item-number-accepted": without("item-number"),
    "item-boolean-accepted": without("item-boolean"),
    "item-nested-accepted": without("item-nested"),
    "only-first-item-checked": change(rules={name: (lambda body, rule=rule: rule({**body, "input": body["input"][:1]} if isinstance(body, dict) and isinstance(body.get("input"), list) else body)) if name.startswith("item") else rule for name, rule in RULES.items()}),
    "dtype-null-is-float": without("dtype-null"),
    "dtype-type-unchecked": without("dtype-type"),
    "dtype-unknown-is-float": without("dtype-unknown"),
    "dtype-empty-is-float": without("dtype-empty"),
    "dtype-case-ignored": without("dtype-case"),
    "body-array-unwrapped": without("body-array", validate=lambda self, body: Reference.validate(self, body[0] if isinstance(body, list) else body), taken=lambda self, body: Reference.taken(self, body[0] if isinstance(body, list) else body)),
    "body-scalar-fails": without("body-scalar"),
    "body-string-embedded": change(decode=lambda self, text: {**GOOD, "input": [text]} if text.startswith(chr(34)) else Reference.decode(self, text)),
    "form-accepted": relaxed("parse", lambda asked: asked.body.startswith(b"model="), lambda asked: {key: [value] if key == "input" else value for key, value in parse_qsl(asked.body.decode())}),
    "empty-body-accepted": relaxed("parse", lambda asked: not asked.body, lambda asked: GOOD),
    "empty-body-fails": relaxed("parse", lambda asked: not asked.body, fail),
    "not-json-fails": change(decode=lambda self, text: repaired(self, text, fail)),
    "truncated-body-repaired": change(decode=lambda self, text: repaired(self, text, lambda text: text + "}")),
    "trailing-text-ignored": change(decode=lambda self, text: json.JSONDecoder(parse_constant=self.constant).raw_decode(text)[0]),
    "nan-accepted": change(constant=lambda self, name: None),
    "trailing-comma-accepted": change(decode=lambda self, text: Reference.decode(self, text.replace(",}", "}"))),
    "surrogate-accepted": without("surrogate"),
    "surrogate-fails": without("surrogate", raw=lambda self, model, text: Reference.raw(self, model, str(text).encode().decode())),
    "invalid-utf8-replaced": change(parse=lambda self, asked: Reference.parse(self, Asked("", "", {}, asked.body.decode(errors="replace").encode()))),
    "invalid-utf8-fails": change(parse=lambda self, asked: asked.body.decode() and Reference.parse(self, asked) if asked.body.isascii() or b"\xff" not in asked.body else fail()),
    "deep-body-fails": relaxed("parse", lambda asked: asked.body.startswith(b"[[[["), fail),
    "deep-field-fails": relaxed("parse", lambda asked: asked.body.endswith(b"]]]]}"), fail),
    "bom-fails": relaxed("parse", lambda asked: asked.body.startswith(b"\xef\xbb\xbf"), fail),
    "duplicate-keys-fail": change(decode=lambda self, text: json.loads(text, object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else fail(), parse_constant=self.constant)),
    "type-compared": change(is_json=lambda self, media_type: media_type.lower() == "application/json"),
    "type-case-matters": change(is_json=lambda self, media_type: media_type.partition(";")[0].strip() == "application/json"),
    "charset-refused": change(is_json=lambda self, media_type: Reference.is_json(self, media_type) and "charset" not in media_type.lower()),
    "quotes-refused": change(is_json=lambda self, media_type: Reference.is_json(self, media_type) and '"' not in media_type),
    "parameters-refused": change(is_json=lambda self, media_type: media_type.lower().replace(" ", "") in {"application/json", "application/json;charset=utf-8"}),
    "second-parameter-refused": change(is_json=lambda self, media_type: Reference.is_json(self, media_type) and media_type.count(";") < 2),
    "any-content-type": change(media_type=lambda self, asked: None),
    "no-content-type-fails": change(media_type=lambda self, asked: Reference.media_type(self, asked) if "content-type" in asked.headers else fail()),
    "no-size-limit": change(measure=lambda self, asked: None),
    "too-large-is-400": restated(413, 400),
    # The shape of a 200.
    "index-from-one": change(index=lambda self, place: place + 1),
    "index-string": change(index=lambda self, place: str(place)),
    "index-float": change(index=lambda self, place: float(place)),
    "index-always-zero": change(index=lambda self, place: 0),
    "index-restarts-at-ten": change(index=lambda self, place: place % 10),
    "index-missing": each(lambda result: result.pop("index")),
    "nested-results": finished(lambda content: content.update(results=[content["results"]])),
    "results-missing": finished(lambda content: content.pop("results")),
    "result-dropped": finished(lambda content: content["results"].pop()),
    "embedding-string": each(lambda result: result.update(embedding="AAAA")),
    "embedding-empty": each(lambda result: result["embedding"].clear()),
    "batch-cut-at-100": kept(lambda results: 100),
    "batch-cut-at-1024": kept(lambda results: 1024),
    "last-of-64-dropped": kept(lambda results: len(results) - (len(results) % 64 == 0)),
    "large-batch-loses-last": kept(lambda results: len(results) - (len(results) > 2000)),
    "last-of-500-dropped": kept(lambda results: len(results) - (len(results) == 500)),
    "batch-cut-at-3000": kept(lambda results: 3000),
    "float-batch-cut-at-1024": kept(lambda results: 1024 if len(results[0]["embedding"]) == Reference.dimensions else len(results)),
    "batch-cut-by-characters": change(taken=lambda self, body: Reference.taken(self, {**body, "input": [text for place, text in enumerate(body["input"]) if place == 0 or sum(map(len, body["input"][:place])) < 200_000]})),
    "copies-merged-in-large-batches": change(taken=lambda self, body: Reference.taken(self, {**body, "input": list(dict.fromkeys(body["input"])) if len(body["input"]) > 50 else body["input"]})),
    "empty-texts-dropped-from-large-batches": change(taken=lambda self, body: Reference.taken(self, {**body, "input": list(filter(None, body["input"])) if len(body["input"]) > 20 else body["input"]})),
    "duplicates-merged": change(taken=lambda self, body: Reference.taken(self, {**body, "input": list(dict.fromkeys(map(str, body["input"])))})),
    "default-is-binary": change(taken=lambda self, body: Reference.taken(self, {"output_dtype": "binary", **body})),
    "binary-ignored": change(packed=lambda self, vector: vector.tolist()),
    "binary-booleans": change(packed=lambda self, vector: (vector > 0).tolist()),
    "binary-unpacked": change(packed=lambda self, vector: (vector > 0).astype(int).tolist()),
    "binary-unsigned": change(packed=lambda self, vector: np.packbits(vector > 0).tolist()),
    "binary-little-endian": change(packed=lambda self, vector: np.packbits(vector > 0, bitorder="little").view(np.int8).tolist()),
    "binary-flipped": change(packed=lambda self, vector: np.packbits(vector < 0).view(np.int8).tolist()),
    "binary-halved": change(packed=lambda self, vector: Reference.packed(self, vector[::2])),
    # Texts that the server changes.
    "empty-text-refused": change(rules={**RULES, "empty": lambda body: "" in body["input"]}),
    "text-stripped": change(seen=lambda self, text: text.strip()),
    "text-stripped-at-end": change(seen=lambda self, text: text.rstrip("\n")),
    "text-lowercased": change(seen=lambda self, text: text.lower()),
    "text-composed": change(seen=lambda self, text: unicodedata.normalize("NFC", text)),
    "nul-refused": change(rules={**RULES, "nul": lambda body: "\0" in "".join(map(str, body["input"]))}),
    "nul-terminates": change(seen=lambda self, text: text.partition("\0")[0]),
    "astral-refused": change(rules={**RULES, "astral": lambda body: max("".join(map(str, body["input"])) or " ") > "\uffff"}),
    "astral-replaced": change(seen=lambda self, text: "".join(char if char < "\U00010000" else "?" for char in text)),
    "line-ends-folded": change(seen=lambda self, text: "\n".join(str(text).splitlines())),
    "text-truncated": change(seen=lambda self, text: text[:8192]),
    "words-sorted": change(seen=lambda self, text: " ".join(sorted(str(text).split(" ")))),
    # Vectors.
    "dimension-by-length": change(normed=lambda self, vector: vector, raw=lambda self, model, text: Reference.normed(self, Reference.raw(self, model, text)[: 64 if len(text) < 100 else 56])),
    "dimension-by-batch": change(vector=lambda self, model, text, place, texts: Reference.vector(self, model, text, place, texts)[: 64 if len(texts) < 32 else 56]),
    "not-normalised": change(normed=lambda self, vector: vector),
    "empty-text-zero": change(raw=lambda self, model, text: Reference.raw(self, model, text) * (text != "") + (text == "") * 0.0, normed=lambda self, vector: vector / max(np.linalg.norm(vector), 1)),
    "null-component": each(lambda result: result["embedding"].__setitem__(0, None)),
    "vectors-drift": change(normed=lambda self, vector: Reference.normed(self, vector + self.served)),
    "vectors-jitter": change(normed=lambda self, vector: Reference.normed(self, vector + self.served % 2 * 1e-3)),
    "position-matters": change(vector=lambda self, model, text, place, texts: Reference.vector(self, f"{model}{place}", text, place, texts)),
    "vectors-swapped": change(vector=lambda self, model, text, place, texts: Reference.vector(self, model, texts[-1 - place], place, texts)),
    "batch-matters": change(vector=lambda self, model, text, place, texts: Reference.vector(self, f"{model}{len(texts)}", text, place, texts)),
    "batches-over-four-matter": change(vector=lambda self, model, text, place, texts: Reference.vector(self, f"{model}{max(len(texts), 4)}", text, place, texts)),
    # Tokens.
    "usage-missing": finished(lambda content: content.pop("usage")),
    "tokens-string": change(tokens=lambda self, texts: str(Reference.tokens(self, texts))),
    "tokens-float": change(tokens=lambda self, texts: float(Reference.tokens(self, texts))),
    "tokens-negative": change(tokens=lambda self, texts: -1),
    "tokens-constant": change(tokens=lambda self, texts: 8),
    "tokens-are-characters": change(token_count=lambda self, text: len(str(text)) + 1),
    "tokens-by-place": change(tokens=lambda self, texts: sum(place * Reference.token_count(self, text) for place, text in enumerate(texts))),
    "tokens-per-request": change(tokens=lambda self, texts: Reference.tokens(self, texts) + 1),
    # Errors.
    "bad-body-422": restated(400, 422),
    "detail-envelope": refusing(lambda asked, answer: Answer(answer.status, {"detail": answer.content}, answer.headers)),
    "error-object": refusing(lambda asked, answer: Answer(answer.status, {"error": {"message": answer.content}}, answer.headers)),
    "error-empty": refusing(lambda asked, answer: Answer(answer.status, {"error": ""}, answer.headers)),
    "key-repeated": blabbing(_key),
    "key-repeated-with-scheme": blabbing(lambda asked: (authorization(asked) or "") if not (authorization(asked) or "").startswith("Bearer") else ""),
    "key-repeated-in-header": with_header("www_authenticate", lambda asked: f"Bearer realm={_key(asked)}"),
    "key-repeated-from-basic": blabbing(_basic),
    "key-repeated-from-path": blabbing(lambda asked: asked.path),
    "key-repeated-from-query": blabbing(lambda asked: asked.query),
    "key-repeated-from-body": blabbing(lambda asked: asked.body[:500].decode("latin-1")),
    "key-repeated-in-part": blabbing(lambda asked: _key(asked)[:24] + "…"),
    "key-repeated-escaped": blabbing(lambda asked: _key(asked).replace("-", "%2D")),
    "key-repeated-from-token-parameter": blabbing(lambda asked: asked.query if asked.query.startswith("access_token=") else ""),
    "stack-trace-shown": without("input-null", failure=lambda self, trace: trace),
    "path-shown": refusing(lambda asked, answer: Answer(answer.status, "see /srv/app/handlers/embed.rb", answer.headers)),
    "json-as-text": change(content_type=lambda self, asked, answer: "text/plain"),
    "errors-as-html": change(content_type=lambda self, asked, answer: "application/json" if answer.status == 200 else "text/html"),
    "unknown-path-answered": change(route=lambda self, asked: Reference.route(self, Asked(asked.method, "/v1/code/embed", {}, b""))),
    "unknown-path-html": change(encoded=lambda self, asked, answer: b"<h1>404</h1>" if asked.path != "/v1/code/embed" else Reference.encoded(self, asked, answer)),
    "get-answered": change(route=lambda self, asked: Reference.route(self, Asked("POST", asked.path, {}, b"")), parse=lambda self, asked: Reference.parse(self, asked) if asked.method == "POST" else GOOD, media_type=lambda self, asked: None if asked.method != "POST" else Reference.media_type(self, asked)),
    "method-is-404": restated(405, 404),
    "allow-missing": refusing(lambda asked, answer: Answer(answer.status, answer.content)),
    # The ranker.
    "rank-fails": change(rank=fail),
    "rank-results-missing": ranked(lambda content: content.pop("results")),
    "rank-name-made-up": ranked(lambda content: content["results"] and content["results"][0].update(filename="made/up.py")),
    "rank-name-cut": each_ranked(lambda result: result.update(filename=result["filename"].rpartition("/")[2])),
    "rank-file-twice": ranked(lambda content: content["results"].extend(content["results"][:1])),
    "rank-file-missing": ranked(lambda content: content.update(results=content["results"][:-1])),
    "rank-empty-file-missing": ranked(lambda content: content.update(results=[one for one in content["results"] if one["filename"] != "empty.py"])),
    "rank-score-percent": change(score=lambda self, query, content: 100 * Reference.score(self, query, content)),
    "rank-score-string": each_ranked(lambda result: result.update(score=str(result["score"]))),
    "rank-score-negative": change(score=lambda self, query, content: 2 * Reference.score(self, query, content) - 1),
    "rank-worst-first": change(ordered=lambda self, results: Reference.ordered(self, results)[::-1]),
    "rank-unsorted": change(ordered=lambda self, results: results),
    "rank-names-as-objects": change(names=lambda self, results: results),
    "rank-names-made-up": change(names=lambda self, results: [f"./{result['filename']}" for result in results]),
    "rank-names-reversed": change(names=lambda self, results: Reference.names(self, results)[::-1]),
    "rank-drifts": change(score=lambda self, query, content: Reference.score(self, query, content) / (1 + self.served)),
    "rank-limit-ignored": change(kept=lambda self, ordered, results, tokens, limit: ordered),
    "rank-limit-drops-best": change(kept=lambda self, ordered, results, tokens, limit: Reference.kept(self, ordered[::-1], results, tokens, limit)[::-1]),
    "rank-limit-fills-up": change(kept=_filled_up),
    "rank-duplicates-merged": ranked(lambda content: content.update(results=list({one["filename"]: one for one in content["results"]}.values()))),
    "rank-usage-missing": ranked(lambda content: content.pop("usage")),
    "rank-many-fail": rank_rule(lambda body: len(body["codebase"]) >= 50 and fail()),
    "rank-unvalidated": change(rank_rules={}),
    "rank-query-unchecked": rank_without("query", score=lambda self, query, content: Reference.score(self, str(query), content)),
    "rank-codebase-unchecked": rank_without("codebase", rank=lambda self, body: Reference.rank(self, body | {"codebase": body.get("codebase") if isinstance(body.get("codebase"), list) else []})),
    "rank-files-unchecked": rank_without("file", rank=lambda self, body: Reference.rank(self, body | {"codebase": [one for one in body["codebase"] if isinstance(one, dict)]})),
    "rank-content-unchecked": rank_without("content", rank=lambda self, body: Reference.rank(self, body | {"codebase": [one | {"content": str(one.get("content"))} for one in body["codebase"]]})),
    "rank-limit-unchecked": rank_without("limit", rank=lambda self, body: Reference.rank(self, body | {"token_limit": float(body["token_limit"])})),
    "rank-metadata-unchecked": rank_without("metadata"),
    "rank-bad-body-422": rank_refusing(lambda answer: Answer(422 if answer.status == 400 else answer.status, answer.content, answer.headers)),
    "rank-empty-accepted": rank_without("codebase-empty"),
    "rank-limit-of-0-accepted": rank_without("limit-low"),
    "rank-auth-optional": relaxed("authorize", lambda asked: "rank" in asked.path),
    "rank-detail-envelope": rank_refusing(lambda answer: Answer(answer.status, {"detail": answer.content}, answer.headers)),
    "rank-key-repeated": refusing(lambda asked, answer: Answer(answer.status, f"{answer.content}: {_key(asked)}", answer.headers) if "rank" in asked.path else answer),
    "rank-parameters-refused": change(media_type=lambda self, asked: refuse(415, "parameters") if "rank" in asked.path and ";" in asked.headers.get("content-type", "") else Reference.media_type(self, asked)),
    "rank-get-answered": change(route=lambda self, asked: Reference.route(self, Asked("POST" if "rank" in asked.path else asked.method, asked.path, {}, b""))),
    "rank-code-fails": rank_rule(lambda body: any("code" in file for file in body.get("codebase") or () if isinstance(file, dict)) and fail()),
    "rank-code-ignored": rank_without("content", "limit", rank=_leniently),
    "rank-ascii-only": rank_rule(lambda body: not str(body.get("query")).isascii()),
    "rank-names-ascii-only": change(names=lambda self, results: [name.encode("ascii").decode() for name in Reference.names(self, results)]),
    # Quotas.
    "quota-headers-missing": quotaed(limits=lambda self, quota, left, end: {}),
    "remaining-rises": quotaed(limits=lambda self, quota, left, end: Reference.limits(self, quota, quota - left, end)),
    "remaining-negative": quotaed(limits=lambda self, quota, left, end: Reference.limits(self, quota, 0, end) | {"x-ratelimit-remaining": str(left)}),
    # Methods, headers, sizes and connections.
    "cross-talk": change(taken=_shared_state),
    "one-unknown-field-refused": change(rules={**RULES, "unknown": lambda body: "dimensions" in body}),
    "accept-any-refused": relaxed("media_type", lambda asked: asked.headers.get("accept") == "*/*", lambda asked: refuse(400, "Accept")),
    "accept-json-as-text": change(content_type=lambda self, asked, answer: "text/json" if asked.headers.get("accept") == "application/json" else "application/json"),
    "accept-needed": relaxed("media_type", lambda asked: "accept" not in asked.headers, lambda asked: refuse(400, "Accept")),
    "many-texts-fail": change(rules={**RULES, "many": lambda body: len(body["input"]) > 999 and fail()}),
    "many-texts-cut": change(taken=lambda self, body: Reference.taken(self, {**body, "input": body["input"][:512]})),
    "long-text-fails": change(rules={**RULES, "long": lambda body: len(str(body["input"])) > 1_000_000 and fail()}),
    "connection-closed": replied(lambda asked, answer: Answer(200, answer.content, {"connection": "close"})),
    "connection-closed-after-refusal": refusing(lambda asked, answer: Answer(answer.status, answer.content, answer.headers | {"connection": "close"})),
}  # fmt: skip
