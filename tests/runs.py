"""Commands under ``relace-mock run``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN = (sys.executable, "-m", "relace_mock", "run")
#: Proxy variables of the machine that runs the tests.
_OF_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its exit code, both outputs, and its report."""

    code: int
    output: str
    errors: str
    report: dict[str, Any]

    @property
    def statuses(self) -> dict[str, int]:
        counted: dict[str, int] = self.report["requests"]["by_status"]
        return counted

    @property
    def hosts(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = self.report["hosts"]
        return found


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a run, with a key and without the proxies of this machine."""
    without = {name for each in _OF_PROXIES for name in (each, each.lower())}
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return {**kept, "RELACE_API_KEY": "rlc-of-the-test", **(more or {})}


def run(
    folder: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    said: str = "",
) -> Ended:
    """Run ``relace-mock run`` with arguments, in a folder, and return how it ended.

    ``said`` is its standard input. The report is empty if the command could not start.
    """
    report = folder / "report.json"
    done = subprocess.run(
        [*RUN, "--report", str(report), *arguments],
        env=environment(variables),
        cwd=folder,
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    read = report.read_text() if report.exists() else ""
    return Ended(done.returncode, done.stdout, done.stderr, json.loads(read) if read else {})


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """A command that runs Python code."""
    return ("--", sys.executable, "-c", code, *arguments)
