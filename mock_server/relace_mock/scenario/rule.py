"""One rule of a scenario: which requests it answers, and with which steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from relace_mock.scenario import aliases, mutations
from relace_mock.scenario.compounds import ListOf, Record
from relace_mock.scenario.kinds import Flag
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Fraction
from relace_mock.scenario.source import Node
from relace_mock.scenario.step import Step, as_step, for_all, meant_action
from relace_mock.scenario.when import When

_STEP_KEYS = frozenset(field.name for field in dataclasses.fields(Step))


def as_steps(node: Node) -> str:
    """Show the list of steps that a wrong value probably means."""
    if isinstance(node.value, dict):
        return f'a dash before each step, "- {_first_entry(node)}"'
    return f"[{as_step(node)}]"


def as_rules(node: Node) -> str:
    """Show the list of rules that a wrong value probably means."""
    first = _first_entry(node) if isinstance(node.value, dict) else "when: {}"
    return f'a dash before each rule, "- {first}"'


def _first_entry(node: Node) -> str:
    for name, value in node.value.items():
        scalar = not isinstance(value.value, (dict, list))
        return f"{name}: {value.written if scalar and len(value.written) < 40 else '…'}"
    return "status: 429"


def step_elsewhere(name: str) -> str | None:
    """Say that a key belongs to a step; None if it does not."""
    if name in _STEP_KEYS:
        return f"it belongs to a step: steps: [{{{name}: …}}]"
    if action := meant_action(name):
        form, remark = action
        return f"it belongs to a step: steps: [{{{form}}}]{remark}"
    return None


def unreachable(node: Node) -> Iterator[ScenarioError]:
    """Yield a mistake for each step after one that lasts forever, in a rule or at the top."""
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
class Rule:
    """A rule: its conditions, and the steps that answer requests which meet them."""

    ALIASES: ClassVar = aliases.RULE_KEYS

    when: Annotated[When, Record(When), "which requests; {} means all"]
    steps: Annotated[
        tuple[Step, ...],
        ListOf(Record(Step), form=as_steps),
        "what these requests get, one after another",
    ]
    chance: Annotated[
        float | None,
        Fraction(zero=False, one=True),
        "probability that the rule answers, drawn for each body",
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
        return for_all(name) or step_elsewhere(name)

    @staticmethod
    def conflicts(node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for steps that are never reached."""
        yield from unreachable(node)

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for mutations that cannot apply to any request of the rule."""
        items = node.value["steps"].value
        for number, step in enumerate(self.steps):
            for name in step.mutate:
                if problem := mutations.unmet(name, self.when):
                    yield items[number].keys["mutate"].mistake(f"{name} {problem}")
            if step.mutate and self.when.would_be and 200 not in self.when.would_be:
                problem = "changes a 200, but would_be allows no 200: remove one of the two"
                yield items[number].keys["mutate"].mistake(problem)

    @property
    def is_certain(self) -> bool:
        """Whether the rule answers every request that matches."""
        return self.chance is None or self.chance == 1
