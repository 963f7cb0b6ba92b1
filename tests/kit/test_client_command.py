"""``relace-mock verify-client`` and its pages, as users have them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click import Option

from relace_contract.adapters.protocol import FEATURES, KINDS
from relace_contract.cli.verify_client import verify_client
from relace_contract.requirements import requirements
from tests.kit import clients_page, page
from tests.kit.broken_clients import program
from tests.kit.clients import CLIENTS, EXAMPLES
from tests.kit.commands import command

TEXT = page.CLIENT_PAGE.read_text(encoding="utf-8")
RESULTS = clients_page.PAGE.read_text(encoding="utf-8")
ENVIRONMENT = {name: value for name, value in os.environ.items() if "RELACE" not in name}
REFERENCE = shlex.join([sys.executable, "-m", "relace_contract.adapters.examples.reference"])


def verify(
    *options: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    words, environment = ("verify-client", *options), ENVIRONMENT | environment
    if "--python" not in options:
        return command(*words, environment=environment, cwd=cwd)
    return subprocess.run(  # the module of a callable would stay in the process of the tests
        [sys.executable, "-m", "relace_mock", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of a client that trusts the order of the results."""
    file = tmp_path_factory.mktemp("client") / "client.py"
    file.write_text(program("order-trusted"), encoding="utf-8")
    return shlex.join([sys.executable, str(file)])


def test_a_client_that_does_it_right_is_exit_code_0() -> None:
    done = verify("--stdio", REFERENCE, "--only", "REQ", "--only", "BAT")
    assert done.returncode == 0, done.stdout
    assert "15 hold; seed 0" in done.stdout.splitlines()[-1]
    assert "claims batch, binary, rate_limit, retry, retry_after, timeout" in done.stdout


