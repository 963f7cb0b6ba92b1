"""Run the kit against a client of the tests."""

from __future__ import annotations

import gc
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from relace_contract.adapters.in_process import InProcess
from relace_contract.adapters.protocol import Adapter
from relace_contract.adapters.stdio import Stdio
from relace_contract.client.options import ClientOptions
from relace_contract.client.verify import verify
from relace_contract.judgement import Report
from relace_contract.requirements import requirements
from tests.kit.broken_clients import BROKEN, OWN_PROCESS, broken, program
from tests.kit.judging import found

#: The checks that must catch each broken client.
CATCHERS = {
    name: [one.id for one in requirements("client").values() if name in one.mutants]
    for name in BROKEN
}


def judged_client(name: str | None, *only: str, **wanted: Any) -> Report:
    """The report on a broken client, or on the reference."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.py"
        file.write_text(program(name), encoding="utf-8")
        command = shlex.join([sys.executable, str(file)])
        made = broken(name)

        def adapter() -> Adapter:
            return Stdio(command) if name in OWN_PROCESS else InProcess(made)

        asked = ClientOptions(way="stdio", client=command, only=only, **wanted)
        try:
            return verify(asked, lambda _: None, adapter)
        finally:
            # Let warnings about resources that a broken client left open come now, not in another
            # test.
            gc.collect()


def caught(name: str | None, *only: str, **wanted: Any) -> set[str]:
    """The checks that find a problem, without those that could not be exercised."""
    problems = found(judged_client(name, *only, **wanted))
    return {one for one, problem in problems.items() if "could not be exercised" not in problem}
