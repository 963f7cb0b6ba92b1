"""The kit leaves no file behind, and shares no environment variable with the mock."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click import Option

import relace_mock
from relace_contract.cli.verify_client import verify_client
from relace_contract.cli.verify_server import verify_server
from tests.kit.test_command import ENVIRONMENT, suite, verify

REFERENCE = shlex.join([sys.executable, "-m", "relace_contract.adapters.examples.reference"])


@pytest.mark.parametrize("kind", ["server", "client", "suite"])
def test_the_folder_of_a_run_stays_empty(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hypothesis keeps its tables in the user's cache."""
    cache = tmp_path / "cache"
    monkeypatch.delitem(ENVIRONMENT, "HYPOTHESIS_STORAGE_DIRECTORY")
    monkeypatch.setitem(ENVIRONMENT, "XDG_CACHE_HOME", str(cache))
    folder = tmp_path / "folder"
    folder.mkdir()
    with relace_mock.running(dimensions=64) as server:
        if kind == "suite":
            options = ("-k", "fuzz or PERM", "--relace-examples", "3")
            done = suite(server.base_url, folder, *options, "-p", "no:cacheprovider")
        else:
            words = {
                "server": [
                    "verify-server",
                    server.base_url,
                    "--only",
                    "SCHEMA-fuzz-invalid,UNI,PERM",
                ],
                "client": ["verify-client", "--stdio", REFERENCE, "--only", "REQ-05,RSP-11,RET-11"],
            }[kind]
            done = subprocess.run(
                [sys.executable, "-m", "relace_mock", *words, "--examples", "3"],
                capture_output=True,
                text=True,
                cwd=folder,
                env=ENVIRONMENT,
                check=False,
            )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) == []
    assert [each.name for each in cache.iterdir()] == ["relace-contract"]
    assert list(cache.glob("relace-contract/hypothesis/unicode_data/*/charmap.json.gz"))


def test_a_cache_that_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.delitem(ENVIRONMENT, "HYPOTHESIS_STORAGE_DIRECTORY")
    monkeypatch.setitem(ENVIRONMENT, "XDG_CACHE_HOME", str(tmp_path / "cache"))
    with relace_mock.running(dimensions=64) as server:
        done = verify(server.base_url, "--only", "SCHEMA-fuzz-valid", "--examples", "3", cwd=None)
    assert (done.returncode, done.stderr) == (0, "[1/1] SCHEMA: 1 holds\n")


def test_a_configuration_of_schemathesis_in_the_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text('[generation]\nmodes = ["nonsense"]\n')
    with relace_mock.running(dimensions=64) as server:
        only = ("--only", "SCHEMA-fuzz-valid", "--examples", "3")
        done = verify(server.base_url, *only, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_user_without_a_home_gets_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import os, pwd
os.environ.pop("HOME", None)
def nobody(_): raise KeyError
pwd.getpwuid = nobody
from types import SimpleNamespace
from relace_contract.properties import holds_for, strings
tried = []
holds_for(SimpleNamespace(seed=0, examples=5), strings(max_size=3), tried.append)
print(len(tried))
"""
    for name in ("HYPOTHESIS_STORAGE_DIRECTORY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [verify_server, verify_client], ids=["server", "client"])
def test_every_option_has_a_variable_of_the_kit_and_none_of_the_mock(command: object) -> None:
    for option in command.params:  # type: ignore[attr-defined]
        if isinstance(option, Option):
            named = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
            word = option.opts[-1].removeprefix("--").replace("-", "_").upper()
            assert named[0] == f"RELACE_VERIFY_{word}"
            assert not any(one.startswith("RELACE_MOCK") for one in named)


def test_a_variable_of_the_mock_sets_nothing_here_and_one_of_the_kit_does(tmp_path: Path) -> None:
    mock = {"RELACE_MOCK_SEED": "5", "RELACE_MOCK_ONLY": "NO-SUCH", "RELACE_MOCK_STRICT": "1"}
    with relace_mock.running(dimensions=64) as server:
        untouched = verify(server.base_url, "--only", "BIJ", cwd=None, **mock)
        kit = {
            "RELACE_VERIFY_SEED": "7",
            "RELACE_VERIFY_ONLY": "BIJ,DUP NEG-nan",
            "RELACE_VERIFY_REPORT": os.pathsep.join(["a.json", "b.xml"]),
            "RELACE_API_KEY": "schlüssel",  # the other variable has precedence
            "RELACE_VERIFY_API_KEY": "rlc-one",
        }
        done = verify(server.base_url, cwd=tmp_path, **kit)
    assert untouched.returncode == 0
    assert "2 hold; seed 0" in untouched.stdout
    assert done.returncode == 0, done.stderr
    assert "4 hold; seed 7" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.xml"]


@pytest.mark.parametrize("only", [",", " ", ""])
def test_only_without_a_name_is_refused(only: str) -> None:
    done = verify("http://127.0.0.1:9", "--only", only)
    assert done.returncode == 2
    assert done.stderr.startswith("relace-mock: --only names no check: write --only NEG")


def test_a_run_that_checked_nothing_is_not_green(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("claims: none\n", encoding="utf-8")
    with relace_mock.running(dimensions=64) as server:
        done = verify(server.base_url, "--only", "NORM", "--policy", str(policy))
    assert done.returncode == 2
    assert "not claimed: NORM-finite, NORM-unit" in done.stdout
    assert "nothing was checked: the server claims none of the selected checks" in done.stderr
