"""Learn word vectors and word weights from pairs of a description and its function.

    PYTHONPATH=mock_server python scripts/vectors/train.py --out MODEL.npz PAIRS.jsonl...

Needs PyTorch and SciPy, which nothing else here does. One file is one package
(``collect.py`` writes them).

The score of a query and a function is the cosine of two vectors. The vector of a text has
a place for each word (weight times amount), one for the first four bytes of each word
(likewise) and the sum of the vectors of its words (times amount). An amount is the
number of repeats, saturated as at run time. What is learned, weights and vectors, brings
each query near its own function and away from the others of its batch. A word that
is not listed has no vector, and all unlisted words share one weight.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn.functional import cross_entropy, embedding_bag

from relace_mock.vectors.semantic import SATURATION
from relace_mock.vectors.words import TEXT_LIMIT, count_words, identity

GROUP = 128  # pairs of one package, so that the wrong functions of a batch are hard ones
GROUPS = 4  # in a batch
WORD = re.compile(
    rb"[A-Z]+(?![a-z\x80-\xe2\xf5-\xff])|[A-Z]?[a-z\x80-\xe2\xf5-\xff]+|[0-9]+"
    rb"|[\xe3-\xf4][a-z\x80-\xe2\xf5-\xff]*"
)


class Texts(NamedTuple):
    """Many texts, word by word: those of text ``n`` are ``first[n]`` to ``first[n + 1]``."""

    first: np.ndarray
    word: np.ndarray
    prefix: np.ndarray
    amount: np.ndarray

    def rows(self, chosen: np.ndarray) -> Words:
        lengths = self.first[chosen + 1] - self.first[chosen]
        row = np.repeat(np.arange(len(chosen)), lengths)
        skipped = np.repeat(np.cumsum(lengths) - lengths, lengths)
        at = np.repeat(self.first[chosen], lengths) + np.arange(len(row)) - skipped
        return Words(row, self.word[at], self.prefix[at], self.amount[at])


class Words(NamedTuple):
    """The words of a batch of texts; ``text`` is the row in the batch."""

    text: np.ndarray
    word: np.ndarray
    prefix: np.ndarray
    amount: np.ndarray

    def without(self, chosen: np.ndarray) -> Words:
        return Words(*(column[~chosen] for column in self))


def counted(texts: Sequence[bytes]) -> Texts:
    """Texts with the identities of their words and prefixes."""
    lengths, columns = [], []
    for start in range(0, len(texts), 32):
        batch = [text[: TEXT_LIMIT // 32 - 1] for text in texts[start : start + 32]]
        counts = count_words(batch)
        amount = SATURATION[np.minimum(counts.times, 63)] << counts.leads
        lengths.append(np.bincount(counts.text, minlength=len(batch)))
        columns.append((counts.word, counts.prefix, (amount / 10).astype(np.float32)))
    word, prefix, amount = map(np.concatenate, zip(*columns, strict=True))
    first = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return Texts(first, word, prefix, amount)


def numbered(sides: list[Texts]) -> tuple[list[Texts], np.ndarray]:
    """The same texts with small numbers for identities, and the words by number."""
    words, word = np.unique(np.concatenate([side.word for side in sides]), return_inverse=True)
    _, prefix = np.unique(np.concatenate([side.prefix for side in sides]), return_inverse=True)
    cuts = np.cumsum([len(side.word) for side in sides])[:-1]
    return [
        side._replace(word=own.astype(np.int32), prefix=start.astype(np.int32))
        for side, own, start in zip(
            sides, np.split(word, cuts), np.split(prefix, cuts), strict=True
        )
    ], words


class SharedWords(torch.autograd.Function):
    """Scalar products over words and prefixes that two sides share, and their squares.

    Sparse, and with a gradient by hand, as PyTorch would make it dense.
    """

    @staticmethod
    def forward(ctx, asked, stored, queries, codes, rows):
        columns = [queries.word, codes.word, ~queries.prefix, ~codes.prefix]
        used, place = np.unique(np.concatenate(columns), return_inverse=True)
        cuts = np.cumsum([len(column) for column in columns])[:-1]
        query_word, code_word, query_prefix, code_prefix = np.split(place, cuts)
        sides = []
        for amounts, words, word, prefix in (
            (asked, queries, query_word, query_prefix),
            (stored, codes, code_word, code_prefix),
        ):
            values = np.tile(amounts.detach().numpy(), 2)
            at = np.tile(words.text, 2), np.concatenate([word, prefix])
            matrix = sp.csr_matrix((values, at), shape=(rows, len(used)), dtype=np.float32)
            sides.append((matrix, words.text, word, prefix))
        ctx.sides = sides
        (asked_matrix, *_), (stored_matrix, *_) = sides
        products = torch.from_numpy((asked_matrix @ stored_matrix.T).toarray())
        squares = [
            torch.from_numpy(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
            for matrix, *_ in sides
        ]
        return products, *squares

    @staticmethod
    def backward(ctx, products, *squares):
        one, other = ctx.sides
        gradients = []
        for (matrix, text, word, prefix), (across, *_), outer, square in (
            (one, other, products.numpy(), squares[0]),
            (other, one, products.numpy().T, squares[1]),
        ):
            dense = matrix.toarray()
            dense *= 2 * square.numpy()[:, None]
            dense += (across.T @ np.ascontiguousarray(outer.T)).T
            gradients.append(torch.from_numpy(dense[text, word] + dense[text, prefix]))
        return *gradients, None, None, None


class Model(torch.nn.Module):
    def __init__(self, weights: np.ndarray, row_of: np.ndarray, listed: int, dimensions: int):
        super().__init__()
        self.row_of = row_of  # of each word; ``listed`` for all that are not
        self.listed = listed
        self.vectors = torch.nn.Parameter(0.02 * torch.randn(listed, dimensions))
        self.logarithms = torch.nn.Parameter(torch.log(torch.from_numpy(weights)))
        self.sharpness = torch.nn.Parameter(torch.tensor(np.log(12.0)).float())

    def forward(self, queries: Words, codes: Words, rows: int) -> tuple[torch.Tensor, ...]:
        """The cosines of queries and codes, and of the vectors of codes among themselves."""
        weights = torch.exp(self.logarithms)
        asked, stored = (
            weights[torch.from_numpy(self.row_of[side.word])] * torch.from_numpy(side.amount)
            for side in (queries, codes)
        )
        products, asked_square, stored_square = SharedWords.apply(
            asked, stored, queries, codes, rows
        )
        asked_sum, stored_sum = self.sums(queries, rows), self.sums(codes, rows)
        asked_length = (asked_square + asked_sum.square().sum(1)).clamp_min(1e-3).sqrt()
        stored_length = (stored_square + stored_sum.square().sum(1)).clamp_min(1e-3).sqrt()
        cosines = (products + asked_sum @ stored_sum.T) / asked_length[:, None] / stored_length
        among = stored_sum @ stored_sum.T / stored_length[:, None] / stored_length
        return cosines, among - torch.diag(torch.diag(among))

    def sums(self, words: Words, rows: int) -> torch.Tensor:
        row = self.row_of[words.word]
        known = row < self.listed
        offsets = np.searchsorted(words.text[known], np.arange(rows))
        return embedding_bag(
            torch.from_numpy(row[known]),
            self.vectors,
            torch.from_numpy(offsets),
            mode="sum",
            per_sample_weights=torch.from_numpy(words.amount[known]),
        )


def batches(package: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """All pairs in random groups of one package, some groups at a time."""
    groups = []
    for one in np.unique(package):
        mine = rng.permutation(np.flatnonzero(package == one))
        groups += [mine[start : start + GROUP] for start in range(0, len(mine), GROUP)]
    order = rng.permutation(len(groups))
    for start in range(0, len(order) - GROUPS + 1, GROUPS):
        yield np.concatenate([groups[at] for at in order[start : start + GROUPS]])


def train(model: Model, queries: list[Texts], codes: Texts, package: np.ndarray, options) -> None:
    rng = np.random.default_rng(options.seed)
    rates = {model.vectors: 2e-3, model.logarithms: 1e-3, model.sharpness: 5e-3}
    optimizer = torch.optim.AdamW(
        [{"params": [part], "lr": rate} for part, rate in rates.items()],
        betas=(0.9, 0.99),
        weight_decay=0.0,
    )
    total = options.epochs * sum(1 for _ in batches(package, rng))
    step, begun = 0, time.monotonic()
    for epoch in range(options.epochs):
        losses = []
        for batch in batches(package, rng):
            step += 1
            for group, rate in zip(optimizer.param_groups, rates.values(), strict=True):
                group["lr"] = rate * min(1, step / 100) * max(0.03, 1 - step / (1.03 * total))
            forms = rng.choice(len(queries), len(batch), p=[0.5, 0.3, 0.2])
            asked = merged([side.rows(batch) for side in queries], forms)
            stored = codes.rows(batch)
            asked = asked.without(rng.random(len(asked.text)) < options.dropout)
            stored = stored.without(rng.random(len(stored.text)) < options.dropout)
            cosines, among = model(asked, stored, len(batch))
            noisy = cosines + options.noise * torch.randn_like(cosines)
            scores = noisy * torch.exp(model.sharpness)
            own = torch.arange(len(batch))
            loss = (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2
            losses.append(loss.item())
            loss = loss + options.penalty * (cosines.square().mean() + among.square().mean())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(
            f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )


def merged(forms: list[Words], chosen: np.ndarray) -> Words:
    """For each text the words of its chosen form, ordered by text."""
    kept = [form.without(chosen[form.text] != number) for number, form in enumerate(forms)]
    columns = [np.concatenate(parts) for parts in zip(*kept, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return Words(*(column[order] for column in columns))


def spellings(texts: Sequence[bytes], wanted: set[int]) -> dict[int, str]:
    """The words with the wanted identities, as they are spelled in lower case."""
    spelled = {word.lower() for text in texts for word in WORD.findall(text[:4095])}
    named = ((identity(word), word) for word in sorted(spelled))
    return {number: word.decode() for number, word in named if number in wanted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--words", type=int, default=8192)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--noise", type=float, default=0.02)
    parser.add_argument("--penalty", type=float, default=10.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)

    pairs, package = [], []
    for number, path in enumerate(sorted(options.packages)):
        pairs += [json.loads(line) for line in path.read_text().splitlines()]
        package += [number] * (len(pairs) - len(package))
    columns = [
        [pair[field].encode() for pair in pairs] for field in ("query", "whole", "short", "code")
    ]
    (*queries, codes), words = numbered([counted(column) for column in columns])
    in_queries = np.bincount(queries[0].word, minlength=len(words))
    in_codes = np.bincount(codes.word, minlength=len(words))
    listed = np.argsort(-(2 * in_queries + in_codes), kind="stable")[: options.words]
    spelled = spellings(columns[0] + columns[3], set(words[listed].tolist()))
    listed = listed[[number in spelled for number in words[listed].tolist()]]
    row_of = np.full(len(words), len(listed))
    row_of[listed] = np.arange(len(listed))
    # To begin with, the root of the logarithm of rarity, as a product of two weighs in TF-IDF.
    rarity = np.log2(len(pairs) / np.append(in_codes[listed].clip(1), 4))
    weights = (np.sqrt(rarity.clip(0.05)) / 2).astype(np.float32)
    print(f"{len(pairs)} pairs, {len(words)} words, {len(listed)} listed", flush=True)

    model = Model(weights, row_of, len(listed), options.dimensions)
    train(model, queries, codes, np.array(package), options)
    learned = torch.exp(model.logarithms).detach().numpy()
    np.savez(
        options.out,
        words=np.array([spelled[number] for number in words[listed].tolist()]),
        weights=learned[:-1],
        unlisted=learned[-1],
        vectors=model.vectors.detach().numpy(),
    )


if __name__ == "__main__":
    main()
