"""``relace-mock run`` as a wrapper: exit codes, signals, standard streams, its own failures."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs import RUN, environment, python, run
from tests.steering import until
from tests.test_run_clients import START

pytestmark = pytest.mark.usefixtures("measured")

ASK = START + "import httpx; print(httpx.post(url, json=body, headers=fields).status_code)"


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_the_exit_code_of_the_command_passes_through(code: int, tmp_path: Path) -> None:
    ended = run(tmp_path, "--", "sh", "-c", f"exit {code}")
    assert ended.code == ended.report["exit_code"] == code
    assert f"COMMAND ended with exit code {code}\n" in ended.errors


def test_a_signal_that_ends_the_command_becomes_128_and_its_number(tmp_path: Path) -> None:
    ended = run(tmp_path, "--", "sh", "-c", "kill -KILL $$")
    assert ended.code == 128 + signal.SIGKILL


def test_standard_input_and_output_are_those_of_the_command_alone(tmp_path: Path) -> None:
    ended = run(tmp_path, "--", "cat", said="a\nb")
    assert (ended.code, ended.output) == (0, "a\nb")
    assert all(line.startswith("relace-mock: ") for line in ended.errors.splitlines())


def test_the_command_needs_no_dashes_before_it(tmp_path: Path) -> None:
    assert run(tmp_path, "--seed", "1", "sh", "-c", "exit 4", "--strict").code == 4


@pytest.mark.parametrize(
    ("command", "code", "problem"),
    [
        (["no-such-command"], 127, "there is no such command"),
        (["./no-such-file"], 127, "there is no such command"),
        (["./plain"], 126, "the command cannot start: Permission denied"),
        (["."], 126, "the command cannot start: Permission denied"),
    ],
)
def test_a_command_that_cannot_start_ends_like_in_a_shell(
    command: list[str], code: int, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "plain").touch(mode=0o644)
    ended = run(tmp_path, "--", *command)
    assert (ended.code, ended.errors) == (code, f"relace-mock: {problem}\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Missing argument 'COMMAND...'"),
        (["--no-such-option", "--", "true"], "No such option"),
        (["--scenario", "no-such-scenario", "--", "true"], "no-such-scenario"),
        (["--dimensions", "7", "--", "true"], "dimensions must be a multiple of 8"),
        (["--report", "no/such/report.json", "--", "true"], "--report: there is no folder"),
        (["--host", "192.0.2.9", "--", "true"], "192.0.2.9 is not an address of this machine"),
    ],
)
def test_a_failure_of_the_run_itself_is_one_line_and_125(
    arguments: list[str], problem: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*RUN, *arguments],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (125, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("relace-mock: ") and problem in line


def test_without_trustme_a_run_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "trustme.py").write_text("raise ImportError")
    ended = run(tmp_path, "--", "true", variables={"PYTHONPATH": str(tmp_path)})
    assert ended.code == 125
    assert ended.errors.splitlines()[-1] == (
        "relace-mock: `run` needs the package trustme, which makes certificates: "
        "install it with pip install 'relace-mock[run]'"
    )


def test_a_proxy_of_another_kind_is_refused_without_its_password(tmp_path: Path) -> None:
    variables = {"ALL_PROXY": "socks5://me:secret@127.0.0.1:1080"}
    ended = run(tmp_path, "--", "true", variables=variables)
    assert (ended.code, ended.errors) == (
        125,
        "relace-mock: ALL_PROXY is not the URL of an HTTP proxy: write http://HOST:PORT, or unset it\n",
    )
    assert run(tmp_path, "--block-others", "--", "true", variables=variables).code == 0


def test_a_command_without_a_request_is_reported_and_fails_if_strict(tmp_path: Path) -> None:
    ended = run(tmp_path, "--", "true")
    assert ended.code == 0
    assert "COMMAND made no request to Relace" in ended.errors
    assert ended.report["verdict"] is None
    assert run(tmp_path, "--strict", "--", "true").code == 1
    assert run(tmp_path, "--strict", "--", "sh", "-c", "exit 5").code == 5


def test_a_client_that_was_not_caught_is_said_and_fails_if_strict(tmp_path: Path) -> None:
    code = f"""
import httpx, ssl
ssl.SSLContext.load_verify_locations = lambda *_, **__: None  # it trusts nothing new
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
{START}
try:
    httpx.post(url, verify=context)
except httpx.ConnectError:
    httpx.get(os.environ["RELACE_MOCK_URL"])
