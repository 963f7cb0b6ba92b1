"""Measure the scores of ``/v2/code/rank``: what do they say, and how long do they take?

    python benchmarks/rank_scores.py [--pairs 1500]

A query is the first paragraph of a docstring, a file is a function without its docstring. Both come
from Python's standard library. A true pair is a query with its own function, a random pair one with
another function. The time is that of ranking 50 source files for one query.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import servers
import texts

from relace_mock.messages import CodeFile, RankRequest
from relace_mock.settings import Settings
from relace_mock.validation.rank import read
from relace_mock.vectors.ranking import Ranker, parts

FILES = 50
PERCENTS = (5, 25, 50, 75, 95)


def request(query: str, files: list[CodeFile]) -> RankRequest:
    codebase = [{"filename": file.name, "content": file.content} for file in files]
    body = {"query": query, "codebase": codebase, "token_limit": 1 << 40}
    valid = read(body, len(files), "documented", names_only=False)
    assert isinstance(valid, RankRequest)
    return valid


def scores(pairs: list[texts.Pair]) -> tuple[list[float], list[float]]:
    """The scores of true pairs, and of random ones."""
    ranker = Ranker(Settings())
    true, others = [], []
    for index, pair in enumerate(pairs):
        near = [pairs[(index + step) % len(pairs)] for step in range(20)]
        files = [CodeFile(str(number), other.document) for number, other in enumerate(near)]
        for name, score in ranker.rank(request(pair.query, files)).results:
            (others if int(name) else true).append(score / 10_000)
    return true, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1500)
    pairs = texts.documented_functions()[: parser.parse_args().pairs]
    print(servers.machine())
    print(f"\n{len(pairs)} queries, percentiles of the scores")
    print(f"{'':14}" + "".join(f"{f'{percent} %':>8}" for percent in PERCENTS) + f"{'≥ 0.3':>8}")
    for title, found in zip(("true pairs", "random pairs"), scores(pairs), strict=True):
        values = np.percentile(found, PERCENTS)
        kept = np.mean(np.array(found) >= 0.3)
        print(f"{title:14}" + "".join(f"{value:8.2f}" for value in values) + f"{kept:8.1%}")

    sources = [text for text in itertools.islice(texts.sources(), 300) if text]
    for files in (sources[:FILES], sorted(sources, key=len)[-FILES:]):
        asked = request("parse a cookie header", [CodeFile("a", text) for text in files])
        ranker, taken = Ranker(Settings()), []
        for _ in range(4):
            begun = time.perf_counter()
            ranker.rank(asked)
            taken.append(time.perf_counter() - begun)
        size = sum(map(len, files)) / 1e6
        count = sum(len(list(parts(text))) for text in files)
        print(f"{FILES} files, {size:.1f} MB, {count} parts: {min(taken) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
