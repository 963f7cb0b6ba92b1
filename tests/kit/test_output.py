"""No text, console or closed pipe loses a report or causes a traceback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from relace_contract import reports
from relace_contract.judgement import Breach, Evidence, Judgement, Report, Result, not_run
from relace_contract.reports.text import breach_lines, show
from relace_contract.requirements import requirements
from tests.kit.broken_clients import program
from tests.kit.mutants import MUTANTS
from tests.kit.reference import KEY, Answer, Asked, Reference
from tests.kit.running import running
from tests.kit.test_command import ENVIRONMENT, Page, verify

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="redirects as a POSIX shell does")
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
#: Environments in which the console can show only few characters.
CONSOLES = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp932": {"PYTHONIOENCODING": "cp932"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
COMMAND = [sys.executable, "-m", "relace_mock"]
ALL_FORMS = ("r.xml", "r.json", "r.html")


class Foreign(Reference):
    """A server whose messages have characters that consoles lack, and whose indexes are wrong."""

    def index(self, place: int) -> int:
        return place + 1

    def refused(self, _asked: Asked, answer: Answer) -> Answer:
        return Answer(422, "“ты” 漢字 🦀 \u2028 \x9b31m \x07 é", answer.headers)


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    with running(Foreign()) as url:
        yield url


def options(folder: Path) -> list[str]:
    return [word for name in ALL_FORMS for word in ("--report", str(folder / name))]


def complete(folder: Path) -> bool:
    """Whether there are three valid reports; what they say of their run."""
    ET.fromstring((folder / "r.xml").read_bytes())  # noqa: S314 - our own file
    page = Page((folder / "r.html").read_bytes().decode())
    assert page.open == []
    content = json.loads((folder / "r.json").read_bytes().decode())
    return bool(content["complete"])


@pytest.mark.parametrize("console", CONSOLES)
def test_a_server_that_says_anything_is_reported_on_any_console(
    console: str, foreign: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            *COMMAND,
            "verify-server",
            foreign,
            "--api-key",
            KEY,
            "--only",
            "BIJ,NEG-nan",
            *options(tmp_path),
        ],
        capture_output=True,
        env=ENVIRONMENT | CONSOLES[console],
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert b"FAILS  2 checks: 422 where the contract says 400" in done.stdout
    assert b"seed 0" in done.stdout.splitlines()[-1]
    assert b"Traceback" not in done.stderr
    encoding = CONSOLES[console].get("PYTHONIOENCODING", "ascii").partition(":")[0]
    assert "\x07" not in done.stdout.decode(encoding)
    assert complete(tmp_path)


@pytest.mark.parametrize("console", ["cp932", "C"])
def test_a_client_with_any_name_is_reported_on_any_console(console: str, tmp_path: Path) -> None:
    file = tmp_path / "клиент.py"
    file.write_text(program("order-trusted"), encoding="utf-8")
    done = subprocess.run(
        [
            *COMMAND,
            "verify-client",
            "--stdio",
            shlex.join([sys.executable, str(file)]),
            "--only",
            "RSP-01",
            *options(tmp_path),
        ],
        capture_output=True,
        env=ENVIRONMENT | CONSOLES[console],
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert b"FAILS  RSP-01" in done.stdout
    assert b"Traceback" not in done.stderr
    assert complete(tmp_path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["scenario", "list", "--scenarios", "."], 0),
        (["scenario", "show", "fremd.yaml"], 0),
        (["scenario", "check", "fremd.yaml"], 0),
        (["scenario", "check", "漢字.yaml"], 1),
        (["scenario", "show", "🦀"], 2),
        (["embed", "--file", "漢字.txt"], 2),
        (["embed", "🦀"], 0),
        (["serve", "--scenario", "🦀.yaml"], 2),
        (["serve", "--rate-limit", "漢字"], 2),
        (["verify-server", "漢字"], 2),
        (["verify-client", "--stdio", "漢字"], 2),
        (["--help"], 0),
        (["serve", "--help"], 0),
        (["verify-server", "--help"], 0),
    ],
    ids=ascii,
)
def test_every_command_says_what_it_has_to_say_on_any_console(
    words: list[str], code: int, tmp_path: Path
) -> None:
    """In the C locale, where arguments come undecoded, too."""
    (tmp_path / "fremd.yaml").write_text(
        'name: fremd\ndescription: "“ты” 漢字 🦀"\nsteps: [{status: 500}]\n', encoding="utf-8"
    )
    if code == 1:
        (tmp_path / "漢字.yaml").write_text("{", encoding="utf-8")
    done = subprocess.run(
        [os.fsencode(word) for word in [*COMMAND, *words]],
        capture_output=True,
        env=ENVIRONMENT | CONSOLES["C"],
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"".join([done.stdout, done.stderr]).strip()


@POSIX
@pytest.mark.parametrize(
    ("kind", "redirection"),
    [
        ("server", "| head -n 1"),
        ("server", "2>&1 | true"),
        ("server", ">&-"),
        ("server", "2>&-"),
        ("server", ">&- 2>&-"),
        pytest.param("server", ">/dev/full 2>&1", marks=FULL),
        ("client", "2>&1 | true"),
        ("client", ">&- 2>&-"),
    ],
)
def test_a_reader_that_is_gone_costs_no_report(
    kind: str, redirection: str, foreign: str, tmp_path: Path
) -> None:
    if kind == "server":
        words = ["verify-server", foreign, "--api-key", KEY, "--only", "BIJ,NEG"]
    else:
        client = shlex.join([sys.executable, "-m", "relace_contract.adapters.examples.reference"])
        words = ["verify-client", "--stdio", client, "--only", "REQ-02,REQ-04"]
    line = shlex.join([*COMMAND, *words, *options(tmp_path)])
    done = subprocess.run(
        ["/bin/sh", "-c", f"({line}; echo $? > code) {redirection}"],
        capture_output=True,
        env=ENVIRONMENT,
        cwd=tmp_path,
        check=False,
    )
    assert complete(tmp_path)
    assert (tmp_path / "code").read_text() == ("1\n" if kind == "server" else "0\n")
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception ignored" not in done.stderr + done.stdout


@POSIX
@pytest.mark.parametrize("words", [["scenario", "list"], ["embed", "a"], ["--help"]], ids=str)
def test_every_command_bears_a_reader_that_is_gone(words: list[str], tmp_path: Path) -> None:
    """The pipe has no reader from the start, so that nothing depends on time."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, *words], stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
    )
    os.close(writer)
    assert done.returncode in {1, 2}  # click itself ends with 1
    assert len(done.stderr.splitlines()) <= 1 and b"Traceback" not in done.stderr


