"""``relace-mock verify-server`` and the pytest suite, as users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import relace_mock
from relace_contract.requirements import requirements, select
from tests.kit.commands import command
from tests.kit.mutants import MUTANTS
from tests.kit.reference import KEY, Answer, Asked, Reference
from tests.kit.running import running

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if "RELACE" not in name and name != "SSL_CERT_FILE"
}


def verify(
    url: str, *options: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return command("verify-server", url, *options, environment=ENVIRONMENT | environment, cwd=cwd)


@pytest.fixture(scope="module")
def broken() -> Iterator[str]:
    """A server with one fault."""
    with running(MUTANTS["index-from-one"]()) as url:
        yield url


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """The mock."""
    with relace_mock.running(dimensions=64) as server:
        yield server.base_url


def test_a_clean_server_is_exit_code_0_with_a_summary(mock: str, tmp_path: Path) -> None:
    badge = tmp_path / "badge.svg"
    done = verify(mock, "--examples", "3", "--badge", str(badge))
    assert done.returncode == 0, done.stdout
    *families, _, _, _, _, level, written, last = done.stdout.splitlines()
    assert level == "reached: production, every MUST and every SHOULD holds"
    assert written == f"written: {badge}"
    assert ">production</text>" in badge.read_text(encoding="utf-8")
    assert [line.split()[0] for line in families] == list(
        dict.fromkeys(one.family for one in requirements("server").values())
    )
    assert last.startswith(f"{mock}: 123 hold, 2 information, 3 not claimed; seed 0, ")
    # Progress goes to standard error, a line for each family.
    assert f"[{len(requirements('server'))}/" in done.stderr.splitlines()[-1]


def test_a_finding_says_what_was_sent_what_came_back_and_what_the_contract_says(
    broken: str,
) -> None:
    done = verify(broken, "--only", "BIJ", "--seed", "5", "--api-key", KEY)
    assert done.returncode == 1
    for words in (
        "FAILS  BIJ-indexes  (MUST, documented)",
        "contract:  The indexes of n results are the integers 0 to n - 1, each once.",
        "found:     indexes [1] for 1 text; they should be 0 to 0",
        f"sent:      POST {broken}/code/embed",
        '{"model": "relace-embed-v1", "input": ["text 0"], "output_dtype": "float"}',
        "came back: 200",
        '{"results": [{"index": 1, "embedding": [',
        f"again:     relace-mock verify-server {broken} --only BIJ-indexes --seed 5",
        "by hand:   curl -sS -i ",
    ):
        assert words in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_the_commands_of_a_finding_reproduce_it(broken: str) -> None:
    done = verify(broken, "--only", "BIJ", RELACE_API_KEY=KEY)
    lines = {
        line.split(":")[0].strip(): line.split(":", 1)[1].strip()
        for line in done.stdout.splitlines()
        if line.startswith(("  again:", "  by hand:"))
    }
    by_hand = subprocess.run(
        ["/bin/sh", "-c", lines["by hand"]],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT | {"RELACE_API_KEY": KEY},
    )
    assert by_hand.stdout.startswith("HTTP/1.1 200 OK")
    assert '"index": 1' in by_hand.stdout
    again = lines["again"].removeprefix("relace-mock verify-server ").split()
    repeated = verify(*again, RELACE_API_KEY=KEY)
    assert "found:     indexes [1] for 1 text" in repeated.stdout


def test_the_command_of_a_finding_has_the_options_that_it_needs(tmp_path: Path) -> None:
    policy = tmp_path / "my policy.yaml"
    policy.write_text("bit_order: big\n", encoding="utf-8")
    options = ["--policy", str(policy), "--examples", "3", "--bad-key", "rlc-unknown-key"]
    with running(MUTANTS["binary-little-endian"]()) as url:
        done = verify(url, "--only", "BIN", *options, "--api-key", KEY)
    words = f"--policy '{policy}' --examples 3 --bad-key $RELACE_BAD_KEY --only BIN-signs --seed 0"
    assert f"again:     relace-mock verify-server {url} {words}" in done.stdout


def test_only_takes_families_and_ids_in_any_case(mock: str) -> None:
    done = verify(mock, "--only", "neg-nan,DUP", "--only", "BIJ")
    assert done.stdout.splitlines()[:3] == [
        "NEG     ·  Bodies with exactly one fault",
        "BIJ     ··  One result for each text",
        "DUP     ·  Duplicate texts",
    ]


def test_should_warns_and_strict_makes_it_fail() -> None:
    with running(MUTANTS["usage-missing"]()) as url:
        options = (url, "--only", "TOK-present", "--api-key", KEY)
        warned, failed = verify(*options), verify(*options, "--strict")
    assert warned.returncode == 0
    assert "WARNING  TOK-present  (SHOULD, documented)" in warned.stdout
    assert failed.returncode == 1


def test_known_failures_are_forgiven_until_they_hold(broken: str, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("BIJ-indexes  # a ticket\n", encoding="utf-8")
    options = ("--known-failures", str(known), "--api-key", KEY)
    forgiven = verify(broken, "--only", "BIJ", *options)
    assert forgiven.returncode == 0
    assert "1 known failure;" in forgiven.stdout
    with running(Reference()) as url:
        stale = verify(url, "--only", "BIJ", *options)
    assert stale.returncode == 1
    assert "it holds now: remove it from the list of known failures" in stale.stdout


def test_policies_are_asked_only_where_they_are_claimed(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("claims: [NORM]\nbinary_dtype: uint8\n", encoding="utf-8")
    with relace_mock.running(dimensions=64, binary_dtype="uint8", bit_order="little") as server:
        options = ("--only", "NORM", "--only", "BIN", "--policy", str(policy))
        unclaimed = verify(server.base_url, *options)
        policy.write_text("binary_dtype: uint8\nbit_order: little\n", encoding="utf-8")
        claimed = verify(server.base_url, *options)
        policy.write_text("binary_dtype: uint8\n", encoding="utf-8")
        wrong = verify(server.base_url, *options)
    assert "2 hold, 3 not claimed;" in unclaimed.stdout
    assert (
        "BIN-signs, BIN-length, BIN-range: a policy that the server or client" in unclaimed.stdout
    )
    assert "5 hold;" in claimed.stdout
    assert "FAILS  BIN-signs" in wrong.stdout


class Page(HTMLParser):
    """Parses an HTML page: what it loads, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text += data


