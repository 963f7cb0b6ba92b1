"""Run checks against a subject, one after the other, each within its own time limit.

This module knows neither HTTP nor processes: the checks get the subject as their argument, and it
reports what it noticed in passing. The command and the pytest suites drive the same functions.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from relace_contract.judgement import (
    UNCLAIMED_POLICY,
    Breach,
    Departure,
    Judgement,
    NotClaimed,
    NotExercised,
    Remark,
    Report,
    Result,
    not_run,
)
from relace_contract.known_failures import KnownFailures
from relace_contract.policy import Policy
from relace_contract.requirements import Requirement

Check = Callable[[Any], None]
#: Findings kept for one requirement: a fault in every answer should not fill the report.
_KEPT = 2
#: Reason in the incomplete report of a run that the user ended.
STOPPED = "the run was stopped"
#: After this many checks in a row that ran out of time or got no answer, the rest are not tried.
_SILENCE = 3


class Subject(Protocol):
    """What the runner needs to know of a server or client under test."""

    @property
    def waited(self) -> float:
        """Seconds of waiting that do not count as time of a check, such as for a 429."""

    @property
    def silent(self) -> bool:
        """Whether the latest attempt got no answer at all."""

    def noticed(self) -> list[tuple[str, Departure]]:
        """Departures seen in passing since the last call, each with its requirement's id."""

    def command(self, *identities: str) -> str:
        """The command that runs these checks again."""

    def abandon(self, thread: threading.Thread) -> None:
        """Make a check that is still running stop at its next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How breaches are judged."""

    policy: Policy = field(default_factory=Policy)
    known: KnownFailures = field(default_factory=KnownFailures)
    strict: bool = False
    #: Only documented requirements may fail; breaches of others are information.
    live: bool = False
    #: Seconds that one check may take, not counting ``Subject.waited``.
    deadline: float = 30.0

    def judge(self, requirement: Requirement, breaches: tuple[Breach, ...]) -> Judgement:
        """The outcome of a requirement that has these breaches, or none."""
        if not breaches:
            return Judgement.STALE if requirement.id in self.known.ids else Judgement.HOLDS
        if self.known.forgives(requirement.id):
            return Judgement.KNOWN
        if requirement.level == "MAY" or (self.live and requirement.label != "documented"):
            return Judgement.INFORMS
        if all(breach.unseen for breach in breaches):
            return Judgement.UNSEEN
        if requirement.level == "SHOULD" and not self.strict:
            partly = any(breach.unseen for breach in breaches)
            return Judgement.UNSEEN if partly else Judgement.WARNS
        return Judgement.FAILS


