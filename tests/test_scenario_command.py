"""``relace-mock scenario``: list, show, check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relace_mock.scenario.library import Library

pytestmark = pytest.mark.usefixtures("measured")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_scenario_list_names_every_bundled_scenario_with_its_description() -> None:
    done = run("scenario", "list")
    assert done.returncode == 0
    assert (
        "rate-limited-twice                Two 429s with Retry-After, then normal service.\n"
        in (done.stdout)
    )


def test_scenario_show_describes_each_step() -> None:
    done = run("scenario", "show", "rate-limited-twice")
    assert done.stdout.splitlines() == [
        "rate-limited-twice: Two 429s with Retry-After, then normal service.",
        (
            "  step 0: 2 times: answers 429 Too Many Requests with its documented message, with "
            "Retry-After: 1"
        ),
        "  then normal service",
    ]


SCENARIO = """
rate_limit: {requests: 3, per: 60s, retry_after: true}
rules:
  - when: {input_contains: secret, would_be: [200, 429], header: {X-Team: search}}
    steps:
      - status: 400
        body: {error: refused by policy}
        times: forever
  - when: {input_matches: "a+", min_inputs: 2, attempt: 1}
    chance: 0.5
    repeat: true
    steps:
      - fault: truncate
        at: 0.25
      - mutate: [shuffle_results, omit_usage]
        delay: {uniform: [10ms, 200ms]}
        headers: {X-A: b, Server: null}
        times: 3
  - when: {model: m, output_dtype: binary, max_inputs: 9}
    steps:
      - status: 302
        headers: {Location: /elsewhere}
      - status: 299
        body_text: hi
      - fault: drip
        bytes_per_second: 10
        delay: {lognormal: {median: 100ms, sigma: 0.5}}
      - normal: true
"""


def test_scenario_show_describes_every_condition_and_every_key(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(SCENARIO)
    assert run("scenario", "show", str(path)).stdout.splitlines() == [
        "story",
        "  quota: 3 requests in 60 s, then 429, and Retry-After says how long to wait",
        (
            "  rule 0: if an input contains 'secret' and the request has X-Team: search and the "
            "answer would be 200 or 429"
        ),
        "    step 0: always: answers 400 Bad Request with the body {'error': 'refused by policy'}",
        "    and never anything else",
        (
            "  rule 1: if an input matches 'a+' and it has 2 inputs or more and it is attempt 1, "
            "with a chance of 0.5 (drawn by body)"
        ),
        "    step 0: once: closes after a part of the announced body, at 25% of the body",
        (
            "    step 1: 3 times: a 200 that lies: results out of order, each unchanged; usage is "
            "missing, after 0.01 to 0.2 s, with X-A: b, without Server"
        ),
        "    then again from step 0",
        "  rule 2: if the model is 'm' and output_dtype is binary and it has 9 inputs or fewer",
        "    step 0: once: answers 302 Found with no body, with Location: /elsewhere",
        "    step 1: once: answers 299 with a body of 2 bytes",
        (
            "    step 2: once: sends the body slowly, at bytes_per_second, after about 0.1 s "
            "(log-normal, sigma 0.5), 10 bytes a second"
        ),
        "    step 3: once: normal service",
        "    then normal service",
        "  any other request: normal service",
        (
            r"  patterns are RE2 syntax: \w, \d, \s and \b know ASCII only, $ is the very end of the "
            "text, and there is no look-around"
        ),
    ]


def test_scenario_show_suggests_and_lists_names_for_an_unknown_one() -> None:
    done = run("scenario", "show", "flakey")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "relace-mock: there is no scenario 'flakey'; did you mean flaky? known are bad-gateway, "
    )


def test_scenario_check_names_the_place_of_each_mistake_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("steps: [{status: 500}]")
    (tmp_path / "bad.yaml").write_text("steps:\n  - status: 42\n")
    done = run("scenario", "check", str(tmp_path), str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{tmp_path}/bad.yaml:2:13: steps[0].status: must be a whole number from 200 to 599, not 42",
        f"{tmp_path}/good.yaml: good is good",
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory",
    ]
    assert run("scenario", "check", str(tmp_path / "good.yaml")).returncode == 0


def test_scenario_check_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The files are a link to itself, and a link to nowhere."""
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "nowhere.yaml").symlink_to("gone.yaml")
    (tmp_path / "good.yaml").write_text("steps: [{status: 500}]")
    done = run("scenario", "check", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/good.yaml: good is good" in done.stdout
    assert f"{tmp_path}/loop.yaml: cannot be read: Too many levels" in done.stdout
    assert f"{tmp_path}/nowhere.yaml: " in done.stdout


def test_scenarios_of_a_user_folder_are_listed_beside_the_bundled_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(
        '{"description": "My scenario.", "steps": [{"status": 500}]}'
    )
    assert "mine  " in run("scenario", "list", "--scenarios", str(tmp_path)).stdout
    shown = run("scenario", "show", "mine", "--scenarios", str(tmp_path))
    assert shown.stdout.startswith("mine: My scenario.\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: ok\nsteps: [{status: 500}]", "name: ok is also in "),
        ("steps: [{status: 5}]", "mine.yaml:1:18: steps[0].status: must be a whole number"),
    ],
)
def test_serve_refuses_a_bad_folder_of_scenarios_with_one_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    done = run("serve", "--port", "0", "--scenarios", str(tmp_path))
    assert done.returncode == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


