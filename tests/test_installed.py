"""The package as others install it: its files, and that it does not disturb their tests.

Each way of installing has a fresh environment. It borrows the dependencies of the package and
pytest from this one, because no test uses the network; ``tests/wheel.py`` installs a wheel with its
dependencies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.conftest import QUICKLY

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("RELACE_", "PYTEST_", "COV", "PIP_")) and name != "PYTHONPATH"
}
SCENARIOS = {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}


@dataclass(frozen=True)
class Installed:
    """An environment with the package in it."""

    python: str
    folder: Path  # an empty folder, where commands run

    @property
    def command(self) -> str:
        """``relace-mock`` as a user types it."""
        return str(Path(self.python).with_name("relace-mock"))

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=cwd or self.folder,
            env=ENVIRONMENT,
        )  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The output of a command, which must succeed."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path, *what: str, source: Path = ROOT) -> Path:
    """Build a wheel or an sdist with the hatchling of this environment."""
    tool = [sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", str(folder)]
    said(subprocess.run([*tool, str(source)], capture_output=True, text=True, check=False))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"), "--wheel")


def of_the_wheel(request: pytest.FixtureRequest, _: Path) -> list[str]:
    return [str(request.getfixturevalue("wheel"))]


def editable(_: pytest.FixtureRequest, __: Path) -> list[str]:
    return ["--no-build-isolation", "--editable", str(ROOT)]


WAYS = [of_the_wheel, editable]


@pytest.fixture(scope="module", params=WAYS)
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    empty = folder / "empty"
    empty.mkdir()
    way: Callable[[pytest.FixtureRequest, Path], list[str]] = request.param
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = str(binaries / "python")
    here = {str(Path(str(distribution(name).locate_file("")))) for name in ("pytest", "numpy")}
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(
        said(
            subprocess.run([python, "-c", purelib], capture_output=True, text=True, check=False)
        ).strip()
    )
    # Python does not read .pth files inside these folders again, so it does not find the editable
    # package of this environment.
    (site / "borrowed.pth").write_text("\n".join(here))
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", python, "install", *options]
    said(
        subprocess.run(
            [*pip, *way(request, folder)], capture_output=True, text=True, check=False,
            env=ENVIRONMENT,
        )
    )  # fmt: skip
    script = binaries / "pytest"
    script.write_text(f"#!{python}\nimport sys\nimport pytest\nsys.exit(pytest.console_main())\n")
    script.chmod(0o755)
    return Installed(python, empty)


def test_only_two_packages_are_importable_and_one_plugin_is_loaded(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        lines = archive.read(entry_points).decode().split("\n")
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "relace_mock",
        "relace_contract",
    }
    assert [line for line in lines if line] == [
        "[console_scripts]",
        "relace-mock = relace_mock.__main__:main",
        "[pytest11]",
        "relace_mock.pytest_plugin = relace_mock.pytest_plugin",
    ]


def test_the_wheel_holds_what_is_read_at_run_time(wheel: Path) -> None:
    """Every file of the packages, and what lies beside them in a checkout."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT / source).as_posix()
        for source in ("mock_server", "contract_tests")
        for path in (ROOT / source).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"relace_mock/scenarios/{path.name}" for path in (ROOT / "scenarios").iterdir()}
    wanted |= {"relace_mock/openapi.yaml", "relace_contract/openapi.yaml"}
    assert wanted - packed == set()


