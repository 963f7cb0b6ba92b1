"""The npm package in clients/javascript, packed and installed as a user would, under Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import JAVASCRIPT
from tests.sockets import refuses_connections
from tests.steering import until

PACKAGE = Path(__file__).parents[1] / "clients" / "javascript"


@pytest.fixture(scope="module")
def project(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that installed the packed package, beside the test tools of ``tests/javascript``."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    run("npm", "pack", "--silent", "--pack-destination", str(folder), str(PACKAGE), cwd=folder)
    [packed] = folder.glob("relace-mock-*.tgz")
    run("npm", "install", "--offline", "--silent", "--no-audit", str(packed), cwd=folder)
    for tool in ("vitest", "typescript", "@types"):
        (folder / "node_modules" / tool).symlink_to(JAVASCRIPT / "node_modules" / tool)
    for test in (PACKAGE / "test").iterdir():
        shutil.copy(test, folder)
    return folder


def run(*command: str, cwd: Path) -> str:
    """Run a command that finds ``relace-mock`` on its path, and return its output."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RELACE_", "NODE_"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_tests_pass_under_node(node: str, project: Path) -> None:
    said = run(node, "--test", "--test-reporter=tap", "mock.test.js", cwd=project)
    assert "# fail 0" in said and "# pass 0" not in said


def test_its_tests_pass_under_vitest(node: str, project: Path) -> None:
    said = run(node, "node_modules/vitest/vitest.mjs", "run", "vitest.test.js", cwd=project)
    assert "4 passed" in said


def test_its_types_allow_what_works_and_refuse_what_does_not(node: str, project: Path) -> None:
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"]
    options += ["--skipLibCheck", "--types", "node"]
    run(node, "node_modules/typescript/bin/tsc", *options, "types.ts", cwd=project)


def test_a_server_ends_with_a_process_that_was_killed(node: str, project: Path) -> None:
    """Its standard input closes; no handler of the process has to run."""
    program = project / "killed.js"
    program.write_text(
        'import { startMock } from "relace-mock";\n'
        "const mock = await startMock();\n"
        "console.log(mock.baseURL);\n"
        'process.kill(process.pid, "SIGKILL");\n'
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [node, str(program)],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    url = done.stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    until(lambda: refuses_connections(url), "the server ended")
