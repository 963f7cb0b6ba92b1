"""The examples in docs/ci.md for CI services, as far as a shell can run them here."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

GUIDE = (Path(__file__).parents[1] / "docs" / "ci.md").read_text()
_BASH = shutil.which("bash")
SUITE = """
import json, os, urllib.request

def test_it():
    url, key = os.environ["RELACE_BASE_URL"], os.environ["RELACE_API_KEY"]
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"model": "m", "input": ["a"]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/code/embed", body, head)) as answer:
        assert len(json.load(answer)["results"]) == 1
"""


def example(section: str) -> Any:
    """The YAML of a section."""
    _, _, rest = GUIDE.partition(f"\n## {section}\n")
    match = re.search(r"```yaml\n(.*?)```", rest, re.DOTALL)
    assert match
    return yaml.safe_load(match[1])


@pytest.mark.skipif(_BASH is None, reason="bash is missing")
def test_the_script_for_gitlab_runs_a_suite_against_the_mock(tmp_path: Path) -> None:
    """GitLab runs the lines in one shell, stops at the first failure, then ends all processes."""
    job = example("GitLab CI")["test"]
    install, *lines = job["script"]
    assert install == "pip install ./relace-mock"  # the package is installed here already
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = f"{free.getsockname()[1]}"
    base_url = job["variables"]["RELACE_BASE_URL"]
    job["variables"]["RELACE_BASE_URL"] = base_url.replace("8080", port)
    serve, health = f"serve --port {port}", f"health --url http://127.0.0.1:{port}"
    lines = [line.replace("serve", serve).replace("health", health) for line in lines]
    (tmp_path / "test_it.py").write_text(SUITE)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("relace-mock", "relace_mock"), ("pytest", "pytest")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    script = "\n".join(["set -e", "trap 'kill $(jobs -p)' EXIT", *lines])
    run = subprocess.run(
        [str(_BASH), "-c", script],
        cwd=tmp_path,
        env=os.environ | job["variables"] | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