"""
    ended = run(tmp_path, "--strict", *python(code))
    assert ended.code == 1
    assert (
        "connections that did not reach the mock, because the client did not trust its certificate: "
        "embeddings.endpoint.relace.run (1)\n"
    ) in ended.errors


def test_a_strict_run_fails_if_the_verdict_is_not_ok(tmp_path: Path) -> None:
    assert run(tmp_path, "--strict", *python(ASK)).code == 0
    wrong = ASK.replace('"model": "relace-embed-v1", ', "")
    ended = run(tmp_path, "--strict", *python(wrong))
    assert (ended.code, ended.output) == (1, "400\n")
    assert "relace-mock: verdict: NOT ok\n" in ended.errors
    assert "fail: contract_violation: " in ended.errors
    assert run(tmp_path, *python(wrong)).code == 0


def test_the_summary_counts_requests_by_status(tmp_path: Path) -> None:
    code = ASK + "\n" + ASK.replace('["a"]', '["b"]')
    ended = run(tmp_path, "--scenario", "rate-limited-twice", *python(code + "\n" + ASK))
    assert ended.output == "429\n429\n200\n"
    assert "relace-mock: requests to Relace: 3 (1 x 200, 2 x 429)\n" in ended.errors
    assert ended.report["requests"] == {
        "total": 3,
        "by_status": {"200": 1, "429": 2},
        "without_answer": 0,
        "dropped": 0,
    }


def test_the_options_of_serve_work_from_their_variables_too(tmp_path: Path) -> None:
    ended = run(tmp_path, *python(ASK), variables={"RELACE_MOCK_SCENARIO": "server-error"})
    assert ended.output == "500\n"


def test_the_access_log_goes_to_standard_error_if_asked_for(tmp_path: Path) -> None:
    assert "  200  " not in run(tmp_path, *python(ASK)).errors
    ended = run(tmp_path, "--access-log", *python(ASK))
    assert "  200  " in ended.errors and ended.output == "200\n"


def test_a_mock_with_tls_or_on_every_address_works_as_well(tmp_path: Path) -> None:
    import trustme  # noqa: PLC0415 - this test alone

    certificate = tmp_path / "own.pem"
    trustme.CA().issue_cert("own").private_key_and_cert_chain_pem.write_to_path(certificate)
    ended = run(tmp_path, "--ssl-certfile", str(certificate), "--host", "0.0.0.0", *python(ASK))  # noqa: S104 - on purpose
    assert (ended.code, ended.output, ended.statuses) == (0, "200\n", {"200": 1}), ended.errors


def test_the_command_can_steer_the_mock_and_empty_its_journal(tmp_path: Path) -> None:
    """Afterwards an empty journal does not mean that no request was made."""
    steer = (
        "import os; root = os.environ['RELACE_MOCK_URL'].removesuffix('/v1')\n"
        "httpx.delete(root + '/_mock/requests').raise_for_status()"
    )
    ended = run(tmp_path, *python(f"{ASK}\n{steer}"))
    assert ended.code == 0, ended.errors
    assert "requests to Relace: 0 (the journal was emptied)" in ended.errors


def test_no_file_is_left_behind(tmp_path: Path) -> None:
    code = "import os; print(*os.listdir(os.environ['TMPDIR']), sep='\\n')"
    folder = tmp_path / "temporary"
    folder.mkdir()
    ended = run(tmp_path, *python(code), variables={"TMPDIR": str(folder)})
    assert re.fullmatch(r"relace-mock-run-\w+\n", ended.output)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_command_runs_ends_the_run_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*RUN, "--", "sh", "-c", "echo begun"],
        env=environment({"TMPDIR": str(tmp_path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: list(tmp_path.iterdir()), "the folder of the run")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (128 + number, "") or output == "begun\n"
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_folder_of_the_run_is_made_leaves_nothing(tmp_path: Path) -> None:
    """Nobody outside can meet the moment in which the folder exists and nothing removes it."""
    code = """
import os, signal, sys, tempfile
make = tempfile.mkdtemp
def make_slowly(*args, **options):
    folder = make(*args, **options)
    os.kill(os.getpid(), signal.SIGTERM)
    return folder
