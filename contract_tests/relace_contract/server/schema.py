"""SCHEMA and ENV: a sample of every kind of answer, and Schemathesis' own choice of requests.

``watch.py`` judges each answer of the run; the checks here see to it that there are some.
Schemathesis chooses the requests (examples, coverage, fuzzing). Whether one is valid is not
taken from it but read from the contract: its negative data break several rules at once, and
now and then none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.finding import NotExercised
from relace_contract.properties import holds_for, storage_apart
from relace_contract.server.answers import depart, unclear
from relace_contract.server.exchange import Exchange
from relace_contract.server.reach import documented_example
from relace_contract.server.subject import JSON, Server


def sample(server: Server) -> list[Exchange]:
    """A request for every status that a request can bring about, for ``watch`` to judge."""
    example = json.dumps(contract.example()).encode()
    exchanges = [
        documented_example(server),
        server.ask(b"{"),
        server.ask(example, authorization=()),
    ]
    if server.settings.live:
        return exchanges
    unknown = (("Authorization", f"Bearer {server.bad_key}"),)
    return [
        *exchanges,
        server.embed(["a", "bb", ""], output_dtype="binary"),
        server.ask(b'{"model": 5, "input": "a"}'),
        server.ask(b'{"model": "m", "input": null}'),
        server.ask(example, headers=(("Content-Type", "text/plain"),)),
        server.ask(example, authorization=unknown),
    ]


def any_answer(server: Server) -> None:
    """SCHEMA-status and SCHEMA-type."""
    _seen(sample(server), lambda status: status > 0, "answer")


def an_embedding(server: Server) -> None:
    """SCHEMA-body and SCHEMA-strict."""
    _seen(sample(server), lambda status: status == 200, "200")


def an_error(server: Server) -> None:
    """ENV-shape and ENV-clean."""
    _seen(sample(server), lambda status: status >= 400, "error")


def declared_headers(server: Server) -> None:
    """SCHEMA-headers: a 405 is the one status with headers that can always be had."""
    exchange = server.ask(method="GET")
    _seen([exchange], lambda status: status == 405, "405")
    server.look_at(exchange, "SCHEMA-headers")


def _seen(exchanges: list[Exchange], fits: Callable[[int], bool], what: str) -> None:
    if not any(fits(exchange.status) for exchange in exchanges):
        raise unclear(f"there was no {what}", exchanges[0])


def examples(server: Server) -> None:
    """SCHEMA-examples."""
    _judge_cases(server, _examples())


def coverage(server: Server) -> None:
    """SCHEMA-coverage."""
    _judge_cases(server, _coverage())


def fuzz_valid(server: Server) -> None:
    """SCHEMA-fuzz-valid."""
    _fuzz(server, "positive")


def fuzz_invalid(server: Server) -> None:
    """SCHEMA-fuzz-invalid."""
    _fuzz(server, "negative")


def _operation() -> Any:
    """The endpoint as Schemathesis has it: imported late, as it takes a moment."""
    import schemathesis  # noqa: PLC0415

    schema = schemathesis.openapi.from_dict(contract.document())
    return schema["/v1/code/embed"]["POST"]


def _examples() -> Iterator[Any]:
    yield from _drawn(_operation().get_strategies_from_examples())


def _drawn(strategies: list[Any]) -> list[Any]:
    """The one value of each strategy that has but one."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415

    values: list[Any] = []
    for strategy in strategies:

        @settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def draw(value: Any) -> None:
            values.append(value)

        with storage_apart():
            draw()
    return values


def _coverage() -> Iterator[Any]:
    from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

    operation = _operation()
    schema = operation.schema
    config = schema.config.generation_for(operation=operation, phase="coverage")
    with storage_apart():
        cases = list(
            schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=config
            )
        )
    yield from cases


def _judge_cases(server: Server, cases: Iterator[Any]) -> None:
    answered = 0
    for case in cases:
        if problem := _judged(exchange := _sent(server, case)):
            raise depart(problem, exchange)
        answered += exchange.status == 200
    if not answered:
        raise NotExercised("no request that Schemathesis made up was answered with 200")


def _fuzz(server: Server, mode: str) -> None:
    from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

    def judge(case: Any) -> None:
        if problem := _judged(exchange := _sent(server, case)):
            raise depart(problem, exchange)

    strategy = _operation().as_strategy(generation_mode=GenerationMode(mode))
    # Cases are cheap and few of them are telling: three for each of a property's.
    holds_for(server.settings, strategy, judge, size=_size, factor=3)


def _size(case: Any) -> int:
    return len(repr(case.body))


def _sent(server: Server, case: Any) -> Exchange:
    """Send what Schemathesis made up: its body, method and content type, with our key."""
    from schemathesis.transport.requests import REQUESTS_TRANSPORT  # noqa: PLC0415

    made = REQUESTS_TRANSPORT.serialize_case(case, base_url=server.settings.base_url, headers={})
    body = made.get("data") or b""
    if made.get("json") is not None:
        # A lone surrogate has no UTF-8: it is sent as its escape, as `json` spells it.
        body = json.dumps(made["json"]).encode()
    elif isinstance(body, str):
        body = body.encode()
    media_type = made["headers"].get("Content-Type")
    headers = JSON if media_type is None else (("Content-Type", str(media_type)),)
    if not isinstance(body, bytes):  # a form, which is of no use here
        body = repr(body).encode()
    return server.ask(body, method=case.method, headers=(*headers, ("Accept", "*/*")))


def _judged(exchange: Exchange) -> str | None:
    """What is wrong with an answer, given what was asked."""
    request = exchange.request
    if not exchange.status:
        return f"no answer: {exchange.failure}"
    if exchange.status >= 500:
        return f"a {exchange.status}: whatever is sent, the server must not fail"
    media_type = dict(request.headers)["Content-Type"]
    if request.method == "POST" and media_type == "application/json":
        return _judged_by_body(exchange)
    if exchange.status < 400 and request.method not in {"OPTIONS", "HEAD"}:
        return f"{request.method} with {media_type} is answered with {exchange.summary()}"
    return None


def _judged_by_body(exchange: Exchange) -> str | None:
    fault = _fault(exchange.request.body)
    if fault is None and exchange.status != 200:
        return f"a valid body is refused: {exchange.summary()}"
    if fault and exchange.status < 400:
        return f"an invalid body is accepted: {fault}"
    return None


def _fault(body: bytes) -> str | None:
    """What is wrong with a body, None if nothing is.

    The empty string is for what only our policies call wrong: it may be answered either way.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f"it is not JSON: {error}"
    try:
        contract.validator("EmbedRequest", documented=True).validate(content)
    except jsonschema_rs.ValidationError as error:
        return f"{'/'.join(map(str, error.instance_path)) or 'the body'}: {error.message[:120]}"
    return None if contract.validator("EmbedRequest").is_valid(content) else ""
