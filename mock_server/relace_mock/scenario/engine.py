"""Plays a scenario. Pure: (position, occasion) to (position, decision).

A position counts the answers that each rule has given. Chance keeps none: the fate of a
request is drawn from the seed, the rule, the body and how often that body came, so that
neither the order of other requests nor the key changes it.
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

#: Answers given so far, by rule.
Position = tuple[int, ...]


class Decision(NamedTuple):
    """What a request gets.

    ``step`` is None for normal service. ``misses`` are the rules passed over, each with the
    condition that did not hold. ``not_applicable``: the step's mutation cannot be applied,
    so it waits for the next request.
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
    """Nothing answered yet."""
    return (0,) * len(scenario.rules)


def decide(
    scenario: Scenario, position: Position, occasion: Occasion, server_seed: int
) -> tuple[Position, Decision]:
    """What this request gets, and where the story then stands."""
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
    """The number of the step that follows so many answers; None when all are used up."""
    if rule.repeat:
        answers %= sum(step.times for step in rule.steps if step.times != "forever")
    for number, step in enumerate(rule.steps):
        if step.times == "forever" or answers < step.times:
            return number
        answers -= step.times
    return None


def given(rule: Rule, answers: int) -> list[int]:
    """How often each step has answered, after so many answers of its rule."""
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
    """How often each step of each rule without chance has answered, for the control API."""
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
    """A number from 0 to 1 that depends on nothing but what it is drawn for."""
    numbers = " ".join(map(str, (*seed, occasion.arrivals)))
    text = f"relace-mock chance {numbers} {purpose} "
    drawn = hashlib.sha256(text.encode() + occasion.body_hash).digest()
    return int.from_bytes(drawn[:7], "big") / 2**56
