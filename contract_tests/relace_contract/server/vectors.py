"""BIN, NORM, DET, PERM and SPLIT: how vectors of different requests relate."""

from __future__ import annotations

from typing import Any

import numpy as np

from relace_contract.counts import counted
from relace_contract.properties import holds_for, strings
from relace_contract.server.answers import (
    Vectors,
    alike,
    depart,
    embedded,
    tokens,
    unclear,
)
from relace_contract.server.subject import Server

_TEXTS = ["def add(a, b):\n    return a + b", "SELECT 1", "", "für alle", "{}" * 30]
#: The sign of a component nearer to zero than this is not compared.
_NEAR_ZERO = 1e-6


def signs(server: Server) -> None:
    """BIN-signs."""
    floats, first = embedded(server, _TEXTS, output_dtype="float")
    packed, second = embedded(server, _TEXTS, output_dtype="binary")
    width = floats.shape[1] // 8 * 8
    if packed.shape[1] * 8 != floats.shape[1]:
        raise unclear(
            "a binary vector does not have one number for 8 dimensions (see BIN-length)",
            first,
            second,
        )
    with np.errstate(invalid="ignore"):
        whole = packed.astype(np.int64).astype(np.uint8)  # the same bits, signed or not
    order = server.options.claimed.bit_order
    bits = np.unpackbits(whole, axis=1, bitorder=order)[:, :width].astype(bool)
    clear = np.abs(floats) > _NEAR_ZERO
    wrong = clear & (bits != (floats > 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise depart(
            f"of text {row}, component {column} is {floats[row, column]:.6f}, but its bit is "
            f"{int(bits[row, column])} (bit order {order}); {int(wrong.sum())} bits are wrong",
            first,
            second,
        )


def packed_length(server: Server) -> None:
    """BIN-length."""
    floats, first = embedded(server, _TEXTS[:2], output_dtype="float")
    packed, second = embedded(server, _TEXTS[:2], output_dtype="binary")
    if packed.shape[1] * 8 != floats.shape[1]:
        raise depart(
            f"a binary vector has {packed.shape[1]} numbers for {floats.shape[1]} dimensions",
            first,
            second,
        )


def packed_range(server: Server) -> None:
    """BIN-range."""
    dtype = server.options.claimed.binary_dtype
    low, high = (-128, 127) if dtype == "int8" else (0, 255)
    texts = [*_TEXTS, *map(str, range(12))]
    packed, trip = embedded(server, texts, output_dtype="binary")
    outside = packed[(packed < low) | (packed > high)]
    if outside.size:
        raise depart(f"a byte is {outside[0]:g}, outside {low} to {high} ({dtype})", trip)
    # With fewer bytes, all of them may be at least 0 by chance.
    if dtype == "int8" and packed.size >= 64 and (packed >= 0).all():
        raise depart("no byte is below 0, so the bytes are unsigned, not int8", trip)


def finite(server: Server) -> None:
    """NORM-finite."""
    rows, trip = embedded(server, _TEXTS)
    if not np.isfinite(rows).all():
        raise depart("a component is not a finite number", trip)


def unit(server: Server) -> None:
    """NORM-unit."""
    rows, trip = embedded(server, _TEXTS)
    lengths = np.linalg.norm(rows, axis=1)
    worst = int(np.argmax(np.abs(lengths - 1)))
    if not abs(lengths[worst] - 1) <= 1e-3:  # written so that NaN fails, too
        raise depart(f"the vector of text {worst} has length {lengths[worst]:.6f}, not 1", trip)


def same_again(server: Server) -> None:
    """DET-same."""
    first, one = embedded(server, _TEXTS)
    for _ in range(1 if server.options.live else 3):
        again, other = embedded(server, _TEXTS, fresh=True)
        if server.options.live:
            _close_enough(first, again, one, other)
        elif not np.array_equal(first, again):
            raise depart("the same body got other vectors the next time", one, other)


def _close_enough(first: Vectors, again: Vectors, *trips: Any) -> None:
    """Compare by cosine: hardware that runs many models at once does not repeat the last bits."""
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(again, axis=1)
    cosines = np.sum(first * again, axis=1) / norms
    if not (cosines > 1 - 1e-5).all():
        raise depart(
            f"the same body got vectors with a cosine of {cosines.min():.7f} to each other", *trips
        )


def permuted(server: Server) -> None:
    """PERM-vectors."""

    def judge(drawn: tuple[list[str], list[int]]) -> None:
        texts, order = drawn
        rows, one = embedded(server, texts)
        moved, other = embedded(server, [texts[place] for place in order])
        if not alike(rows[order], moved):
            raise depart(f"texts in the order {order} got other vectors", one, other)

    holds_for(server.options, _permutations(), judge)


def permuted_tokens(server: Server) -> None:
    """PERM-tokens."""

    def judge(drawn: tuple[list[str], list[int]]) -> None:
        texts, order = drawn
        one = server.embed(texts)
        other = server.embed([texts[place] for place in order])
        if tokens(one) != tokens(other):
            raise depart(
                f"{counted(tokens(one), 'token')}, but {tokens(other)} in another order", one, other
            )

    holds_for(server.options, _permutations(), judge)


def _permutations() -> Any:
    """Texts, and a permutation of their places, drawn as ranks because these shrink well."""
    from hypothesis import strategies as st  # noqa: PLC0415 - takes a moment

    ranked = st.lists(st.tuples(_any_text(), st.integers(0, 9)), min_size=2, max_size=6)
    return ranked.map(
        lambda pairs: (
            [text for text, _ in pairs],
            sorted(range(len(pairs)), key=lambda place: pairs[place][1]),
        )
    )


def split(server: Server) -> None:
    """SPLIT-vectors."""

    def judge(drawn: tuple[list[str], int]) -> None:
        texts, cut = drawn
        whole, one = embedded(server, texts)
        left, two = embedded(server, texts[:cut])
        right, three = embedded(server, texts[cut:])
        if not alike(whole, np.concatenate([left, right])):
            raise depart(f"split after {cut}, the texts got other vectors", one, two, three)

    holds_for(server.options, _cuts(), judge)


def split_tokens(server: Server) -> None:
    """SPLIT-tokens."""

    def judge(drawn: tuple[list[str], int]) -> None:
        texts, cut = drawn
        one = server.embed(texts)
        parts = [server.embed(texts[:cut]), server.embed(texts[cut:])]
        total = sum(map(tokens, parts))
        if total != tokens(one):
            raise depart(f"{counted(tokens(one), 'token')}, but {total} in two parts", one, *parts)

    holds_for(server.options, _cuts(), judge)


def _cuts() -> Any:
    """Texts, and the place after which they are split."""
    from hypothesis import strategies as st  # noqa: PLC0415

    batches = st.lists(_any_text(), min_size=2, max_size=6)
    return st.tuples(batches, st.integers(0, 4)).map(
        lambda drawn: (drawn[0], 1 + drawn[1] % (len(drawn[0]) - 1))
    )


def _any_text() -> Any:
    from hypothesis import strategies as st  # noqa: PLC0415

    return strings(max_size=20) | st.sampled_from(_TEXTS)
