"""A delay between two limits, each value as likely as any other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uniform:
    """``{uniform: [10ms, 200ms]}``."""

    least: float
    most: float

    def draw(self, chance: float) -> float:
        """Return the delay in seconds, for a chance from 0 to 1."""
        return self.least + chance * (self.most - self.least)

    def words(self) -> str:
        """Describe the delay in words."""
        return f"{self.least:g} to {self.most:g} s"
