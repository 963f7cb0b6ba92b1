"""Start the servers of a benchmark, each as a process on one core, and send them requests."""

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
    """Return the command of the baseline server, for responses of ``size`` bytes."""
    return [sys.executable, str(HERE / "bare.py"), "{port}", str(size)]


def mock(*options: str) -> list[str]:
    return [*MOCK, "--port", "{port}", *options]


def pin(core: int) -> None:
    """Restrict this process to one core, if the system can do that."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    command: list[str], *, pinned: bool = True
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a server on the first core, or on all. Yield its port and process once it accepts."""
    port = free_port()
    process = subprocess.Popen(
        [part.format(port=port) for part in command],
        stdout=subprocess.DEVNULL,
        preexec_fn=(lambda: pin(0)) if pinned else None,
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
    """Send one request, and return the body of the response."""
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
    """Return the resident memory of a process, in MB (Linux only)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def machine() -> str:
    """Return one line that describes the machine and the versions of Python and NumPy."""
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
