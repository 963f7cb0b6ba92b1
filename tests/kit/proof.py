"""The whole proof, as ``python -m tests.kit.proof``: some twenty minutes on two cores.

It runs every check on every mutant, checks the correct servers under 20 seeds, and shows what
Schemathesis alone finds. It writes ``docs/proof.md``, and exits with code 1 if anything is not as
it should be. With names of mutants, as ``python -m tests.kit.proof NAME…``, it tries only these,
and replaces only their rows.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import relace_mock
from relace_contract import contract
from relace_contract.requirements import requirements
from relace_contract.server.options import ServerOptions
from relace_contract.server.verify import verify
from tests.kit.judging import found, judged
from tests.kit.mutants import MUTANTS
from tests.kit.reference import KEY, Reference
from tests.kit.running import running

SEEDS = range(20)
#: Checks whose requests depend on the seed.
SEEDED = {
    *("SCHEMA-fuzz-valid", "SCHEMA-fuzz-invalid", "UNI-distinct"),
    *("RANK-fuzz-valid", "RANK-fuzz-invalid"),
    *("PERM-vectors", "PERM-tokens", "SPLIT-vectors", "SPLIT-tokens"),
}
NAMED = {
    mutant: {one.id for one in requirements("server").values() if mutant in one.mutants}
    for mutant in MUTANTS
}
#: A row: the mutant, the checks that must catch it, others that do, and Schemathesis' findings.
Row = tuple[str, set[str], set[str], set[str]]
PAGE = Path(__file__).parents[2] / "docs" / "proof.md"


_PAGE = """\
# The proof of the kit

Written by `nox -s proof` on {today}, with Schemathesis {schemathesis} and Hypothesis {hypothesis}.

* {mutants} broken servers ([mutants](../tests/kit/mutants.py)), each one line away from a correct
  [reference](../tests/kit/reference.py): each is caught by every check that names it; by those that
  draw at random, under {seeds} seeds.
* The reference and the mock (both HTTP implementations), {checks} checks, {seeds} seeds: no finding.
* Schemathesis alone, with its own checks, its default number of examples and the same
  `openapi.yaml`, finds something in {alone} of the {mutants}, and nothing in the reference.
{problems}
| mutant | must be caught by | also caught by | by Schemathesis alone |
|---|---|---|---|
"""


def caught(mutant: str, *only: str, seed: int = 0) -> set[str]:
    """The checks that find a problem in a mutant, without those that could not be exercised."""
    problems = found(judged(MUTANTS[mutant](), *only, seed=seed))
    return {one for one, problem in problems.items() if "could not be exercised" not in problem}


def schemathesis_alone(app: Reference) -> set[str]:
    """The kinds of failures that Schemathesis reports with its own checks and settings."""
    app.unknown_key_status = 401  # because its check `ignored_auth` does not accept a 404
    with running(app) as url, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--url", url.removesuffix("/v1"), "--seed", "0", "--continue-on-failure"]
        options += ["-H", f"Authorization: Bearer {KEY}", "--phases", "examples,coverage,fuzzing"]
        options += ["--report", "json", "--report-json-path", str(report)]
        subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", str(contract.path()), *options],
            capture_output=True,
            check=False,
            cwd=folder,
        )
        content = json.loads(report.read_text(encoding="utf-8"))
    return {failure["type"] for failure in content["failures"]}


def findings_in_correct(subject: tuple[str, int]) -> list[str]:
    """What is wrong with the reference, or with the mock on one of its HTTP implementations."""
    name, seed = subject
    if name == "reference":
        wrong = found(judged(Reference(), seed=seed))
    else:
        with relace_mock.running(http=("httptools", "h11")[seed % 2]) as server:
            wrong = found(verify(ServerOptions(url=server.base_url, seed=seed), lambda _: None))
    return [f"{name}, seed {seed}: {wrong}"] if wrong else []


def tried(mutant: str) -> tuple[Row, list[str]]:
    """The row of a mutant in the table, and the checks that missed it."""
    named = NAMED[mutant]
    all_of_them = caught(mutant)
    missed = [f"{mutant} is missed by {one}, seed 0" for one in sorted(named - all_of_them)]
    seeded = sorted(named & SEEDED)
    for seed in SEEDS[1:] if seeded else ():
        hit = caught(mutant, *seeded, seed=seed)
        missed += [f"{mutant} is missed by {one}, seed {seed}" for one in seeded if one not in hit]
    return (mutant, named, all_of_them - named, schemathesis_alone(MUTANTS[mutant]())), missed


def main() -> int:
    """Run the proof on all processors and write the page; 1 if it fails."""
    subjects = [(name, seed) for name in ("reference", "mock") for seed in SEEDS]
    rows: list[Row] = []
    problems: list[str] = []
    with ProcessPoolExecutor() as pool:
        for subject, wrong in zip(subjects, pool.map(findings_in_correct, subjects), strict=True):
            print(*subject, wrong or "clean", flush=True)  # noqa: T201 - a script
            problems += wrong
        for row, missed in pool.map(tried, MUTANTS):
            print(*row, *missed, flush=True)  # noqa: T201 - a script
            rows.append(row)
            problems += missed
    if alone := schemathesis_alone(Reference()):
        problems.append(f"Schemathesis alone finds {alone} in the reference")
    write(rows, problems)
    print("\n".join(problems) or "proven")  # noqa: T201 - a script
    return int(bool(problems))


def again(mutants: list[str]) -> int:
    """Try some mutants and write their rows into the page; 1 if one is missed."""
    head, *lines = re.split(
        r"^(?=\| [\w-]+ \| (?!must))", PAGE.read_text("utf-8"), flags=re.MULTILINE
    )
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    problems: list[str] = []
    with ProcessPoolExecutor() as pool:
        for row, missed in pool.map(tried, mutants):
            print(*row, *missed, flush=True)  # noqa: T201 - a script
            rows[row[0]] = _line(row)
            problems += missed
    note = f"* Tried again by themselves on {dt.datetime.now(tz=dt.UTC).date()}: "
    wrong = "".join(f"* **Not so**: {problem}\n" for problem in problems)
    head = head.replace("\n\n| mutant", f"\n{note}{', '.join(mutants)}.\n{wrong}\n| mutant")
    PAGE.write_text(head + "".join(rows[name] for name in MUTANTS), encoding="utf-8")
    return int(bool(problems))


def write(rows: list[Row], problems: list[str]) -> None:
    """Write the page."""
    page = _PAGE.format(
        today=dt.datetime.now(tz=dt.UTC).date(),
        schemathesis=version("schemathesis"),
        hypothesis=version("hypothesis"),
        mutants=len(rows),
        checks=len(requirements("server")),
        seeds=len(SEEDS),
        alone=sum(bool(kinds) for *_, kinds in rows),
        problems="".join(f"* **Not so**: {problem}\n" for problem in problems),
    )
    PAGE.write_text(page + "".join(map(_line, rows)), encoding="utf-8")


def _line(row: Row) -> str:
    mutant, named, also, kinds = row
    return f"| {mutant} | {_listed(named)} | {_listed(also)} | {_listed(kinds) or 'no'} |\n"


def _listed(names: set[str]) -> str:
    """The names, or their number if there are many."""
    return ", ".join(sorted(names)) if len(names) <= 8 else f"{len(names)} checks"


if __name__ == "__main__":
    sys.exit(again(sys.argv[1:]) if sys.argv[1:] else main())
