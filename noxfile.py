"""What is checked, and how: ``nox -l`` lists the sessions."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)  # those of the classifiers
HERE = f"tests-{sys.version_info.major}.{sys.version_info.minor}"
nox.options.sessions = ["lint", "types", HERE if HERE[6:] in PYTHONS else "tests"]
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # they are skipped, by name


def select_pythons_of_pyenv() -> None:
    """Make pyenv run every Python that it has: by default it refuses all but one."""
    if shutil.which("pyenv") and "PYENV_VERSION" not in os.environ:
        latest = [["pyenv", "latest", python] for python in PYTHONS]
        found = [subprocess.run(ask, capture_output=True, text=True, check=False) for ask in latest]
        os.environ["PYENV_VERSION"] = ":".join(
            [*(f.stdout.strip() for f in found if f.stdout.strip()), "system"]
        )


def groups(*names: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, *names)


def install(session: nox.Session, *what: str) -> None:
    """Install in the versions of constraints.txt, which hold for what builds, too."""
    constraints = Path("constraints.txt").resolve().as_uri()
    session.env.update(PIP_CONSTRAINT=constraints, PIP_BUILD_CONSTRAINT=constraints)
    session.install(*what)


def run_tests(session: nox.Session, *command: str) -> None:
    """Run pytest in several processes; arguments of the session go to it."""
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
    # One worker more than processors, as tests also wait for processes and clocks. More than that
    # would make tests fail that measure time.
    workers = min(4, 1 + (os.cpu_count() or 1))
    session.run(*command, "-n", str(workers), "--dist", "worksteal", *session.posargs)


select_pythons_of_pyenv()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite, with branch coverage; with arguments for pytest, without coverage."""
    install(session, "-e", ".[kit]", *groups("test"))
    if session.posargs:  # a part of the tests covers a part
        run_tests(session, "pytest")
        return
    run_tests(session, "coverage", "run", "-m", "pytest")
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def latest(session: nox.Session) -> None:
    """The test suite with the newest versions there are, whatever constraints.txt says."""
    session.install("-e", ".[kit]", *groups("test"))
    run_tests(session, "pytest")


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The test suite with the lowest versions that pyproject.toml admits."""
    project = PROJECT["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["kit"], *groups("test")]
    session.install(
        "-e", ".[kit]", *(re.sub(r">=([^,;\s]+)(,[^;]*)?", r"==\1", need) for need in needs)
    )
    run_tests(session, "pytest")


@nox.session
def docs(session: nox.Session) -> None:
    """The examples and tables of the documentation alone; `tests` runs them too."""
    install(session, "-e", ".[kit]", *groups("test"))
    session.run("pytest", "tests/test_docs.py", "tests/test_guides.py")


@nox.session
def proof(session: nox.Session) -> None:
    """What takes long: the kit tested by itself, with 20 seeds (into docs/); 500 rounds of races."""
    install(session, "-e", ".[kit]", *groups("test"))
    session.run("python", "-m", "tests.kit.proof")
    session.run("python", "-m", "tests.kit.client_proof")
    rounds = {"TEST_ROUNDS": "500"}
    session.run("pytest", "tests/test_concurrency.py", env=rounds)


@nox.session
def lint(session: nox.Session) -> None:
    install(session, *groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    install(session, "-e", ".[kit]", *groups("test", "types"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """A wheel and an sdist, and the wheel alone in a fresh environment."""
    install(session, *groups("build"))
    session.run("python", "-m", "build")
    session.run("python", "tests/wheel.py", "dist")


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark; the tables go into docs/benchmarks.md."""
    install(session, ".", *groups("bench"))
    for name in ("startup", "throughput", "scenarios", "vectors", "search_quality", "memory"):
        session.run("python", f"benchmarks/{name}.py")


@nox.session(python=PYTHONS)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt: the newest versions that go together, on each Python."""
    session.install("-e", ".[kit]", *groups("dev"))
    session.run("python", "scripts/constraints.py", *PYTHONS)
