"""Measure search quality: how well does a description find its function?

    python benchmarks/search_quality.py [--pairs 1500] [--corpus FILE.jsonl]...

A query is the first paragraph of a docstring. The documents are functions without their
docstrings. Both come from Python's standard library. The figure is the mean reciprocal rank at 10,
compared with BM25 over the same words. The table of ``semantic`` was learned from other code
(``scripts/vectors/sources.txt`` names the packages).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import servers
import texts
from rank_bm25 import BM25Okapi

from relace_mock.settings import SpaceName
from relace_mock.vectors.embedding import space, space_key

Scores = npt.NDArray[np.float64]


def reciprocal_ranks(scores: Scores) -> Scores:
    """Return 1 / the rank of each query's document; 0 beyond rank 10. Ties share a mean rank."""
    own = scores.diagonal()[:, None]
    ranks = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return np.where(ranks <= 10, 1 / ranks, 0.0)


def vectors(name: SpaceName, seed: int, of: list[str]) -> npt.NDArray[np.int32]:
    key = space_key(name, model="relace-embed-v1", dimensions=2560, seed=seed)
    return space(name, key, 2560).components([text.encode() for text in of])


def signs(components: npt.NDArray[np.int32]) -> Scores:
    return np.where(components > 0, 1.0, -1.0)


def bm25(queries: list[str], documents: list[str]) -> Scores:
    def words(text: str) -> list[str]:
        found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", text)
        return [word.lower() for word in found]

    index = BM25Okapi([words(document) for document in documents])
    return np.array([index.get_scores(words(query)) for query in queries])


def pairs_of(path: Path) -> list[texts.Pair]:
    """A corpus that ``scripts/vectors/collect.py`` wrote, in a fixed random order."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    random.Random(1).shuffle(rows)
    return [texts.Pair(row["query"], row["code"]) for row in rows]


def report(title: str, pairs: list[texts.Pair]) -> None:
    queries = [pair.query for pair in pairs]
    documents = [pair.document for pair in pairs]
    ranked = {"BM25": reciprocal_ranks(bm25(queries, documents))}
    for name, seeds in (("semantic", range(3)), ("hash", range(1))):
        for seed in seeds:
            asked, stored = vectors(name, seed, queries), vectors(name, seed, documents)
            ranked[f"{name}, seed {seed}"] = reciprocal_ranks(
                asked.astype(float) @ stored.astype(float).T
            )
            ranked[f"{name}, seed {seed}, binary"] = reciprocal_ranks(
                signs(asked) @ signs(stored).T
            )
    print(f"\n{len(pairs)} pairs, {title}")
    print(f"{'':28}{'to BM25':>10}{'MRR@10':>10}{'± (1 s.e.)':>12}")
    floor = ranked["BM25"].mean()
    for name, ranks in ranked.items():
        error = ranks.std() / np.sqrt(len(ranks))
        print(f"{name:28}{ranks.mean() / floor:>10.2f}{ranks.mean():>10.3f}{error:>12.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--corpus", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    print(servers.machine())
    library = texts.documented_functions()[: arguments.pairs]
    report("standard library", library)
    short = [texts.Pair(texts.short_form(pair.query), pair.document) for pair in library]
    report("standard library, short queries", short)
    for corpus in arguments.corpus:
        report(corpus.stem, pairs_of(corpus)[: arguments.pairs])


if __name__ == "__main__":
    main()
