"""The official TypeScript SDK talks to the mock, under Node."""

from __future__ import annotations

import json
import os
import re
import subprocess

import relace_mock
from tests.conftest import JAVASCRIPT


def run(*command: str) -> str:
    """Run a command with ``RELACE_BASE_URL`` set to a mock; return its output."""
    with relace_mock.running() as server:
        done = subprocess.run(
            command,
            env=os.environ | {"RELACE_BASE_URL": server.base_url, "RELACE_API_KEY": "rlc-x"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_official_typescript_sdk_gets_the_documented_answer(node: str) -> None:
    answer = json.loads(run(node, str(JAVASCRIPT / "sdk.mjs")))
    assert [result["index"] for result in answer["results"]] == [0, 1]
    assert answer["usage"] == {"total_tokens": 8}


def test_the_official_typescript_sdk_plays_the_bundled_scenarios(node: str) -> None:
    """``retries.test.mjs`` says what the SDK does with each scenario."""
    said = run(node, "--test", "--test-reporter=tap", str(JAVASCRIPT / "retries.test.mjs"))
    counts = dict(re.findall(r"^# (\w+) (\d+)$", said, re.MULTILINE))
    assert int(counts["pass"]) >= 20 and counts["skipped"] == counts["todo"] == "0"
