"""A call reports whatever its client did wrong, and the next call gets a new process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relace_contract.adapters import process
from relace_contract.adapters.command import Command
from relace_contract.adapters.in_process import InProcess, load
from relace_contract.adapters.protocol import (
    Adapter,
    AdapterError,
    Call,
    Ending,
    identity,
    understood,
)
from relace_contract.adapters.stdio import Stdio
from relace_contract.client.options import ClientOptions
from relace_contract.client.verify import verify
from relace_contract.judgement import CannotRun, Judgement

CALL = Call(base_url="http://127.0.0.1:9/v1", api_key="rlc-x", input=("a",))
OK = '{"outcome": "ok", "embeddings": [[0.5]], "total_tokens": 1}'
#: Answers `start`, then misbehaves in the first call only; a file marks that it has.
_STDIO = """
import json, os, sys, time
def say(message, **answer):
    print(json.dumps({{"seq": message["seq"], **answer}}), flush=True)
first = not os.path.exists({marker!r})
for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "start":
        say(message, client="odd", features=[])
    elif message["cmd"] == "embed":
        if first:
            open({marker!r}, "w").close()
            first = False
            {does}
        say(message, outcome="ok", embeddings=[[0.5]], total_tokens=1)
"""
MISDEEDS = {
    "sys.exit(3)": (Ending.CRASH, "ended with exit code 3"),
    "os.close(1); time.sleep(60)": (Ending.CRASH, "closed its standard output"),
    "time.sleep(60)": (Ending.HANG, "the client sent no answer within 1 seconds"),
    "print('debugging', flush=True)": (
        Ending.BABBLE,
        "protocol only, but the client printed debug",
    ),
    "print('[1, 2]', flush=True)": (Ending.BABBLE, 'must answer with "seq": 2'),
    "message['seq'] = 1": (Ending.BABBLE, 'must answer with "seq": 2'),
    "say(message, outcome='fine')": (Ending.BABBLE, '"outcome" "ok" or "error"'),
    "say(message, outcome='ok', embeddings=[0.5])": (Ending.BABBLE, "a list of lists"),
    "say(message, outcome='error', kind='oops')": (Ending.BABBLE, '"kind" must be one of'),
    "say(message, outcome='error', kind='other', status='4')": (Ending.BABBLE, '"status" must'),
    "while True: sys.stdout.write('x' * 65536)": (Ending.BABBLE, "more than 1,000,000 bytes"),
}


def stdio(tmp_path: Path, does: str) -> Stdio:
    script = _STDIO.format(marker=str(tmp_path / "called"), does=does)
    return Stdio(shlex.join([sys.executable, "-c", script]))


@pytest.mark.parametrize("does", MISDEEDS)
def test_a_call_reports_a_broken_answer_and_the_next_call_succeeds(
    does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ANSWER_LIMIT", 1_000_000)
    monkeypatch.setattr(process, "MANNERS", 0.2)
    outcome, words = MISDEEDS[does]
    client = stdio(tmp_path, does)
    try:
        assert client.start().client == "odd"
        said = client.embed(CALL, 1.0)
        assert said.ending is outcome
        assert words in said.message
        assert client.embed(CALL, 10.0).embeddings == [[0.5]]
    finally:
        client.close()


def test_what_is_printed_after_an_answer_is_told_at_the_next_call(tmp_path: Path) -> None:
    twice = "say(message, outcome='ok', embeddings=[[0.5]], total_tokens=1)"
    client = stdio(tmp_path, twice)
    try:
        client.start()
        assert client.embed(CALL, 5.0).ending is Ending.OK
        deadline = time.monotonic() + 5
        assert client._child is not None
        while not client._child.unasked():
            assert time.monotonic() < deadline
        said = client.embed(CALL, 5.0)
        assert (said.ending, "before it was asked" in said.message) == (Ending.BABBLE, True)
    finally:
        client.close()


def test_a_client_that_cannot_start_is_told_with_the_end_of_its_standard_error() -> None:
    """A traceback ends with the reason."""
    program = "import sys; print('where\\n' * 200, 'the reason', file=sys.stderr); sys.exit(1)"
    client = Stdio(shlex.join([sys.executable, "-c", program]))
    with pytest.raises(AdapterError, match=r"exit code 1 instead of answering: ….* the reason$"):
        client.start()


def test_standard_error_belongs_to_the_call(tmp_path: Path) -> None:
    client = stdio(tmp_path, "print('a warning', file=sys.stderr, flush=True); time.sleep(0.2)")
    try:
        client.start()
        assert "a warning" in client.embed(CALL, 5.0).errors
        assert client.embed(CALL, 5.0).errors == ""
    finally:
        client.close()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-command-here", "cannot start 'no-such-command-here'"),
        ("", "the command is empty"),
        (f"{sys.executable} -c 'import no_such_module'", "No module named 'no_such_module'"),
        (f"{sys.executable} -c 'print(1)'", "printed 1"),
        (
            f"""{sys.executable} -c 'input(); print("{{\\"seq\\": 1}}")'""",
            'must answer "start"',
        ),
    ],
    ids=["unknown", "empty", "dies", "no protocol", "no name"],
)
def test_a_client_that_does_not_start_is_one_clear_line(command: str, words: str) -> None:
    with pytest.raises(CannotRun) as caught:
        verify(ClientOptions(way="stdio", client=command), lambda _: None, lambda: Stdio(command))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_feature_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(AdapterError, match="unknown feature 'retries'; the features are retry, "):
        identity({"client": "x", "features": ["retries"]})


def test_counts_may_be_written_as_javascript_writes_large_ones() -> None:
    said = understood({"outcome": "ok", "embeddings": [], "total_tokens": 9.007199254740991e15})
    assert said.total_tokens == 2**53 - 1


COMMANDS: dict[str, tuple[Ending, str]] = {
    f"echo '{OK}'": (Ending.OK, ""),
    "exit 7": (Ending.CRASH, "its exit code is 7"),
    "sleep 60": (Ending.HANG, "did not end within 1 seconds"),
    "echo hello": (Ending.BABBLE, "printed hello"),
    "cat /dev/zero": (Ending.BABBLE, "its answer has more than 1,000,000 bytes"),
}


@pytest.mark.parametrize("script", COMMANDS)
def test_a_command_is_judged_by_what_it_prints(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ANSWER_LIMIT", 1_000_000)
    outcome, words = COMMANDS[script]
    client = Command(shlex.join(["sh", "-c", script]), ["retry"])
    assert client.start().features == {"retry"}
    said = client.embed(CALL, 1.0)
    assert said.ending is outcome
    assert words in said.message


def test_a_command_has_the_call_without_what_is_in_its_environment() -> None:
    script = 'cat >&2; echo "$RELACE_BASE_URL $RELACE_API_KEY" >&2'
    said = Command(shlex.join(["sh", "-c", script])).embed(CALL, 5.0)
    assert '"input":["a"]' in said.errors and "base_url" not in said.errors
    assert "http://127.0.0.1:9/v1 rlc-x\n" in said.errors


def test_a_command_that_is_not_there_does_not_start() -> None:
    with pytest.raises(AdapterError, match="command 'no-such-command-here' not found"):
        Command("no-such-command-here").start()


def _raises(_: Any) -> Any:
    raise ValueError("oh")


def _leaves(_: Any) -> Any:
    sys.exit(4)


def _hangs(_: Any) -> Any:
    time.sleep(3)


async def _awaited(_: Any) -> Any:
    return {"outcome": "ok", "embeddings": [], "total_tokens": 0}


@pytest.mark.parametrize(
    ("client", "outcome", "words"),
    [
        (_raises, Ending.CRASH, "the client raised ValueError: oh"),
        (_leaves, Ending.CRASH, "the client raised SystemExit: 4"),
        (_hangs, Ending.HANG, "the client sent no answer within 0.2 seconds"),
        (_awaited, Ending.OK, ""),
        (lambda _: 5, Ending.BABBLE, "an answer must be an object"),
    ],
)
def test_a_callable_is_judged_by_what_it_gives(
    client: Callable[..., Any], outcome: Ending, words: str
) -> None:
    said = InProcess(client).embed(CALL, 0.2)
    assert said.ending is outcome
    assert words in said.message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("json", "must be MODULE:NAME"),
        ("no_such_module:x", "cannot import no_such_module:x: No module named"),
        ("json:no_such_name", "has no attribute 'no_such_name'"),
        ("json:__name__", "json:__name__ is not callable: name a function or class"),
    ],
)
def test_a_name_that_means_no_callable_is_told(name: str, words: str) -> None:
    with pytest.raises(AdapterError, match=words):
        load(name)


def test_each_thread_has_an_instance_of_a_class() -> None:
    made: list[object] = []

    class Client:
        def __init__(self) -> None:
            made.append(self)

        def __call__(self, message: dict[str, Any]) -> dict[str, Any]:
            return {"client": "class"} if message["cmd"] == "start" else {}

    for _ in range(2):
        client = InProcess(Client)
        client.start()
        client.close()
    assert len(made) == 2


def test_crashes_and_hangs_are_findings_and_the_run_goes_on() -> None:
    def adapter() -> Adapter:
        return InProcess(_dies)

    report = verify(ClientOptions(way="python", client="x", only=("ERR",)), lambda _: None, adapter)
    assert [one.judgement for one in report.results[:2]] == [Judgement.FAILS, Judgement.FAILS]
    assert "crash: the client raised RuntimeError" in report.results[0].breaches[0].problem


def _dies(message: dict[str, Any]) -> dict[str, Any]:
    if message["cmd"] == "start":
        return {"client": "dies"}
    raise RuntimeError


def test_a_client_that_always_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relace_contract.client.case._LIMIT", 0.1)

    def silent(message: dict[str, Any]) -> Any:
        return {"client": "silent"} if message["cmd"] == "start" else time.sleep(1)

    wanted = ClientOptions(way="python", client="x", only=("BAD", "ERR"), jobs=1)
    report = verify(wanted, lambda _: None, lambda: InProcess(silent))
    given_up = [one for one in report.results if "stopped answering" in str(one.breaches)]
    assert len(given_up) == len(report.results) - 4
    assert report.exit_code == 1


#: Starts a process in a new session, which keeps the client's output open, and prints its id.
_DAEMON = """
import subprocess, sys
held = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                        start_new_session={alone}, stdin=subprocess.DEVNULL)
open({file!r}, "w").write(str(held.pid))
"""


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Callable[[bool], str]]:
    """Python code that leaves a daemon behind; the daemon is ended after the test."""
    file = tmp_path / "daemon"
    yield lambda alone: _DAEMON.format(alone=alone, file=str(file))
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(file.read_text()), signal.SIGKILL)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


LINUX = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")


@LINUX
@pytest.mark.parametrize("alone", [True, False], ids=["own session", "same group"])
def test_a_command_that_leaves_a_daemon_is_not_waited_for(
    alone: bool, daemons: Callable[[bool], str], tmp_path: Path
) -> None:
    """The limit is far away: were the daemon waited for, the call would be a hang."""
    client = Command(shlex.join([sys.executable, "-c", f"{daemons(alone)}\nprint('{OK}')"]))
    said = client.embed(CALL, 60.0)
    assert said.ending is Ending.OK, said.message
    pid = int((tmp_path / "daemon").read_text())
    deadline = time.monotonic() + 10
    while alive(pid) is not alone:  # the system takes a moment to end the daemon
        assert time.monotonic() < deadline
    assert any(f"(process {pid})" in name for name in client.left) is alone


@LINUX
@pytest.mark.parametrize("ends", [True, False], ids=["dies", "is ended"])
def test_a_client_of_many_calls_that_leaves_a_daemon_is_not_waited_for(
    ends: bool, daemons: Callable[[bool], str], tmp_path: Path
) -> None:
    code = f"exec({daemons(True)!r}); {'sys.exit(3)' if ends else 'pass'}"
    client = stdio(tmp_path, code)
    client.start()
    said = client.embed(CALL, 60.0)
    client.close()
    assert said.ending is (Ending.CRASH if ends else Ending.OK), said.message
    pid = int((tmp_path / "daemon").read_text())
    assert any(f"(process {pid})" in name for name in client.left)


@LINUX
def test_the_report_names_what_a_client_left_behind(
    daemons: Callable[[bool], str], tmp_path: Path
) -> None:
    command = shlex.join([sys.executable, "-c", f"{daemons(True)}\nprint('{OK}')"])
    options = ClientOptions(way="command", client=command, only=("ERR-06",))
    report = verify(options, lambda _: None)
    pid = int((tmp_path / "daemon").read_text())
    assert f"(process {pid})" in report.facts[1]
