"""The checks of servers as a pytest suite; ``relace_contract.pytest_options`` has its options."""

from __future__ import annotations

import warnings

import pytest

from relace_contract.judgement import Judgement
from relace_contract.reports.text import breach_lines
from relace_contract.requirements import requirements
from relace_contract.runner import Run
from relace_contract.server.catalogue import CHECKS


class DepartureWarning(UserWarning):
    """A SHOULD that does not hold."""


@pytest.mark.parametrize("identity", CHECKS)
def test_server(identity: str, run: Run) -> None:
    """The server keeps the requirement, and breaks no other one in passing."""
    before = set(run.red)
    result = run.check(requirements("server")[identity], CHECKS[identity])
    lines = "\n".join(breach_lines(result))
    if result.judgement is Judgement.NOT_CLAIMED:
        pytest.skip(result.note)
    if result.judgement is Judgement.KNOWN:
        pytest.xfail(lines)
    if result.judgement is Judgement.INFORMS:
        print(f"{identity}\n{lines}\n{result.note}")  # noqa: T201 - shown by -rP, fails nothing
    if result.judgement is Judgement.WARNS:
        warnings.warn(f"{identity}\n{lines}", DepartureWarning, stacklevel=1)
    # Report breaches of other requirements here: their checks may run in another process.
    noticed = [one for one in run.red if one not in before and one != identity]
    for other in noticed:
        lines += f"\n{other}\n" + "\n".join(breach_lines(run.result(requirements("server")[other])))
    if result.judgement.red or noticed:
        pytest.fail(f"{identity}\n{lines}", pytrace=False)