tempfile.mkdtemp = make_slowly
from relace_mock.cli import main
sys.argv[1:] = ["run", "--", "sh", "-c", "echo begun"]
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment({"TMPDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout) == (128 + signal.SIGTERM, ""), run.stderr
    assert list(tmp_path.iterdir()) == []


def heed_signals() -> None:
    """Do not ignore the signals that background jobs of a shell ignore: the tests may be one."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Running:
    """A run whose command has started, and printed that it has."""

    def __init__(self, folder: Path, code: str, *, alone: bool = True) -> None:
        self.process = subprocess.Popen(
            [*RUN, *python(code)],
            env=environment(),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=alone,  # without a terminal
            preexec_fn=heed_signals,  # noqa: PLW1509 - the tests have no other thread here
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output


HANDLES = """
import os, signal, sys, time
def handle(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(7)
signal.signal(signal.{0}, handle)
print("begun", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGQUIT"])
def test_a_signal_passes_to_the_command_whose_exit_code_counts(name: str, tmp_path: Path) -> None:
    number = signal.Signals[name]
    before = signal.signal(number, signal.SIG_DFL)  # under nohup, the mock would ignore SIGHUP
    try:
        running = Running(tmp_path, HANDLES.format(name))
    finally:
        signal.signal(number, before)
    running.process.send_signal(number)
    assert running.end() == (7, f"{name}\n")


def test_a_signal_while_the_command_starts_is_not_lost() -> None:
    """Nobody outside can meet the moment between the start and the return of the call."""
    code = """
import asyncio, os, signal
from relace_mock.interception.command import run_command
start = asyncio.create_subprocess_exec
async def start_late(*command, **options):
    process = await start(*command, **options)
    os.kill(os.getpid(), signal.SIGQUIT)
    return process
asyncio.create_subprocess_exec = start_late
print(asyncio.run(run_command(["sleep", "60"], os.environ)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=heed_signals,
    )
    assert run.stdout == f"{128 + signal.SIGQUIT}\n", run.stderr


def test_a_signal_reaches_the_children_of_the_command_too(tmp_path: Path) -> None:
    """CI ends a job by a signal to the process that it started, and to no other."""
    child = HANDLES.format("SIGTERM")
    code = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: None)
sys.exit(subprocess.run([sys.executable, "-c", {child!r}]).returncode)
"""
    running = Running(tmp_path, code)
    running.process.terminate()
    assert running.end() == (7, "SIGTERM\n")


def test_a_signal_that_the_command_does_not_handle_ends_both(tmp_path: Path) -> None:
    running = Running(tmp_path, "import time; print('begun', flush=True); time.sleep(60)")
    running.process.terminate()
    assert running.end() == (128 + signal.SIGTERM, "")


def test_ctrl_c_in_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    code = """
import signal, sys, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print(f"begun {sys.stdin.isatty()}", flush=True)
while not seen:
    time.sleep(0.01)
signal.signal(signal.SIGALRM, lambda *_: (print(f"seen {len(seen)}", flush=True), sys.exit(9)))
signal.setitimer(signal.ITIMER_REAL, 0.5)
while True:
    time.sleep(0.01)
"""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another process
        os.chdir(tmp_path)
        os.execvpe(RUN[0], [*RUN, *python(code)], environment())  # noqa: S606 - a terminal needs exec
    said = b""
    while b"begun" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    try:
        while piece := os.read(terminal, 1000):
            said += piece
    except OSError:  # the terminal is closed
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert b"begun True" in said and b"seen 1\r\n" in said, said
    assert os.waitstatus_to_exitcode(status) == 9


def test_a_run_in_a_run_reaches_the_inner_mock(tmp_path: Path) -> None:
    inner = [
        *RUN,
        "--scenario",
        "server-error",
        *python(ASK.replace(").status", ", trust_env=False).status")),
    ]
    ended = run(tmp_path, "--", *inner)
    assert (ended.code, ended.output) == (0, "500\n"), ended.errors
    assert ended.statuses == {}


def test_python_goes_on_to_the_users_own_start_module(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.mine = 1")
    (tmp_path / "other.py").write_text("print('other')")
    code = "import other, sitecustomize, sys; print(mine, sitecustomize.__file__, sys.path[1])"
    ended = run(tmp_path, *python(code), variables={"PYTHONPATH": str(tmp_path)})
    assert ended.output == f"other\n1 {tmp_path}/sitecustomize.py {tmp_path}\n"


def test_a_python_program_that_uses_no_network_imports_no_more_than_usual(tmp_path: Path) -> None:
    code = "import sys; print(sorted(sys.modules.keys() & {'socket', 'ssl', 'json', 'asyncio'}))"
    assert run(tmp_path, *python(code)).output == "[]\n"


def test_node_keeps_the_users_own_options(node: str, tmp_path: Path) -> None:
    (tmp_path / "mine.cjs").write_text("console.log('mine')")
    variables = {"NODE_OPTIONS": f"--require={tmp_path}/mine.cjs"}
    ended = run(tmp_path, "--", node, "-e", "console.log('then')", variables=variables)
    assert ended.output == "mine\nthen\n"


def test_an_isolated_python_runs_without_the_hook(tmp_path: Path) -> None:
    code = ASK.replace(").status", ", trust_env=True).status")
    ended = run(tmp_path, "--", sys.executable, "-I", "-c", code)
    assert (ended.code, ended.output) == (0, "200\n"), ended.errors
