"""SCHEMA and ENV: a sample of every kind of answer, and requests that Schemathesis generates.

``watch.py`` judges each answer of the run; the checks here make sure that there are some.
Schemathesis generates requests (examples, coverage, fuzzing). The contract decides whether one is
valid, not Schemathesis: its negative data break several rules at once, and sometimes none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.judgement import NotExercised
from relace_contract.properties import holds_for, openapi
from relace_contract.server.answers import depart, results, unclear
from relace_contract.server.reach import documented_example
from relace_contract.server.round_trip import RoundTrip
from relace_contract.server.subject import JSON, Server

#: Says what is wrong with a body; None if it is valid, empty if a server may accept or refuse it.
Fault = Callable[[bytes], str | None]


def sample(server: Server) -> list[RoundTrip]:
    """Send a request for every status that a request can provoke, for ``watch`` to judge."""
    example = json.dumps(contract.example()).encode()
    trips = [
        documented_example(server),
        server.ask(b"{"),
        server.ask(example, authorization=()),
    ]
    if server.options.live:
        return trips
    unknown = (("Authorization", f"Bearer {server.bad_key}"),)
    return [
        *trips,
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
    """SCHEMA-headers: of the statuses with declared headers, only a 405 can always be provoked."""
    trip = server.ask(method="GET")
    _seen([trip], lambda status: status == 405, "405")
    server.look_at(trip, "SCHEMA-headers")


def _seen(trips: list[RoundTrip], fits: Callable[[int], bool], what: str) -> None:
    if not any(fits(trip.status) for trip in trips):
        raise unclear(f"there was no {what}", trips[0])


def examples(server: Server) -> None:
    """SCHEMA-examples."""
    _judge_cases(server, _examples())


def coverage(server: Server) -> None:
    """SCHEMA-coverage."""
    _judge_cases(server, _coverage())


def fuzz_valid(server: Server) -> None:
    """SCHEMA-fuzz-valid."""
    fuzz(server, "positive")


def fuzz_invalid(server: Server) -> None:
    """SCHEMA-fuzz-invalid."""
    fuzz(server, "negative")


def _operation(path: str = contract.EMBED_PATH) -> Any:
    """An endpoint as an operation of Schemathesis."""
    return openapi(contract.document())[path]["POST"]


def _examples() -> Iterator[Any]:
    yield from _drawn(_operation().get_strategies_from_examples())


def _drawn(strategies: list[Any]) -> list[Any]:
    """One value of each strategy; strategies of examples have only one."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415

    values: list[Any] = []
    for strategy in strategies:

        @settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def draw(value: Any) -> None:
            values.append(value)

        draw()
    return values


def _coverage() -> Iterator[Any]:
    from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

    operation = _operation()
    schema = operation.schema
    config = schema.config.generation_for(operation=operation, phase="coverage")
    yield from schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=config
    )


def _judge_cases(server: Server, cases: Iterator[Any]) -> None:
    answered = 0
    for case in cases:
        if problem := _judged(trip := _sent(server, case)):
            raise depart(problem, trip)
        answered += trip.status == 200
    if not answered:
        raise NotExercised("no request that Schemathesis generated was answered with 200")


def fuzz(
    server: Server,
    mode: str,
    paths: Sequence[str] = (contract.EMBED_PATH,),
    fault: Fault | None = None,
) -> None:
    """Send the ``positive`` or ``negative`` requests that Schemathesis generates for some paths.

    All of them take the same requests. ``fault`` says what is wrong with a body; the default is
    ``_fault``, for the embed endpoint.
    """
    from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

    def judge(case: Any) -> None:
        for path in paths:
            if problem := _judged(trip := _sent(server, case, path), fault):
                raise depart(problem, trip)

    strategy = _operation(paths[0]).as_strategy(generation_mode=GenerationMode(mode))
    # Cases are cheap and few of them find anything: try three times as many as for a property.
    holds_for(server.options, strategy, judge, size=_size, factor=3)


def _size(case: Any) -> int:
    return len(repr(case.body))


def _sent(server: Server, case: Any, path: str = contract.EMBED_PATH) -> RoundTrip:
    """Send the generated body, method and content type, with the key of this run."""
    from schemathesis.transport.requests import REQUESTS_TRANSPORT  # noqa: PLC0415

    made = REQUESTS_TRANSPORT.serialize_case(case, base_url=server.options.url, headers={})
    body = made.get("data") or b""
    if made.get("json") is not None:
        # A lone surrogate has no UTF-8 encoding, so send the escape that `json` writes.
        body = json.dumps(made["json"]).encode()
    elif isinstance(body, str):
        body = body.encode()
    media_type = made["headers"].get("Content-Type")
    headers = JSON if media_type is None else (("Content-Type", str(media_type)),)
    if not isinstance(body, bytes):  # form data, which no endpoint here accepts
        body = repr(body).encode()
    # Write the path of the embed endpoint as other checks do, so that answers are shared.
    path = path.removeprefix("/v1") if path == contract.EMBED_PATH else path
    return server.ask(body, method=case.method, path=path, headers=(*headers, ("Accept", "*/*")))


def _judged(trip: RoundTrip, fault: Fault | None = None) -> str | None:
    """What is wrong with an answer to this request; None if nothing is."""
    request = trip.request
    if not trip.status:
        return f"no answer: {trip.failure}"
    if trip.status >= 500:
        return f"a {trip.status}: the server must not fail, whatever it is sent"
    media_type = dict(request.headers)["Content-Type"]
    if request.method == "POST" and media_type == "application/json":
        return _judged_by_fault(trip, fault) if fault else _judged_by_body(trip)
    if trip.status < 400 and request.method not in {"OPTIONS", "HEAD"}:
        return f"{request.method} with {media_type} must be refused, not answered with {trip.summary()}"
    return None


def _judged_by_body(trip: RoundTrip) -> str | None:
    if trip.status == 200 and _is_lone_string(trip.request.body):
        count = len(results(trip))
        if count != 1:
            return f"a lone string as `input` is one text, but got {count} results"
    return _judged_by_fault(trip, _fault)


def _judged_by_fault(trip: RoundTrip, fault: Fault) -> str | None:
    found = fault(trip.request.body)
    if found is None and trip.status != 200:
        return f"a valid body is refused: {trip.summary()}"
    if found and trip.status < 400:
        return f"an invalid body is accepted: {found}"
    return None


def _fault(body: bytes) -> str | None:
    """What is wrong with a body; None if it is valid.

    The empty string means that a server may accept or refuse it: only policies of this project
    forbid it, or ``input`` is a lone string, which is documented as wrong but observed to work.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f"it is not JSON: {error}"
    lone = _is_lone_string(body)
    if lone:
        content = {**content, "input": [content["input"]]}
    try:
        contract.validator("EmbedRequest", documented=True).validate(content)
    except jsonschema_rs.ValidationError as error:
        return f"{'/'.join(map(str, error.instance_path)) or 'the body'}: {error.message[:120]}"
    return "" if lone or not contract.validator("EmbedRequest").is_valid(content) else None


def _is_lone_string(body: bytes) -> bool:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(content, dict) and isinstance(content.get("input"), str)
