"""Turn a model that ``train.py`` learned into the table that ships.

    PYTHONPATH=mock_server python scripts/vectors/quantise.py MODEL.npz

Writes ``mock_server/relace_mock/vectors/table.bin`` and, for people, the spellings of its
words, ``scripts/vectors/words.txt``, most frequent first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from relace_mock.vectors import table
from relace_mock.vectors.words import identity

WORDS = Path(__file__).parent / "words.txt"
SCALE = 256  # units of a weight, and of a component before it is divided by the step
CLIPPED = 0.005  # the share of components that the largest numbers have to stand for


def quantised(model: dict[str, np.ndarray]) -> table.Table:
    components = model["vectors"] * SCALE
    step = round(np.quantile(np.abs(components), 1 - CLIPPED) / 7)
    identities = np.array([identity(word.encode()) for word in model["words"]], np.uint64)
    order = np.argsort(identities)
    return table.Table(
        identities=identities[order],
        weights=np.rint(SCALE * np.append(model["weights"][order], model["unlisted"])),
        vectors=np.rint(components[order] / step).clip(-7, 7).astype(np.int8),
        step=step,
    )


def main() -> None:
    model = dict(np.load(sys.argv[1]))
    data = table.written(quantised(model))
    table.PATH.write_bytes(data)
    WORDS.write_text("\n".join(model["words"]) + "\n")
    print(f"{len(model['words'])} words, {len(data)} bytes")


if __name__ == "__main__":
    main()
