"""A signal stops ``serve`` with exit code 0 and no traceback, at any moment of its life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("measured")

SIGNALS = pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
# Starts the command as its script does; before, lets it send itself a signal at some moment.
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
    """What such a command prints until it has stopped, as it should."""
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
def test_while_it_imports(name: str, number: str) -> None:
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
def test_while_it_starts_serves_and_stops(module: str, name: str, number: str) -> None:
    root = module.partition(".")[0]
    moment = AT_CALL.format(module=module, name=name)
    if module.startswith("uvicorn."):
        moment = moment.replace(f"import {module}", f"import {root}")
    if name == "shutdown":  # it only begins after a signal: this one is the second
        moment += AT_CALL.format(module=module, name="on_tick").replace(
            f"import {module}", f"import {root}"
        )
    lines = stopped(moment, number).splitlines()
    assert all(line.startswith("relace-mock ready: ") for line in lines)
    assert len(lines) <= 1


@SIGNALS
def test_as_soon_as_it_is_ready(number: str) -> None:
    """The signal comes with the line that says so."""
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


def test_other_commands_are_stopped_as_commands_are() -> None:
    code = START.format(number="SIGINT", moment=AT_IMPORT.format(name="numpy")).replace(
        'sys.argv = ["relace-mock", "serve", "--port", "0", "--scenario", "flaky"]',
        'sys.argv = ["relace-mock", "embed", "a"]',
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (2, b"relace-mock: stopped")
