"""The GitHub Action: the tests run its steps as GitHub does, except for the installation.

The package is already installed here, and a test may not ask a package index.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sockets import refuses_connections

ACTION = yaml.safe_load((Path(__file__).parents[1] / "action.yml").read_text())
_BASH = shutil.which("bash") or "bash"
EMBED = (
    'curl -s -o /dev/null -w "%{http_code} " "$RELACE_BASE_URL/code/embed" '
    '-H "Authorization: Bearer $RELACE_API_KEY" -H "Content-Type: application/json" '
    '-d \'{"model": "m", "input": ["a"]}\''
)


class Job:
    """A job on GitHub with one step, which uses the action."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        self.outputs: dict[str, str] = {}
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("RELACE_")}
        defaults = {name: given["default"] for name, given in ACTION["inputs"].items()}
        self.values = {f"inputs.{name}": text for name, text in (defaults | inputs).items()}
        self.values["runner.temp"] = str(folder)
        programs = folder / "relace-mock" / "venv" / "bin"
        programs.parent.mkdir(parents=True)
        programs.symlink_to(Path(sys.executable).parent)

    def run(self) -> str:
        """Run the steps after the installation; return what they print."""
        said, failed = "", False
        for step in ACTION["runs"]["steps"][1:]:
            if "run" not in step or (failed and "always()" not in step.get("if", "")):
                continue
            if "inputs.run != ''" in step.get("if", "") and not self.values["inputs.run"]:
                continue
            done = self._run(step)
            said += done.stdout + done.stderr
            failed |= done.returncode != 0
        assert not failed, said
        return said

    def _run(self, step: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        written = {
            name: self.folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")
        }
        for file in written.values():
            file.write_text("")
        script = self.folder / "script"
        script.write_text(step["run"])
        environment = {name: self._filled(text) for name, text in step.get("env", {}).items()}
        with (self.folder / "out").open("w") as out:
            done = subprocess.run(
                [_BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
                env=self.environment | environment | {k: str(v) for k, v in written.items()},
                stdout=out,  # reading a pipe would wait until the server ends
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd=self.folder,
            )
        done.stdout, done.stderr = (self.folder / "out").read_text(), ""
        for name, into in (("GITHUB_ENV", self.environment), ("GITHUB_OUTPUT", self.outputs)):
            into |= dict(line.split("=", 1) for line in written[name].read_text().splitlines())
        return done

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([\w.]+)[^}]*\}\}", lambda found: self.values[found[1]], text)


def test_commands_run_while_the_mock_serves_and_a_trace_is_kept(tmp_path: Path) -> None:
    job = Job(tmp_path, run=f"{EMBED}\n{EMBED}", options="--scenario 'server-error-once'")
    assert "500 200" in job.run()
    assert refuses_connections(job.outputs["url"])
    kept = ACTION["runs"]["steps"][-1]["with"]["path"]
    assert "server-error-once" in Path(job._filled(kept)).read_text()


def test_the_mock_stops_if_a_command_fails(tmp_path: Path) -> None:
    job = Job(tmp_path, run="false")
    with pytest.raises(AssertionError):
        job.run()
    assert refuses_connections(job.outputs["url"])


def test_without_commands_the_mock_serves_the_later_steps(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.run()
    pid = int((tmp_path / "relace-mock" / "pid").read_text())
    try:
        later = subprocess.run(
            [_BASH, "-c", EMBED], env=job.environment, capture_output=True, check=True
        )
        assert later.stdout == b"200 "
    finally:
        os.kill(pid, 15)


def test_a_bad_option_fails_the_job_with_its_message(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="'no' is not a valid integer"):
        Job(tmp_path, options="--dimensions no").run()
