"""A delay that is always the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fixed:
    """``250ms``."""

    seconds: float

    def draw(self, _chance: float) -> float:
        """Seconds."""
        return self.seconds

    def words(self) -> str:
        """How a person would say it."""
        return f"{self.seconds:g} s"
