"""How long an answer waits before it begins: one form a file, and how they are spelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from relace_mock.scenario.compounds import ListOf, Record
from relace_mock.scenario.delays.fixed import Fixed
from relace_mock.scenario.delays.lognormal import Lognormal
from relace_mock.scenario.delays.uniform import Uniform
from relace_mock.scenario.kinds import Duration, Positive, Schema
from relace_mock.scenario.source import Node

Delay = Fixed | Uniform | Lognormal


@dataclass(frozen=True, slots=True)
class _LognormalKeys:
    median: Annotated[float, Duration(zero=False), "half of the delays are shorter"]
    sigma: Annotated[float, Positive(10), "how wide they spread; 0.5 is usual"]


@dataclass(frozen=True, slots=True)
class _RandomKeys:
    uniform: Annotated[
        tuple[float, ...] | None, ListOf(Duration()), "the shortest and the longest"
    ] = None
    lognormal: Annotated[
        _LognormalKeys | None, Record(_LognormalKeys), "as real services are slow"
    ] = None

    def refuse_impossible(self, node: Node) -> None:
        if (self.uniform is None) == (self.lognormal is None):
            node.fail("must have one of uniform and lognormal")
        if self.uniform and (len(self.uniform) != 2 or self.uniform[0] > self.uniform[1]):
            node.value["uniform"].fail("must be the shortest and the longest, [10ms, 200ms]")


@dataclass(frozen=True, slots=True)
class DelayKind:
    """A delay, in any of its forms."""

    def read(self, node: Node) -> Delay:
        """See ``Kind``."""
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
