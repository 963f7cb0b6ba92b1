"""Reading a scenario has no side effects, takes linear time, and has limits with clear messages."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from relace_mock.scenario.limits import SIZE_LIMIT, VALUE_LIMIT
from relace_mock.scenario.mistakes import MISTAKE_LIMIT, ScenarioError
from relace_mock.scenario.model import RULE_LIMIT, Scenario, json_schema, read


def scenario(text: str) -> Scenario:
    return read(text.encode(), "file", "name")


def refusal(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario(text)
    return str(caught.value)


def rules(number: int, condition: str = "input_contains: word-N") -> str:
    each = f"  - when: {{{condition}}}\n    steps: [{{status: 500}}]\n"
    # All numbers have the same number of digits, so that no word contains another.
    return "rules:\n" + "".join(each.replace("N", str(1000 + index)) for index in range(number))


def calls(action: Callable[[], Any]) -> int:
    """The number of Python and C functions that are called meanwhile."""
    count = 0

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def test_nothing_of_a_text_is_kept_after_it_was_read() -> None:
    scenario(rules(10))
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, yaml.Node)]
    assert kept == []


@pytest.mark.parametrize(
    "condition",
    [
        "input_contains: word-N",
        "model: model-N",
        "header: {X-User: user-N}",
        "attempt: [N]",
        "output_dtype: float, model: model-N, header: {X-A: b, X-C: d}, min_inputs: 2",
    ],
)
def test_twice_as_many_rules_take_twice_the_work(condition: str) -> None:
    scenario(rules(1, condition))
    some, twice = rules(150, condition), rules(300, condition)
    assert calls(lambda: scenario(twice)) < 2.2 * calls(lambda: scenario(some))


@pytest.mark.parametrize(
    "form",
    [
        "steps: [{}]".format("{status: 500}, " * 10),
        "steps: [{status: 500, body: [" + "1, " * 10 + "]}]",
        "rules: [{when: {attempt: [" + "1, " * 10 + "]}, steps: [{status: 500}]}]",
        "steps: [{status: 500, headers: {" + "X-N: 1, " * 10 + "}}]",
        "steps: [{statsu: 500}" + ", {statsu: 500}" * 10 + "]",
    ],
)
def test_a_list_twice_as_long_takes_twice_the_work(form: str) -> None:
    piece = next(
        each
        for each in ("{status: 500}, ", "1, ", "X-N: 1, ", ", {statsu: 500}")
        if each * 10 in form
    )

    def text(number: int) -> str:
        numbered = "".join(
            piece.replace("1, ", f"{index + 1}, ").replace("-N", f"-{index}")
            for index in range(number)
        )
        return form.replace(piece * 10, numbered)

    def attempt(number: int) -> None:
        with contextlib.suppress(ScenarioError):
            scenario(text(number))

    attempt(2)
    assert calls(lambda: attempt(400)) < 2.2 * calls(lambda: attempt(200))


def test_a_thousand_rules_are_read_and_one_more_is_refused_with_its_place() -> None:
    assert len(scenario(rules(RULE_LIMIT)).rules) == RULE_LIMIT == 1000
    assert refusal(rules(RULE_LIMIT + 1)) == (
        "file:2:3: rules: has 1001 entries, but at most 1000 are allowed: remove some"
    )
    assert json_schema()["properties"]["rules"]["maxItems"] == RULE_LIMIT


def test_a_megabyte_is_read_and_a_byte_more_is_refused() -> None:
    frame = 'steps: [{{status: 500, body_text: "{}"}}]'
    longest = frame.format("x" * (SIZE_LIMIT - len(frame) + 4))
    assert scenario(longest).size == len(longest) == SIZE_LIMIT
    assert refusal(longest + " ") == "file: has 1000001 bytes, but at most 1000000 are allowed"


def test_too_many_values_are_refused_at_their_place() -> None:
    assert f"there are more than {VALUE_LIMIT} values" in refusal(
        "steps: [{status: 500, body: [" + "1," * VALUE_LIMIT + "]}]"
    )


def test_aliases_do_not_make_more_of_a_text_than_a_scenario_may_hold() -> None:
    text = "steps: [{status: 500, body: [&a " + "x" * 5000 + ", *a" * 300 + "]}]"
    assert refusal(text) == (
        "file:1:6030: steps[0].body[199]: with aliases written out there are more than 1000000 "
        "characters"
    ) or "with aliases written out" in refusal(text)
    assert scenario(text.replace(", *a" * 300, ", *a" * 3)).size > 20_000


@pytest.mark.parametrize(
    "number", ["1" + ":30" * 330_000, "9" * 990_000, "1." + "9" * 990_000, "1_" * 490_000]
)
def test_a_number_as_long_as_a_file_is_refused_before_it_is_computed(number: str) -> None:
    problem = refusal(f"steps: [{{status: {number}}}]")
    assert problem.startswith(f"file:1:18: steps[0].status: '{number[:20]}")
    assert problem.endswith("…' cannot be read: put it in quotes")


@pytest.mark.parametrize(
    "text",
    [
        "rate_limit: 3/" + " " * 900_000 + "x",
        "steps: [{delay: " + "1" * 900_000 + "ms-}]",
        'steps: [{times: "' + "1" * 900_000 + '"}]',
        "steps: [{bytes_per_second: '" + "1" * 900_000 + "KB'}]",
        "dimensions: '" + "1" * 900_000 + "'",
        'steps: [{at: "' + "1" * 900_000 + '%"}]',
        "".join(f"%TAG !a{number}! tag:a\n" for number in range(50_000)) + "--- {}",
        "steps: [{mutate: '" + "omit_usage, " * 50_000 + "'}]",
        "? " + "k" * 900_000 + "\n: " + "[" + "1, " * 20_000 + "]",
    ],
)
def test_a_message_about_a_long_value_is_short_and_soon_there(text: str) -> None:
    assert len(refusal(text)) < 1000


def test_after_a_thousand_mistakes_no_more_are_looked_for() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario("steps: [" + "{statsu: 500}, " * 3000 + "]")
    assert len(caught.value.all) == MISTAKE_LIMIT
    assert str(caught.value).endswith("\nand 980 more")


def test_threads_that_read_at_the_same_time_do_not_disturb_each_other() -> None:
    texts = [rules(20, f"model: m-{number}-N") for number in range(8)]
    alone = [scenario(text) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(scenario, texts * 4)) == alone * 4
