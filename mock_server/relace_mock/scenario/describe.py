"""Describe a scenario in words, step by step: ``relace-mock scenario show``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from relace_mock.counts import counted
from relace_mock.excerpts import quoted
from relace_mock.scenario.components import SCALE, digits
from relace_mock.scenario.faults import FAULTS
from relace_mock.scenario.known_vectors import KnownVector
from relace_mock.scenario.model import Scenario
from relace_mock.scenario.mutations import MUTATIONS
from relace_mock.scenario.patterns import DIFFERENCES, Pattern
from relace_mock.scenario.rule import Rule
from relace_mock.scenario.step import Absent, Step
from relace_mock.scenario.when import When


def describe(scenario: Scenario) -> str:
    """Describe what a scenario does, in several lines."""
    return "\n".join(_lines(scenario))


def _lines(scenario: Scenario) -> Iterator[str]:
    yield f"{scenario.name}: {scenario.description}".rstrip(": ")
    if scenario.dimensions:
        yield f"  vectors: {scenario.dimensions} numbers each"
    if scenario.vectors:
        yield from _vectors(scenario.vectors.entries)
    if limit := scenario.rate_limit:
        wait = ", and Retry-After says how long to wait" if limit.retry_after else ""
        yield f"  quota: {counted(limit.requests, 'request')} in {limit.per:g} s, then 429{wait}"
    alone = len(scenario.rules) == 1 and scenario.rules[0].when == When()
    for number, rule in enumerate(scenario.rules):
        if not alone or rule.chance is not None:
            yield f"  rule {number}: {_condition(rule)}"
        indent = "  " if alone and rule.chance is None else "    "
        for position, step in enumerate(rule.steps):
            yield f"{indent}step {position}: {_times(step)}{_action(step)}{_more(step)}"
        yield indent + _end(rule)
    if scenario.rules and not alone:
        yield "  any other request: normal service"
    if scenario.has_patterns:
        yield f"  {DIFFERENCES}"


_SHOWN = 8  # numbers of a vector


def _vectors(entries: Sequence[KnownVector]) -> Iterator[str]:
    for entry in entries:
        one = entry.text_matches is None
        texts = f"the text {quoted(entry.text)}" if one else f"texts with {_regex(entry)}"
        if entry.vector is not None:
            shown = [digits(number / SCALE) for number in entry.vector[:_SHOWN]]
            shown += ["…"] if len(entry.vector) > _SHOWN else []
            yield f"  {texts} {'has' if one else 'have'} the vector [{', '.join(shown)}]"
        else:
            cosine = f"cosine {entry.cosine:g} to the vector of {quoted(entry.near)}"
            yield f"  {texts} {'has' if one else 'have'} a vector with {cosine}"
    yield "  any other text: its own vector"


def _regex(entry: KnownVector) -> str:
    return quoted(entry.text_matches.text) if entry.text_matches else ""


_CONDITIONS = {
    "input_contains": "an input contains {!r}",
    "input_matches": "an input matches {!r}",
    "model": "the model is {!r}",
    "output_dtype": "output_dtype is {}",
    "min_inputs": "it has {} or more",
    "max_inputs": "it has {} or fewer",
    "header": "the request has {}",
    "attempt": "it is attempt {}",
    "would_be": "the answer would be {}",
    "endpoint": "it is for {}",
}


def _condition(rule: Rule) -> str:
    parts = []
    for key, words in _CONDITIONS.items():
        value = getattr(rule.when, key)
        if value is None or value == ():
            continue
        if key == "header":
            value = " and ".join(f"{name}: {wanted}" for name, wanted in value.items())
        elif isinstance(value, tuple):
            value = " or ".join(map(str, value))
        elif key in ("min_inputs", "max_inputs"):
            value = counted(value, "input")
        elif isinstance(value, Pattern):
            value = value.text
        parts.append(words.format(value))
    condition = f"if {' and '.join(parts)}" if parts else "every request"
    if rule.chance is not None:
        condition += f", with a chance of {rule.chance:g} (drawn by body)"
    return condition


def _times(step: Step) -> str:
    if step.times == "forever":
        return "always: "
    return "once: " if step.times == 1 else f"{step.times} times: "


def _action(step: Step) -> str:
    if step.status is not None:
        body = "its documented message"
        if step.body is not Absent.ABSENT:
            body = f"the body {quoted(step.body, 60)}"
        elif step.fixed_body is not None:
            body = f"a body of {counted(len(step.fixed_body[0]), 'byte')}"
        elif step.status < 400:
            body = "no body"
        return f"answers {step.status}{_phrase(step.status)} with {body}"
    if step.fault is not None:
        return FAULTS[step.fault].does
    if step.mutate:
        return "a 200 that lies: " + "; ".join(MUTATIONS[name].does for name in step.mutate)
    return "normal service"


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _more(step: Step) -> str:
    parts = []
    if step.delay is not None:
        parts.append(f"after {step.delay.words()}")
    if step.at is not None:
        parts.append(f"at {step.at:.0%} of the body")
    if step.bytes_per_second is not None:
        parts.append(f"{counted(step.bytes_per_second, 'byte')} a second")
    for name, value in (step.headers or {}).items():
        parts.append(f"without {name}" if value is None else f"with {name}: {value}")
    if step.retry_after is not None:
        parts.append(f"with Retry-After: {step.retry_after.words()}")
    return "".join(f", {part}" for part in parts)


def _end(rule: Rule) -> str:
    if rule.repeat:
        return "then again from step 0"
    if rule.steps[-1].times == "forever":
        return "and never anything else"
    return "then normal service"