LEAVINGS = [
    ".hidden.yaml",
    ".x.yaml.swp",
    ".#x.yaml",
    "#x.yaml#",
    "#x#.yaml",
    "x.yaml~",
    "x~.yaml",
    "._x.yaml",
    "~$x.yaml",
    "~x.yaml",
    "x_BACKUP_123.yaml",
    "x_BASE_123.yml",
    "x_LOCAL_123.yaml",
    "x_REMOTE_4567.json",
    "x.yaml.LOCAL.123.yaml",
    ".DS_Store",
    "4913",
    "x.yaml.tmp",
    "x.yaml.bak",
    "x.yaml.orig",
    "x.yaml___jb_tmp___",
    ".~lock.x.yaml#",
]


@pytest.fixture
def littered(tmp_path: Path) -> Path:
    """A folder with a scenario, and with the temporary files of editors and file managers."""
    for name in LEAVINGS:
        (tmp_path / name).write_text("steps: [no scenario")
    (tmp_path / ".#broken.yaml").symlink_to("user@host.1234:1")  # a lock of Emacs
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "mine.yaml").write_text("steps: [{status: 500}]")
    return tmp_path


def test_hidden_files_and_temporary_files_of_editors_are_ignored(littered: Path) -> None:
    done = run("scenario", "check", str(littered))
    assert (done.returncode, done.stdout) == (0, f"{littered}/mine.yaml: mine is good\n")
    listed = run("scenario", "list", "--scenarios", str(littered))
    assert listed.returncode == 0
    assert "mine  " in listed.stdout


def test_a_scenario_may_have_a_word_of_git_in_its_name(tmp_path: Path) -> None:
    for name in ("x_LOCAL.yaml", "LOCAL_1.yaml", "x_local_1.yaml"):
        (tmp_path / name).write_text("steps: [{status: 500}]")
    assert {"x_LOCAL", "LOCAL_1", "x_local_1"} <= set(Library(tmp_path).names())


def test_temporary_files_of_an_editor_trigger_no_reload(littered: Path) -> None:
    library = Library(littered)
    assert "mine" in library.names()
    (littered / ".mine.yaml.swp").write_text("vim")
    (littered / ".mine.yaml").write_text("steps: [")
    assert list(library.refresh()) == []


def test_a_hidden_file_is_read_when_it_is_named(littered: Path) -> None:
    assert run("scenario", "check", str(littered / ".hidden.yaml")).returncode == 1
