"""Collect pairs of a description and its function from packages.

    PYTHONPATH=mock_server:benchmarks python scripts/vectors/collect.py \
        --out PAIRS [--apart CORPUS.jsonl]... [--sources FILE] ARCHIVE...

Archives are wheels and npm tarballs. For each a file of JSON lines is written to the
folder PAIRS, unless it is there. A line has the first paragraph of the documentation
(``query``), all of it (``whole``), a short form of it (``short``) and the function without
it (``code``).

Kept apart from the pairs are Python's standard library, on which the vectors are tested,
and what ``--apart`` names, other test corpora as this script writes them: a pair that
is one of theirs is left out, and so is code that shares more than 40 % of its runs of
eight words with theirs. Packages whose licence is not permissive by their own metadata
are left out. ``--sources`` writes the list of those that were used: kind, name,
version, licence, number of pairs.
"""

from __future__ import annotations

import argparse
import ast
import email.parser
import hashlib
import json
import random
import re
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import javascript
import numpy as np
import texts

MOST = 6000  # pairs of one package
LARGEST = 1_500_000  # bytes; larger files are bundled or generated
SOURCE = re.compile(r"\.(py|js|mjs|cjs|jsx|ts|tsx)$")
LEFT_OUT = re.compile(
    r"(^|[/_.-])(tests?|testing|conftest|spec|specs|__tests__|locales?|i18n|typeshed|_?vendor(ed)?"
    r"|third_party|extern(als?)?|_distutils|compat|_compat|backports?|polyfills?|node_modules"
    r"|min)([/_.-]|$)|\.d\.[mc]?ts$"
)
SHINGLE = 8  # words
SHARED = 0.4

# By SPDX identifiers, classifiers and the free text of older packages.
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|ZPL|Zope|Zlib"
    r"|Unlicense|Public Domain|CC0|HPND|Python-2\.0|CNRI|BlueOak|AFL|Artistic|UPL)",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"(?<![A-Za-z])[AL]?GPL|General Public|EPL|Eclipse|EUPL|CeCILL|SSPL|BUSL")


class Package(NamedTuple):
    kind: str
    name: str
    version: str
    licence: str

    @property
    def permissive(self) -> bool:
        """True if every part of the licence is permissive, or one of its alternatives."""
        expression = re.sub(r"GPL-[\w.-]+ WITH GCC-exception[\w.-]*", "MIT", self.licence)
        return any(
            PERMISSIVE.search(choice) and not COPYLEFT.search(choice)
            for choice in re.split(r" OR ", expression)
        )


def package(archive: Path) -> Package:
    """What an archive says of itself."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            fields = email.parser.Parser().parsestr(wheel.read(name).decode("utf-8", "replace"))
        classifiers = [
            value.rsplit(" :: ", 1)[-1]
            for value in fields.get_all("Classifier", [])
            if value.startswith("License ::")
        ]
        licence = fields.get("License-Expression") or ", ".join(classifiers)
        if not PERMISSIVE.search(licence) and not COPYLEFT.search(licence):
            licence = " ".join(str(fields.get("License") or "").split())[:60]
        return Package("pypi", str(fields["Name"]), str(fields["Version"]), licence)
    with tarfile.open(archive) as tarball:
        for member in tarball:
            if re.fullmatch(r"[^/]+/package\.json", member.name):
                stream = tarball.extractfile(member)
                assert stream is not None
                fields = json.load(stream)
                break
    licence = fields.get("license") or [one["type"] for one in fields.get("licenses", [])]
    if isinstance(licence, dict):
        licence = licence["type"]
    return Package("npm", fields["name"], fields["version"], str(licence).strip("()"))


def sources(archive: Path) -> Iterator[tuple[str, str]]:
    """Names and contents of the source files, in a fixed random order."""

    def order(name: str) -> bytes:
        return hashlib.sha256(name.encode()).digest()

    def wanted(name: str, size: int) -> bool:
        return bool(SOURCE.search(name)) and not LEFT_OUT.search(name) and size <= LARGEST

    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = [e.filename for e in wheel.infolist() if wanted(e.filename, e.file_size)]
            for name in sorted(names, key=order):
                yield name, wheel.read(name).decode("utf-8", "replace")
    else:
        with tarfile.open(archive) as tarball:
            found = {}
            for member in tarball:  # in their own order, as going back unpacks all anew
                if member.isfile() and wanted(member.name, member.size):
                    stream = tarball.extractfile(member)
                    assert stream is not None
                    found[member.name] = stream.read()
            for name in sorted(found, key=order):
                yield name, found[name].decode("utf-8", "replace")


def python_functions(source: str) -> Iterator[tuple[str, str]]:
    """The docstring of each function, and the function without it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.body) > 1:
            documentation = ast.get_docstring(node)
            if documentation:
                first = node.body[0]
                code = lines[node.lineno - 1 : first.lineno - 1]
                code += lines[first.end_lineno or 0 : node.end_lineno]
                yield documentation, "".join(code)


