"""Measure the time from process start to the first response, beside a bare Starlette application.

python benchmarks/startup.py [--rounds 10]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import subprocess
import sys
import time

import servers
import texts

BODY = texts.body(["input 1", "input 2"])


def until_answered(command: list[str]) -> float:
    """Return the milliseconds from the start of a server to the end of its first response."""
    port = servers.free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [part.format(port=port) for part in command],
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: servers.pin(0),
    )
    try:
        while True:
            with contextlib.suppress(ConnectionError, http.client.BadStatusLine):
                servers.post(port, BODY)
                return (time.perf_counter() - begun) * 1e3
            time.sleep(0.001)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    servers.pin(1)
    print(servers.machine())
    with servers.started(servers.mock()) as (port, _):
        size = len(servers.post(port, BODY))
    subjects = {
        "bare Starlette": servers.bare(size),
        "mock": servers.mock(),
        "python -c pass": None,
    }
    runs: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds + 1):
        for name, command in subjects.items():
            if command is None:
                begun = time.perf_counter()
                subprocess.run([sys.executable, "-c", "pass"], check=True)
                runs[name].append((time.perf_counter() - begun) * 1e3)
            else:
                runs[name].append(until_answered(command))
    print(f"\n{'start to first answer':24}{'ratio (min-max)':>22}{'ms (min-max)':>22}")
    for name, times in runs.items():
        counted = times[1:]  # the first round warms the file cache
        ratios = [mine / floor for mine, floor in zip(times, runs["bare Starlette"], strict=True)]
        ratios = ratios[1:]
        print(
            f"{name:24}"
            f"{statistics.median(ratios):>8.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            f"{statistics.median(counted):>12.0f} ({min(counted):.0f}-{max(counted):.0f})"
        )


if __name__ == "__main__":
    main()
