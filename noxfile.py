"""Checks, tests and builds of the project: ``nox -l`` lists the sessions."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)  # from the classifiers in pyproject.toml
HERE = f"tests-{sys.version_info.major}.{sys.version_info.minor}"
nox.options.sessions = ["lint", "types", HERE if HERE[6:] in PYTHONS else "tests"]
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # nox skips their sessions and names them


def select_pythons_of_pyenv() -> None:
    """Let pyenv run every Python that it has installed. By default it runs only one of them."""
    if shutil.which("pyenv") and "PYENV_VERSION" not in os.environ:
        latest = [["pyenv", "latest", python] for python in PYTHONS]
        found = [subprocess.run(ask, capture_output=True, text=True, check=False) for ask in latest]
        os.environ["PYENV_VERSION"] = ":".join(
            [*(f.stdout.strip() for f in found if f.stdout.strip()), "system"]
        )


def groups(*names: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, *names)


def install(session: nox.Session, *what: str) -> None:
    """Install packages, and the packages that build them, in the versions of constraints.txt."""
    constraints = Path("constraints.txt").resolve().as_uri()
    session.env.update(PIP_CONSTRAINT=constraints, PIP_BUILD_CONSTRAINT=constraints)
    session.install(*what)


def run_tests(session: nox.Session, *command: str) -> None:
    """Run pytest in several processes, with the arguments of the session."""
    locked, there = (
        Path("tests/javascript", name)
        for name in ("package-lock.json", "node_modules/.package-lock.json")
    )
    if shutil.which("npm") and not (
        there.exists() and there.stat().st_mtime >= locked.stat().st_mtime
    ):
        session.run("npm", "ci", "--prefix", "tests/javascript", "--silent", external=True)
    # The tests start hundreds of processes, which would each compile our modules.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    # One worker more than processors, because tests also wait for processes and clocks. With more
    # workers, tests that measure time would fail.
    workers = min(4, 1 + (os.cpu_count() or 1))
    session.run(*command, "-n", str(workers), "--dist", "worksteal", *session.posargs)


select_pythons_of_pyenv()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    install(session, "-e", ".[all]", *groups("test"))
    run_tests(session, "pytest")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the test suite with branch coverage, and require 95 %. Takes twice as long as `tests`."""
    install(session, "-e", ".[all]", *groups("test"))
    run_tests(session, "coverage", "run", "-m", "pytest")
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def latest(session: nox.Session) -> None:
    """Run the test suite with the newest versions of all packages, without constraints.txt."""
    session.install("-e", ".[all]", *groups("test"))
    run_tests(session, "pytest")


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the test suite with the lowest versions that pyproject.toml allows."""
    project = PROJECT["project"]
    extras = [needs for name, needs in project["optional-dependencies"].items() if name != "all"]
    needs = [*project["dependencies"], *itertools.chain(*extras), *groups("test")]
    session.install(
        "-e", ".[all]", *(re.sub(r">=([^,;\s]+)(,[^;]*)?", r"==\1", need) for need in needs)
    )
    run_tests(session, "pytest")


@nox.session
def docs(session: nox.Session) -> None:
    """Test only the examples and tables of the documentation. `tests` includes them."""
    install(session, "-e", ".[all]", *groups("test"))
    session.run("pytest", "tests/test_docs.py", "tests/test_guides.py")


@nox.session
def proof(session: nox.Session) -> None:
    """Run the slow tests: every check on every broken server and client, races, and attacks.

    The results go into docs/proof.md, docs/proof-clients.md and docs/attacks.md.
    """
    install(session, "-e", ".[all]", *groups("test"))
    session.run("python", "-m", "tests.kit.proof")
    session.run("python", "-m", "tests.kit.client_proof")
    rounds = {"TEST_ROUNDS": "500"}
    session.run("pytest", "tests/test_concurrency.py", "tests/test_workers.py", env=rounds)
    session.run("python", "-m", "tests.attacks")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    install(session, *groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy."""
    install(session, "-e", ".[all]", *groups("test", "types"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """Build a wheel and an sdist, and test the wheel alone in a fresh environment."""
    install(session, *groups("build"))
    session.run("python", "-m", "build")
    session.run("python", "tests/wheel.py", "dist")


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation as a site, into the folder `site`. A broken link fails."""
    install(session, ".", *groups("docs"))
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """Run every benchmark, and print the tables for docs/benchmarks.md."""
    install(session, ".[record,redis]", *groups("bench"))
    names = ("startup", "throughput", "scenarios", "vectors", "search_quality", "memory")
    for name in (*names, "recording", "scale"):
        session.run("python", f"benchmarks/{name}.py")


@nox.session
def peers(session: nox.Session) -> None:
    """Measure relace-mock beside other mocks, which npm installs, and write docs/peers.md."""
    install(session, ".", *groups("bench"))
    session.run("python", "benchmarks/peers", "--install")


@nox.session(python=PYTHONS)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt: on each Python, the newest versions that work together."""
    session.install("-e", ".[all]", *groups("dev"))
    session.run("python", "scripts/constraints.py", *PYTHONS)
