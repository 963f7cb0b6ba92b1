"""``running()``: a server in its own process, and what ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest

import relace_mock
from relace_mock import Settings
from relace_mock.keywords import SettingsKeywords
from tests.sockets import refuses_connections
from tests.steering import until

pytestmark = pytest.mark.usefixtures("measured")

BODY = {"model": "m", "input": ["a"]}
KEY = {"Authorization": "Bearer rlc-a-key-of-the-test"}


def ask(url: str) -> int:
    return httpx.post(f"{url}/code/embed", json=BODY, headers=KEY, timeout=60).status_code


@contextlib.contextmanager
def program(code: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program that is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_server_is_another_process_and_ends_with_the_block() -> None:
    before = servers()
    with relace_mock.running(thread=False, dimensions=8) as server:
        assert ask(server.base_url) == 200
        assert len(servers() - before) == 1
    assert servers() == before
    assert refuses_connections(server.base_url)


def servers() -> set[str]:
    """Return the lines of ``processes`` for servers that this process started."""
    own = str(os.getpid())
    return {
        line
        for line in processes()
        if line.split()[1] == own and "relace_mock.serving.child" in line
    }


def processes() -> list[str]:
    """List the id, parent and command of every process."""
    command = ["ps", "-eww", "-o", "pid=,ppid=,args="]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def environment_of(line: str) -> bytes:
    return Path(f"/proc/{line.split(maxsplit=1)[0]}/environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_list_of_processes_shows_no_keys_and_tokens() -> None:
    before = servers()
    with relace_mock.running(
        thread=False,
        dimensions=8,
        api_keys=("rlc-a-key-of-the-test",),
        control_token="t0ken-of-test",  # noqa: S106 - made up
    ) as server:
        (child,) = servers() - before
        for text in (child, environment_of(child).decode()):
            assert "rlc-a-key-of-the-test" not in text and "t0ken-of-test" not in text
        assert ask(server.base_url) == 200
        mock = server.control("rlc-a-key-of-the-test")
        assert [request.status for request in mock.requests] == [200]
        assert "rlc-a-key" not in f"{server!r} {mock!r}" and "t0ken" not in f"{server!r} {mock!r}"


def test_variables_of_the_shell_do_not_change_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They set a port in use, keys, a default scenario, and a folder that shadows modules."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("RELACE_MOCK_PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("RELACE_MOCK_API_KEY", "rlc-other")
        monkeypatch.setenv("RELACE_MOCK_SCENARIO", "no-such")
        monkeypatch.setenv("PYTHONWARNINGS", "error")
        for name in ("queue", "yaml", "uvicorn", "relace_mock"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
        monkeypatch.chdir(tmp_path)
        with relace_mock.running(thread=False, dimensions=8) as server:
            assert ask(server.base_url) == 200


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize(
    ("keywords", "problem", "message"),
    [
        ({"dimension": 8}, relace_mock.SettingsError, "'dimension' is not a setting: did you mean dimensions?"),
        ({"thred": True}, relace_mock.SettingsError, "did you mean thread?"),
        ({"zzz": 1}, relace_mock.SettingsError, "the settings are api_keys, "),
        ({"dimensions": 3}, relace_mock.SettingsError, "dimensions must be a multiple of 8"),
        ({"scenario": {"steps": []}}, relace_mock.SettingsError, "scenario must be a string"),
        ({"scenario": "flakey"}, relace_mock.SettingsError, "did you mean flaky?"),
        ({"scenario": "no/such.yaml"}, relace_mock.SettingsError, "such.yaml"),
        ({"scenarios": "folder"}, relace_mock.SettingsError, "scenarios must be a pathlib.Path"),
        ({"rate_limit": 3}, relace_mock.SettingsError, "such as '3/60s'"),
        ({"control_token": b"s3cret"}, relace_mock.SettingsError, "control_token must be a string, not bytes"),
        ({"host": 5}, relace_mock.SettingsError, "host must be a string such as 127.0.0.1, not 5"),
        ({"host": None}, relace_mock.SettingsError, "host must be a string such as 127.0.0.1, not None"),
        ({"port": "8080"}, relace_mock.SettingsError, "port must be from 0 to 65535, not '8080'"),
        ({"port": 8080.0}, relace_mock.SettingsError, "port must be from 0 to 65535, not 8080.0"),
        ({"host": "no.such.host.example"}, relace_mock.ServerError, "is not known"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_reported_in_one_line_with_the_right_form(
    thread: bool, keywords: dict[str, Any], problem: type[Exception], message: str
) -> None:
    with pytest.raises(problem) as caught, relace_mock.running(thread=thread, **keywords):
        pass
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize("thread", ["yes", 1, None])
def test_thread_must_be_true_or_false(thread: Any) -> None:
    message = f"thread must be True or False, not {thread!r}"
    with (
        pytest.raises(relace_mock.SettingsError, match=message),
        relace_mock.running(thread=thread),
    ):
        pass


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(relace_mock.ServerError, match="is in use"),
        relace_mock.running(thread=False, port=taken.getsockname()[1]),
    ):
        pass


def test_a_server_that_cannot_start_is_reported_with_its_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "uvicorn.py"
    broken.write_text("raise ImportError('uvicorn is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        pytest.raises(relace_mock.ServerError) as caught,
        relace_mock.running(thread=False),
    ):
        pass
    assert str(caught.value).startswith("the server process ended with exit code 1 before it was ")
    assert "ImportError: uvicorn is broken here; running(thread=True)" in str(caught.value)


WAITING = """
    import sys
    import relace_mock

    with relace_mock.running(dimensions=8) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_server_ends_when_its_parent_process_is_killed(number: int) -> None:
    with program(WAITING) as process:
        url = line_of(process)
        assert not refuses_connections(url)
        process.send_signal(number)
        process.wait()
        until(lambda: refuses_connections(url), "the end of the server")