def functions(name: str, source: str) -> Iterator[tuple[str, str]]:
    """Documentation and code of each function of a file."""
    if name.endswith(".py"):
        yield from python_functions(source)
    elif max(map(len, source.splitlines()), default=0) < 2000:  # else it is minified
        yield from javascript.functions(source)


class Apart:
    """The texts that no pair may share."""

    def __init__(self, corpora: list[Path]) -> None:
        pairs = [(pair.query, pair.document) for pair in texts.documented_functions()]
        for corpus in corpora:
            rows = map(json.loads, corpus.read_text().splitlines())
            pairs += [(row["query"], row["code"]) for row in rows]
        self._exact = {text for pair in pairs for text in pair if len(text) > 60}
        codes = [*(code for _, code in pairs), *texts.sources()]
        self._shingles = np.unique(np.concatenate([shingles(code) for code in codes]))

    def touches(self, query: str, code: str) -> bool:
        if query in self._exact or code in self._exact:
            return True
        own = shingles(code)
        if not len(own):
            return False
        nearest = np.searchsorted(self._shingles, own).clip(max=len(self._shingles) - 1)
        return bool(np.mean(self._shingles[nearest] == own) > SHARED)


_numbers: dict[str, int] = {}


def shingles(code: str) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number for each run of ``SHINGLE`` words."""
    words = re.findall(r"[^\W_]+", code.lower())
    numbers = np.array([_numbers.setdefault(w, len(_numbers) + 1) for w in words], np.uint64)
    length = len(numbers) - SHINGLE + 1
    total = np.zeros(max(length, 0), np.uint64)
    for place in range(SHINGLE if length > 0 else 0):
        total = total * np.uint64(0x9E3779B97F4A7C15) + numbers[place : place + length]
        total ^= total >> np.uint64(29)
    return total


def collect(archive: Path, apart: Apart) -> Iterator[dict[str, str]]:
    """The pairs of one package, each code and each query once."""
    seen: set[str] = set()
    count = 0
    for name, source in sources(archive):
        for documentation, code in functions(name, source):
            query = documentation.split("\n\n")[0].strip()
            if len(query.split()) < 4 or len(query) > 2000 or not 20 <= len(code) <= 20_000:
                continue
            if code in seen or query in seen or apart.touches(query, code):
                continue
            seen |= {code, query}
            yield {
                "query": query,
                "whole": documentation[:4000],
                "short": texts.short_form(query),
                "code": code,
            }
            count += 1
            if count == MOST:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--apart", action="append", default=[], type=Path)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--any-licence", action="store_true", help="for corpora to test on")
    arguments = parser.parse_args()
    apart = Apart(arguments.apart)
    arguments.out.mkdir(parents=True, exist_ok=True)
    used = []
    for archive in sorted(arguments.archives):
        found = package(archive)
        if not found.permissive and not arguments.any_licence:
            print(f"left out, not permissive: {' '.join(found)}", file=sys.stderr)
            continue
        path = arguments.out / f"{archive.name}.jsonl"
        if not path.exists():
            lines = [json.dumps(pair) + "\n" for pair in collect(archive, apart)]
            random.Random(1).shuffle(lines)
            path.write_text("".join(lines))
        pairs = path.read_text().count("\n")
        print(f"{pairs:6} {' '.join(found)}", file=sys.stderr)
        if pairs:
            used.append((*found, str(pairs)))
    if arguments.sources:
        rows = ["# kind, name, version, licence, pairs"]
        rows += ["\t".join(row) for row in sorted(used, key=lambda row: (row[0], row[1].lower()))]
        arguments.sources.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
