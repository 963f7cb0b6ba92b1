"""Check a built wheel as a user would: ``python tests/wheel.py dist``.

Installs it, alone, in a fresh environment, serves from another folder and asks. Not a test
of the suite, as building takes the network; ``nox -s build`` runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = [
    *["relace_mock/openapi.yaml", "relace_mock/vectors/table.bin", "relace_mock/control.yaml"],
    "relace_mock/scenarios/scenario.schema.json",
    *[f"relace_mock/scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml")],
    "relace_contract/openapi.yaml",
    "relace_contract/requirements.yaml",
    "relace_contract/reports/page.css",
]

# What the tests and noxfile.py of an unpacked sdist read.
NEEDED = [
    ".ci/run",
    "benchmarks/throughput.py",
    "noxfile.py",
    "openapi.yaml",
    "scenarios/ok.yaml",
    "scripts/vectors/train.py",
]


def main(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = [name.partition("/")[2] for name in archive.getnames()]
    absent = [name for name in NEEDED if name not in packed]
    assert not absent, f"{sdist.name} lacks {absent}"
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in [*DATA, "relace_mock/py.typed"] if name not in names]
    assert not missing, f"{wheel.name} lacks {missing}"
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        binaries = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        python = str(binaries / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", str(wheel.resolve())], check=True
        )
        find = "import relace_contract.contract as c; print(c.path().read_text()[:40])"
        subprocess.run([python, "-c", find], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        list_scenarios(str(binaries / "relace-mock"), folder)
        ask(str(binaries / "relace-mock"), folder)


def list_scenarios(command: str, folder: str) -> None:
    done = subprocess.run(
        [command, "scenario", "list"], capture_output=True, text=True, cwd=folder, check=True
    )
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert listed == {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}, listed


def ask(command: str, folder: str) -> None:
    server = subprocess.Popen(
        [command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=folder
    )
    try:
        assert server.stdout is not None
        base_url = server.stdout.readline().rpartition(" ")[2].strip()
        request = urllib.request.Request(
            f"{base_url}/code/embed",
            json.dumps({"model": "relace-embed-v1", "input": ["input 1", "input 2"]}).encode(),
            {"Authorization": "Bearer k", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        assert answer["usage"] == {"total_tokens": 8}, answer
        host = base_url.removesuffix("/v1")
        with urllib.request.urlopen(f"{host}/openapi.json") as response:
            assert json.load(response)["openapi"].startswith("3.1")
        with urllib.request.urlopen(f"{host}/_mock/openapi.json") as response:
            assert "/_mock/scenario" in json.load(response)["paths"]
    finally:
        server.terminate()
        assert server.wait() == 0
    without_the_kit = subprocess.run(
        [command, "verify-server", base_url], capture_output=True, text=True, check=False
    )
    assert without_the_kit.returncode == 2
    assert "pip install 'relace-mock[kit]'" in without_the_kit.stderr, without_the_kit.stderr
    print(f"{command} serves from a wheel alone")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
