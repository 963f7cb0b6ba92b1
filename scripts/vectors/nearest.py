"""Print the nearest words of words, to see what the table knows.

python scripts/vectors/nearest.py delete unlink [--count 10]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from relace_mock.vectors.table import table
from relace_mock.vectors.words import identity

WORDS = Path(__file__).parent / "words.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    spelled = {identity(word.encode()): word for word in WORDS.read_text().split()}
    words = [spelled[number] for number in table().identities.tolist()]
    vectors = table().vectors.astype(float)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None].clip(1)
    for word in arguments.words:
        if word not in words:
            print(f"{word}: not listed")
            continue
        cosines = vectors @ vectors[words.index(word)]
        nearest = np.argsort(-cosines)[1 : arguments.count + 1]
        print(f"{word}:", ", ".join(f"{words[at]} {cosines[at]:.2f}" for at in nearest))


if __name__ == "__main__":
    main()
