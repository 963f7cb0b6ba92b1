"""Measure resident memory: idle, with a full cache, and after a million embedded inputs.

    python benchmarks/memory.py [--inputs 1000000]

It takes some minutes, because every text is new. It runs on Linux only.
"""

from __future__ import annotations

import argparse

import servers
import texts

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    inputs = parser.parse_args().inputs
    servers.pin(1)
    print(servers.machine())
    bodies = texts.bodies(texts.unseen(BATCH))
    with servers.started(servers.bare(100)) as (port, process):
        servers.post(port, b"{}")
        print(f"{'bare Starlette, idle':36}{servers.resident_mb(process):>6.0f} MB")
    with servers.started(servers.mock()) as (port, process):
        print(f"{'mock, idle':36}{servers.resident_mb(process):>6.0f} MB")
        servers.post(port, next(bodies))
        print(f"{'after the first answer':36}{servers.resident_mb(process):>6.0f} MB")
        sent = BATCH
        for share in (0.01, 0.1, 0.25, 0.5, 0.75, 1.0):
            while sent < share * inputs:
                servers.post(port, next(bodies))
                sent += BATCH
            print(
                f"{f'after {sent:,} inputs':36}{servers.resident_mb(process):>6.0f} MB", flush=True
            )


if __name__ == "__main__":
    main()
