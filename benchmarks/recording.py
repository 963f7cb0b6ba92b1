"""Measure recordings: the size of the file, lookups a second, and the speed of a replay.

    python benchmarks/recording.py [--rounds 5]

Everything is measured in processor time, so that other work on the machine changes little. The wait
for the disk, once for each recorded request, is not included. The vectors have eight decimals, like
those of the mock; the doubles of a real service have more digits, but take as much room in the
file. A replay is compared with a mock that computes, both with texts that they have seen before.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import servers
import texts

import relace_mock
from relace_mock.recording.file import Recording, Space
from relace_mock.recording.forms import Stored

MODEL = "relace-embed-v1"
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    servers.pin(1)
    print(servers.machine())
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"\n{'texts':>8}{'dims':>6}{'file':>10}{'of doubles':>12}{'recorded/s':>12}"
            f"{'lookups/s':>11}{'with JSON/s':>13}"
        )
        for count, dimensions in ((100_000, 256), (5_000, 2560)):
            measure(Path(folder) / f"{dimensions}.relace", count, dimensions)
        replay(Path(folder) / "replay.relace", rounds)


def measure(path: Path, count: int, dimensions: int) -> None:
    """Record vectors in batches, and look each up once, alone and in random order."""
    drawn = np.random.default_rng(0)
    names = [f"text {number}" for number in range(count)]
    recording = Recording(path, "record", writes=True)
    space = Space(MODEL, "float", dimensions)
    began = time.process_time()
    for first in range(0, count, BATCH):
        batch = names[first : first + BATCH]
        rows = np.round(drawn.normal(0, dimensions**-0.5, (len(batch), dimensions)), 8)
        stored = [Stored("float64", row.astype("<f8").tobytes(), dimensions) for row in rows]
        vectors = dict(zip(batch, stored, strict=True))
        recording.add(space, vectors, [9] * len(batch), 288, "here", keep_text=False)
    recorded = count / (time.process_time() - began)
    recording.close()
    random.Random(0).shuffle(names)
    rates = []
    for with_json in (False, True):
        with contextlib.closing(Recording(path)) as recording:
            began = time.process_time()
            for name in names:
                kept = recording.find(MODEL, "float", [name])
                if with_json:
                    _ = kept[name].vector.row
            rates.append(count / (time.process_time() - began))
    size = path.stat().st_size
    print(
        f"{count:>8,}{dimensions:>6}{size / 1e6:>7.0f} MB{size / (8 * count * dimensions):>12.2f}"
        f"{recorded:>12,.0f}{rates[0]:>11,.0f}{rates[1]:>13,.0f}"
    )


def replay(path: Path, rounds: int) -> None:
    """Compare a replay with a mock that computes: processor time of the server for each request."""
    short, seen = [texts.body(["input 1", "input 2"])], [t[0] for t in texts.mixed(BATCH)]
    with (
        relace_mock.running(seed=7) as upstream,
        relace_mock.running(upstream=upstream.base_url, record=path) as recorder,
    ):
        port = int(recorder.url.rpartition(":")[2])
        for body in (*short, *seen):
            servers.post(port, body)
    print(f"\n{'':28}{'computed':>12}{'replayed':>12}{'ratio (min-max)':>22}")
    with (
        servers.started(servers.mock()) as computing,
        servers.started(servers.mock("--replay", str(path))) as replaying,
    ):
        for title, bodies, count in (
            ("2 short inputs", short, 1500),
            (f"{BATCH} inputs of {texts.LENGTH} characters", seen, 300),
        ):
            for port, process in (computing, replaying):
                spent(port, process.pid, bodies, count)  # now it has seen them
            pairs = [
                [
                    spent(port, process.pid, bodies, count)
                    for port, process in (computing, replaying)
                ]
                for _ in range(rounds)
            ]
            ratios = [one / other for one, other in pairs]
            middle = [statistics.median(times) * 1e6 for times in zip(*pairs, strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            print(f"{title:28}{middle[0]:>9.0f} us{middle[1]:>9.0f} us{spread:>22}")


def spent(port: int, process: int, bodies: list[bytes], count: int) -> float:
    """Send requests over one connection, and return the seconds that the server took for each."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    before = processor_time(process)
    for number in range(count):
        connection.request("POST", "/v1/code/embed", bodies[number % len(bodies)], servers.HEADERS)
        connection.getresponse().read()
    connection.close()
    return (processor_time(process) - before) / count


def processor_time(process: int) -> float:
    """Return the processor time of a process in seconds (Linux only)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