class Run:
    """Results as they come in."""

    def __init__(self, subject: Subject, asked: Mapping[str, Requirement], terms: Terms) -> None:
        self._subject = subject
        self._asked = asked
        self._terms = terms
        self._breaches: dict[str, list[Breach]] = {}
        self._notes: dict[str, NotClaimed | Remark] = {}
        self._seconds: dict[str, float] = {}

    def check(self, requirement: Requirement, check: Check) -> Result:
        """Run one check, and keep what the subject noticed in passing for the final results."""
        started = time.monotonic()
        if self._terms.policy.covers(requirement):
            said = self._attempt(check)
        else:
            said = NotClaimed(UNCLAIMED_POLICY)
        self._seconds[requirement.id] = time.monotonic() - started
        if isinstance(said, Departure):
            self._keep(requirement.id, said, requirement.id)
        elif said is not None:
            self._notes[requirement.id] = said
        for identity, noticed in self._subject.noticed():
            self._keep(identity, noticed, requirement.id)
        return self.result(requirement)

    def skip(self, requirement: Requirement, reason: str) -> Result:
        """Record a check that is not run because of an earlier failure; it is red all the same."""
        self._keep(requirement.id, NotExercised(reason), requirement.id)
        return self.result(requirement)

    def result(self, requirement: Requirement) -> Result:
        """The result of a requirement so far."""
        breaches = tuple(self._breaches.get(requirement.id, ()))
        note = self._notes.get(requirement.id)
        judgement = self._terms.judge(requirement, breaches)
        if note is not None and not breaches:
            judgement = Judgement.INFORMS if isinstance(note, Remark) else Judgement.NOT_CLAIMED
        seconds = self._seconds.get(requirement.id, 0.0)
        return Result(requirement, judgement, breaches, str(note or ""), seconds)

    @property
    def red(self) -> list[str]:
        """The ids of the requirements that are red so far."""
        return [one for one in self._breaches if self.result(self._asked[one]).judgement.red]

    def results(self, chosen: Iterable[str]) -> tuple[Result, ...]:
        """Results of the chosen requirements, and of others that were breached in passing."""
        wanted = {*chosen, *self._breaches}
        return tuple(self.result(one) for one in self._asked.values() if one.id in wanted)

    def _keep(self, identity: str, departure: Departure, seen_in: str) -> None:
        if not self._terms.policy.covers(self._asked[identity]):
            return
        kept = self._breaches.setdefault(identity, [])
        said = any(breach.problem == departure.problem for breach in kept)
        if said or len(kept) >= _KEPT:
            return
        # The breach is reproduced by its own check, and by the check in which it was seen.
        again = dict.fromkeys([identity, seen_in])
        kept.append(
            Breach(
                identity,
                departure.problem,
                departure.evidence,
                self._subject.command(*again),
                departure.cause,
                departure.remedy,
                isinstance(departure, NotExercised),
            )
        )

    def _attempt(self, check: Check) -> Departure | NotClaimed | Remark | None:
        """Run a check in a thread; return what it raised, None if it returned."""
        ended: list[BaseException | None] = []

        def attempt() -> None:
            try:
                check(self._subject)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs into the report
                ended.append(error)
            else:
                ended.append(None)

        # A subject may keep a check busy without end in ways that no read timeout notices,
        # such as an answer that arrives byte by byte: hence a thread.
        thread = threading.Thread(target=attempt, name="check", daemon=True)
        started = time.monotonic()
        thread.start()
        while thread.is_alive():
            left = started + self._terms.deadline + self._subject.waited - time.monotonic()
            if left <= 0:
                self._subject.abandon(thread)
                return NotExercised(
                    f"the check took more than {self._terms.deadline:g} seconds; set --timeout higher"
                )
            thread.join(min(left, 1.0))
        match ended[0]:
            case None | Departure() | NotClaimed() | Remark() as said:
                return said
            case error:
                return NotExercised(_mishap(error))


def _mishap(error: BaseException) -> str:
    """A line about an error in the check itself, with the place where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno}: {error}"


def run(
    subject: Subject,
    checks: Mapping[str, Check],
    asked: Mapping[str, Requirement],
    terms: Terms,
    *,
    name: str,
    seed: int,
    progress: Callable[[Result], None] = lambda _: None,
) -> Report:
    """Run ``checks`` in their order; ``asked`` has every requirement of this kind of subject.

    Ctrl-C ends the run; its report is incomplete.
    """
    started = time.monotonic()
    results = Run(subject, asked, terms)
    silence = 0
    ended: list[str] = []
    try:
        for identity, check in checks.items():
            if silence >= _SILENCE:
                kind = asked[identity].subject
                reason = f"not tried, because the {kind} had stopped answering in earlier checks"
                progress(results.skip(asked[identity], reason))
            else:
                progress(results.check(asked[identity], check))
                silence = silence + 1 if subject.silent else 0
            ended.append(identity)
    except KeyboardInterrupt:
        done = results.results(ended)
        wanted = {*checks, *(result.requirement.id for result in done)}
        named = [one for one in asked.values() if one.id in wanted]
        return not_run(name, seed, named, STOPPED, done)
    return Report(name, seed, results.results(checks), time.monotonic() - started)
