"""Measure requests a second and latencies over HTTP, beside a bare Starlette application.

    python benchmarks/throughput.py [--rounds 5] [--seconds 1]

The server runs on one core, the load generator on another. Each subject runs once in each round,
and each ratio compares runs of one round, so a slow drift of the machine does not change it.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from dataclasses import dataclass

import load
import servers
import texts


@dataclass(frozen=True)
class Subject:
    name: str
    command: list[str]
    templates: list[texts.Template]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    short = [[texts.body(["input 1", "input 2"])]]
    seen, unseen = texts.mixed(32), texts.unseen(32)
    with servers.started(servers.mock()) as (port, _):
        small, large = (len(servers.post(port, next(texts.bodies(t)))) for t in (short, seen))
    compare(
        f"2 short inputs, seen before ({small:,} bytes)",
        [
            Subject("bare Starlette", servers.bare(small), short),
            Subject("mock", servers.mock(), short),
        ],
        (1, 32),
        arguments,
    )
    compare(
        f"32 inputs of {texts.LENGTH} characters of code ({large:,} bytes)",
        [
            Subject("bare Starlette", servers.bare(large), unseen),
            Subject("mock, semantic, never seen", servers.mock(), unseen),
            Subject("mock, hash, never seen", servers.mock("--embedding", "hash"), unseen),
            Subject("mock, seen before", servers.mock(), seen),
        ],
        (1, 8, 32),
        arguments,
    )


def compare(
    title: str, subjects: list[Subject], connections: tuple[int, ...], arguments: argparse.Namespace
) -> None:
    """Print a table. Ratios are relative to the first subject."""
    print(f"\n{title}")
    print(f"{'':28}{'conns':>6}{'ratio (min-max)':>22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(servers.started(s.command))[0] for s in subjects]
        for port, subject in zip(ports, subjects, strict=True):
            load.run(port, subject.templates, 1, 1)  # warm-up
        for count in connections:
            runs: list[list[load.Load]] = [[] for _ in subjects]
            turns = list(zip(ports, subjects, runs, strict=True))
            for _ in range(arguments.rounds):
                for port, subject, results in turns:
                    results.append(load.run(port, subject.templates, count, arguments.seconds))
                turns.reverse()  # so that no subject always runs last
            for subject, results in zip(subjects, runs, strict=True):
                ratios = [r.rate / floor.rate for r, floor in zip(results, runs[0], strict=True)]
                middle = statistics.median
                print(
                    f"{subject.name:28}{count:>6}"
                    f"{middle(ratios):>8.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                    f"{middle(r.rate for r in results):>11,.0f}"
                    f"{middle(r.p50 for r in results):>9.2f}"
                    f"{middle(r.p99 for r in results):>9.2f}"
                )


if __name__ == "__main__":
    main()