def test_reports_say_the_same_in_three_forms(broken: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"report{suffix}" for suffix in (".xml", ".json", ".html")]
    options = [word for path in paths for word in ("--report", str(path))]
    only = [word for family in ("BIJ", "NEG", "RL") for word in ("--only", family)]
    done = verify(broken, *options, *only, "--api-key", KEY)
    assert done.returncode == 1
    junit, machine, page = (path.read_text(encoding="utf-8") for path in paths)
    assert KEY not in junit + machine + page

    suites = ET.fromstring(junit)  # noqa: S314 - our own file
    assert suites.get("tests") == str(len(select("server", ["BIJ", "NEG", "RL"])))
    (failure,) = suites.findall("testsuite[@name='BIJ']/testcase[@name='BIJ-indexes']/failure")
    assert failure.get("message") == "indexes [1] for 1 text; they should be 0 to 0"
    assert "came back: 200" in (failure.text or "")

    report = json.loads(machine)
    assert report["exit_code"] == 1
    assert report["counts"]["fails"] == int(suites.get("failures", "0")) > 0
    (check,) = (check for check in report["checks"] if check["id"] == "BIJ-indexes")
    assert check["outcome"] == "fails"
    assert check["findings"][0]["evidence"][0]["sent"].startswith("POST ")

    html = Page(page)
    assert html.open == []
    assert all(target.startswith("#") for target in html.loaded)
    assert "url(" not in page and "@import" not in page and page.count("<script") == 1
    for words in ("BIJ-indexes", "documented", '"index": 1', "--only BIJ-indexes --seed 0"):
        assert words in html.text


