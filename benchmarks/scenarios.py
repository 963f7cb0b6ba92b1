"""What scenarios and the journal cost: requests a second with them, beside without.

    python benchmarks/scenarios.py [--rounds 7] [--seconds 1.5]

The floor is the mock with an empty journal and no scenario. All texts were seen before, as
that is where the rest of the time is least.
"""

from __future__ import annotations

import argparse
import itertools

import servers
import texts
from throughput import Subject, compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    short = texts.body(["input 1", "input 2"])
    long = texts.body(list(itertools.islice(texts.pieces(), 32)))
    for title, body in (("2 short inputs", short), ("32 inputs of code", long)):

        def again(body: bytes = body) -> itertools.repeat[bytes]:
            return itertools.repeat(body)

        compare(
            title,
            [
                Subject("neither", servers.mock("--journal-size", "0"), again),
                Subject("journal", servers.mock(), again),
                Subject("journal and scenario", servers.mock("--scenario", "ok"), again),
            ],
            (1, 8, 32),
            arguments,
        )


if __name__ == "__main__":
    main()