def test_a_finding_shows_the_conversation_and_how_to_see_it_again(trusting: str) -> None:
    done = verify("--stdio", trusting, "--only", "RSP-01", "--seed", "3")
    assert done.returncode == 1
    assert "FAILS  RSP-01  (MUST, documented)" in done.stdout
    assert 'embed {"model": "relace-embed-v1", "input": ["text 0", ' in done.stdout
    assert "the server plays " in done.stdout and "shuffle_results" in done.stdout
    assert re.search(r"\d\.\d{3} s  POST /v1/code/embed, \d+ texts → 200", done.stdout)
    assert "the client said: ok, " in done.stdout
    (again,) = re.findall(r"again: +relace-mock (verify-client .*)", done.stdout)
    repeated = subprocess.run(
        [sys.executable, "-m", "relace_mock", *shlex.split(again)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert repeated.returncode == 1
    found = [line for line in done.stdout.splitlines() if "found:" in line]
    assert found == [line for line in repeated.stdout.splitlines() if "found:" in line]


def test_reports_are_written_in_every_form(trusting: str, tmp_path: Path) -> None:
    files = [tmp_path / f"report.{suffix}" for suffix in ("xml", "json", "html")]
    options = [word for file in files for word in ("--report", str(file))]
    verify("--stdio", trusting, "--only", "RSP-01", *options)
    root = ET.parse(files[0]).getroot()  # noqa: S314 - our own report
    assert root.get("failures") == "1"
    content = json.loads(files[1].read_text(encoding="utf-8"))
    assert content["checks"][0]["outcome"] == "fails"
    assert "All checks of a client" in files[2].read_text(encoding="utf-8")


def test_a_key_in_the_command_of_a_client_is_shown_nowhere(tmp_path: Path) -> None:
    secrets = "rlc-0123456789abcdef0123456789abcdef", "sk-something-of-others"
    says = f"import sys; sys.exit('{secrets[0]}')"
    client = shlex.join([sys.executable, "-c", says, "--api-key", secrets[1]])
    files = tmp_path / "report.json", tmp_path / "report.xml", tmp_path / "report.html"
    reports = [word for file in files for word in ("--report", str(file))]
    done = verify("--command", client, "--only", "REQ-01", "--timeout", "2", *reports)
    assert "$RELACE_API_KEY" in done.stdout
    for text in (done.stdout, done.stderr, *(file.read_text("utf-8") for file in files)):
        assert not any(secret in text for secret in secrets)


def test_known_failures_are_known_and_stale_ones_told(trusting: str, tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text("RSP-01  # we trust the server\nRSP-02  # we did not\n", encoding="utf-8")
    options = ("--stdio", trusting, "--known-failures", str(known))
    assert verify(*options, "--only", "RSP-01").returncode == 0
    stale = verify(*options, "--only", "RSP-02")
    assert stale.returncode == 1
    assert "remove it from the list" in stale.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "give exactly one of --stdio, --command and --python, such as --stdio 'python adap"),
        (("--stdio", "a", "--command", "b"), "one of --stdio, --command and --python"),
        (("--stdio", "no-such-client"), "cannot start 'no-such-client'"),
        (("--python", "nonsense"), "'nonsense' must be MODULE:NAME"),
        (("--python", "json:dumps", "--only", "XYZ"), "no check is called 'XYZ'"),
        (
            ("--command", "true", "--feature", "fly"),
            "unknown feature 'fly'; the features are retry",
        ),
    ],
)
def test_what_cannot_be_tried_is_one_line_and_exit_code_2(
    options: tuple[str, ...], words: str
) -> None:
    done = verify(*options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("relace-mock: ") and words in line


@pytest.mark.parametrize("template", ["python", "javascript", "shell", "callable"])
def test_a_template_works_when_it_is_copied(template: str, tmp_path: Path) -> None:
    """The unchanged template is a plain client: it sends correct requests and trusts answers."""
    needs = {"javascript": ["node"], "shell": ["curl"]}.get(template, [])
    if missing := [tool for tool in needs if shutil.which(tool) is None]:
        if os.environ.get("CI"):
            pytest.fail(f"needs {missing}")
        pytest.skip(f"needs {missing}")
    language = "python" if template == "callable" else template
    printed = verify("--template", language)
    assert printed.returncode == 0
    suffix = {"python": "py", "javascript": "mjs", "shell": "sh"}[language]
    file = tmp_path / f"adapter.{suffix}"
    file.write_text(printed.stdout, encoding="utf-8")
    client = {
        "python": ("--stdio", f"{shlex.quote(sys.executable)} adapter.py"),
        "javascript": ("--stdio", "node adapter.mjs"),
        "shell": ("--command", "sh adapter.sh"),
        "callable": ("--python", "adapter:answer"),
    }[template]
    checks = ("REQ-02", "REQ-04", "REQ-05", "RSP-04", "ERR-06")
    only = [word for check in checks for word in ("--only", check)]
    done = verify(*client, *only, "--examples", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 hold" in done.stdout
    lies = verify(*client, "--only", "BAD-01", cwd=tmp_path)
    assert lies.returncode == 1


def test_every_option_is_on_the_page_and_has_its_environment_variable() -> None:
    options = {one.opts[-1]: one for one in verify_client.params if isinstance(one, Option)}
    assert set(re.findall(r"^\| `(--[\w-]+)` \|", TEXT, re.MULTILINE)) == set(options)
    for name, option in options.items():
        variable = f"RELACE_VERIFY_{name.removeprefix('--').replace('-', '_').upper()}"
        assert variable == option.envvar


def test_the_page_knows_every_feature_and_every_kind() -> None:
    for word in (*FEATURES, *KINDS):
        assert f"`{word}`" in TEXT


def test_the_table_of_checks_is_that_of_the_requirements() -> None:
    assert page.current(page.CLIENT_PAGE) == TEXT, "run python -m tests.kit.page"


def test_the_table_of_clients_has_every_check_and_says_what_the_lists_say() -> None:
    rows = {
        cells[0]: cells
        for line in RESULTS.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) > 8
    }
    names = rows["check"][3:]
    assert names == [client.name for client in CLIENTS]
    for one in requirements("client").values():
        assert rows[one.id][1] == one.sentence, "run python -m tests.kit.clients_page"
    for place, client in enumerate(CLIENTS, 3):
        listed = (EXAMPLES / client.known).read_text(encoding="utf-8") if client.known else ""
        known = set(re.findall(r"^(\w+-\d+) ", listed, re.MULTILINE))
        assert known == {one for one in requirements("client") if rows[one][place] in "✗!i"}
