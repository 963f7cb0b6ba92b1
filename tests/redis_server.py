"""Real Redis servers for the tests, each on a free port of this machine."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import socket
import subprocess
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.steering import until

_prefixes = itertools.count()


def program() -> str:
    """Path of ``redis-server``; skip the test if it is missing."""
    path = shutil.which("redis-server")
    if path is None:
        missing = "needs redis-server (Debian: apt install redis-server)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Redis:
    """A Redis that keeps nothing on disk. ``options`` are those of ``redis-server``."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self._folder = TemporaryDirectory()
        self.start()

    def start(self) -> None:
        """Start, with no data."""
        listens = () if "--port" in self._options else ("--port", str(self.port))
        self._process = subprocess.Popen(
            [program(), "--bind", "127.0.0.1", *listens, "--save", "", *self._options],
            stdout=subprocess.DEVNULL,
            cwd=self._folder.name,
        )
        until(self._listens, "a Redis that listens")

    def _listens(self) -> bool:
        assert self._process.poll() is None, "redis-server has ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        return False

    def kill(self) -> None:
        """Kill the server at once, as in a crash."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the server, and remove its folder."""
        self.kill()
        self._folder.cleanup()

    def client(self) -> Any:
        """A client of the redis package."""
        redis = pytest.importorskip("redis")
        return redis.Redis(port=self.port, decode_responses=True)


@functools.cache
def shared() -> Redis:
    """A server for all tests that do not disturb it."""
    server = Redis()
    atexit.register(server.stop)
    return server


def new_prefix() -> str:
    """A prefix that no other test uses."""
    return f"test-{os.getpid()}-{next(_prefixes)}"
