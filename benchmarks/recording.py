"""Measure recordings: the size of the file, lookups a second, and the speed of a replay.

    python benchmarks/recording.py [--rounds 5] [--seconds 1]

Recording and lookups are measured in seconds of processor time: a disk only adds the time of a
commit for each request. The vectors have eight decimals, as those of the mock; doubles of a real service have more digits,
which take as much room in the file. A replay is compared with a mock that computes, both with texts
that they have seen before.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import servers
import texts
from throughput import Subject, compare

import relace_mock
from relace_mock.recording.file import Recording, Space
from relace_mock.recording.forms import Stored

MODEL = "relace-embed-v1"
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    servers.pin(1)
    print(servers.machine())
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"\n{'texts':>8}{'dims':>6}{'file':>10}{'of doubles':>12}{'recorded/s':>12}"
            f"{'lookups/s':>11}{'with JSON/s':>13}"
        )
        for count, dimensions in ((100_000, 256), (5_000, 2560)):
            measure(Path(folder) / f"{dimensions}.relace", count, dimensions)
        replay(Path(folder) / "replay.relace", arguments)


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


def replay(path: Path, arguments: argparse.Namespace) -> None:
    """Compare a replay with a mock that computes, over HTTP."""
    short, seen = [[texts.body(["input 1", "input 2"])]], texts.mixed(BATCH)
    with (
        relace_mock.running(seed=7) as upstream,
        relace_mock.running(upstream=upstream.base_url, record=path) as recorder,
    ):
        port = int(recorder.url.rpartition(":")[2])
        for template in (*short, *seen):
            servers.post(port, template[0])
    for title, templates, connections in (
        ("2 short inputs, seen before", short, (1, 32)),
        (f"{BATCH} inputs of {texts.LENGTH} characters, seen before", seen, (1, 8)),
    ):
        subjects = [
            Subject("computed", servers.mock(), templates),
            Subject("replayed", servers.mock("--replay", str(path)), templates),
        ]
        compare(title, subjects, connections, arguments)


if __name__ == "__main__":
    main()
