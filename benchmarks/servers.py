"""Servers under test, each in a process of its own, and where they may run."""

from __future__ import annotations

import contextlib
import http.client
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MOCK = [sys.executable, "-m", "relace_mock", "serve"]


def bare(size: int) -> list[str]:
    """The command of the floor, for answers of ``size`` bytes."""
    return [sys.executable, str(HERE / "bare.py"), "{port}", str(size)]


def mock(*options: str) -> list[str]:
    return [*MOCK, "--port", "{port}", *options]


def pin(core: int) -> None:
    """Keep this process to one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The port and process of a server on the first core, once it accepts connections."""
    port = free_port()
    process = subprocess.Popen(
        [part.format(port=port) for part in command],
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: pin(0),
    )
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended with {process.returncode}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.002)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def post(port: int, body: bytes) -> bytes:
    """The body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/code/embed", body, HEADERS)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {content[:200]!r}")
    return content


HEADERS = {"Authorization": "Bearer rlc-benchmark", "Content-Type": "application/json"}


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """Resident memory in MB (Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def machine() -> str:
    """One line that says what these numbers were measured on."""
    import numpy as np

    model = platform.processor()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, "
        f"CPython {platform.python_version()}, NumPy {np.__version__}"
    )
