"""Delays of an answer, one form a file, and how a scenario writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from relace_mock.durations import PATTERN
from relace_mock.scenario.compounds import ListOf, Record
from relace_mock.scenario.delays.fixed import Fixed
from relace_mock.scenario.delays.lognormal import Lognormal
from relace_mock.scenario.delays.uniform import Uniform
from relace_mock.scenario.durations import Duration
from relace_mock.scenario.kinds import Schema
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Positive
from relace_mock.scenario.source import Node

Delay = Fixed | Uniform | Lognormal
_UNIFORM = "[10ms, 200ms]"
_LIMITS = {"min", "max", "from", "to", "least", "most", "low", "high", "lower", "upper"}
_RANGE = re.compile(rf"\s*(?P<low>{PATTERN})\s*(?:-|to|\.\.)\s*(?P<high>{PATTERN})\s*")


def _as_uniform(_node: Node) -> str:
    """Show how two limits are written."""
    return _UNIFORM


@dataclass(frozen=True, slots=True)
class _LognormalKeys:
    median: Annotated[float, Duration(zero=False), "half of the delays are shorter than this"]
    sigma: Annotated[float, Positive(10), "how wide they spread; 0.5 is usual"]

    @staticmethod
    def form(node: Node) -> str:
        return f"{{median: {_time(node)}, sigma: 0.5}}"


@dataclass(frozen=True, slots=True)
class _RandomKeys:
    uniform: Annotated[
        tuple[float, ...] | None,
        ListOf(Duration(), form=_as_uniform),
        "the shortest and the longest",
    ] = None
    lognormal: Annotated[
        _LognormalKeys | None,
        Record(_LognormalKeys),
        "many short delays and a few long ones, as of a real service",
    ] = None

    @staticmethod
    def elsewhere(name: str) -> str | None:
        if name in _LIMITS:
            return f"write {{uniform: {_UNIFORM}}}"
        if name in ("median", "sigma"):
            return "write {lognormal: {median: 100ms, sigma: 0.5}}"
        return "write delay: 250ms" if name in ("fixed", "constant", "value") else None

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        if (self.uniform is None) == (self.lognormal is None):
            yield node.mistake("must have either uniform or lognormal")
        if self.uniform and (len(self.uniform) != 2 or self.uniform[0] > self.uniform[1]):
            yield node.value["uniform"].mistake(f"must be the shortest and the longest, {_UNIFORM}")


def _time(node: Node) -> str:
    """The duration that stands where a mapping belongs, or else one for an example."""
    try:
        Duration(zero=False).read(node)
    except ScenarioError:
        return "100ms"
    return node.written


@dataclass(frozen=True, slots=True)
class DelayKind:
    """A delay, in any of its forms."""

    def read(self, node: Node) -> Delay:
        """See ``Kind``."""
        if isinstance(node.value, list):
            limits = [each.written for each in node.value]
            good = len(limits) == 2 and all(_time(each) == each.written for each in node.value)
            shown = f"[{', '.join(limits)}]" if good else _UNIFORM
            node.fail(f"must be a duration or a mapping, not a list: write {{uniform: {shown}}}")
        if isinstance(node.value, str) and (limits_of := _RANGE.fullmatch(node.value)):
            node.fail(
                f"is not a duration: write {{uniform: [{limits_of['low']}, {limits_of['high']}]}}"
            )
        if isinstance(node.value, dict) and not node.value.keys() - _LIMITS and node.value:
            shown = ", ".join(each.written for each in node.value.values())
            shown = f"[{shown}]" if len(node.value) == 2 and len(shown) < 40 else _UNIFORM
            node.fail(f"has neither uniform nor lognormal: write {{uniform: {shown}}}")
        if not isinstance(node.value, dict):
            return Fixed(Duration().read(node))
        keys: _RandomKeys = Record(_RandomKeys).read(node)
        if keys.uniform:
            return Uniform(*keys.uniform)
        assert keys.lognormal
        return Lognormal(keys.lognormal.median, keys.lognormal.sigma)

    def schema(self) -> Schema:
        """See ``Kind``."""
        return {"anyOf": [Duration().schema(), Record(_RandomKeys).schema()]}
