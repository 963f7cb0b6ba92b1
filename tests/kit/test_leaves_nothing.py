"""The kit leaves nothing in the folder that it was started in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import relace_mock
from relace_contract.properties import storage_apart

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if "RELACE" not in name and "HYPOTHESIS" not in name
}


def left_by(folder: Path, *words: str, **environment: str) -> list[str]:
    """What is in an empty folder after ``python -m …`` was run in it."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=ENVIRONMENT | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(path.name for path in folder.iterdir())


#: A check with Hypothesis, and those of Schemathesis.
DRAWN = ["UNI-distinct", "SCHEMA-examples", "SCHEMA-coverage", "SCHEMA-fuzz-invalid"]


def test_verify_server_leaves_nothing(tmp_path: Path) -> None:
    with relace_mock.running(dimensions=8) as server:
        command = ("relace_mock", "verify-server", server.base_url, "--examples", "2")
        assert left_by(tmp_path, *command, "--only", ",".join(DRAWN)) == []


def test_verify_client_leaves_nothing(tmp_path: Path) -> None:
    client = f"{sys.executable} -m relace_contract.adapters.examples.reference"
    command = ("relace_mock", "verify-client", "--stdio", client, "--examples", "2")
    assert left_by(tmp_path, *command, "--only", "REQ-05,RSP-03,RET-11") == []


def test_the_pytest_suite_leaves_what_pytest_itself_leaves(tmp_path: Path) -> None:
    with relace_mock.running(dimensions=8) as server:
        suite = ("pytest", "-p", "relace_contract.pytest_options", "--pyargs")
        named = ("relace_contract.server", "--relace-base-url", server.base_url)
        only = ("-k", " or ".join(DRAWN), "--relace-examples", "2")
        assert set(left_by(tmp_path, *suite, *named, *only)) <= {".pytest_cache"}


def test_a_folder_that_the_user_names_is_used(tmp_path: Path) -> None:
    with relace_mock.running(dimensions=8) as server:
        command = ("relace_mock", "verify-server", server.base_url, "--examples", "2")
        named = {"HYPOTHESIS_STORAGE_DIRECTORY": "kept"}
        assert left_by(tmp_path, *command, "--only", "UNI-distinct", **named) == ["kept"]


def test_tests_that_share_the_process_keep_their_folder(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from hypothesis import given, strategies\n"
        "from relace_contract.properties import storage_apart\n"
        "with storage_apart():\n    pass\n"
        "@given(strategies.text())\n"
        "def test_own(text): pass\n"
    )
    assert ".hypothesis" in left_by(tmp_path, "pytest", "test_own.py")


def test_the_temporary_folder_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY", raising=False)
    with storage_apart():
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