EVERY = "".join(map(chr, [*range(0x300), 0x2028, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x1F980, 0x1FFFE]))


def report_of(text: str) -> Report:
    """A report that has a text in every place where foreign text can be."""
    asked = requirements("server")
    finding = Breach("NEG-nan", text, (Evidence(text, text, text),), text)
    results = (
        Result(asked["NEG-nan"], Judgement.FAILS, (finding,)),
        Result(asked["NEG-deep"], Judgement.WARNS, (finding,)),
        Result(asked["RL-headers"], Judgement.NOT_CLAIMED, note=text),
        Result(asked["NEG-input-string"], Judgement.INFORMS, note=text),
    )
    return Report(text, 0, results, 1.0, (text,), incomplete=text)


def test_every_report_is_valid_whatever_text_is_in_it(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ALL_FORMS]
    reports.save(paths, report_of(EVERY))
    assert not complete(tmp_path)
    page = paths[2].read_bytes().decode()
    assert all(char.isprintable() or char == "\n" for char in page)
    content = json.loads(paths[1].read_bytes())
    content["subject"].encode()  # no lone surrogate is left
    assert "\\ud800" in content["subject"] and "\x07" in content["subject"]


def test_what_a_terminal_obeys_never_reaches_it(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(EVERY)
    show(report)
    lines = [line for one in report.results for line in breach_lines(one)]
    shown = capsys.readouterr().out + "".join(lines)
    assert all(char.isprintable() or char == "\n" for char in shown)


@pytest.mark.parametrize("kind", ["folder that is not there", "read-only", "full disk"])
def test_a_report_that_cannot_be_written_is_said_before_the_run(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    if kind == "folder that is not there":
        path = tmp_path / "no" / "r.xml"
    elif kind == "read-only":
        if os.name == "nt" or os.geteuid() == 0:
            pytest.skip("nothing is read-only for this user")
        path.touch(mode=0o400)
    else:
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        path.symlink_to("/dev/full")
    app = Reference()
    with running(app) as url:
        done = verify(url, "--api-key", KEY, "--report", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"relace-mock: cannot write the report {path}: ")
    assert app.served == 0


def test_reports_are_there_before_the_summary_is_printed(foreign: str, tmp_path: Path) -> None:
    """A full pipe holds the summary back; the reports are complete all the same."""
    words = ["verify-server", foreign, "--api-key", KEY, "--only", "BIJ,NEG", *options(tmp_path)]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert process.stdout is not None
    assert process.stdout.read(1)
    assert complete(tmp_path)
    process.communicate()


def test_a_run_that_cannot_start_leaves_no_report_of_an_earlier_one(tmp_path: Path) -> None:
    reports.save([tmp_path / name for name in ALL_FORMS], Report("old", 0, (), 0.0))
    assert complete(tmp_path)
    done = verify("http://127.0.0.1:9/v1", *options(tmp_path), "--only", "NEG-nan")
    assert done.returncode == 2
    assert not complete(tmp_path)
    root = ET.parse(tmp_path / "r.xml").getroot()  # noqa: S314 - our own file
    assert root.get("errors") == "1"
    content = json.loads((tmp_path / "r.json").read_bytes())
    assert content["exit_code"] == 2
    assert "does not answer" in content["incomplete"]
    assert content["checks"][0]["outcome"] == "not run"
    assert "Incomplete" in (tmp_path / "r.html").read_text(encoding="utf-8")


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("kind", ["server", "client"])
def test_the_report_of_a_run_that_was_stopped_says_that_it_is_incomplete(
    kind: str, name: str, tmp_path: Path
) -> None:
    with running(MUTANTS["index-from-one"]()) as url:
        if kind == "server":
            words = ["verify-server", url, "--api-key", KEY, "--examples", "100000"]
        else:
            file = tmp_path / "client.py"
            file.write_text(program(None), encoding="utf-8")
            client = shlex.join([sys.executable, str(file)])
            # Two checks are short; the others would take many seconds.
            only = "REQ-02,RSP-01,RSP-11,RET-11"
            words = ["verify-client", "--stdio", client, "--only", only, "--examples", "100000"]
        process = subprocess.Popen(
            [*COMMAND, *words, *options(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        assert process.stderr is not None
        for line in process.stderr:  # until some checks have ended
            if b"/" in line.partition(b"]")[0] and line.startswith(b"["):
                break
        process.send_signal(getattr(signal, name))
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert b"Traceback" not in errors
    assert not complete(tmp_path)
    content = json.loads((tmp_path / "r.json").read_bytes())
    assert content["exit_code"] == 2
    assert content["counts"]["not run"] > 0
    if name == "SIGKILL":
        return
    assert process.returncode == 2
    assert content["incomplete"] == "the run was stopped"
    assert content["counts"]["not run"] < len(content["checks"])
    assert b"INCOMPLETE: the run was stopped" in output


def test_what_was_done_before_a_run_was_stopped_is_kept() -> None:
    asked = requirements("server")
    done = Result(asked["BIJ-indexes"], Judgement.FAILS)
    report = not_run("s", 0, [asked["BIJ-indexes"], asked["NEG-nan"]], "why", [done])
    assert [one.judgement for one in report.results] == [Judgement.FAILS, Judgement.NOT_RUN]
    assert report.exit_code == 2
