"""The kit's verdicts about a subject (a server or a client), as frozen values.

::

    requirement ─▶ check ─▶ departures ─▶ breaches ─▶ result ─▶ report

A check returns if the subject keeps the requirement, and raises otherwise:

* ``Departure``: the subject does not keep it, and here is the evidence;
* ``NotExercised``: the check could not see whether it does, which fails the run too;
* ``NotClaimed``: the subject does not claim to do it, so the check counts neither way;
* ``Remark``: several behaviours are right, and the text says which one the subject has.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from relace_contract.requirements import Requirement

#: Beginnings of the notes of unclaimed checks: the subject does not claim a policy, or a client
#: does not claim a feature.
UNCLAIMED_POLICY = "a policy that the server or client does not claim"
UNCLAIMED_FEATURE = "the client does not claim"
UNCLAIMED = (UNCLAIMED_POLICY, UNCLAIMED_FEATURE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was done to the subject: what was sent, what came back, both as text.

    ``by_hand`` is a shell command that does it again without the kit. ``scenario`` is what the
    mock played, as ``serve --scenario`` takes it. Both may be empty.
    """

    sent: str
    received: str
    by_hand: str = ""
    scenario: str = ""


class Departure(Exception):  # noqa: N818 - not an error of the kit
    """The subject does not do what the contract says.

    Departures with the same ``cause`` are reported as one; ``cause`` defaults to ``problem``.
    ``remedy`` says how to fix it, where that is known.
    """

    def __init__(
        self, problem: str, *evidence: Evidence, cause: str = "", remedy: str = ""
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.evidence = evidence
        self.cause = cause or problem
        self.remedy = remedy

    def said_of(self, what: str) -> Departure:
        """The same departure, with ``what`` it was seen in before its problem."""
        return Departure(
            f"{what}: {self.problem}", *self.evidence, cause=self.cause, remedy=self.remedy
        )


class NotExercised(Departure):
    """The check could not see whether the subject does what the contract says."""

    def __init__(self, problem: str, *evidence: Evidence, remedy: str = "") -> None:
        super().__init__(
            f"could not be exercised: {problem}", *evidence, cause=problem, remedy=remedy
        )

    def said_of(self, what: str) -> Departure:  # noqa: ARG002 - the reason is the same in all
        """Itself: what was tried does not matter, as it could not be seen."""
        return self


class NotClaimed(Exception):  # noqa: N818 - not an error either
    """The subject does not claim to do what the check asks; the text says why."""


class Remark(Exception):  # noqa: N818 - good news, or none
    """The subject may do either of several things; the text says which of them it does."""


class CannotRun(Exception):  # noqa: N818 - says it all
    """There is no subject, or it cannot be checked; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A departure from one requirement. ``command`` reproduces it with the kit.

    ``unseen`` says that the check could not see whether the subject departs, mostly because of
    another fault.
    """

    id: str
    problem: str
    evidence: tuple[Evidence, ...]
    command: str
    cause: str = ""
    remedy: str = ""
    unseen: bool = False

    @property
    def by_hand(self) -> str:
        """The shell command that repeats the last exchange, which is the one that went wrong."""
        return self.evidence[-1].by_hand if self.evidence else ""


class Judgement(enum.Enum):
    """The outcome of a requirement; the values are the words that reports show."""

    HOLDS = "holds"
    FAILS = "fails"
    UNSEEN = "could not be exercised"
    WARNS = "warning"
    INFORMS = "information"
    KNOWN = "known failure"
    STALE = "stale known failure"
    NOT_CLAIMED = "not claimed"
    NOT_RUN = "not run"

    @property
    def red(self) -> bool:
        """Whether it makes the run fail."""
        return self in _RED


_RED = {Judgement.FAILS, Judgement.UNSEEN, Judgement.STALE, Judgement.NOT_RUN}


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one requirement. ``note`` gives the reason if there is no breach."""

    requirement: Requirement
    judgement: Judgement
    breaches: tuple[Breach, ...] = ()
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A run. ``subject`` is the URL of a server or the name of a client.

    ``facts`` are further lines to print, ``advice`` what to do next. ``incomplete`` says why the
    run ended early; it is empty for a complete run.
    """

    subject: str
    seed: int
    results: tuple[Result, ...]
    seconds: float
    facts: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    incomplete: str = ""

    def count(self, judgement: Judgement) -> int:
        """How many requirements have this outcome."""
        return sum(result.judgement is judgement for result in self.results)

    @property
    def red(self) -> int:
        """How many requirements make the run fail."""
        return sum(result.judgement.red for result in self.results)

    @property
    def exit_code(self) -> int:
        """2 if the run is incomplete, else 1 if any requirement is red, else 0."""
        return 2 if self.incomplete else int(self.red > 0)


def not_run(
    subject: str, seed: int, asked: Iterable[Requirement], reason: str, done: Iterable[Result] = ()
) -> Report:
    """The report of an incomplete run: the results in ``done``; ``reason`` for all other checks."""
    results = {result.requirement.id: result for result in done}
    whole = [
        results.get(one.id, Result(one, Judgement.NOT_RUN, note=f"not run: {reason}"))
        for one in asked
    ]
    seconds = sum(result.seconds for result in results.values())
    return Report(subject, seed, tuple(whole), seconds, incomplete=reason)
