"""How checks are run and judged, whatever the subject is."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import strategies

from relace_contract import known_failures, policy, properties
from relace_contract.judgement import (
    CannotRun,
    Departure,
    Evidence,
    Judgement,
    NotClaimed,
    NotExercised,
    Remark,
    Report,
)
from relace_contract.known_failures import KnownFailures
from relace_contract.policy import Policy
from relace_contract.requirements import Label, Level, Requirement
from relace_contract.runner import Check, Terms, run


class Subject:
    """A subject that needs no network or process."""

    waited = 0.0
    silent = False

    def __init__(self) -> None:
        self.passing: list[tuple[str, Departure]] = []
        self.abandoned = 0

    def noticed(self) -> list[tuple[str, Departure]]:
        noticed, self.passing = self.passing, []
        return noticed

    def command(self, *identities: str) -> str:
        return f"verify --only {' '.join(identities)}"

    def abandon(self, thread: threading.Thread) -> None:
        assert thread.is_alive()
        self.abandoned += 1


def requirement(identity: str, label: Label = "documented", level: Level = "MUST") -> Requirement:
    return Requirement(identity, "server", "It is so.", label, level, ())


def holds(_: Subject) -> None: ...


def departs(_: Subject) -> None:
    raise Departure("it is not so", Evidence("this", "that", "again"))


def ran(
    check: Check, *asked: Requirement, terms: Terms | None = None, subject: Subject | None = None
) -> Report:
    """A run of one check for every requirement."""
    return run(
        subject or Subject(),
        {one.id: check for one in asked},
        {one.id: one for one in asked},
        terms or Terms(),
        name="it",
        seed=0,
    )


def outcomes(report: Report) -> list[Judgement]:
    return [result.judgement for result in report.results]


def test_a_must_fails_a_should_warns_and_a_may_informs() -> None:
    asked = [
        requirement("A-1", level="MUST"),
        requirement("A-2", level="SHOULD"),
        requirement("A-3", level="MAY"),
    ]
    assert outcomes(ran(departs, *asked)) == [Judgement.FAILS, Judgement.WARNS, Judgement.INFORMS]
    strict = ran(departs, *asked, terms=Terms(strict=True))
    assert outcomes(strict) == [Judgement.FAILS, Judgement.FAILS, Judgement.INFORMS]
    assert outcomes(ran(holds, *asked)) == [Judgement.HOLDS] * 3


def test_a_should_that_could_not_be_seen_fails_the_run_and_a_may_informs() -> None:
    def unseen(_: Subject) -> None:
        raise NotExercised("no request arrived")

    asked = [requirement("A-2", level="SHOULD"), requirement("A-3", level="MAY")]
    report = ran(unseen, *asked)
    assert outcomes(report) == [Judgement.UNSEEN, Judgement.INFORMS]
    assert report.exit_code == 1


def test_a_remark_informs_whatever_is_known_and_is_no_finding() -> None:
    def remark(_: Subject) -> None:
        raise Remark("it is blue")

    terms = Terms(known=KnownFailures(frozenset({"A-1"})), strict=True)
    (result,) = ran(remark, requirement("A-1"), terms=terms).results
    assert (result.judgement, result.note, result.breaches) == (Judgement.INFORMS, "it is blue", ())


def test_only_failures_make_the_exit_code_1() -> None:
    assert ran(departs, requirement("A-1")).exit_code == 1
    assert ran(departs, requirement("A-1", level="SHOULD")).exit_code == 0
    assert ran(holds, requirement("A-1")).exit_code == 0


def test_in_live_mode_only_what_is_documented_fails() -> None:
    asked = [requirement("A-1"), requirement("A-2", "observed"), requirement("A-3", "policy")]
    live = ran(departs, *asked, terms=Terms(live=True))
    assert outcomes(live) == [Judgement.FAILS, Judgement.INFORMS, Judgement.INFORMS]


def test_a_known_failure_runs_and_goes_stale_loudly() -> None:
    known = Terms(known=KnownFailures(frozenset({"A-1"})))
    report = ran(departs, requirement("A-1"), terms=known)
    assert outcomes(report) == [Judgement.KNOWN]
    assert report.exit_code == 0
    stale = ran(holds, requirement("A-1"), terms=known)
    assert outcomes(stale) == [Judgement.STALE]
    assert stale.exit_code == 1


def test_a_policy_that_is_not_claimed_is_not_asked() -> None:
    asked = [requirement("A-1", "policy"), requirement("A-2", "policy"), requirement("A-3")]
    terms = Terms(policy=Policy(claims=frozenset({"A-2"})))
    report = ran(departs, *asked, terms=terms)
    assert outcomes(report) == [Judgement.NOT_CLAIMED, Judgement.FAILS, Judgement.FAILS]
    assert "a policy that the server or client does not claim" in report.results[0].note


def test_a_check_may_find_that_it_is_not_claimed() -> None:
    def check(_: Subject) -> None:
        raise NotClaimed("there is no quota")

    (result,) = ran(check, requirement("A-1")).results
    assert (result.judgement, result.note) == (Judgement.NOT_CLAIMED, "there is no quota")


def test_what_is_noticed_in_passing_is_found_even_if_it_was_not_asked_for() -> None:
    asked = {one: requirement(one) for one in ("A-1", "A-2")}

    def check(subject: Subject) -> None:
        subject.passing.append(("A-2", Departure("seen in passing")))

    report = run(Subject(), {"A-1": check}, asked, Terms(), name="it", seed=0)
    first, second = report.results
    assert (first.judgement, second.judgement) == (Judgement.HOLDS, Judgement.FAILS)
    # The command names its own check, and the check in which it was noticed.
    assert second.breaches[0].command == "verify --only A-2 A-1"


def test_an_error_of_a_check_is_red_and_says_where() -> None:
    def check(_: Subject) -> None:
        raise KeyError("embedding")

    (result,) = ran(check, requirement("A-1")).results
    assert result.judgement is Judgement.UNSEEN
    assert "could not be exercised: KeyError in check" in result.breaches[0].problem


def test_a_check_that_never_ends_is_red_and_abandoned() -> None:
    over = threading.Event()
    subject = Subject()

    def wait(_: Subject) -> None:
        over.wait()

    (result,) = ran(
        wait,
        requirement("A-1"),
        terms=Terms(deadline=0.05),
        subject=subject,
    ).results
    over.set()
    assert result.judgement is Judgement.UNSEEN
    assert "more than 0.05 seconds" in result.breaches[0].problem
    assert subject.abandoned == 1


def test_a_subject_that_stopped_answering_is_not_asked_for_ever() -> None:
    subject = Subject()
    asked = [requirement(f"A-{number}") for number in range(6)]
    tried: list[Subject] = []

    def check(subject: Subject) -> None:
        tried.append(subject)
        subject.silent = True

    report = ran(check, *asked, subject=subject)
    assert len(tried) == 3
    assert outcomes(report) == [Judgement.HOLDS] * 3 + [Judgement.UNSEEN] * 3
    assert "stopped answering" in report.results[-1].breaches[0].problem


def test_known_failures_are_ids_and_families_with_reasons(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text("# ours\nNEG-nan  # we read it\n\ntok\n", encoding="utf-8")
    read = known_failures.read(file, "server")
    assert (set(read.ids), set(read.families)) == ({"NEG-nan"}, {"TOK"})
    assert read.reasons == {"NEG-nan": "we read it", "TOK": ""}
    file.write_text("\nNEG-nam\n", encoding="utf-8")
    with pytest.raises(ValueError, match="known:2: no check is called 'NEG-nam'"):
        known_failures.read(file, "server")


def test_a_policy_file_claims_checks_and_says_how_bytes_are_written(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("claims: [BIN, NORM-unit]\nbinary_dtype: uint8\n", encoding="utf-8")
    read = policy.read(file, "server")
    assert sorted(read.claims or ()) == ["BIN-length", "BIN-range", "BIN-signs", "NORM-unit"]
    assert (read.binary_dtype, read.bit_order) == ("uint8", "big")
    file.write_text("claims: none\n", encoding="utf-8")
    assert policy.read(file, "server").claims == frozenset()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("claims: [NORMS]", "claims: no check is called 'NORMS'"),
        ("claims: some", "claims must be a list such as [NORM, DET], or `all` or `none`"),
        ("bit_order: middle", "bit_order must be big or little"),
        ("quota: 5", "quota must be true or false"),
        ("max_body: 5MB", "max_body must be a number of bytes, such as 10000000"),
        ("bits: 5", "unknown key 'bits'; the keys are claims, binary_dtype"),
        ("- NORM", "must be a mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_a_policy_file_has_wrong_is_named(content: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"policy\.yaml") as raised:
        policy.read(file, "server")
    assert words in str(raised.value)


def test_a_property_has_its_time_from_the_first_example_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine Hypothesis may take long to generate the first one."""
    seconds = itertools.count(0.0, 20.0)  # a clock that advances each time it is read
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr(properties, "time", clock)
    drawn: list[int] = []
    tried: list[object] = []
    effort = SimpleNamespace(seed=0, examples=100_000)
    properties.holds_for(effort, strategies.integers().map(drawn.append), tried.append)
    assert len(tried) == 1
    assert len(drawn) < 5  # nothing is drawn in vain, however many examples were asked for


def test_a_property_that_cannot_go_on_tries_nothing_more() -> None:
    """Hypothesis would repeat and shrink the value, each time in vain."""
    tried: list[object] = []

    def judge(value: object) -> None:
        tried.append(value)
        raise CannotRun("this check ran out of time")

    with pytest.raises(CannotRun, match="ran out of time"):
        properties.holds_for(
            SimpleNamespace(seed=0, examples=5), strategies.integers(min_value=3), judge
        )
    assert len(tried) == 1