def test_the_sdist_holds_what_its_tests_and_sessions_read(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    committed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if committed.returncode:
        pytest.skip("this is no git checkout")
    ours = {name for name in committed.stdout.splitlines() if (ROOT / name).exists()}
    assert ours - packed == set()


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    source = tmp_path / "unpacked" / sdist.name.removesuffix(".tar.gz")
    again = built(tmp_path / "rebuilt", "--wheel", source=source)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        sums = [{each.filename: each.CRC for each in both.infolist()} for both in (one, other)]
    assert sums[0] == sums[1]


def test_contract_and_scenarios_are_found(installed: Installed) -> None:
    find = (
        "import relace_mock.contract as ours, relace_contract.contract as the_kits\n"
        "assert ours.served_yaml('documented') == the_kits.path().read_bytes()"
    )
    said(installed.run(installed.python, "-c", find))
    listed = said(installed.run(installed.command, "scenario", "list"))
    assert {line.split()[0] for line in listed.splitlines()} == SCENARIOS


@pytest.fixture
def served(installed: Installed) -> Iterator[str]:
    """The base URL of ``relace-mock serve``."""
    process = subprocess.Popen(
        [installed.command, "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=installed.folder, env=ENVIRONMENT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.communicate()
        assert process.returncode == 0


def test_it_serves(served: str) -> None:
    request = urllib.request.Request(
        f"{served}/code/embed",
        json.dumps({"model": "relace-embed-v1", "input": ["input 1", "input 2"]}).encode(),
        {"Authorization": "Bearer k", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["usage"] == {"total_tokens": 8}
    host = served.removesuffix("/v1")
    with urllib.request.urlopen(f"{host}/openapi.json") as response:
        assert json.load(response)["openapi"].startswith("3.1")
    with urllib.request.urlopen(f"{host}/_mock/openapi.json") as response:
        assert "/_mock/scenario" in json.load(response)["paths"]


OPTIONS = ("base-url", "api-key", "bad-key", "examples", "known-failures", "policy", "seed")
CONFTEST_WITH_OPTIONS = "def pytest_addoption(parser):\n" + "".join(
    f"    parser.addoption('--{name}', action='store')\n" for name in (*OPTIONS, "timeout")
)
READS_OPTIONS = (
    "def test_own(pytestconfig):\n"
    "    assert pytestconfig.getoption('base_url') == 'http://own'\n"
    "    assert pytestconfig.getoption('examples') == 'many'\n"
)
#: The files of each project, and the arguments of its pytest.
PROJECTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "a package contract_tests": (
        {
            "contract_tests/__init__.py": "OWN = True\n",
            "contract_tests/server/__init__.py": "",
            "contract_tests/server/test_own.py": "from contract_tests import OWN\n\ndef test_own():\n    assert OWN\n",
        },
        [],
    ),
    "a module mock_server": (
        {
            "mock_server.py": "OWN = True\n",
            "conftest.py": "import mock_server\n",
            "test_own.py": "import mock_server\n\ndef test_own():\n    assert mock_server.OWN\n",
        },
        [],
    ),
    "a folder tests/contract_tests": (
        {
            "tests/__init__.py": "",
            "tests/conftest.py": "",
            "tests/contract_tests/__init__.py": "OWN = True\n",
            "tests/contract_tests/conftest.py": "from tests.contract_tests import OWN\n",
            "tests/contract_tests/test_own.py": "def test_own():\n    pass\n",
        },
        ["tests"],
    ),
    "a folder tests/contract_tests without packages": (
        {
            "tests/contract_tests/plugin.py": "OWN = True\n",
            "tests/contract_tests/test_own.py": "import plugin\n\ndef test_own():\n    assert plugin.OWN\n",
        },
        ["tests/contract_tests"],
    ),
    "modules plugin, scenarios, client, server and reports": (
        {
            "conftest.py": "pytest_plugins = ['plugin']\n",
            "plugin.py": "import pytest\n\n@pytest.fixture\ndef own():\n    return 1\n",
            "scenarios/__init__.py": "OWN = 1\n",
            **{f"{name}.py": "OWN = 1\n" for name in ("client", "server", "reports", "adapters")},
            "test_own.py": "import adapters, client, reports, scenarios, server\n\ndef test_own(own):\n    assert own == scenarios.OWN == server.OWN\n",
        },
        [],
    ),
    "options named like the kit's": (
        {"conftest.py": CONFTEST_WITH_OPTIONS, "test_own.py": READS_OPTIONS},
        ["--base-url=http://own", "--examples", "many", "--api-key", "k", "--known-failures", "f"],
    ),
    "arguments that look like the kit's": (
        {
            "conftest.py": CONFTEST_WITH_OPTIONS,
            "relace_contract/server/test_own.py": READS_OPTIONS,
            "contract_tests/server/test_own_too.py": READS_OPTIONS,
        },
        ["relace_contract/server", "contract_tests/server/test_own_too.py", "--base-url", "http://own", "--examples=many"],
    ),
    "strict settings": (
        {
            "pytest.ini": "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n",
            "test_own.py": "def test_own():\n    pass\n",
        },
        [],
    ),
    "our plugin in pytest_plugins": (
        {
            "conftest.py": "pytest_plugins = ['relace_mock.pytest_plugin']\n",
            "test_own.py": "def test_own(relace_mock):\n    assert relace_mock.base_url\n",
        },
        [],
    ),
    "our plugin named by -p": (
        {"test_own.py": "def test_own(relace_mock):\n    assert relace_mock.base_url\n"},
        ["-p", "relace_mock.pytest_plugin"],
    ),
    "our plugin turned off": (
        {"test_own.py": "import pytest\n\n@pytest.fixture\ndef relace_mock():\n    return 1\n\ndef test_own(relace_mock):\n    assert relace_mock == 1\n"},
        ["-p", "no:relace_mock.pytest_plugin"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("project", PROJECTS)
def test_installing_the_package_does_not_change_the_tests_of_another_project(
    installed: Installed, project: str, tmp_path: Path
) -> None:
    """Run by ``pytest`` and by ``python -m pytest``, which differ in ``sys.path``."""
    files, arguments = PROJECTS[project]
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    options = ("-q", *QUICKLY, *arguments)
    by_script = installed.run(
        str(Path(installed.python).with_name("pytest")), *options, cwd=tmp_path
    )
    assert " passed" in said(by_script)
    assert " passed" in said(
        installed.run(installed.python, "-m", "pytest", *options, cwd=tmp_path)
    )


def test_pytest_gets_no_option_of_the_kit(installed: Installed) -> None:
    shown = said(installed.run(installed.python, "-m", "pytest", "--help"))
    assert "--relace-mock-url" in shown
    assert "--relace-base-url" not in shown
    for name in OPTIONS:
        assert f"--{name}" not in shown
