"""Check every client and write ``docs/clients.md``: ``python -m tests.kit.clients_page``."""

from __future__ import annotations

import datetime as dt
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from relace_contract.judgement import Judgement, Report, Result
from relace_contract.reports.badge import reached
from relace_contract.requirements import families
from tests.kit.clients import CLIENTS, EXAMPLES, RealClient

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
HELD, FAILED, WARNED, INFORMED, UNCLAIMED = "✓", "✗", "!", "i", "–"
_MARKS = {"MUST": FAILED, "SHOULD": WARNED, "MAY": INFORMED}
_HEAD = """\
# Ten clients and the contract

Written by `python -m tests.kit.clients_page` on {today}, with Python {python}, {node}, {java} and
{curl}. Every check of `relace-mock verify-client`, on each client through its adapter in
[`contract_tests/relace_contract/adapters/examples/`](../contract_tests/relace_contract/adapters/examples): [how to test your own](verify-client.md).

{held} holds · {failed} a MUST does not hold · {warned} a SHOULD does not hold · {informed} a MAY does not hold ·
{unclaimed} the client does not claim it

*Reached*: `documented`, every documented MUST holds; `robust`, every MUST; `production`, every SHOULD, too.

An adapter only carries calls and answers. Neither SDK has a method for embeddings: the request goes
through its `post`, and the vectors are read from `results` as they come, as a user would write it.

| client | version | reached | holds | does not | not claimed | seconds |
|---|---|---|---|---|---|---|
"""


def mark(result: Result) -> str:
    """The text of a cell of the table."""
    if result.judgement is Judgement.NOT_CLAIMED:
        return UNCLAIMED
    if result.judgement in {Judgement.HOLDS, Judgement.STALE}:
        return HELD
    return _MARKS[result.requirement.level]


def page(reports: dict[RealClient, Report]) -> str:
    """The whole page."""
    head = _HEAD.format(
        today=dt.datetime.now(tz=dt.UTC).date(),
        python=platform.python_version(),
        node="Node " + _printed("node", "--version").strip(),
        java="Java " + _printed("java", "--version").split()[1],
        curl=" ".join(_printed("curl", "--version").split()[:2]),
        held=HELD,
        failed=FAILED,
        warned=WARNED,
        informed=INFORMED,
        unclaimed=UNCLAIMED,
    )
    return "\n".join([head + "\n".join(_counts(reports)), *_table(reports), *_reasons()]) + "\n"


def _counts(reports: dict[RealClient, Report]) -> Iterator[str]:
    for client, report in reports.items():
        marks = [mark(result) for result in report.results]
        wrong = len(marks) - marks.count(HELD) - marks.count(UNCLAIMED)
        identity = report.subject.replace(f"{EXAMPLES}/", "")
        yield (
            f"| {client.name} | {identity} | {reached(report)} | {marks.count(HELD)} | {wrong} | "
            f"{marks.count(UNCLAIMED)} | {report.seconds:.0f} |"
        )


def _table(reports: dict[RealClient, Report]) -> Iterator[str]:
    cells = {
        client: {result.requirement.id: mark(result) for result in report.results}
        for client, report in reports.items()
    }
    yield ""
    yield f"| check | what the contract says | level | {' | '.join(one.name for one in cells)} |"
    yield "|---|---|---|" + ":-:|" * len(cells)
    for family in families("client"):
        yield f"| **{family.id}** | **{family.title}** | |{' |' * len(cells)}"
        for one in family.requirements:
            row = " | ".join(found[one.id] for found in cells.values())
            yield f"| {one.id} | {one.sentence} | {one.level} | {row} |"


def _reasons() -> Iterator[str]:
    yield "\n## Why"
    for file in sorted(EXAMPLES.glob("*.known-failures.txt")):
        comments: list[str] = []
        listed: list[str] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, reason = line.partition("#")
            if name.strip():
                listed.append(f"* **{name.strip()}**: {reason.strip()}")
            else:
                comments.append(reason.strip())
        yield "\n" + " ".join(comments) + "\n"
        yield from listed


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Check the clients one after another, so that none disturbs the waits of another."""
    reports: dict[RealClient, Report] = {}
    for client in CLIENTS:
        if client.missing:
            sys.exit(f"{client.name} needs {client.missing}")
        reports[client] = client.verified()
        print(client.name, f"{reports[client].seconds:.1f} s", flush=True)  # noqa: T201 - a script
    PAGE.write_text(page(reports), encoding="utf-8")


if __name__ == "__main__":
    main()