def test_what_a_server_says_cannot_break_a_report(tmp_path: Path) -> None:
    class Rude(Reference):
        def refused(self, _asked: Asked, answer: Answer) -> Answer:
            return Answer(422, "<script>alert(1)</script>]]>\x00\x1b[31m\ud800", answer.headers)

    paths = [tmp_path / f"report{suffix}" for suffix in (".xml", ".json", ".html")]
    options = [word for path in paths for word in ("--report", str(path))]
    with running(Rude()) as url:
        done = verify(url, "--only", "NEG-nan", "--only", "ENV", *options, "--api-key", KEY)
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    ET.fromstring(paths[0].read_text(encoding="utf-8"))  # noqa: S314 - our own file
    json.loads(paths[1].read_text(encoding="utf-8"))
    page = paths[2].read_text(encoding="utf-8")
    assert page.count("<script") == 1 and "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "NEG-07"], "no check is called 'NEG-07': the families are REACH, SCHEMA"),
        (
            ["--report", "report.txt"],
            "report.txt: unknown kind of report; end the name in .xml (JUnit), .json or",
        ),
        (["--report", "/no/such/report.xml"], "/no/such/report.xml: No such file or directory"),
        (["--policy", "/no/such/policy"], "/no/such/policy: No such file or directory"),
        (["--known-failures", "/no/such/list"], "/no/such/list: No such file or directory"),
        (["--live"], "the live service needs a key: give it with --api-key or RELACE_API_KEY"),
        (["--examples", "0"], "Invalid value for '--examples'"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(
    options: list[str], words: str, mock: str
) -> None:
    done = verify(mock, "--only", "BIJ", *options)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("relace-mock: ") and words in last


def test_a_key_that_the_server_does_not_know_is_one_line() -> None:
    with running(Reference()) as url:
        unknown, made_up = verify(url, "--api-key", "rlc-wrong"), verify(url)
    assert unknown.returncode == made_up.returncode == 2
    assert unknown.stderr.endswith(
        "does not know the API key: 404 (API key not found); is the key right?\n"
    )
    assert made_up.stderr.endswith("(API key not found); give one with --api-key\n")
    assert "rlc-wrong" not in unknown.stderr


@pytest.mark.parametrize("key", ["rlc secret", "rlc-secret\n", "schlüssel", ""])
def test_a_key_that_no_header_can_hold_is_one_line_that_does_not_repeat_it(
    key: str, mock: str
) -> None:
    done = verify(mock, "--api-key", key)
    assert done.returncode == 2
    assert done.stderr == "relace-mock: --api-key must be ASCII characters without blanks\n"


def test_a_short_key_is_hidden_where_it_is_sent_and_spoils_no_answer(tmp_path: Path) -> None:
    class OneKey(Reference):
        def index(self, place: int) -> int:
            return place + 1

        def known(self, key: str) -> bool:
            return key == "1"

    with running(OneKey()) as url:
        done = verify(url, "--only", "BIJ", "--api-key", "1", cwd=tmp_path)
    assert "Authorization: Bearer $RELACE_API_KEY" in done.stdout
    assert '"index": 1' in done.stdout


def test_without_the_extra_one_line_says_how_to_install_it(mock: str) -> None:
    hide = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'schemathesis' else find(name, *a);"
        f"sys.argv = ['relace-mock', 'verify-server', {mock!r}];"
        "from relace_mock.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    words = "the contract kit needs schemathesis: pip install 'relace-mock[kit]'"
    assert done.stderr == f"relace-mock: {words}\n"


def test_the_command_line_starts_without_the_kits_libraries() -> None:
    heavy = ("httpx", "hypothesis", "schemathesis", "numpy", "jsonschema_rs", "pytest")
    code = f"import sys, relace_mock.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def suite(url: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The pytest suite, from an empty folder, as a user without a checkout runs it."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "-p", "relace_contract.pytest_options"),
            *("--pyargs", "relace_contract.server", "--relace-base-url", url, *options),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in ENVIRONMENT.items() if "PYTEST" not in name},
    )


def test_the_pytest_suite_passes_on_the_mock_on_two_workers(mock: str, tmp_path: Path) -> None:
    done = suite(mock, tmp_path, "--relace-examples", "2", "-n", "2")
    assert done.returncode == 0, done.stdout
    assert "125 passed, 3 skipped" in done.stdout


def test_the_pytest_suite_says_what_the_command_says(broken: str, tmp_path: Path) -> None:
    done = suite(broken, tmp_path, "--relace-api-key", KEY, "-k", "BIJ", "--relace-seed", "5")
    assert done.returncode == 1
    assert "1 failed, " in done.stdout
    assert "indexes [1] for 1 text; they should be 0 to 0" in done.stdout
    assert f"relace-mock verify-server {broken} --only BIJ-indexes --seed 5" in done.stdout
    assert KEY not in done.stdout


def test_the_pytest_suite_fails_for_what_it_noticed_in_passing(tmp_path: Path) -> None:
    with running(MUTANTS["json-as-text"]()) as url:
        done = suite(url, tmp_path, "--relace-api-key", KEY, "-k", "NEG-nan")
    assert done.returncode == 1
    assert "content type 'text/plain' is not application/json" in done.stdout


def test_the_pytest_suite_stops_at_once_where_nothing_answers(tmp_path: Path) -> None:
    done = suite("http://127.0.0.1:9/v1", tmp_path)
    assert done.returncode == 1
    assert "http://127.0.0.1:9/v1/code/embed does not answer" in done.stdout


def test_the_options_of_the_suite_are_not_forced_on_other_tests(tmp_path: Path) -> None:
    help_text: Any = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "--relace-base-url" not in help_text.stdout
