"""A file that a user names is a regular one of bounded size; anything else is one clear line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import relace_mock
from relace_contract import known_failures, policy
from relace_contract.files import LIMIT, FileError, read
from tests.kit.test_command import ENVIRONMENT, verify

POSIX = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")


@pytest.fixture(params=["/dev/zero", "/dev/null", "pipe", "fed pipe", "socket", "folder", "link"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A path that is not a regular file, and the word for it."""
    path = tmp_path / "special"
    name = request.param
    if name.startswith("/dev"):
        yield Path(name), "a device"
    elif name == "link":
        path.symlink_to("/dev/zero")
        yield path, "a device"
    elif name == "pipe":
        os.mkfifo(path)
        yield path, "a pipe"
    elif name == "fed pipe":
        reader, writer = os.pipe()
        os.write(writer, b"NEG-nan\n")
        yield Path(f"/dev/fd/{reader}"), "a pipe"
        os.close(reader)
        os.close(writer)
    elif name == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            yield path, "a socket"
    else:
        path.mkdir()
        yield path, "a folder"


@POSIX
def test_no_reader_of_the_kit_reads_a_special_file(special: tuple[Path, str]) -> None:
    path, kind = special
    for reader in (known_failures.read, policy.read):
        with pytest.raises(FileError, match=f"cannot read {path}: it is {kind}; give a regular"):
            reader(path, "server")


@POSIX
@pytest.mark.parametrize("option", ["--known-failures", "--policy", "--cacert"])
@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_a_special_file_is_one_line_and_exit_code_2(option: str, name: str, tmp_path: Path) -> None:
    path = Path(name)
    if name == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    url = "https://127.0.0.1:9" if option == "--cacert" else "http://127.0.0.1:9"
    done = verify(url, option, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"cannot read {path}: it is a " in line


@POSIX
@pytest.mark.parametrize("option", ["--known-failures", "--policy"])
def test_a_special_file_of_a_client_is_one_line_too(option: str) -> None:
    words = ["verify-client", "--stdio", "true", option, "/dev/zero"]
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", *words],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "relace-mock: cannot read /dev/zero: it is a device; give a regular file\n"
    )


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(FileError, match="it has more than 1,000,000 bytes"):
        read(path)


@POSIX
def test_a_pipe_that_takes_the_place_of_a_file_blocks_no_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr("relace_contract.files.check", lambda *_: None)
    done = threading.Thread(target=read, args=(path,), daemon=True)
    done.start()
    done.join(10)
    assert not done.is_alive()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
@pytest.mark.parametrize("name", ["report.xml", "report.json", "report.html"])
def test_a_report_is_not_written_into_a_pipe(name: str, tmp_path: Path) -> None:
    """Nobody reads the pipe: a writer would wait forever."""
    os.mkfifo(tmp_path / name)
    done = verify("http://127.0.0.1:1", "--report", name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"relace-mock: cannot write {name}: it is not a regular file\n"


@pytest.mark.parametrize(
    "content",
    [b"[" * 20_000, b"a: &a [x]\n" + b"b: [*a, *a]\n" * 9, b"\xff\xfe", b"a: 2020-99-99", b"\0"],
    ids=["deep", "aliases", "bytes", "date", "NUL"],
)
def test_a_policy_that_is_odd_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(FileError) as raised:
        policy.read(path, "server")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


@pytest.mark.parametrize("value", ["1", "0", "1.0", '"true"'])
def test_quota_accepts_only_true_or_false(value: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f"quota: {value}\n", encoding="utf-8")
    with pytest.raises(FileError, match="quota must be true or false"):
        policy.read(file, "server")


def test_known_failures_are_written_read_again_and_then_nothing_is_new(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    with relace_mock.running(dimensions=64, bit_order="little") as server:
        options = (server.base_url, "--only", "BIN,NORM,REACH")
        failing = verify(*options, "--write-known-failures", str(first))
        known = verify(*options, "--known-failures", str(first))
        text = first.read_text(encoding="utf-8")
        first.write_text(text.replace("BIN-signs", "BIN  # ours\n#"), encoding="utf-8")
        again = verify(
            *options, "--known-failures", str(first), "--write-known-failures", str(second)
        )
    assert failing.returncode == 1
    assert f"written: {first}, 1 known failure" in failing.stdout
    assert "BIN-signs            # of text 0, component" in text
    assert (known.returncode, again.returncode) == (0, 0)
    # Others of the family hold, which does not make it stale; its reason is kept.
    assert "stale" not in again.stdout
    assert "BIN-signs            # ours" in second.read_text(encoding="utf-8")


def test_known_failures_that_were_not_tried_stay_on_the_list(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text("NEG-nan  # our parser\n", encoding="utf-8")
    with relace_mock.running(dimensions=64) as server:
        words = ("--known-failures", str(path), "--write-known-failures", str(path))
        assert verify(server.base_url, "--only", "BIJ-indexes", *words).returncode == 0
    assert "NEG-nan              # our parser" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["no/such/folder/list", "."])
def test_a_list_that_cannot_be_written_is_said_before_the_run(where: str, tmp_path: Path) -> None:
    done = verify("http://127.0.0.1:9", "--write-known-failures", str(tmp_path / where))
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write" in done.stderr or "is a directory" in done.stderr
