"""One rule of a scenario: which requests it is for, and what they get."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from relace_mock.scenario import aliases, mutations
from relace_mock.scenario.compounds import Fields, ListOf, Mistakes, Record
from relace_mock.scenario.kinds import Choice, Flag, Regex, Text
from relace_mock.scenario.matching import ABOUT_REQUEST, OUTCOMES, covers
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Fraction, Whole
from relace_mock.scenario.source import Node
from relace_mock.scenario.step import Step, as_step

_STEP_KEYS = frozenset(field.name for field in dataclasses.fields(Step))


def as_steps(node: Node) -> str:
    """The list of steps that a value perhaps means."""
    if isinstance(node.value, dict):
        return f'a dash before each step, "- {_first_entry(node)}"'
    return f"[{as_step(node)}]"


def as_rules(node: Node) -> str:
    """The list of rules that a value perhaps means."""
    first = _first_entry(node) if isinstance(node.value, dict) else "when: {}"
    return f'a dash before each rule, "- {first}"'


def _first_entry(node: Node) -> str:
    for name, value in node.value.items():
        scalar = not isinstance(value.value, (dict, list))
        return f"{name}: {value.written if scalar and len(value.written) < 40 else '…'}"
    return "status: 429"


def step_elsewhere(name: str) -> str | None:
    """Say that a key belongs to a step, if it does."""
    return f"it belongs to a step: steps: [{{{name}: …}}]" if name in _STEP_KEYS else None


def unreachable(node: Node) -> Iterator[ScenarioError]:
    """Steps behind one that lasts forever, of a rule or of a file."""
    steps = node.value.get("steps")
    if steps is None or not isinstance(steps.value, list):
        return
    lasting = [
        number
        for number, step in enumerate(steps.value)
        if isinstance(step.value, dict)
        and "times" in step.value
        and step.value["times"].value == "forever"
    ]
    for number in lasting:
        if number + 1 < len(steps.value):
            yield steps.value[number + 1].mistake(
                "is never reached: the step before it lasts forever"
            )
    repeat = node.value.get("repeat")
    if lasting and repeat is not None and repeat.value is True:
        yield node.keys["repeat"].mistake("is never reached: the last step lasts forever")


@dataclass(frozen=True, slots=True)
class When:
    """Which requests a rule is for: all that is given must hold."""

    ALIASES: ClassVar = aliases.WHEN_KEYS

    input_contains: Annotated[str | None, Text(), "any input contains this"] = None
    input_matches: Annotated[
        re.Pattern[str] | None, Regex(), "this regular expression is found in any input"
    ] = None
    model: Annotated[str | None, Text(), "the model asked for"] = None
    output_dtype: Annotated[
        str | None, Choice(("float", "binary")), "the output_dtype, given or default"
    ] = None
    min_inputs: Annotated[int | None, Whole(1), "so many inputs or more"] = None
    max_inputs: Annotated[int | None, Whole(1), "so many inputs or fewer"] = None
    header: Annotated[
        dict[str, str] | None,
        Fields(removable=False, forbidden={}),
        "header fields that the request has, each with this value",
    ] = None
    attempt: Annotated[
        tuple[int, ...],
        ListOf(Whole(1), single=True, unique=True),
        "the n-th request with the same body since the last success",
    ] = ()
    would_be: Annotated[
        tuple[int, ...],
        ListOf(Choice(OUTCOMES), single=True, unique=True),
        "the status there would be without a script",
    ] = ()

    @staticmethod
    def form(node: Node) -> str:
        """See ``Record``."""
        if isinstance(node.value, str) and node.value.lower() not in ("", "always", "all", "any"):
            text = node.value if len(node.value) < 60 and '"' not in node.value else "…"
            return f'{{input_contains: "{text}"}}'
        return "{} for every request"

    @staticmethod
    def elsewhere(name: str) -> str | None:
        """See ``Record``."""
        if name in ("chance", "repeat", "steps"):
            return "it belongs to the rule, beside when"
        return None

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Conditions that exclude each other."""
        if self.min_inputs and self.max_inputs and self.min_inputs > self.max_inputs:
            yield node.keys["max_inputs"].mistake(
                f"is less than min_inputs, {self.min_inputs}: no request can match"
            )
        if self.would_be and not {200, 429} & set(self.would_be):
            for key in ABOUT_REQUEST:
                if key in node.keys:
                    yield node.keys[key].mistake(
                        "is known of valid requests only; would_be excludes them"
                    )


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests, and what they get."""

    ALIASES: ClassVar = aliases.RULE_KEYS

    when: Annotated[When, Record(When), "which requests; {} is all of them"]
    steps: Annotated[
        tuple[Step, ...],
        ListOf(Record(Step), form=as_steps),
        "what they get, one after another",
    ]
    chance: Annotated[
        float | None, Fraction(zero=False, one=True), "how likely the rule answers, drawn by body"
    ] = None
    repeat: Annotated[bool, Flag(), "whether the steps begin again after the last"] = False

    @staticmethod
    def form(_node: Node) -> str:
        """See ``Record``."""
        return "{when: {}, steps: [{status: 429}]}"

    @staticmethod
    def elsewhere(name: str) -> str | None:
        """See ``Record``."""
        if name in When.__dataclass_fields__:
            return f"it is a condition: when: {{{name}: …}}"
        return step_elsewhere(name)

    @staticmethod
    def conflicts(node: Node) -> Iterator[ScenarioError]:
        """Steps that are never reached."""
        yield from unreachable(node)

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Mutations that no request of the rule can get."""
        items = node.value["steps"].value
        for number, step in enumerate(self.steps):
            for name in step.mutate:
                if problem := mutations.unmet(name, self.when.max_inputs, self.when.output_dtype):
                    yield items[number].keys["mutate"].mistake(f"{name} {problem}")
            if step.mutate and self.when.would_be and 200 not in self.when.would_be:
                yield (
                    items[number].keys["mutate"].mistake("falsifies a 200, which would_be excludes")
                )

    @property
    def is_certain(self) -> bool:
        """Whether it answers whenever it matches."""
        return self.chance is None or self.chance == 1


def covered(node: Node) -> Iterator[ScenarioError]:
    """Rules that are never reached, as an earlier one answers all that they match."""
    rules = node.value.get("rules")
    earlier: list[When] = []
    for item in rules.value if rules is not None and isinstance(rules.value, list) else ():
        keys = item.value if isinstance(item.value, dict) else {}
        when = Mistakes().read(Record(When), keys["when"]) if "when" in keys else None
        if when is None:
            continue
        if any(covers(each, when) for each in earlier):
            yield item.mistake("is never reached: an earlier rule matches all that it does")
        if "chance" not in keys or keys["chance"].value == 1:
            earlier.append(when)
