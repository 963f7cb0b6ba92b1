"""The whole proof of the kit for clients: ``python -m tests.kit.client_proof``, some quarter of an hour.

It checks the reference under 20 seeds, and runs every check on every broken client. It writes
``docs/proof-clients.md``, and exits with code 1 if anything is not as it should be.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

from relace_contract.requirements import requirements
from tests.kit.broken_clients import BROKEN
from tests.kit.judging import found
from tests.kit.judging_clients import CATCHERS, caught, judged_client

SEEDS = range(20)
PAGE = Path(__file__).parents[2] / "docs" / "proof-clients.md"
_LISTED = 10
_PAGE = """\
# The proof of the kit for clients

Written by `nox -s proof` on {today}, with Hypothesis {hypothesis} and Schemathesis {schemathesis}.

* {broken} broken clients ([mutants](../tests/kit/broken_clients.py)), each one line away from the
  [reference](../contract_tests/relace_contract/adapters/examples/reference_client.py), or two where one guard hides
  that another is gone: each is caught by every check that names it.
* The reference, {checks} checks, {seeds} seeds: no finding.
{problems}
| broken client | must be caught by | also caught by |
|---|---|---|
"""


def main() -> int:
    """Run the proof and write the page; 1 if it fails."""
    problems = []
    rows = []
    # Most of a run is waiting. Use processes, because each has its own mock and clients.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for seed, wrong in zip(SEEDS, pool.map(_findings, SEEDS), strict=True):
            if wrong:
                problems.append(f"reference, seed {seed}: {wrong}")
            print(f"reference, seed {seed}", flush=True)  # noqa: T201 - a script
        for name, by in zip(BROKEN, pool.map(caught, BROKEN), strict=True):
            named = CATCHERS[name]
            problems += [f"{name} is missed by {one}" for one in sorted(set(named) - by)]
            rows.append(f"| {name} | {', '.join(named)} | {_listed(by - set(named))} |\n")
            print(name, sorted(by), flush=True)  # noqa: T201 - a script
    page = _PAGE.format(
        today=dt.datetime.now(tz=dt.UTC).date(),
        hypothesis=version("hypothesis"),
        schemathesis=version("schemathesis"),
        broken=len(BROKEN),
        checks=len(requirements("client")),
        seeds=len(SEEDS),
        problems="".join(f"* **Not so**: {problem}\n" for problem in problems),
    )
    PAGE.write_text(page + "".join(rows), encoding="utf-8")
    print("\n".join(problems) or "proven")  # noqa: T201 - a script
    return int(bool(problems))


def _findings(seed: int) -> dict[str, str]:
    return found(judged_client(None, seed=seed))


def _listed(names: set[str]) -> str:
    """The names, or their number if there are many."""
    return ", ".join(sorted(names)) if len(names) <= _LISTED else f"{len(names)} checks"


if __name__ == "__main__":
    sys.exit(main())
