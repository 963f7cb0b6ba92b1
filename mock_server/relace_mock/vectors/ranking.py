"""Rank files by how well they fit a query: the cosine of the query and their best part.

Whole numbers from the vectors to the scores, so that every digit is the same on every machine.
``docs/rank.md`` is the specification.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from relace_mock.messages import Ranked, RankRequest
from relace_mock.settings import Settings
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.embedding import Space, space, space_key
from relace_mock.vectors.known import KnownSpace

if TYPE_CHECKING:
    from relace_mock.scenario.known_vectors import KnownVectors

#: Dimensions of the ranker's vectors. ``--dimensions`` does not apply, so as not to change scores.
DIMENSIONS = 2560
#: A score of 1, in the units of the scores here.
SCORE_UNITS = 10_000
_MODEL = "relace-embed-v1"
# Characters of a part of a file: about those of a function.
_PART = 2000
_SMALL_PART = 200
# Parts whose vectors are computed at a time: 10 kB each.
_BATCH = 64
# Scores of some cosines, both in 1/10,000. Scores between these lie on straight lines.
_COSINES = (-10_000, 0, 1_300, 3_000, 6_000, 10_000)
_SCORES = (0, 200, 1_200, 5_500, 9_000, 10_000)
_ONE = SCALE * SCALE // 10_000  # 1/10,000 of the product of two equal vectors


class Ranker:
    """The rank stage. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def rank(
        self,
        request: RankRequest,
        is_abandoned: Callable[[], bool] = lambda: False,
        known: KnownVectors | None = None,
        dimensions: int | None = None,
    ) -> Ranked:
        """Rank the files of a request, and keep whole files from the best down while they fit.

        Of files with the same cosine, the one that was sent first comes first. Once
        ``is_abandoned`` is true, the result is of no use, and the files that are left count as
        unrelated. ``known`` has the vectors of a scenario, and ``dimensions`` is their length, or
        None if it is the server's.
        """
        contents = [file.content for file in request.files]
        entries = known.entries_of([request.query, *contents]) if known else {}
        if known and entries:
            own = self._space_of(dimensions or self._settings.dimensions)
            placed = KnownSpace(known, entries, own)
            best = _products(request.query, contents, is_abandoned, own, placed, entries)
        else:
            best = _products(request.query, contents, is_abandoned, self._space)
        order = sorted(range(len(best)), key=lambda index: -best[index])
        results = []
        left = request.token_limit
        for index in order:
            left -= request.tokens[index]
            if left < 0:
                break
            results.append((request.files[index].name, score(best[index])))
        total = request.query_tokens + sum(request.tokens)
        return Ranked(results, total, request.names_only)

    def scores(self, query: str, contents: Sequence[str]) -> list[int]:
        """Return the score of each file for a query, in 1/10,000."""
        return [score(each) for each in _products(query, contents, lambda: False, self._space)]

    @functools.cached_property
    def _space(self) -> Space:
        return self._space_of(DIMENSIONS)

    def _space_of(self, dimensions: int) -> Space:
        name, seed = self._settings.embedding, self._settings.seed
        key = space_key(name, model=_MODEL, dimensions=dimensions, seed=seed)
        return space(name, key, dimensions)


def _products(
    query: str,
    contents: Sequence[str],
    is_abandoned: Callable[[], bool],
    own: Space,
    placed: KnownSpace | None = None,
    entries: Container[str] = (),
) -> list[int]:
    """Return the product of the query and the best part of each file.

    Texts among ``entries`` have their vectors in ``placed``. Such a file is one part.
    """

    def components(texts: Sequence[str], *, fixed: bool) -> npt.NDArray[np.int64]:
        of = placed if placed is not None and fixed else own
        return of.components([text.encode() for text in texts]).astype(np.int64)

    (asked,) = components([query], fixed=query in entries)
    best = [-SCALE * SCALE] * len(contents)
    for at, content in enumerate(contents):
        if content in entries:
            (best[at],) = (components([content], fixed=True) @ asked).tolist()
    for owners, texts in _batches(contents, entries):
        if is_abandoned():
            break
        products = components(texts, fixed=False) @ asked
        for owner, product in zip(owners, products.tolist(), strict=True):
            best[owner] = max(best[owner], product)
    return best


def score(product: int) -> int:
    """Return the score, in 1/10,000, for a product of two vectors: -SCALE² to SCALE²."""
    product = max(-SCALE * SCALE, min(product, SCALE * SCALE))
    after = bisect.bisect_right(_COSINES, product // _ONE, 1, len(_COSINES) - 1)
    before = after - 1
    rise = _SCORES[after] - _SCORES[before]
    run = (_COSINES[after] - _COSINES[before]) * _ONE
    beyond = product - _COSINES[before] * _ONE
    return _SCORES[before] + (2 * beyond * rise + run) // (2 * run)


def parts(content: str) -> Iterator[str]:
    """Cut a file into parts of at most 2,000 characters.

    A part ends where a definition probably begins: before a line that is not indented and follows
    an empty line, once the part has 200 characters. Otherwise it ends before the line that would
    make it too long, or at the last empty line before that. A file that is empty has one part.
    """
    start = end = blank = 0
    after_blank = False
    length = len(content)
    while end < length:
        line_end = content.find("\n", end) + 1 or length
        is_blank = content[end:line_end].isspace()
        begins = after_blank and not is_blank and not content[end].isspace()
        if begins and end - start >= _SMALL_PART:
            yield content[start:end]
            start = blank = end
        if line_end - start > _PART:
            cut = blank if blank - start >= _SMALL_PART else end
            if cut > start:
                yield content[start:cut]
                start = blank = cut
        while line_end - start > _PART:  # one long line
            yield content[start : start + _PART]
            start = blank = start + _PART
        if is_blank:
            blank = line_end
        after_blank = is_blank
        end = line_end
    if start < length or not length:
        yield content[start:]


def _batches(
    contents: Sequence[str], without: Container[str]
) -> Iterator[tuple[list[int], list[str]]]:
    """Yield the parts of files, some at a time, with the index of the file of each part."""
    owners: list[int] = []
    texts: list[str] = []
    for index, content in enumerate(contents):
        if content in without:
            continue
        for part in parts(content):
            owners.append(index)
            texts.append(part)
            if len(texts) == _BATCH:
                yield owners, texts
                owners, texts = [], []
    if texts:
        yield owners, texts


def most_numbers(request: RankRequest) -> int:
    """Return about how many numbers the vectors of a request have, at most."""
    count = sum(len(file.content) // _SMALL_PART + 1 for file in request.files)
    return (count + 1) * DIMENSIONS
