"""Search as Relace's own agent does: embed a query, search, rank, and drop low scores.

It embeds the query as a lone string, searches its vector database for up to 50 files, sends them to
``/v2/code/rank`` with ``code`` for ``content`` and without ``token_limit``, and drops scores under
0.3 (observed). The files are Python's standard library.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest

import relace_mock

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
LONGEST = 120_000  # characters of a file
CHUNK = 3_000
CANDIDATES, LEAST = 50, 0.3


class Agent(NamedTuple):
    """An agent: its client, the files, and the vectors of their chunks."""

    client: httpx.Client
    files: dict[str, str]
    names: list[str]
    vectors: Any

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, query: str) -> list[str]:
        """The files that hold the nearest chunks, nearest first."""
        answer = self.post("/v1/code/embed", {"model": "relace-embed-v1", "input": query})
        nearest = np.argsort(-self.vectors @ np.array(answer["results"][0]["embedding"]))
        return list(dict.fromkeys(self.names[place] for place in nearest))[:CANDIDATES]

    def rank(self, query: str, names: list[str]) -> dict[str, float]:
        """The files that fit, best first, with their scores."""
        codebase = [{"filename": name, "code": self.files[name]} for name in names]
        answer = self.post("/v2/code/rank", {"query": query, "codebase": codebase})
        kept = [result for result in answer["results"] if result["score"] >= LEAST]
        return {result["filename"]: result["score"] for result in kept}


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    """An agent that has indexed the modules of the standard library."""
    found = {path.name: path.read_text("utf-8", "replace") for path in LIBRARY.glob("*.py")}
    found |= {
        f"{path.parent.name}/{path.name}": path.read_text("utf-8", "replace")
        for folder in ("email", "http", "json", "urllib", "xml/sax", "sqlite3", "logging")
        for path in (LIBRARY / folder).glob("*.py")
    }
    files = {name: text for name, text in sorted(found.items()) if 500 < len(text) < LONGEST}
    chunks = [
        (name, text[start : start + CHUNK])
        for name, text in files.items()
        for start in range(0, len(text), CHUNK)
    ]
    headers = {"Authorization": "Bearer rlc-agent"}
    with (
        relace_mock.running(thread=False) as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=60) as client,
    ):
        made = Agent(client, files, [name for name, _ in chunks], None)
        vectors = []
        for start in range(0, len(chunks), 32):
            texts = [text for _, text in chunks[start : start + 32]]
            body = {"model": "relace-embed-v1", "input": texts, "output_dtype": "float"}
            answer = made.post("/v1/code/embed", body)
            vectors += [result["embedding"] for result in answer["results"]]
        yield made._replace(vectors=np.array(vectors))


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("parse the value of a cookie header", "http/cookies.py"),
        ("wrap a paragraph of text to a given width", "textwrap.py"),
        ("copy a whole directory tree, with permissions", "shutil.py"),
        ("decode a JSON document into Python objects", "json/decoder.py"),
        ("split a URL into scheme, host, path and query", "urllib/parse.py"),
        ("read rows of comma separated values with a dialect", "csv.py"),
        ("create a temporary file that is deleted when it is closed", "tempfile.py"),
        ("match file names against a shell pattern", "fnmatch.py"),
    ],
)
def test_the_agent_finds_the_right_file(agent: Agent, query: str, right: str) -> None:
    candidates = agent.search(query)
    assert len(candidates) == CANDIDATES
    kept = agent.rank(query, candidates)
    assert right in list(kept)[:5], list(kept)[:10]
    assert len(kept) < CANDIDATES, "what does not fit is dropped"


def test_a_query_that_has_nothing_to_do_with_code_keeps_few_files(agent: Agent) -> None:
    query = "the weather in the mountains was cold and rainy last winter"
    assert len(agent.rank(query, agent.search(query))) < CANDIDATES / 4


def test_the_journal_notes_what_the_agent_sends_and_the_verdict_accepts_it(agent: Agent) -> None:
    agent.client.post("/_mock/reset", headers={"Authorization": "Bearer rlc-agent"})
    agent.rank("parse a date", agent.search("parse a date"))
    verdict = agent.client.get("/_mock/verdict").json()
    assert (verdict["ok"], verdict["findings"]) == (True, [])
    entries = agent.client.get("/_mock/requests").json()["requests"]
    assert [len(entry["notes"]) for entry in entries] == [1, 2]
