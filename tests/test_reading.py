"""A file that a user names is a regular one of bounded size; any other is refused with one line."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from relace_mock import reading
from relace_mock.reading import UnreadableError
from relace_mock.scenario import library
from relace_mock.scenario.library import Library, read_file
from relace_mock.scenario.mistakes import ScenarioError
from tests.conftest import Serve

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")

GOOD = "steps: [{status: 500}]"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


SPECIAL: dict[Callable[[Path], None], str] = {
    pipe: "it is a pipe, not a regular file",
    device: "it is a device, not a regular file",
    a_socket: "it is a socket, not a regular file",
    folder: "Is a directory",
    loop: "Too many levels of symbolic links",
    huge: "it has more than {} bytes",
    lambda _path: None: "No such file or directory",
}
every_kind = pytest.mark.parametrize(("make", "problem"), SPECIAL.items())


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a short path, because the path of a socket must be short."""
    monkeypatch.chdir(tmp_path)
    return Path()


@every_kind
def test_what_is_no_regular_file_is_refused_without_waiting(
    here: Path, make: Callable[[Path], None], problem: str
) -> None:
    make(here / "x.yaml")
    with pytest.raises(UnreadableError) as caught:
        reading.contents(here / "x.yaml", 100)
    assert str(caught.value) == problem.format(100)


def test_a_file_that_becomes_a_pipe_when_it_is_opened_is_refused_as_well(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "x.yaml").write_text(GOOD)
    before = (here / "x.yaml").stat()
    (here / "x.yaml").unlink()
    pipe(here / "x.yaml")
    monkeypatch.setattr(Path, "stat", lambda _path: before)
    with pytest.raises(UnreadableError, match="it is a pipe"):
        reading.contents(here / "x.yaml", 100)


def test_a_file_of_the_bound_is_read_and_one_byte_more_is_not(here: Path) -> None:
    (here / "x").write_bytes(b"12345")
    assert reading.contents(here / "x", 5) == b"12345"
    with pytest.raises(UnreadableError):
        reading.contents(here / "x", 4)


def test_a_file_of_the_system_that_tells_no_size_is_bounded_too() -> None:
    path = Path("/proc/self/smaps")
    if not path.exists():
        pytest.skip("only Linux has it")
    assert path.stat().st_size == 0 and stat.S_ISREG(path.stat().st_mode)
    with pytest.raises(UnreadableError, match="it has more than 10 bytes"):
        reading.contents(path, 10)


def test_text_that_is_not_utf_8_and_a_name_with_a_nul_are_refused(here: Path) -> None:
    (here / "x").write_bytes(b"caf\xe9")
    with pytest.raises(UnreadableError, match="it is not UTF-8 at byte 3"):
        reading.text(here / "x", 100)
    with pytest.raises(UnreadableError, match="null"):
        reading.contents(Path("x\0y"), 100)


@every_kind
def test_every_command_that_takes_a_file_refuses_it_with_one_line(
    here: Path, make: Callable[[Path], None], problem: str
) -> None:
    make(here / "x.yaml")
    checked = run("scenario", "check", here / "x.yaml")
    if make is not folder:  # whose scenarios are checked
        expected = f"x.yaml: cannot be read: {problem.format(1_000_000)}\n"
        assert (checked.returncode, checked.stdout, checked.stderr) == (1, expected, "")
    takers = [["serve", "--port", "0", "--scenario", "x.yaml"]]
    if make is not folder:  # whose files are embedded
        takers.append(["embed", "--file", "x.yaml"])
    for arguments in takers:
        done = run(*arguments)
        assert done.returncode == 2
        assert problem.partition("{}")[0] in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("make", [pipe, device, a_socket, huge])
def test_a_special_file_in_the_place_of_a_scenario_leaves_the_last_good_version(
    here: Path, make: Callable[[Path], None]
) -> None:
    (here / "story.yaml").write_text(GOOD)
    known = Library(here)
    (here / "story.yaml").unlink()
    make(here / "story.yaml")
    (line,) = known.refresh()
    assert line.startswith("story.yaml: cannot be read: it ")
    assert line.endswith("; the last good version stays in use")
    assert known.get("story") is not None
    assert list(known.refresh()) == []


def test_a_running_server_with_reload_survives_special_files(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "story.yaml").write_text(GOOD)
    arguments = ("--scenarios", str(tmp_path), "--reload", "--dimensions", "8")
    with serve(*arguments) as process:
        assert process.popen.stderr is not None
        pipe(tmp_path / "pipe.yaml")
        device(tmp_path / "zero.yaml")
        told = {process.popen.stderr.readline().strip() for _ in range(2)}
        assert told == {
            f"relace-mock: {tmp_path}/pipe.yaml: cannot be read: {SPECIAL[pipe]}",
            f"relace-mock: {tmp_path}/zero.yaml: cannot be read: {SPECIAL[device]}",
        }
        headers = {"Authorization": "Bearer mock.story.x"}
        body = {"model": "m", "input": ["x"]}
        answer = httpx.post(f"{process.base_url}/code/embed", json=body, headers=headers)
        assert answer.status_code == 500
        process.popen.terminate()
        _, errors = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, errors) == (0, "")


def test_a_folder_of_too_many_scenarios_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "FILE_LIMIT", 40)  # there are fewer bundled ones
    for number in range(41):
        (here / f"{number}.yaml").write_text(GOOD)
    with pytest.raises(ScenarioError, match="has 41 scenarios, but at most 40 are allowed"):
        Library(here)


def test_scenarios_of_more_bytes_than_are_kept_are_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "KEPT_LIMIT", 2 * len(GOOD))
    for name in ("a", "b"):
        (here / f"{name}.yaml").write_text(GOOD)
    known = Library(here)
    (here / "b.yaml").write_text(GOOD.replace("500", "502"))
    (here / "c.yaml").write_text(GOOD)
    assert list(known.refresh()) == [
        "scenario b read again from b.yaml",
        "c.yaml: all scenarios together would have 66 bytes, but at most 44 are allowed: remove some",
    ]
    assert read_file(here / "c.yaml").name == "c"
