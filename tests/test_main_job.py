"""The main job on real input: search Python's own source through the official SDK.

``relace-mock serve`` runs as a user starts it; every function of ``json``, ``http`` and
``email`` is embedded over a socket in batches of 32; three questions find their functions
near the top of some eight hundred.
"""

from __future__ import annotations

import ast
import asyncio
import email
import http
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from relace import AsyncRelace, Relace

from tests.conftest import Serve

# What a reader of those packages would call right answers.
QUESTIONS = {
    "parse a cookie header": {"http.cookiejar.parse_ns_headers", "http.cookies.__parse_string"},
    "decode a quoted-printable body": {"email.quoprimime.decode", "email.message.get_payload"},
    "scan a JSON string": {"json.decoder.py_scanstring", "json.scanner._scan_once"},
}


def functions() -> Iterator[tuple[str, str]]:
    """Name and text to embed of every function of the three packages."""
    for package in (json, http, email):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            lines = source.split("\n")
            module = ".".join([package.__name__, *path.relative_to(folder).with_suffix("").parts])
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef):
                    name = f"{module}.{node.name}"
                    code = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                    # As code indexers do: where it is, then what it is.
                    yield name, f"{name}: {code[node.col_offset :]}"


# By chance a question would succeed once in twenty. The right answers rank 2nd to 8th with
# CPython 3.11; the corpus, and so the ranks, move with Python's version.
NEAR_THE_TOP = 20


def vectors(answers: Sequence[Any]) -> npt.NDArray[np.float64]:
    """The embeddings of several answers, each put in the order of its indexes."""
    ordered = [sorted(answer["results"], key=lambda result: result["index"]) for answer in answers]
    return np.array([result["embedding"] for results in ordered for result in results])


def with_sdk(batches: list[list[str]]) -> npt.NDArray[np.float64]:
    with Relace() as client:  # RELACE_BASE_URL and RELACE_API_KEY are all that a user changes
        return vectors([client.post("/code/embed", body=body(b), cast_to=object) for b in batches])


def with_async_sdk(batches: list[list[str]]) -> npt.NDArray[np.float64]:
    async def embed() -> list[Any]:
        async with AsyncRelace() as client:
            return await asyncio.gather(
                *(client.post("/code/embed", body=body(b), cast_to=object) for b in batches)
            )

    return vectors(asyncio.run(embed()))


def body(batch: list[str]) -> dict[str, Any]:
    return {"model": "relace-embed-v1", "input": batch}


@pytest.mark.parametrize("embed", [with_sdk, with_async_sdk])
def test_code_search_built_on_the_mock_finds_the_right_functions(
    embed: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = list(functions())
    batches = [[code for _, code in corpus[at : at + 32]] for at in range(0, len(corpus), 32)]
    with serve() as process:
        monkeypatch.setenv("RELACE_BASE_URL", process.base_url)
        monkeypatch.setenv("RELACE_API_KEY", "rlc-anything")
        documents = embed(batches)
        questions = embed([list(QUESTIONS)])
    assert documents.shape == (len(corpus), 2560)
    for question, scores in zip(QUESTIONS, questions @ documents.T, strict=True):
        best = [corpus[position][0] for position in np.argsort(-scores)[:NEAR_THE_TOP]]
        assert QUESTIONS[question] & set(best), f"{question!r} found {best}"
