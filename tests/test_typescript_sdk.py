"""The official TypeScript SDK talks to the mock, under Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import mock_server

FOLDER = Path(__file__).parent / "javascript"


def test_the_official_typescript_sdk_gets_the_documented_answer() -> None:
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        missing = "Node, or `npm ci` in tests/javascript"
        if os.environ.get("CI"):
            pytest.fail(f"needs {missing}")
        pytest.skip(f"needs {missing}")
    with mock_server.running() as server:
        done = subprocess.run(
            [node, str(FOLDER / "sdk.mjs")],
            env=os.environ | {"RELACE_BASE_URL": server.base_url, "RELACE_API_KEY": "rlc-x"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [result["index"] for result in answer["results"]] == [0, 1]
    assert answer["usage"] == {"total_tokens": 8}
