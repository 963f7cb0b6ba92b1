"""A delay as in real services: mostly near the median, sometimes far above it."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Seconds. A longer delay makes no difference to a test.
_LONGEST = 86400.0


@dataclass(frozen=True, slots=True)
class Lognormal:
    """``{lognormal: {median: 100ms, sigma: 0.5}}``."""

    median: float
    sigma: float

    def draw(self, chance: float) -> float:
        """Return the delay in seconds, for a chance from 0 to 1."""
        from statistics import NormalDist  # noqa: PLC0415 - slow to import, seldom needed

        inner = min(max(chance, 1e-6), 1 - 1e-6)  # at 0 and 1 the delay is infinite
        seconds = self.median * math.exp(self.sigma * NormalDist().inv_cdf(inner))
        return min(seconds, _LONGEST)

    def words(self) -> str:
        """Describe the delay in words."""
        return f"about {self.median:g} s (log-normal, sigma {self.sigma:g})"
