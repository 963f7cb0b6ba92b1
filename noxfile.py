"""What is checked, and how: ``nox -l`` lists the sessions."""

import shutil

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"
PROJECT = nox.project.load_toml("pyproject.toml")


def groups(*names: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, *names)


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, with branch coverage; arguments go to pytest."""
    session.install("-e", ".[kit]", *groups("test"))
    if shutil.which("npm"):
        session.run("npm", "ci", "--prefix", "tests/javascript", "--silent", external=True)
    workers = ("-n", "auto", "--maxprocesses", "4")
    session.run("coverage", "run", "-m", "pytest", *workers, *session.posargs)
    session.run("coverage", "combine")
    if not session.posargs:  # a part of the tests covers a part
        session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """The examples and tables of the documentation alone; `tests` runs them too."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", "tests/test_docs.py", "tests/test_guides.py")


@nox.session
def proof(session: nox.Session) -> None:
    """What takes long: the kit tested by itself, with 20 seeds (into docs/); 500 rounds of races."""
    session.install("-e", ".[kit]", *groups("test"))
    session.run("python", "-m", "tests.kit.proof")
    session.run("python", "-m", "tests.kit.client_proof")
    rounds = {"TEST_ROUNDS": "500"}
    session.run("pytest", "tests/test_concurrency.py", env=rounds)


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    session.install("-e", ".[kit]", *groups("test", "types"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """A wheel and an sdist, and the wheel alone in a fresh environment."""
    session.install("build")
    session.run("python", "-m", "build")
    session.run("python", "tests/wheel.py", "dist")


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark; the tables go into docs/benchmarks.md."""
    session.install(".", *groups("bench"))
    for name in ("startup", "throughput", "scenarios", "vectors", "search_quality", "memory"):
        session.run("python", f"benchmarks/{name}.py")
