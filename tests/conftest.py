"""Servers, clients and settings that the tests share."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpcore  # noqa: F401 - as pytester drops it after a test, but httpx remembers it
import httpx
import pytest
from hypothesis import HealthCheck, settings

import relace_mock
import relace_mock.serving.server  # pytester unloads later imports, but NumPy loads only once
from relace_mock import RemoteControl, RunningServer

pytest_plugins = ["pytester"]
# A test must not fail because the machine is busy.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
# A server process takes a third of a second to start, and hundreds of tests start a server. Tests
# of the process itself say `thread=False`.
setattr(relace_mock, "running", functools.partial(relace_mock.running, thread=True))  # noqa: B010 - mypy takes no assignment to a function
# A shell starts background jobs with SIGINT ignored, and every child process inherits that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Every `httpx.Client` takes 30 ms to load the public certificate authorities, and the tests and
# the processes that they start make thousands. No test asks a public host: one authority will do.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "authority.pem")
# Tests start the commands of this environment: those of a version manager start slowly.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
JAVASCRIPT = Path(__file__).parent / "javascript"
#: Options for pytest inside pytest: skip plugins that load slowly and are not needed.
QUICKLY = tuple(
    f"-pno:{plugin}" for plugin in ("cacheprovider", "schemathesis", "hypothesispytest", "anyio")
)
KEY = {"Authorization": "Bearer rlc-test"}

#: Environment variables that make a Python process measure coverage.
COVERAGE = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
Serve = Callable[..., contextlib.AbstractContextManager["Process"]]


class Process:
    """A ``relace-mock serve`` process that has printed its ready line."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        assert self.popen.stdout is not None
        self.line = self.popen.stdout.readline()
        if not self.line:
            _, errors = self.popen.communicate()
            raise AssertionError(f"exit {self.popen.returncode}: {errors}")
        self.base_url = self.line.removeprefix("relace-mock ready: ").strip()


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from what imports made, and coverage out of new processes.

    The collector would need a tenth of a second each time to look at these objects.

    Measuring coverage doubles the start of a process. Other tests run most of the same code; the
    fixture ``measured`` measures the code that only processes run. Test modules that copy
    ``os.environ`` at import, as those of the kit's commands do, still measure their processes.
    """
    gc.collect()
    gc.freeze()
    for name in COVERAGE:
        os.environ.pop(name, None)


@pytest.fixture(scope="module")
def measured() -> Iterator[None]:
    """Measure coverage in the processes that the tests of a module start."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in COVERAGE.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Start ``relace-mock serve`` with options, and stop it at the end of the block."""

    @contextlib.contextmanager
    def start(*arguments: str, **environment: str) -> Iterator[Process]:
        process = Process(arguments, environment)
        try:
            yield process
        finally:
            process.popen.terminate()
            process.popen.communicate()

    return start


@pytest.fixture(scope="session", params=["httptools", "h11"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server with small limits, once with each HTTP parser of uvicorn."""
    with relace_mock.running(
        http=request.param, max_body=1_000_000, max_inputs=64, api_keys=("rlc-test", "rlc-other")
    ) as running:
        yield running


@pytest.fixture
def mock(running: RunningServer, request: pytest.FixtureRequest) -> RemoteControl:
    """Control of a key that only this test has, on the ``running`` server of its file."""
    return running.control(f"rlc-{abs(hash(request.node.nodeid))}")


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    """A client of ``server`` that keeps its connection and sends a good key."""
    with httpx.Client(base_url=server.url, headers=KEY) as client:
        yield client


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node; skip the test if Node or its packages are missing."""
    path = shutil.which("node")
    if path is None or not (JAVASCRIPT / "node_modules").is_dir():
        missing = "Node, or `npm ci` in tests/javascript"
        if os.environ.get("CI"):
            pytest.fail(f"needs {missing}")
        pytest.skip(f"needs {missing}")
    return path
