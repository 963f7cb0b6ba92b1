"""Files that cannot be recorded into or replayed: a clear line, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer, SettingsError
from tests.conftest import Serve
from tests.recordings import ask, client, embed, recorded, source, vectors


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


@pytest.fixture
def file(upstream: RunningServer, tmp_path: Path) -> Path:
    """A recording of two texts."""
    return recorded(upstream.base_url, tmp_path / "vectors.relace", ["a", "b"])


def serve_fails(*arguments: str) -> str:
    """Run ``relace-mock serve``, which must fail, and return its message."""
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1, done
    return done.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.relace"
    said = serve_fails("--replay", str(missing))
    assert said == f"relace-mock: replay: cannot read {missing}: No such file or directory\n"
    assert not missing.exists()


def test_a_recording_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "vectors.relace"
    said = serve_fails("--upstream", "http://127.0.0.1:9", "--record", str(file))
    assert said == f"relace-mock: record: cannot write {file}: No such file or directory\n"


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_file_that_is_no_recording_is_left_alone(tmp_path: Path, mode: str) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("my notes, which nobody may overwrite\n" * 9)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE mine (a)")
    database.close()
    for path, problem in ((text, "is not a recording"), (other, "but not a recording")):
        before = path.read_bytes()
        arguments = ["--upstream", "http://127.0.0.1:9"] if mode == "record" else []
        said = serve_fails(*arguments, f"--{mode}", str(path))
        assert problem in said and str(path) in said
        assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_folder_a_pipe_and_a_device_are_refused(tmp_path: Path, mode: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    upstream = {"upstream": "http://127.0.0.1:9"} if mode == "record" else {}
    for path, kind in (
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "no regular file"),
        (Path("/dev/zero"), "no regular file"),
    ):
        with pytest.raises(SettingsError, match=f"{mode}: {path} is {kind}: give the name of"):
            client(**upstream, **{mode: path})


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_recording_of_another_version_is_left_alone(file: Path, mode: str) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version = 9")
    database.close()
    before = file.read_bytes()
    arguments = ["--upstream", "http://127.0.0.1:9"] if mode == "record" else []
    said = serve_fails(*arguments, f"--{mode}", str(file))
    assert "is a recording of format 9, but this version of relace-mock reads format 1" in said
    assert file.read_bytes() == before


@pytest.mark.parametrize("mode", ["replay", "record"])
@pytest.mark.parametrize("size", [10, 90, 2048, -1])
def test_a_recording_that_is_cut_off_is_left_alone(file: Path, mode: str, size: int) -> None:
    with file.open("rb+") as opened:
        opened.truncate(size if size > 0 else file.stat().st_size + size)
    before = file.read_bytes()
    arguments = ["--upstream", "http://127.0.0.1:9"] if mode == "record" else []
    said = serve_fails(*arguments, f"--{mode}", str(file))
    assert f"{file} is cut off after {len(before)} bytes: restore it from a copy" in said
    assert file.read_bytes() == before


def test_an_empty_file_can_be_recorded_into_but_not_replayed(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "empty.relace"
    file.touch()
    with pytest.raises(SettingsError, match="is empty: it is not a recording"):
        client(replay=file)
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file) as mock:
        assert source(ask(mock, "a")) == "recorded"


def test_damage_inside_a_recording_is_a_500_with_a_clear_line(file: Path) -> None:
    before = file.read_bytes()
    content = bytearray(before)
    content[2048 : len(content)] = b"\xff" * (len(content) - 2048)
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="it is damaged: restore it from a copy"):
        client(replay=file)
    Path(file).write_bytes(before)
    pages = before[: 3 * 2048] + bytearray(len(before) - 3 * 2048)
    file.write_bytes(pages)
    with client(replay=file) as mock:
        answer = ask(mock, "a")
    assert answer.status_code == 500
    assert "it is damaged: restore it from a copy" in answer.json()["error"]


def test_a_second_recorder_is_refused_and_a_reader_is_not(
    serve: Serve, upstream: RunningServer, file: Path
) -> None:
    arguments = ("--upstream", upstream.url, "--record", str(file))
    with serve(*arguments) as first:
        said = serve_fails(*arguments)
        with client(replay=file) as reader:
            assert source(ask(reader, "a")) == "recorded"
            vectors(embed(first.base_url, "c"))
            assert source(ask(reader, "c")) == "recorded"  # as soon as it has been recorded
    assert f"another mock is recording into {file}: stop it, or record into another file" in said
    with serve(*arguments) as again:
        assert source(embed(again.base_url, "a", "b", "c")) == "recorded"


def test_a_crash_loses_at_most_the_request_in_flight(
    serve: Serve, upstream: RunningServer, tmp_path: Path
) -> None:
    file, key = tmp_path / "vectors.relace", "rlc-crash"
    control = upstream.control(key)
    arguments = ("--upstream", upstream.url, "--upstream-key", key, "--record", str(file))
    with serve(*arguments) as process:
        for text in "abc":
            vectors(embed(process.base_url, text))
        control.play("steps: [{fault: hang}]")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{process.base_url}/code/embed",
                json={"model": "relace-embed-v1", "input": ["d"]},
                headers={"Authorization": "Bearer rlc-test"},
                timeout=0.5,
            )
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    with client(replay=file) as mock:
        assert source(ask(mock, "a", "b", "c")) == "recorded"
        assert ask(mock, "d").status_code == 500
    with serve(*arguments) as process:
        assert source(embed(process.base_url, "d", "a")) == "mixed"


def test_a_crash_in_the_middle_of_a_write_is_undone(file: Path, tmp_path: Path) -> None:
    """The recording as it lies on the disk while a transaction is being written."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA cache_size = 1")
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM vectors")
    for number in range(200):
        database.execute("INSERT INTO answers VALUES (?, ?, 0, 1, 1)", (number + 100, "x" * 500))
    crashed = tmp_path / "crashed.relace"
    assert (tmp_path / f"{file.name}-journal").stat().st_size > 0
    shutil.copy(file, crashed)
    shutil.copy(f"{file}-journal", f"{crashed}-journal")
    database.execute("ROLLBACK")
    database.close()
    with client(replay=crashed) as mock:
        assert source(ask(mock, "a", "b")) == "recorded"
    assert not Path(f"{crashed}-journal").exists()


