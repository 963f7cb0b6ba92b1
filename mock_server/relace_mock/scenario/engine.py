"""Play a scenario: from a position and a request to a decision and the next position. Pure.

A position counts the answers that each rule has given. A rule with chance has no position: a draw
decides. It depends only on the seed, the rule, the body and how often that body came, so that
neither the order of other requests nor the key changes the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from relace_mock.scenario.matching import Occasion, first_miss

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario
    from relace_mock.scenario.rule import Rule
    from relace_mock.scenario.step import Step

#: Number of answers that each rule has given.
Position = tuple[int, ...]


class Decision(NamedTuple):
    """The answer that a scenario gives to one request.

    ``step`` is None for normal service. ``delay`` is in seconds. ``misses`` lists the rules that
    did not match, each with the first condition that did not hold. ``not_applicable`` says that the
    mutation of the step cannot be applied to this request, so the step waits for the next one.
    """

    rule: int | None = None
    number: int | None = None
    step: Step | None = None
    delay: float = 0.0
    not_applicable: bool = False
    misses: tuple[tuple[int, str], ...] = ()


#: Normal service.
NOTHING = Decision()


def start(scenario: Scenario) -> Position:
    """The position before the first request."""
    return (0,) * len(scenario.rules)


def decide(
    scenario: Scenario, position: Position, occasion: Occasion, server_seed: int
) -> tuple[Position, Decision]:
    """Decide about one request; return the position after it, and the decision."""
    misses: list[tuple[int, str]] = []
    for index, rule in enumerate(scenario.rules):
        missed = first_miss(rule.when, occasion)
        seed = (server_seed, scenario.seed, index)
        if missed is None and rule.chance is not None:
            missed = "chance" if _chance(seed, "answer", occasion) >= rule.chance else None
        if missed is not None:
            misses.append((index, missed))
            continue
        before = position[index] if rule.chance is None else occasion.arrivals - 1
        number = step_at(rule, before)
        if number is None:
            return position, Decision(index, misses=tuple(misses))
        step = rule.steps[number]
        if step.mutate and not _can_mutate(step, occasion):
            cannot = occasion.would_be == 200
            decision = Decision(index, not_applicable=cannot, misses=tuple(misses))
            return position, decision
        delay = step.delay.draw(_chance(seed, "delay", occasion)) if step.delay else 0.0
        if rule.chance is None:
            position = (*position[:index], before + 1, *position[index + 1 :])
        return position, Decision(index, number, step, delay, misses=tuple(misses))
    return position, Decision(misses=tuple(misses))


def step_at(rule: Rule, answers: int) -> int | None:
    """The number of the step that comes after so many answers; None when all are used up."""
    if rule.repeat:
        answers %= sum(step.times for step in rule.steps if step.times != "forever")
    for number, step in enumerate(rule.steps):
        if step.times == "forever" or answers < step.times:
            return number
        answers -= step.times
    return None


def given(rule: Rule, answers: int) -> list[int]:
    """How often each step has answered, after so many answers of its rule in all."""
    counts = [0] * len(rule.steps)
    if rule.repeat:
        cycle = sum(step.times for step in rule.steps if step.times != "forever")
        rounds, answers = divmod(answers, cycle)
        counts = [rounds * step.times for step in rule.steps if step.times != "forever"]
    for number, step in enumerate(rule.steps):
        here = answers if step.times == "forever" else min(answers, step.times)
        counts[number] += here
        answers -= here
    return counts


def shown(scenario: Scenario, positions: Mapping[str, Position]) -> list[dict[str, Any]]:
    """How often each step of each rule without chance has answered, as the control API shows it."""
    position = positions.get(scenario.digest) or start(scenario)
    return [
        {
            "rule": index,
            "steps": [
                {"given": count, "times": step.times}
                for step, count in zip(rule.steps, given(rule, answers), strict=True)
            ],
        }
        for index, (rule, answers) in enumerate(zip(scenario.rules, position, strict=True))
        if rule.chance is None
    ]


def _can_mutate(step: Step, occasion: Occasion) -> bool:
    from relace_mock.scenario import mutations  # noqa: PLC0415 - loaded when a scenario is first played

    return occasion.would_be == 200 and (
        occasion.request is not None
        and mutations.applicable(step.mutate, occasion.request, occasion.received)
    )


def _chance(seed: tuple[int, int, int], purpose: str, occasion: Occasion) -> float:
    """A number from 0 to below 1, decided by the arguments alone."""
    numbers = " ".join(map(str, (*seed, occasion.arrivals)))
    text = f"relace-mock chance {numbers} {purpose} "
    drawn = hashlib.sha256(text.encode() + occasion.body_hash).digest()
    return int.from_bytes(drawn[:7], "big") / 2**56
