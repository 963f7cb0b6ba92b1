"""The documentation matches the program: examples run, and settings are the real ones."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

import relace_mock
from relace_mock import Settings
from relace_mock.cli.serve import serve
from tests.conftest import Serve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "settings.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
CONSOLE = [code for language, code in BLOCKS if language == "console"]


@pytest.mark.parametrize("code", PYTHON, ids=["sdk", "in process"])
def test_the_python_examples_of_the_readme_print_the_documented_output(
    code: str, serve: Serve, tmp_path: Path
) -> None:
    with serve() as process:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"RELACE_BASE_URL": process.base_url, "RELACE_API_KEY": "rlc-anything"},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"print\(.*\)  # (\S.*?)(?:, any free port)?$", code, re.MULTILINE)
    printed = [re.sub(r":\d+/", ":43117/", line) for line in done.stdout.splitlines()]
    assert printed == said


def test_the_curl_example_of_the_readme_is_answered(serve: Serve) -> None:
    (example,) = (code for code in CONSOLE if "curl" in code)
    with serve() as process:
        command = example.removeprefix("$ ").replace("\\\n", " ")
        command = command.replace("http://127.0.0.1:8080/v1", process.base_url)
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True)
    assert done.stdout.startswith('{"results":[{"index":0,"embedding":[')
    assert done.stdout.endswith('"usage":{"total_tokens":8}}')


def test_the_embed_examples_of_the_readme_run() -> None:
    (example,) = (code for code in CONSOLE if "relace-mock embed" in code)
    for line in example.splitlines():
        command, _, _ = line.removeprefix("$ relace-mock ").partition(" > ")
        command = re.sub(r" src$", " mock_server/relace_mock/journal", command)
        done = subprocess.run(
            [sys.executable, "-m", "relace_mock", *shlex.split(command)],
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b'{"results"') or b"  mock_server/" in done.stdout


def test_the_verify_example_of_the_readme_finds_nothing_in_the_mock(
    serve: Serve, tmp_path: Path
) -> None:
    (example,) = (code for code in CONSOLE if "relace-mock verify-server" in code)
    (command,) = (line for line in example.splitlines() if "verify-server" in line)
    with serve() as process:
        command = command.replace("http://127.0.0.1:8080/v1", process.base_url)
        words = shlex.split(command.removeprefix("$ relace-mock "))
        done = subprocess.run(
            [sys.executable, "-m", "relace_mock", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_readme_and_ci_run_the_same_test_command() -> None:
    assert "$ pip install nox && nox\n" in README
    gate = (ROOT / ".ci" / "run").read_text()
    assert "pip install --quiet --disable-pip-version-check -c constraints.txt nox\n" in gate
    assert 'nox() { .nox/ci/bin/nox --non-interactive "$@"; }\nnox\n' in gate


OPTIONS = {name: parameter.opts[-1] for parameter in serve.params for name in [parameter.name]}
ROWS = dict(re.findall(r"^\| `(--[\w-]+)`(?: ◆)? \|([^|]*)\|", PAGE, re.MULTILINE))


def test_every_option_of_serve_is_on_the_page_with_its_default() -> None:
    assert set(ROWS) == set(OPTIONS.values())
    for parameter in serve.params:
        default = parameter.to_info_dict()["default"]
        shown = ROWS[parameter.opts[-1]].strip()
        assert shown == ("" if default is None or default == () else str(default))


def test_every_option_has_its_environment_variable() -> None:
    for parameter in serve.params:
        variable = parameter.opts[-1].removeprefix("--").replace("-", "_").upper()
        assert isinstance(parameter, click.Option)
        assert parameter.envvar == f"RELACE_MOCK_{variable}"


def test_every_setting_is_an_option_on_the_page_and_has_the_same_default() -> None:
    on_page = set(re.findall(r"\| `([a-z_]+)` \|", PAGE))
    assert on_page == {field.name for field in fields(Settings)} <= set(OPTIONS)
    defaults = Settings()
    for parameter in serve.params:
        if parameter.name in on_page and parameter.to_info_dict()["default"] is not None:
            context = click.Context(serve)
            default = parameter.type_cast_value(context, parameter.get_default(context))
            assert str(default) == str(getattr(defaults, parameter.name or ""))


def test_the_changelog_has_a_section_for_this_version_or_unreleased_changes() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{relace_mock.__version__}]" in changelog
