"""Measure vectors a second in this process, and the time of each step.

python benchmarks/vectors.py [--rounds 40]
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the server does the same

import orjson
import servers
import texts

from relace_mock.serving import tuning
from relace_mock.vectors import decimals, embedding, semantic, words
from relace_mock.vectors.semantic import SemanticSpace
from relace_mock.vectors.tokens import count_tokens

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    print(servers.machine())
    tuning.keep_freed_memory()  # the server does the same
    source = texts.pieces()
    batches = [[text.encode() for text in itertools.islice(source, BATCH)] for _ in range(rounds)]
    key = bytes(32)
    learned = SemanticSpace(key, 2560)
    hashed = embedding.space("hash", key, 2560)
    print(f"\n{BATCH} texts of {texts.LENGTH} characters, 2560 dimensions")
    whole = {
        "semantic, JSON rows": timed(learned.rows, batches),
        "semantic, numbers": timed(learned.components, batches),
        "hash, JSON rows": timed(hashed.rows, batches),
        "token counts": timed(count_tokens, batches),
    }
    values = [learned.components(batch) for batch in batches]
    whole["the same numbers by orjson"] = timed(
        lambda array: orjson.dumps(array / decimals.SCALE, option=orjson.OPT_SERIALIZE_NUMPY),
        values,
    )
    for name, times in whole.items():
        middle = statistics.median(times)
        spread = f"({min(times) * 1e3:.2f}-{max(times) * 1e3:.2f})"
        print(f"{name:30}{middle * 1e3:>8.2f} ms {spread:16}{BATCH / middle:>10,.0f} a second")
    steps(learned, batches)


def timed(function: Callable[[Any], Any], arguments: list[Any]) -> list[float]:
    function(arguments[0])  # builds the tables
    times = []
    for argument in arguments:
        begun = time.perf_counter()
        function(argument)
        times.append(time.perf_counter() - begun)
    return times


def steps(space: SemanticSpace, batches: list[list[bytes]]) -> None:
    """Print the time of each step of semantic rows.

    The server computes half a batch at a time, so each step is measured on halves and doubled.
    """
    halves = [batch[: BATCH // 2] for batch in batches]
    rows = BATCH // 2
    counts = [words.count_words(half) for half in halves]
    amounts = [semantic._amounts(count, rows) for count in counts]
    places = [
        space._scatter(count, amount.words, rows)
        for count, amount in zip(counts, amounts, strict=True)
    ]
    components = [space._components(half) for half in halves]
    cells = [decimals.cells(values) for values in components]
    measured = {
        "split and count words": timed(words.count_words, halves),
        "weigh them": timed(lambda count: semantic._amounts(count, rows), counts),
        "scatter them": timed(
            lambda pair: space._scatter(pair[0], pair[1].words, rows),
            list(zip(counts, amounts, strict=True)),
        ),
        "rotate": timed(space._rotate, places),
        "hash and draw": timed(space._whole.draw, halves),
        "all of these, sum and scale": timed(space._components, halves),
        "write digits": timed(decimals.cells, components),
        "cut into rows": timed(decimals.arrays, cells),
    }
    print(f"\nwhere the time of {BATCH} semantic rows goes")
    for name, times in measured.items():
        print(f"  {name:28}{2e3 * statistics.median(times):>8.2f} ms")


if __name__ == "__main__":
    main()
