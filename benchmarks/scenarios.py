"""Measure the cost of scenarios and the journal: requests a second with them and without.

    python benchmarks/scenarios.py [--rounds 7] [--seconds 1]

The baseline is the mock with an empty journal and no scenario. All vectors come from the cache,
because then the cost is the largest part of a request's time.
"""

from __future__ import annotations

import argparse

import servers
import texts
from throughput import Subject, compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    short = [[texts.body(["input 1", "input 2"])]]
    for title, seen in (("2 short inputs", short), ("32 inputs of code", texts.mixed(32))):
        compare(
            title,
            [
                Subject("neither", servers.mock("--journal-size", "0"), seen),
                Subject("journal", servers.mock(), seen),
                Subject("journal and scenario", servers.mock("--scenario", "ok"), seen),
            ],
            (1, 8, 32),
            arguments,
        )


if __name__ == "__main__":
    main()
