"""A signal stops ``serve`` with exit code 0 and no traceback, at any moment of its life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("measured")

SIGNALS = pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
# Starts the command like its script does, but first arranges that it sends itself a signal.
START = """
import os, signal, sys
def stop(*_, **__):
    os.kill(os.getpid(), signal.{number})
{moment}
sys.argv = ["relace-mock", "serve", "--port", "0", "--scenario", "flaky"]
from relace_mock.__main__ import main
main()
"""
AT_IMPORT = """
class Finder:
    def find_spec(self, name, *_):
        if name == "{name}":
            stop()
sys.meta_path.insert(0, Finder())
"""
AT_CALL = """
import {module}
def calling(before):
    def called(*arguments, **settings):
        stop()
        return before(*arguments, **settings)
    return called
{module}.{name} = calling({module}.{name})
"""


def stopped(moment: str, number: str) -> str:
    """Return the output of the command, after checking that the signal stopped it cleanly."""
    done = subprocess.run(
        [sys.executable, "-c", START.format(number=number, moment=moment)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@SIGNALS
@pytest.mark.parametrize(
    "name",
    [
        "relace_mock.cli",
        "click",
        "relace_mock.settings",
        "relace_mock.serving.server",
        "uvicorn",
        "asyncio",
        "numpy",
        "yaml",
        "relace_mock.pipeline",
        "relace_mock.scenario.model",
        "uvicorn.protocols.http.httptools_impl",
    ],
)
def test_a_signal_during_an_import_stops_serve(name: str, number: str) -> None:
    assert stopped(AT_IMPORT.format(name=name), number) == ""


@SIGNALS
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("socket", "create_server"),
        ("relace_mock.serving.server", "create_app"),
        ("relace_mock.serving.server", "Pipeline"),
        ("uvicorn", "Config"),
        ("uvicorn.Config", "load"),
        ("uvicorn.Config", "get_loop_factory"),
        ("uvicorn.Server", "startup"),
        ("uvicorn.Server", "on_tick"),
        ("uvicorn.Server", "shutdown"),
    ],
)
def test_a_signal_during_start_service_or_stop_stops_serve(
    module: str, name: str, number: str
) -> None:
    root = module.partition(".")[0]
    moment = AT_CALL.format(module=module, name=name)
    if module.startswith("uvicorn."):
        moment = moment.replace(f"import {module}", f"import {root}")
    if name == "shutdown":  # stopping begins only after a signal, so this one is the second
        moment += AT_CALL.format(module=module, name="on_tick").replace(
            f"import {module}", f"import {root}"
        )
    lines = stopped(moment, number).splitlines()
    assert all(line.startswith("relace-mock ready: ") for line in lines)
    assert len(lines) <= 1


@SIGNALS
def test_a_signal_right_after_the_ready_line_stops_serve(number: str) -> None:
    """The signal comes right after the ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(getattr(signal, number))
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_a_signal_stops_other_commands_with_one_line_and_exit_code_2() -> None:
    code = START.format(number="SIGINT", moment=AT_IMPORT.format(name="numpy")).replace(
        'sys.argv = ["relace-mock", "serve", "--port", "0", "--scenario", "flaky"]',
        'sys.argv = ["relace-mock", "embed", "a"]',
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (2, b"relace-mock: stopped")
