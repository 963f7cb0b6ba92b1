"""Count the words of source code, for the weights in ``mock_server/relace_mock/vectors/words.txt``.

    python scripts/count_words.py ARCHIVE... > mock_server/relace_mock/vectors/words.txt

Archives are wheels and npm tarballs, from ``pip download --no-deps`` and ``npm pack``. The header
of the result names them. ``benchmarks/search_quality.py`` searches Python's standard library, and
the words must be counted on other code, so copies of the library inside the packages are left out.
Run this script only for a new version of the vector algorithm: other weights give other vectors.
"""

from __future__ import annotations

import collections
import math
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from relace_mock.vectors.words import TEXT_LIMIT, count_words, identity

LISTED = 1000
BLOCK_LINES = 40
BATCH = 64  # blocks counted at a time
SOURCE = re.compile(r"\.(py|js|mjs|cjs|ts|tsx)$")
LEFT_OUT = re.compile(r"test|locale|typeshed|_vendor|_distutils|\.min\.|\.d\.ts$")
PACKAGE = re.compile(r".+?-[0-9.]*[0-9]")
LARGEST = 300_000  # bytes; larger files are generated or bundled


def sources(archive: Path) -> Iterator[bytes]:
    """Yield the source files of a wheel or a tarball."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if wanted(entry.filename, entry.file_size):
                    yield wheel.read(entry)
    else:
        with tarfile.open(archive) as tarball:
            for member in tarball:
                if member.isfile() and wanted(member.name, member.size):
                    stream = tarball.extractfile(member)
                    assert stream is not None
                    yield stream.read()


def wanted(name: str, size: int) -> bool:
    return bool(SOURCE.search(name)) and not LEFT_OUT.search(name) and size <= LARGEST


def blocks(source: bytes) -> Iterator[bytes]:
    lines = source.splitlines()
    for first in range(0, len(lines), BLOCK_LINES):
        yield b" ".join(lines[first : first + BLOCK_LINES])[: TEXT_LIMIT // BATCH - 1]


def main(archives: list[Path]) -> None:
    found: collections.Counter[int] = collections.Counter()
    spelling: dict[int, bytes] = {}
    total = files = 0
    for archive in archives:
        print(archive.name, file=sys.stderr)
        for source in sources(archive):
            files += 1
            for spelled in set(re.findall(rb"[a-z\x80-\xff]+|[0-9]+", source.lower())):
                spelling[identity(spelled)] = spelled
            texts = list(blocks(source))
            total += len(texts)
            for first in range(0, len(texts), BATCH):
                found.update(count_words(texts[first : first + BATCH]).word.tolist())
    by_weight = collections.defaultdict(list)
    for word, blocks_with_it in found.most_common(LISTED):
        by_weight[round(128 * math.sqrt(math.log2(total / blocks_with_it)))].append(spelling[word])
    print(
        "# Weights of frequent words: 128 times the square root of log2(1 / share of blocks that\n# have the word), so that a product of two of them weighs as BM25 and TF-IDF do."
    )
    print("# The last weight is also that of every word not listed.")
    print(f"# Counted by scripts/count_words.py in {total} blocks of {BLOCK_LINES} lines,")
    print(f"# {files} source files of these packages:")
    for archive in archives:
        print("#   " + PACKAGE.match(archive.name)[0])
    for weight in sorted(by_weight):
        print(weight, *sorted(word.decode() for word in by_weight[weight]))


if __name__ == "__main__":
    main(sorted(map(Path, sys.argv[1:]), key=lambda archive: archive.name))
