"""The container file, as far as it can be tried without a container engine.

What the build copies makes a wheel. The command runs as the container would run it: as process 1, as
a user without rights, on a read-only file system, with the variables of the container file.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from relace_mock.version import __version__

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions(name: str) -> list[str]:
    """The arguments of all instructions of a kind in the last stage."""
    joined = DOCKERFILE.rpartition("\nFROM ")[2].replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


def test_what_the_build_copies_makes_the_same_wheel(tmp_path: Path) -> None:
    """The exceptions in .dockerignore must name every file that the build needs."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [line[1:] for line in ignored if line.startswith("!")]
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    source.mkdir()
    for name in copied:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    [wheel] = wheels.glob("relace_mock-*.whl")
    assert fnmatch.fnmatch(wheel.name, f"relace_mock-{__version__}-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"relace_mock/openapi.yaml", "relace_mock/scenarios/flaky.yaml"} <= set(names)


def test_every_folder_of_the_build_is_in_the_checkout() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))


@pytest.fixture
def prefix() -> list[str]:
    """Make the command process 1, of a user without rights, on a read-only file system."""
    [user] = instructions("USER")
    uid, gid = user.split(":")
    setup = 'mount --bind -o remount,ro / && exec setpriv --clear-groups --reuid "$0" --regid "$@"'
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setup, uid, gid]
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare and setpriv, from Debian's util-linux")
    if tried.returncode:
        pytest.skip(f"needs namespaces: {tried.stderr.decode().strip()}")
    tried = subprocess.run([*command, sys.executable, "-c", ""], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"needs a Python that every user may run: {tried.stderr.decode().strip()}")
    return command


def test_the_command_of_the_container_runs_without_rights_and_stops_on_a_signal(
    prefix: list[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = dict(one.split("=") for line in instructions("ENV") for one in line.split())
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    # The tests listen on loopback only.
    environment |= {"RELACE_MOCK_HOST": "127.0.0.1", "RELACE_MOCK_PORT": port}
    command = json.loads(instructions("ENTRYPOINT")[0]) + json.loads(instructions("CMD")[0])
    server = subprocess.Popen(
        [*prefix, *command],
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        ready = server.stdout.readline()
        assert ready.startswith(b"relace-mock ready: "), server.communicate()
        [check] = instructions("HEALTHCHECK")
        health = json.loads(check.partition("CMD ")[2])
        for url, code in ((f"http://127.0.0.1:{port}", 0), ("http://127.0.0.1:9", 1)):
            asked = [*prefix, *health, "--url", url]
            assert subprocess.run(asked, env=environment, check=False).returncode == code
        first = next(Path(f"/proc/{server.pid}/task/{server.pid}").glob("children"))
        os.kill(int(first.read_text()), signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
        assert (server.returncode, errors) == (0, b"")
    finally:
        server.kill()
        server.communicate()