def test_a_full_disk_is_a_500_with_a_clear_line_and_loses_nothing(
    upstream: RunningServer, file: Path
) -> None:
    """A limit on the size of files simulates a full disk."""
    program = (
        "import os, resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size = os.path.getsize(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'relace_mock', *sys.argv[2:]])\n"
    )
    serving = ("serve", "--port", "0", "--upstream", upstream.url, "--record", str(file))
    with subprocess.Popen(
        [sys.executable, "-c", program, str(file), *serving],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("relace-mock ready: ").strip()
        answer = embed(url, *map(str, range(50)))
        known = embed(url, "a", "b")
        process.terminate()
        _, said = process.communicate()
    assert answer.status_code == 500
    assert "the disk is full" in answer.json()["error"]
    assert f"relace-mock: {file}: the disk is full" in said and "Traceback" not in said
    assert source(known) == "recorded"
    with client(replay=file) as mock:
        assert source(ask(mock, "a", "b")) == "recorded"


def test_a_recording_in_a_folder_that_cannot_be_written_is_replayed(
    serve: Serve, file: Path
) -> None:
    file.chmod(0o444)
    file.parent.chmod(0o555)
    try:
        with serve("--replay", str(file)) as process:
            assert source(embed(process.base_url, "a")) == "recorded"
    finally:
        file.parent.chmod(0o755)


def test_a_replaced_recording_is_opened_again(
    upstream: RunningServer, file: Path, tmp_path: Path
) -> None:
    newer = recorded(upstream.base_url, tmp_path / "newer.relace", ["c"])
    with relace_mock.running(thread=True) as server:
        mock = server.control("rlc-test")
        mock.replay(file)
        assert source(embed(server.base_url, "a")) == "recorded"
        newer.replace(file)
        mock.replay(file)
        assert embed(server.base_url, "a").status_code == 500
        assert source(embed(server.base_url, "c")) == "recorded"


def test_a_server_that_waits_for_its_upstream_still_stops_at_once(
    serve: Serve, upstream: RunningServer, tmp_path: Path
) -> None:
    key = "rlc-stop"
    control = upstream.control(key)
    control.play("steps: [{fault: hang}]")
    arguments = ("--upstream", upstream.url, "--upstream-key", key)
    body = b'{"model":"relace-embed-v1","input":["d"]}'
    head = (
        "POST /v1/code/embed HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer rlc-test\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with serve(*arguments, "--record", str(tmp_path / "vectors.relace")) as process:
        port = urlsplit(process.base_url).port
        with socket.create_connection(("127.0.0.1", port)) as patient:
            patient.sendall(head.encode() + body)
            while not control.journal():
                pass
            process.popen.terminate()
            assert process.popen.wait(20) == 0  # the upstream is silent for longer