def test_the_server_ends_though_a_regular_expression_is_at_work() -> None:
    """The pattern takes 900 instructions for each of 5 million bytes, which is most of a minute."""
    code = """
        import random
        import sys
        import httpx
        import relace_mock

        with relace_mock.running(dimensions=8) as server:
            mock = server.control("rlc-x")
            rule = {"when": {"input_matches": "a[ab]{900}c"}, "steps": [{"status": 500}]}
            mock.play({"rules": [rule]})
            print(server.base_url, flush=True)
            headers = {"Authorization": "Bearer rlc-x"}
            text = "".join(random.choices("ab", k=5_000_000))
            body = {"model": "m", "input": [text]}
            try:
                httpx.post(f"{server.base_url}/code/embed", json=body, headers=headers, timeout=1)
            except httpx.ReadTimeout:
                print("at work", flush=True)
            sys.stdin.read()
    """
    with program(code) as process:
        url = line_of(process)
        assert line_of(process) == "at work"
        process.kill()
        process.wait()
        until(lambda: refuses_connections(url), "the end of the server")


FORKS = """
    import os
    import sys
    import relace_mock

    with relace_mock.running(dimensions=8) as server:
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            {in_the_fork}
        print(server.base_url, pid, flush=True)
        os.read(ready, 1)
        print("after", flush=True)
        sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_that_leaves_the_block_does_not_stop_the_server() -> None:
    code = FORKS.format(in_the_fork="os.write(told, b'x') and sys.exit()")
    with program(code) as process:
        url, pid = line_of(process).split()
        assert line_of(process) == "after"
        until(lambda: f"{pid} " not in running_pids(), "the end of the fork")
        assert ask(url) == 200


def running_pids() -> str:
    return "\n".join(f"{line.split()[0]} " for line in processes() if "defunct" not in line)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_that_lives_on_does_not_keep_the_server_alive() -> None:
    code = FORKS.format(in_the_fork="os.write(told, b'x'), __import__('signal').pause()")
    with program(code) as process:
        url, pid = line_of(process).split()
        assert line_of(process) == "after"
        try:
            process.kill()
            process.wait()
            until(lambda: refuses_connections(url), "the end of the server")
        finally:
            os.kill(int(pid), signal.SIGKILL)


def test_ctrl_c_does_not_reach_the_server() -> None:
    code = """
        import relace_mock, signal, sys, time

        signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
        with relace_mock.running(dimensions=8) as server:
            print(server.base_url, flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its own process group, as the foreground job of a terminal has
    )
    try:
        url = line_of(process)
        os.killpg(process.pid, signal.SIGINT)
        assert line_of(process) == "interrupted"
        assert ask(url) == 200
    finally:
        process.kill()
        process.communicate()


def test_editors_and_type_checkers_know_every_setting() -> None:
    assert get_type_hints(SettingsKeywords) == get_type_hints(Settings)
