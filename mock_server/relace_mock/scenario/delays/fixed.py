"""A delay that is always the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fixed:
    """``250ms``."""

    seconds: float

    def draw(self, _chance: float) -> float:
        """Return the delay in seconds."""
        return self.seconds

    def words(self) -> str:
        """Describe the delay in words."""
        return f"{self.seconds:g} s"
