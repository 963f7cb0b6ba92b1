"""Random draws that are the same everywhere: 64-bit words, and normally distributed pairs."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

# Normally distributed components come in pairs, as points of the plane: 16 radii of equal
# frequency (a normal distribution's, standard deviation 256) at 256 equidistant angles.
# Tables, because square roots of logarithms and cosines differ between platforms.
RADII = np.array(
    [65, 114, 149, 180, 208, 235, 262, 288, 315, 344, 374, 408, 447, 494, 559, 703], np.int64
)
# 2**20 times the cosines of (i + 1/2) / 256 of a turn, i = 0 … 63, rounded.
# fmt: off
_COSINES = np.array(
    [
        1048497, 1047865, 1046603, 1044709, 1042187, 1039037, 1035261, 1030861, 1025840,
        1020201, 1013948, 1007084, 999614, 991541, 982871, 973609, 963761, 953332, 942328,
        930758, 918626, 905941, 892711, 878942, 864645, 849826, 834495, 818662, 802336, 785526,
        768244, 750498, 732301, 713662, 694593, 675106, 655213, 634924, 614254, 593213, 571815,
        550072, 527998, 505606, 482910, 459922, 436658, 413131, 389354, 365343, 341113, 316676,
        292049, 267246, 242282, 217172, 191931, 166575, 141118, 115576, 89965, 64299, 38595,
        12868,
    ],
    np.int64,
)
# fmt: on

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def stream(seeds: UInt64s, length: int) -> UInt64s:
    """The first ``length`` outputs of SplitMix64 from each seed: ``(len(seeds), length)``.

    SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014.
    """
    state = seeds[:, None] + _GAMMA * np.arange(1, length + 1, dtype=np.uint64)
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def low_bytes_first(words: UInt64s) -> npt.NDArray[np.uint8]:
    """The bytes of each row of words, least significant first on every machine."""
    return words.astype("<u8", copy=False).view(np.uint8)


@functools.cache
def pairs() -> Integers:
    """The 4,096 points of the plane, 256 angles for each radius: ``(4096, 2)``."""
    cosines, sines = _COSINES, _COSINES[::-1]
    x = np.concatenate([cosines, -sines, -cosines, sines])
    y = np.concatenate([sines, cosines, -sines, -cosines])
    points: Integers = RADII[:, None, None] * np.stack([x, y], axis=1)
    return points.reshape(-1, 2)


@functools.cache
def rounded_pairs() -> npt.NDArray[np.complex64]:
    """The same points at the scale of the radii, in whole numbers, none of them zero."""
    return ((pairs() + (1 << 19)) >> 20).astype(np.float32).view(np.complex64).ravel()
