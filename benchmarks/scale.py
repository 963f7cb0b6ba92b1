"""Compare state in memory with state in Redis, and one worker with several.

    python benchmarks/scale.py [--rounds 5] [--seconds 2] [--largest 100000]

It starts its own Redis. All processes, including the load generator and Redis, share the cores of
the machine, as on a CI machine. The subjects run in turns, and the first one runs twice in each
round: the ratio of the two is the noise. The second table shows how the time of a request, without
HTTP, grows with the number of keys and of journal entries.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import load
import servers
import texts

from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.settings import Settings

CONNECTIONS = 32
BATCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--largest", type=int, default=100_000)
    arguments = parser.parse_args()
    print(servers.machine())
    with redis() as url:
        short = [[texts.body(["input 1", "input 2"])]]
        title = "2 short inputs, seen before"
        compare(title, short, url, arguments.rounds, arguments.seconds)
        title = f"32 inputs of {texts.LENGTH} characters of code, never seen"
        compare(title, texts.unseen(32), url, arguments.rounds, arguments.seconds)
        grow(url, arguments.largest)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run a Redis that keeps nothing on disk, and yield its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: install it (Debian: apt install redis-server)")
    port = servers.free_port()
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""],
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def compare(
    title: str, templates: list[texts.Template], url: str, rounds: int, seconds: int
) -> None:
    """Print a table with the requests a second of each subject."""
    subjects: dict[str, list[str]] = {
        "memory": servers.mock(),
        "memory, again": servers.mock(),
        **{
            f"Redis, {count} worker{'s' if count > 1 else ''}": servers.mock(
                "--store", url, "--store-prefix", f"bench-{count}", "--workers", str(count)
            )
            for count in (1, 2, 4)
        },
    }
    print(f"\n{title}, {CONNECTIONS} connections")
    print(f"{'':22}{'ratio (min-max)':>22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    with contextlib.ExitStack() as stack:
        ports = [
            stack.enter_context(servers.started(command, pinned=False))[0]
            for command in subjects.values()
        ]
        for port in ports:
            load.run(port, templates, CONNECTIONS, 1)  # warm-up
        runs: list[list[load.Load]] = [[] for _ in ports]
        turns = list(zip(ports, runs, strict=True))
        for _ in range(rounds):
            for port, results in turns:
                results.append(load.run(port, templates, CONNECTIONS, seconds))
            turns.reverse()
    for name, results in zip(subjects, runs, strict=True):
        ratios = [each.rate / floor.rate for each, floor in zip(results, runs[0], strict=True)]
        middle = statistics.median
        print(
            f"{name:22}{middle(ratios):>8.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            f"{middle(r.rate for r in results):>11,.0f}"
            f"{middle(r.p50 for r in results):>9.2f}{middle(r.p99 for r in results):>9.2f}"
        )


def grow(url: str, largest: int) -> None:
    """Print the time of a request with more and more keys, and with a longer and longer journal."""
    sizes = [size for size in (1, 1_000, 10_000, 100_000) if size <= largest]
    print(f"\nmicroseconds of a request (min-max of 5 x {BATCH}), without HTTP")
    print(f"{'':22}" + "".join(f"{f'{size:,}':>22}" for size in sizes))
    for name, store in (("memory", "memory"), ("Redis", url)):
        for what in ("keys", "journal entries"):
            print(f"{f'{name}, {what}':22}", end="", flush=True)
            settings: dict[str, Any] = {
                "store": store,
                "store_prefix": f"grow-{what[:4]}",
                "max_namespaces": 2 * largest,
                "journal_size": 2 * largest if what == "journal entries" else 100,
                "journal_bytes": 2_000_000_000,
            }
            pipeline = Pipeline(Settings(**settings))
            number = 0
            for size in sizes:
                while number < size:
                    number += 1
                    request(pipeline, f"rlc-{number if what == 'keys' else 0}")
                times = sorted(timed(pipeline, size if what == "keys" else 1) for _ in range(5))
                shown = f"{times[2]:.0f} ({times[0]:.0f}-{times[-1]:.0f})"
                print(f"{shown:>22}", end="", flush=True)
            pipeline.ledger.close()
            print()


def timed(pipeline: Pipeline, keys: int) -> float:
    """Microseconds of one request, over keys that the store has."""
    began = time.perf_counter()
    for number in range(BATCH):
        request(pipeline, f"rlc-{number * 7919 % keys if keys > 1 else 0}")
    return (time.perf_counter() - began) / BATCH * 1e6


BODY = json.dumps({"model": "m", "input": ["input 1", "input 2"]}).encode()


def request(pipeline: Pipeline, key: str) -> None:
    headers = [
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-type", b"application/json"),
    ]
    exchange = pipeline.handle(Received("POST", "/v1/code/embed", headers, b"", 0), "127.0.0.1:1")
    exchange.read(BODY, len(BODY))
    exchange.answer()
    exchange.finish(left=False)


if __name__ == "__main__":
    main()
