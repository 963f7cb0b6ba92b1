"""Search quality: does a description find its function?

    python benchmarks/search_quality.py [--pairs 1500]

The query is the first paragraph of a docstring, the documents are the functions without
their docstrings, of Python's standard library. Mean reciprocal rank at 10, beside BM25
over the same words. The table of ``semantic`` was learned on other code
(``scripts/vectors/sources.txt`` names its packages).
"""

from __future__ import annotations

import argparse
import os
import re

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import servers
import texts
from rank_bm25 import BM25Okapi

from relace_mock.settings import SpaceName
from relace_mock.vectors.spaces import space, space_key

Scores = npt.NDArray[np.float64]


def reciprocal_ranks(scores: Scores) -> Scores:
    """1 / the rank of each query's own document, 0 beyond 10; ties share their places."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1500)
    pairs = texts.documented_functions()[: parser.parse_args().pairs]
    queries = [pair.query for pair in pairs]
    documents = [pair.document for pair in pairs]
    print(servers.machine())
    print(f"{len(pairs)} pairs of the standard library")
    ranked = {"BM25": reciprocal_ranks(bm25(queries, documents))}
    for seed in range(3):
        asked, stored = vectors("semantic", seed, queries), vectors("semantic", seed, documents)
        ranked[f"semantic, seed {seed}"] = reciprocal_ranks(
            asked.astype(float) @ stored.astype(float).T
        )
        ranked[f"semantic, seed {seed}, binary"] = reciprocal_ranks(signs(asked) @ signs(stored).T)
    asked, stored = vectors("hash", 0, queries), vectors("hash", 0, documents)
    ranked["hash"] = reciprocal_ranks(asked.astype(float) @ stored.astype(float).T)
    print(f"\n{'':28}{'to BM25':>10}{'MRR@10':>10}{'± (1 s.e.)':>12}")
    floor = ranked["BM25"].mean()
    for name, ranks in ranked.items():
        error = ranks.std() / np.sqrt(len(ranks))
        print(f"{name:28}{ranks.mean() / floor:>10.2f}{ranks.mean():>10.3f}{error:>12.3f}")


if __name__ == "__main__":
    main()
