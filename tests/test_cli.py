"""``relace-mock embed``, help, and the settings as the documentation has them."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

import relace_mock

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
COMMAND = [sys.executable, "-m", "relace_mock"]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


def test_embed_writes_what_the_server_answers(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("def f(): pass\n")
    body = {"model": "m", "input": ["a", "def f(): pass\n"], "output_dtype": "binary"}
    with relace_mock.running(dimensions=64, seed=3) as server:
        answer = httpx.post(
            f"{server.base_url}/code/embed", json=body, headers={"Authorization": "Bearer k"}
        )
    options = ["--model", "m", "--dimensions", "64", "--seed", "3", "--output-dtype", "binary"]
    done = run("embed", "a", "--file", str(file), *options)
    assert done.returncode == 0
    assert json.loads(done.stdout) == answer.json()


def test_embed_reads_standard_input_as_one_text() -> None:
    done = run("embed", "--dimensions", "8", stdin=b"one\ntwo\n")
    assert done.stdout == run("embed", "--dimensions", "8", "one\ntwo\n").stdout


@pytest.mark.parametrize(("dtype", "numbers"), [("float", "float64"), ("binary", "int8")])
def test_embed_writes_numpy_files(dtype: str, numbers: str) -> None:
    options = ["embed", "a", "b", "--dimensions", "64", "--output-dtype", dtype]
    array = np.load(io.BytesIO(run(*options, "--format", "npy").stdout))
    answer = json.loads(run(*options).stdout)
    assert array.dtype == numbers
    assert array.tolist() == [result["embedding"] for result in answer["results"]]


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["--file", "/no/such/file"], b"", "cannot read /no/such/file: No such file"),
        (["--file", "/"], b"", "cannot read /: Is a directory"),
        ([], b"\xff", "standard input is not UTF-8 at byte 0"),
        (["a", "--model", ""], b"", "--model must not be empty"),
        (["a", "--dimensions", "7"], b"", "dimensions must be a multiple of 8"),
        (["a", "--format", "csv"], b"", "'csv' is not one of 'json', 'npy'"),
    ],
)
def test_what_embed_cannot_do_is_one_line(arguments: list[str], stdin: bytes, words: str) -> None:
    done = run("embed", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("relace-mock: ") and words in line


def test_an_argument_that_is_not_utf8_is_one_line() -> None:
    done = subprocess.run(
        [*map(str.encode, COMMAND), b"embed", b"\xff"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == b"relace-mock: an argument is not UTF-8; a TEXT may come from a file\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as a POSIX shell does")
@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        ("embed a >&-", "standard output is closed"),
        ("embed <&-", "standard input is closed"),
        pytest.param("embed a >/dev/full", "cannot write: No space left on device", marks=FULL),
        pytest.param("serve --port 0 >/dev/full", "cannot write: No space left", marks=FULL),
        pytest.param("--help >/dev/full", "[Errno 28] No space left on device", marks=FULL),
    ],
)
def test_closed_and_full_streams_are_one_line(redirection: str, words: str) -> None:
    done = subprocess.run(  # noqa: S602 - the shell's redirections are the test
        f"{shlex.join(COMMAND)} {redirection}",
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"relace-mock: {words}" + done.stderr.partition(words)[2]
    assert len(done.stderr.splitlines()) == 1


def test_a_word_that_is_no_command_is_not_repeated() -> None:
    done = run("rlc-secret", "serve")
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        done.stderr
        == b"relace-mock: No such command: there are embed, scenario, serve, verify-client, verify-server\n"
    )


def test_help_and_version() -> None:
    assert b"serve" in run("--help").stdout
    assert run("--version").stdout.split()[-1].decode() == relace_mock.__version__
    nothing = run()
    assert nothing.returncode == 2 and b"Usage" in nothing.stderr


def test_public_names_stay_what_they_are_when_every_module_is_imported() -> None:
    """A module of the same name would take the place of ``transport``."""
    check = (
        "import importlib, pkgutil, relace_mock\n"
        "for module in pkgutil.iter_modules(relace_mock.__path__):\n"
        "    if module.name != '__main__':\n"
        "        importlib.import_module(f'relace_mock.{module.name}')\n"
        "print(*{type(getattr(relace_mock, name)).__name__ for name in relace_mock.__all__})"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"function", "str", "type"}  # and no module


def test_public_names_are_what_the_package_exports() -> None:
    for name in relace_mock.__all__:
        assert getattr(relace_mock, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        relace_mock.nothing  # noqa: B018 - the access is the test
