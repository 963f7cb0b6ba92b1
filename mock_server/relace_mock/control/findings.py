"""What a verdict says: findings about a client, and whether they are ok."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a client did. ``requests`` are numbers of entries of the journal."""

    rule: str
    level: Level
    message: str
    requests: Sequence[int]

    def __str__(self) -> str:
        """On one line."""
        numbers = ", ".join(map(str, self.requests))
        return f"{self.rule}: {self.message}" + (f" (request {numbers})" if numbers else "")


class BehaviourWarning(UserWarning):
    """A client did something unwise, but not forbidden."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in so many ``requests``.

    ``complete`` is false if the journal had to drop requests; then a finding fails. A verdict is
    true if it is ``ok``.
    """

    requests: int
    findings: Sequence[Finding]
    complete: bool = True

    def __bool__(self) -> bool:
        """Whether it is ``ok``, so that ``assert mock.verdict()`` fails where it is not."""
        return self.ok

    def __repr__(self) -> str:
        """On one line, as a failed ``assert`` shows it."""
        found = "; ".join(map(str, self.findings)) or "no findings"
        return f"<Verdict {'ok' if self.ok else 'NOT ok'}, {self.requests} requests: {found}>"

    @property
    def ok(self) -> bool:
        """Whether requests came, all of them were seen, and none did what is forbidden."""
        return self.requests > 0 and self.complete and not self.failures

    @property
    def failures(self) -> list[Finding]:
        """What is forbidden."""
        return [finding for finding in self.findings if finding.level == "fail"]

    @property
    def warnings(self) -> list[Finding]:
        """What is unwise."""
        return [finding for finding in self.findings if finding.level == "warn"]

    def assert_ok(self) -> None:
        """Warn of what is unwise. Raises ``AssertionError`` for what is forbidden.

        Also if no request came: then nothing was tested.
        """
        for finding in self.warnings:
            warnings.warn(str(finding), BehaviourWarning, stacklevel=2)
        if not self.requests and self.complete:
            raise AssertionError("relace-mock: no request arrived, so nothing was tested")
        if self.failures:
            lines = "\n".join(f"  {finding}" for finding in self.failures)
            # The server can be what failed: it dropped requests, or forgot state.
            of_client = all(finding.requests for finding in self.failures)
            what = "the client broke the contract" if of_client else "not ok"
            raise AssertionError(f"relace-mock: {what}:\n{lines}")
