"""The verdict on a client: its findings, and whether it is ok."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from relace_mock.counts import counted

Level = Literal["fail", "warn"]

_NOTHING = "no request arrived, so nothing was tested"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a client did wrong. ``requests`` are numbers of journal entries."""

    rule: str
    level: Level
    message: str
    requests: Sequence[int]

    def __str__(self) -> str:
        """The finding on one line."""
        numbers = ", ".join(map(str, self.requests))
        return f"{self.rule}: {self.message}" + (f" (request {numbers})" if numbers else "")


class BehaviourWarning(UserWarning):
    """A client did something unwise, but not forbidden."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings about a number of ``requests``.

    ``complete`` is false if the journal had to drop requests; then the verdict is not ok. As a
    condition, a verdict is true if it is ``ok``.
    """

    requests: int
    findings: Sequence[Finding]
    complete: bool = True

    def __bool__(self) -> bool:
        """Whether it is ``ok``, so that ``assert mock.verdict()`` fails if it is not."""
        return self.ok

    def __repr__(self) -> str:
        """The verdict on one line, as a failed ``assert`` shows it."""
        nothing = [_NOTHING] if not self.requests and self.complete else []
        found = "; ".join([*nothing, *map(str, self.findings)]) or "no findings"
        return f"<Verdict {'ok' if self.ok else 'NOT ok'}, {counted(self.requests, 'request')}: {found}>"

    @property
    def ok(self) -> bool:
        """Whether requests arrived, the journal has all of them, and none broke a rule."""
        return self.requests > 0 and self.complete and not self.failures

    @property
    def failures(self) -> list[Finding]:
        """Findings of forbidden behaviour."""
        return [finding for finding in self.findings if finding.level == "fail"]

    @property
    def warnings(self) -> list[Finding]:
        """Findings of unwise behaviour."""
        return [finding for finding in self.findings if finding.level == "warn"]

    def assert_ok(self) -> None:
        """Raise ``AssertionError`` for forbidden behaviour, and warn of unwise behaviour.

        It also raises if no request arrived, because then nothing was tested.
        """
        for finding in self.warnings:
            warnings.warn(str(finding), BehaviourWarning, stacklevel=2)
        if not self.requests and self.complete:
            raise AssertionError(f"relace-mock: {_NOTHING}")
        if self.failures:
            lines = "\n".join(f"  {finding}" for finding in self.failures)
            # The server can be what failed: it dropped requests, or forgot state.
            of_client = all(finding.requests for finding in self.failures)
            what = "the client broke the contract" if of_client else "not ok"
            raise AssertionError(f"relace-mock: {what}:\n{lines}")
