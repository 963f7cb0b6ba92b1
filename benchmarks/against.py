"""Compare this version with another one in one run, with this version a second time as a control.

    python benchmarks/against.py --before '/path/to/python -m relace_mock serve' [--rounds 9]

This version runs twice (A/A). The difference between the two shows the noise of the machine; a
difference from the other version counts only if it is larger. Each ratio compares runs of one
round. The order of the subjects is reversed from round to round.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import shlex
import statistics
from collections.abc import Callable

import load
import servers
import startup
import texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--before",
        required=True,
        type=shlex.split,
        help="command that starts the other version's server, without options",
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    print(f"\n{'to before, median (min-max)':44}{'now':>20}{'now, again':>20}{'before':>12}")
    short = [[texts.body(["input 1", "input 2"])]]
    for title, templates, options in (
        ("2 short inputs", short, ()),
        ("32 inputs, seen before", texts.mixed(32), ()),
        ("32 inputs, never seen", texts.unseen(32), ()),
        ("32 inputs, never seen, hash", texts.unseen(32), ("--embedding", "hash")),
    ):
        commands = commands_of(arguments.before, *options)
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(servers.started(command))[0] for command in commands]
            for connections in (1, 32):
                measures = [
                    functools.partial(
                        requests_a_second, port, templates, connections, arguments.seconds
                    )
                    for port in ports
                ]
                rates = in_rounds(measures, arguments.rounds)
                report(f"{title}, {connections} connections, requests/s", rates)
    commands = commands_of(arguments.before)
    starts = [functools.partial(startup.until_answered, command) for command in commands]
    report("start to first answer, ms", in_rounds(starts, 2 * arguments.rounds))
    memory = [functools.partial(idle_memory, command) for command in commands]
    report("memory, idle, MB", in_rounds(memory, 3))


def commands_of(before: list[str], *options: str) -> list[list[str]]:
    """Return the commands of the subjects: the other version, this version, and this one again."""
    return [[*before, "--port", "{port}", *options], *([servers.mock(*options)] * 2)]


def in_rounds(measures: list[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Take each measure once in each round. Return its figures, without the first round."""
    figures: list[list[float]] = [[] for _ in measures]
    turns = list(zip(measures, figures, strict=True))
    for _ in range(rounds + 1):
        for measure, results in turns:
            results.append(measure())
        turns.reverse()
    return [results[1:] for results in figures]


def report(title: str, figures: list[list[float]]) -> None:
    line = f"{title:44}"
    for results in figures[1:]:
        ratios = [mine / other for mine, other in zip(results, figures[0], strict=True)]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        line += f"{statistics.median(ratios):>8.3f} {spread}"
    print(f"{line}{statistics.median(figures[0]):>12,.0f}", flush=True)


def requests_a_second(
    port: int, templates: list[texts.Template], connections: int, seconds: int
) -> float:
    return load.run(port, templates, connections, seconds).rate


def idle_memory(command: list[str]) -> float:
    with servers.started(command) as (_, process):
        return servers.resident_mb(process)


if __name__ == "__main__":
    main()
