"""Measure the gain of each platform trick of ``serving/tuning.py``, with an A/A control.

    python benchmarks/tuning.py [--rounds 9] [--only malloc]

Each subject runs without one trick. Its figures are divided by those of the server with all
tricks. The control also has all tricks: the distance of its ratio from 1 is the machine's noise.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import statistics

import against
import load
import servers
import startup
import texts

TRICKS = ("malloc", "accept", "blas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--only", choices=TRICKS)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    left_out = ["none", *([arguments.only] if arguments.only else TRICKS)]
    commands = [without(trick) for trick in left_out]
    # The server with all tricks runs twice: once as the baseline, once as the control.
    commands.insert(0, commands[0])
    for title, templates, connections in (
        ("2 short inputs", [[texts.body(["input 1", "input 2"])]], 32),
        ("32 inputs, never seen", texts.unseen(32), 1),
        ("32 inputs, never seen", texts.unseen(32), 32),
    ):
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(servers.started(command))[0] for command in commands]
            measures = [
                functools.partial(
                    against.requests_a_second, port, templates, connections, arguments.seconds
                )
                for port in ports
            ]
            rates = against.in_rounds(measures, arguments.rounds)
        report(f"{title}, {connections} connections, requests/s", left_out, rates)
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(servers.started(command))[0] for command in commands]
        short = [[texts.body(["input 1", "input 2"])]]
        measures = [
            functools.partial(connections_a_second, port, short, arguments.seconds)
            for port in ports
        ]
        rates = against.in_rounds(measures, arguments.rounds)
    report("2 short inputs, 64 clients, a connection for each request", left_out, rates)
    starts = [functools.partial(startup.until_answered, command) for command in commands]
    report("start to first answer, ms", left_out, against.in_rounds(starts, 2 * arguments.rounds))
    memory = [functools.partial(against.idle_memory, command) for command in commands]
    report("memory, idle, MB", left_out, against.in_rounds(memory, 3))


def connections_a_second(port: int, templates: list[texts.Template], seconds: int) -> float:
    return load.run(port, templates, 64, seconds, keep_alive=False).rate


def without(trick: str) -> list[str]:
    return ["env", f"RELACE_MOCK_WITHOUT={trick}", *servers.mock()]


def report(title: str, left_out: list[str], figures: list[list[float]]) -> None:
    print(f"\n{title}: {statistics.median(figures[0]):,.0f} with all")
    for trick, results in zip(left_out, figures[1:], strict=True):
        ratios = [mine / all_of_them for mine, all_of_them in zip(results, figures[0], strict=True)]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"  without {trick:8}{statistics.median(ratios):>8.3f} {spread}", flush=True)


if __name__ == "__main__":
    main()
