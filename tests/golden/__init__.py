"""Golden vectors: results of the algorithm that must never change.

    python -m tests.golden

writes them again. Run that only when ``ALGORITHM`` is increased.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from relace_mock.settings import SpaceName
from relace_mock.vectors.embedding import Space, space, space_key

PATH = Path(__file__).parent / "vectors.json"
# This word and its complement have one identity, as polynomials modulo 2**64 with any odd
# base: their difference is a product of ten even factors with more than 64 twos in them.
THUE_MORSE = "".join("ab"[number.bit_count() % 2] for number in range(1024))
# Two words whose identities differ in their lowest 8 bits only, found by lattice reduction.
NEAR = ("gaaaaadbaaaeeabcba", "abadbdaacfdaaaaaaa")
TEXTS = {
    "documented-1": "input 1",
    "documented-2": "input 2",
    "empty": "",
    "blanks": "  \n\t",
    "code": 'def parse_cookie(header: str) -> dict[str, str]:\n    return dict(header.split("; "))\n',
    "camel": "getHTTPResponseCode2 XMLHttpRequest",
    "unicode": "naïve café\u2028你好世界 😀 e\u0301",
    "nul": "a\0b",
    "repeats": "token " * 100,
    "colliding": f"{THUE_MORSE} {THUE_MORSE.translate({97: 'b', 98: 'a'})}",
    "nearly-colliding": f"x {NEAR[1]} {NEAR[0]}",
    "long": "(numbered words)",
}
SPACES: list[tuple[SpaceName, str, int, int]] = [
    ("semantic", "relace-embed-v1", 0, 2560),
    ("hash", "relace-embed-v1", 0, 2560),
    ("semantic", "another model", 7, 64),
    ("hash", "another model", 7, 8),
    ("semantic", "relace-embed-v1", 0, 8192),
]


def text_of(case: dict[str, Any]) -> str:
    """Return the text of a case. The longest is generated instead of stored."""
    if case["name"].endswith("-long"):
        return " ".join(f"word{n}" for n in range(40_000))
    text: str = case["text"]
    return text


def space_of(case: dict[str, Any]) -> Space:
    key = space_key(
        case["space"], model=case["model"], dimensions=case["dimensions"], seed=case["seed"]
    )
    return space(case["space"], key, case["dimensions"])


def result_of(case: dict[str, Any]) -> dict[str, Any]:
    """Return the first components in units of 1e-8, and the hash of all as JSON."""
    text = [text_of(case).encode()]
    (row,) = space_of(case).rows(text)
    return {
        "first": space_of(case).components(text)[0, :8].tolist(),
        "sha256": hashlib.sha256(bytes(row) + b"]").hexdigest(),
    }


def load() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(PATH.read_text())
    return cases


def main() -> None:
    cases = []
    for kind, model, seed, dimensions in SPACES:
        for name, text in TEXTS.items():
            case = {
                "name": f"{kind}-{dimensions}-{name}",
                "space": kind,
                "model": model,
                "seed": seed,
                "dimensions": dimensions,
                "text": text,
            }
            cases.append(case | result_of(case))
    PATH.write_text(json.dumps(cases, indent=1) + "\n")
