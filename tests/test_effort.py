"""What the event loop answers itself, and what gets a thread because it may take long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relace_mock.control.api import Control
from relace_mock.control.guard import Guard
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.settings import Settings

KEY = [(b"authorization", b"Bearer rlc-test"), (b"content-type", b"application/json")]


def control_and_pipeline() -> tuple[Control, Pipeline]:
    pipeline = Pipeline(Settings(dimensions=8, embedding="hash"))
    return Control(pipeline, Guard()), pipeline


def embed(pipeline: Pipeline, text: str, times: int = 1) -> None:
    """Send the same request several times."""
    body = json.dumps({"model": "m", "input": [text]}).encode()
    for _ in range(times):
        head = Received("POST", "/v1/code/embed", KEY, b"", 0)
        exchange = pipeline.handle(head, "client")
        exchange.read(body, len(body))
        exchange.answer()
        exchange.finish(left=False)


def numbers(pipeline: Pipeline, texts: int) -> int:
    """What ``read`` returns for a request with so many texts."""
    body = json.dumps({"model": "m", "input": ["x"] * texts}).encode()
    return pipeline.handle(Received("POST", "/v1/code/embed", KEY, b"", 0), "client").read(
        body, len(body)
    )


def asked(name: str, method: str = "GET", body: bytes = b"") -> Received:
    return Received(method, f"/_mock/{name}", KEY, body, len(body))


def put(control: Control, scenario: dict[str, Any]) -> None:
    assert control.answer(asked("scenario", "PUT", json.dumps(scenario).encode())).status == 200


@pytest.mark.parametrize("name", ["requests", "verdict", "events"])
def test_a_short_journal_of_long_bodies_is_not_read_on_the_event_loop(name: str) -> None:
    control, pipeline = control_and_pipeline()
    embed(pipeline, "x", 40)
    assert control.is_short(asked(name))
    embed(pipeline, "x" * 60_000, 2)
    assert not control.is_short(asked(name))


@pytest.mark.parametrize(
    "rules",
    [
        [{"when": {"model": f"m{number}"}, "steps": [{"status": 500}]} for number in range(1000)],
        [{"when": {"input_contains": "z" * 90_000}, "steps": [{"status": 500}]}],
    ],
    ids=["many rules", "a long text"],
)
def test_rules_that_did_not_answer_count_toward_the_size_of_the_journal(
    rules: list[dict[str, Any]],
) -> None:
    control, pipeline = control_and_pipeline()
    put(control, {"rules": rules})
    embed(pipeline, "x", 2)
    assert not control.is_short(asked("requests"))


def test_a_body_is_parsed_once_however_many_rules_are_compared_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    control, pipeline = control_and_pipeline()
    rules = [{"when": {"model": f"m{number}"}, "steps": [{"status": 500}]} for number in range(9)]
    put(control, {"rules": rules})
    embed(pipeline, "x")
    parsed: list[bytes] = []
    loads = json.loads

    def counted(raw: bytes) -> Any:
        parsed.append(raw)
        return loads(raw)

    monkeypatch.setattr(json, "loads", counted)
    (entry,) = pipeline.journal.entries()
    misses = entry.near_misses()
    assert [miss["saw"] for miss in misses] == ["m"] * 9
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("scenario", "short"),
    [
        (b"steps: [{status: 503}]", True),
        (b'{"rules": [{"when": {"model": "m"}, "steps": [{"delay": "1s"}]}]}', True),
        (b"rules: [{when: {input_matches: x+}, steps: [{status: 500}]}]", False),
        (b'rules: [{when: {"input_\\x6datches": x+}, steps: [{status: 500}]}]', False),
        (b"vectors: [{text_matches: x+, near: y, cosine: 0.5}]", False),
        (b"steps: [&a {status: 500}, *a]", False),
        (b"name: large", False),
        (b"steps: [{status: 503}]" + b" " * 1000, False),
    ],
)
def test_only_a_small_scenario_without_patterns_and_aliases_is_read_on_the_event_loop(
    scenario: bytes, short: bool
) -> None:
    control, _ = control_and_pipeline()
    assert control.is_short(asked("scenario", "PUT", scenario)) is short


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_answer_that_shows_any_scenario_is_not_made_on_the_event_loop(method: str) -> None:
    control, _ = control_and_pipeline()
    assert not control.is_short(asked("scenario", method))


def test_the_numbers_of_a_mutated_answer_count_several_times() -> None:
    control, pipeline = control_and_pipeline()
    plain = numbers(pipeline, 10)
    assert plain == 80
    put(control, {"steps": [{"mutate": ["unnormalised"]}]})
    assert numbers(pipeline, 10) >= 20 * plain


def test_a_body_is_searched_in_a_thread_if_it_is_long_for_the_number_of_rules() -> None:
    control, pipeline = control_and_pipeline()

    def searches(rules: int, length: int) -> bool:
        when = [{"input_contains": f"x{number}y"} for number in range(rules)]
        put(control, {"rules": [{"when": each, "steps": [{"status": 500}]} for each in when]})
        head = Received("POST", "/v1/code/embed", KEY, b"", 0)
        return pipeline.handle(head, "client").searches(length)

    assert not searches(1000, 4000)
    assert searches(1000, 4001)
    assert searches(64, 64 * 1024)
    assert not searches(50, 64 * 1024)
    assert searches(5, 1_000_000)
