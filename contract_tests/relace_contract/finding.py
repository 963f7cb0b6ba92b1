"""What the kit says of a subject, be it a server or a client. Frozen values, no protocol.

::

    requirement ─▶ check ─▶ departures ─▶ findings ─▶ result ─▶ report

A check returns if the subject keeps the requirement, and raises otherwise:

* ``Departure``: it does not, and here is the evidence;
* ``NotExercised``: it could not be seen, which counts as a departure;
* ``NotClaimed``: the subject does not claim what is asked, which counts as nothing;
* ``Remark``: the subject does one of several things that are all right, and here is which.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from relace_contract.requirements import Requirement


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was done to the subject: what was sent, what came back, both as text.

    ``by_hand`` is a shell command that does it again without the kit, or empty.
    """

    sent: str
    received: str
    by_hand: str = ""


class Departure(Exception):  # noqa: N818 - not an error of the kit
    """The subject does not do what the contract says."""

    def __init__(self, problem: str, *evidence: Evidence) -> None:
        super().__init__(problem)
        self.problem = problem
        self.evidence = evidence


_STUMBLED = "could not be exercised: "


class NotExercised(Departure):
    """Whether the subject does what the contract says could not be seen."""

    def __init__(self, problem: str, *evidence: Evidence) -> None:
        super().__init__(_STUMBLED + problem, *evidence)


class NotClaimed(Exception):  # noqa: N818 - not an error either
    """What is asked is not claimed by this subject; the text says why."""


class Remark(Exception):  # noqa: N818 - good news, or none
    """The subject may do either of several things; the text says which of them it does."""


class CannotRun(Exception):  # noqa: N818 - says it all
    """There is no subject to check, or not one that can be; one line says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A departure from one requirement. ``command`` reproduces it with the kit."""

    id: str
    problem: str
    evidence: tuple[Evidence, ...]
    command: str

    @property
    def stumbled(self) -> bool:
        """Whether the check could not see what it is about, mostly for another one's fault."""
        return self.problem.startswith(_STUMBLED)


class Outcome(enum.Enum):
    """What became of a requirement; the values are the words of the reports."""

    HOLDS = "holds"
    FAILS = "fails"
    WARNS = "warning"
    INFORMS = "information"
    KNOWN = "known failure"
    STALE = "stale known failure"
    NOT_CLAIMED = "not claimed"
    NOT_RUN = "not run"

    @property
    def red(self) -> bool:
        """Whether it makes the run fail."""
        return self in {Outcome.FAILS, Outcome.STALE, Outcome.NOT_RUN}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one requirement. ``note`` says why, where there is no finding."""

    requirement: Requirement
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A run. ``subject`` is a URL or a command, ``facts`` further lines to print.

    ``incomplete`` says why the run did not come to its end; it is empty if the run did.
    """

    subject: str
    seed: int
    results: tuple[Result, ...]
    seconds: float
    facts: tuple[str, ...] = ()
    incomplete: str = ""

    def count(self, outcome: Outcome) -> int:
        """How many requirements ended so."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 if nothing is red, 1 if something is, 2 if the run is incomplete."""
        if self.incomplete:
            return 2
        return int(any(result.outcome.red for result in self.results))


def not_run(
    subject: str, seed: int, asked: Iterable[Requirement], reason: str, done: Iterable[Result] = ()
) -> Report:
    """An incomplete report: the results that there are, and ``reason`` for all other checks."""
    results = {result.requirement.id: result for result in done}
    whole = [
        results.get(one.id, Result(one, Outcome.NOT_RUN, note=f"not run: {reason}"))
        for one in asked
    ]
    seconds = sum(result.seconds for result in results.values())
    return Report(subject, seed, tuple(whole), seconds, incomplete=reason)
