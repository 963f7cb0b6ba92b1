"""A delay that is anything between two limits, with the same chance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uniform:
    """``{uniform: [10ms, 200ms]}``."""

    least: float
    most: float

    def draw(self, chance: float) -> float:
        """Seconds, for a chance from 0 to 1."""
        return self.least + chance * (self.most - self.least)

    def words(self) -> str:
        """How a person would say it."""
        return f"{self.least:g} to {self.most:g} s"
