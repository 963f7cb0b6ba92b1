"""A whole run names the level that its subject has reached, and draws it as a badge."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from relace_contract.judgement import (
    UNCLAIMED_FEATURE,
    UNCLAIMED_POLICY,
    Judgement,
    Report,
    Result,
    not_run,
)
from relace_contract.reports.badge import reached, write
from relace_contract.requirements import requirements
from tests.kit.test_command import verify


def report(broken: dict[str, Judgement], subject: str = "server", note: str = "") -> Report:
    results = [
        Result(one, broken.get(identity, Judgement.HOLDS), note=note)
        for identity, one in requirements(subject).items()
    ]
    return Report("it", 0, tuple(results), 1.0)


@pytest.mark.parametrize(
    ("broken", "level"),
    [
        ({}, "production"),
        ({"TOK-example": Judgement.INFORMS}, "production"),
        ({"KEEP-100": Judgement.WARNS}, "robust"),
        ({"KEEP-100": Judgement.UNSEEN}, "robust"),
        ({"NORM-unit": Judgement.FAILS}, "documented"),
        ({"NORM-unit": Judgement.KNOWN}, "documented"),
        ({"BIJ-count": Judgement.FAILS}, "none"),
        ({"BIJ-count": Judgement.KNOWN}, "none"),
        ({"BIJ-count": Judgement.STALE}, "production"),
    ],
    ids=str,
)
def test_a_level_is_reached_if_all_of_it_holds(broken: dict[str, Judgement], level: str) -> None:
    assert reached(report(broken)) == level


def test_what_a_subject_could_claim_and_does_not_is_not_reached() -> None:
    policy = report({"NORM-unit": Judgement.NOT_CLAIMED}, note=UNCLAIMED_POLICY)
    feature = report({"RET-02": Judgement.NOT_CLAIMED}, "client", f"{UNCLAIMED_FEATURE} 'retry'")
    absent = report({"RL-window": Judgement.NOT_CLAIMED}, note="no quota: no X-RateLimit header")
    assert [reached(one) for one in (policy, feature, absent)] == [
        "documented",
        "robust",
        "production",
    ]


def test_a_part_of_a_run_reaches_nothing() -> None:
    asked = requirements("server").values()
    assert reached(not_run("it", 0, asked, "it was stopped")) == ""
    whole = report({})
    assert reached(Report("it", 0, whole.results[:-1], 1.0)) == ""
    assert reached(Report("it", 0, (), 1.0)) == ""


@pytest.mark.parametrize("level", ["production", "none"])
def test_a_badge_is_an_image_that_says_it(level: str, tmp_path: Path) -> None:
    path = tmp_path / "badge.svg"
    write(path, report({} if level == "production" else {"BIJ-count": Judgement.FAILS}))
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    assert root.tag.endswith("svg")
    assert root.get("aria-label") == f"relace contract: {level}"
    assert "href" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--badge", "b.png"], "--badge b.png must end in .svg"),
        (["--badge", "b.svg", "--only", "BIJ"], "--badge needs the whole run: leave out --only"),
        (["--badge", "no/such/b.svg"], "cannot write no/such/b.svg: there is no folder no/such"),
    ],
)
def test_a_badge_that_cannot_be_drawn_is_said_before_the_run(
    options: list[str], words: str, tmp_path: Path
) -> None:
    done = verify("http://127.0.0.1:9", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"relace-mock: {words}\n"
