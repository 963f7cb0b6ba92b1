"""Programs with hard-coded hosts, as public code has them, meet the mock unchanged."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import QUICKLY
from tests.runs import RUN, environment, run

PROGRAMS = Path(__file__).parent / "programs"
INDEX = ("--", sys.executable, str(PROGRAMS / "index_repository.py"))
EMBEDDER = ("--", sys.executable, str(PROGRAMS / "embedder.py"), "parse a JSON string")
SEARCH = str(PROGRAMS / "search.mjs")


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A folder with six Python files."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for number in range(6):
        (folder / f"module_{number}.py").write_text(f"def function_{number}(): ...\n")
    return str(folder)


def test_requests_with_a_hard_coded_url_is_served(repository: str, tmp_path: Path) -> None:
    ended = run(tmp_path, "--strict", *INDEX, repository)
    assert (ended.code, ended.output) == (0, "indexed 6 files, 2560 dimensions\n")
    assert ended.statuses == {"200": 2}
    assert ended.report["verdict"]["ok"]


def test_requests_with_a_hard_coded_url_waits_as_told(repository: str, tmp_path: Path) -> None:
    ended = run(tmp_path, "--strict", "--scenario", "rate-limited-twice", *INDEX, repository)
    assert (ended.code, ended.output) == (0, "indexed 6 files, 2560 dimensions\n")
    assert ended.statuses == {"200": 2, "429": 2}
    assert "relace-mock: verdict: ok\n" in ended.errors


def test_requests_with_a_hard_coded_url_is_blamed_if_it_gives_up(
    repository: str, tmp_path: Path
) -> None:
    ended = run(tmp_path, "--scenario", "unauthorized", *INDEX, repository)
    assert ended.code == 1 and "401 Client Error" in ended.errors
    assert ended.statuses == {"401": 1}


def test_aiohttp_with_a_hard_coded_url_is_served(tmp_path: Path) -> None:
    ended = run(tmp_path, "--strict", *EMBEDDER)
    assert (ended.code, ended.output) == (0, "2560 dimensions\n")
    assert ended.hosts["relace"] == {"embeddings-repos.endpoint.relace.run": 1}


def test_aiohttp_with_a_hard_coded_url_fails_as_scripted(tmp_path: Path) -> None:
    ended = run(tmp_path, "--scenario", "server-error", *EMBEDDER)
    assert (ended.code, ended.output) == (0, "0 dimensions\n")
    assert ended.statuses == {"500": 1}
    assert "relace-mock: requests to Relace: 1 (1 x 500)\n" in ended.errors


def test_the_contract_may_be_the_documented_one(tmp_path: Path) -> None:
    """The program sends a lone string, which Relace answers but does not document."""
    ended = run(tmp_path, "--strict", "--contract", "documented", *EMBEDDER)
    assert (ended.code, ended.output) == (1, "0 dimensions\n")
    assert ended.statuses == {"400": 1}
    assert "relace-mock: verdict: NOT ok\n" in ended.errors


def test_fetch_with_a_hard_coded_url_is_served(node: str, tmp_path: Path) -> None:
    ended = run(tmp_path, "--strict", "--", node, SEARCH)
    assert (ended.code, ended.output) == (0, "def parse_json(text): ...\n")
    assert ended.statuses == {"200": 1}


@pytest.mark.parametrize("scenario", ["connection-reset", "truncated-body", "garbage"])
def test_fetch_with_a_hard_coded_url_fails_as_scripted(
    scenario: str, node: str, tmp_path: Path
) -> None:
    ended = run(tmp_path, "--scenario", scenario, "--", node, SEARCH)
    assert ended.code == 1 and "TypeError: " in ended.errors
    assert ended.report["requests"]["total"] == 1


PROJECT = {
    "embedder.py": (PROGRAMS / "embedder.py").read_text(),
    "index_repository.py": (PROGRAMS / "index_repository.py").read_text(),
    "tests/test_embedder.py": """
        import asyncio
        from embedder import RelaceEmbedder
        from index_repository import embed

        def test_a_query_has_a_vector():
            vector = asyncio.run(RelaceEmbedder("rlc-any").embed("parse JSON"))
            assert len(vector) == 2560

        def test_files_have_vectors_in_order(monkeypatch):
            monkeypatch.setenv("RELACE_API_KEY", "rlc-any")
            first, second = embed(["def a(): ...", "def b(): ..."])
            assert embed(["def b(): ..."]) == [second] != [first]
        """,
    "tests/test_local.py": """
        import http.server, threading
        import requests

        def test_a_server_of_this_project_is_reached():
            server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
            threading.Thread(target=server.handle_request).start()
            assert requests.get(f"http://localhost:{server.server_port}/").status_code == 501
            server.server_close()
        """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose code has Relace's URL in it, and whose tests use it."""
    for name, content in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(content))
    (tmp_path / "conftest.py").touch()
    return tmp_path


PYTEST = ("--", sys.executable, "-m", "pytest", "-q", *QUICKLY)


def test_the_tests_of_a_project_pass_offline(project: Path) -> None:
    ended = run(project, "--block-others", "--strict", *PYTEST)
    assert ended.code == 0, ended.output + ended.errors
    assert ended.statuses == {"200": 3}
    assert ended.hosts["blocked"] == {}


def test_a_test_that_needs_another_host_fails_and_the_host_is_named(project: Path) -> None:
    (project / "tests/test_leak.py").write_text(
        "import requests\ndef test_leak():\n    requests.get('https://telemetry.example/', timeout=9)\n"
    )
    ended = run(project, "--block-others", *PYTEST)
    assert ended.code == 1 and "test_leak.py" in ended.output
    assert "relace-mock: other hosts that were blocked: telemetry.example (1)\n" in ended.errors


def test_the_tests_of_a_project_pass_without_any_route(project: Path) -> None:
    """The tests run in a network namespace that has only loopback."""
    unshare = shutil.which("unshare")
    isolated = [
        unshare or "",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && "$@"',
        "sh",
    ]
    if (
        unshare is None
        or subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to make a network namespace, and ip")
    done = subprocess.run(
        [*isolated, *RUN, "--block-others", "--strict", *PYTEST],
        env=environment(),
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "requests to Relace: 3 (3 x 200)" in done.stderr
