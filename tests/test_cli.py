"""``relace-mock embed``, help, and the settings as the documentation has them."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

import relace_mock

pytestmark = pytest.mark.usefixtures("measured")

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
        ([], b"\xff", "standard input is not UTF-8 at byte 0"),
        (["a", "--model", ""], b"", "--model must not be empty"),
        (["a", "--dimensions", "7"], b"", "dimensions must be a multiple of 8"),
        (["a", "--format", "csv"], b"", "'csv' is not one of 'json', 'jsonl', 'npy', 'npz'"),
    ],
)
def test_embed_reports_each_error_in_one_line(
    arguments: list[str], stdin: bytes, words: str
) -> None:
    done = run("embed", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("relace-mock: ") and words in line


def test_an_argument_that_is_not_utf8_is_reported_in_one_line() -> None:
    done = subprocess.run(
        [*map(str.encode, COMMAND), b"embed", b"\xff"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        b"relace-mock: an argument is not UTF-8: save the text in a UTF-8 file and use --file\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as a POSIX shell does")
@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        ("embed a >&-", "standard output is closed"),
        ("embed <&-", "standard input is closed"),
        pytest.param("embed a >/dev/full", "cannot write to standard output: No space", marks=FULL),
        pytest.param(
            "serve --port 0 >/dev/full", "cannot write to standard output: No space", marks=FULL
        ),
        pytest.param("--help >/dev/full", "[Errno 28] No space left on device", marks=FULL),
    ],
)
def test_closed_and_full_streams_are_reported_in_one_line(redirection: str, words: str) -> None:
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


def test_an_unknown_command_is_not_repeated_in_the_message() -> None:
    done = run("rlc-secret", "serve")
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        done.stderr
        == b"relace-mock: No such command: the commands are embed, health, recording, requests, run, scenario, search, serve, verify-client, verify-server\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sevre"], "No such command: did you mean serve?"),
        (["embd", "a"], "No such command: did you mean embed?"),
        (["verify-servr"], "No such command: did you mean verify-server?"),
        (["scenario", "lst"], "No such command: did you mean list?"),
        (["serve", "--prot", "1"], "No such option '--prot': did you mean --port?"),
        (["serve", "--scenarois=x"], "No such option '--scenarois': did you mean --scenarios?"),
        (["embed", "--dimension", "8"], "No such option '--dimension': did you mean --dimensions?"),
        (["scenario", "list", "--scenaros"], "'--scenaros': did you mean --scenarios?"),
        (["verify-server", "--sed", "8"], "No such option '--sed': did you mean --seed?"),
        (
            ["serve", "--embedding", "semantc"],
            "is not one of 'semantic', 'hash': did you mean semantic?",
        ),
        (["serve", "--http", "h12"], "is not one of 'auto', 'httptools', 'h11': did you mean h11?"),
        (["serve", "--dim", "8"], "No such option '--dim': did you mean --dimensions?"),
        (["--helo"], "No such option '--helo': did you mean --help?"),
        (["serve", "--helo"], "No such option '--helo': did you mean --help?"),
        (["scenario", "--helo"], "No such option '--helo': did you mean --help?"),
        (["--verison"], "No such option '--verison': did you mean --version?"),
        (["--prot", "1"], "'--prot': did you mean --port, which belongs to run, serve?"),
        (["--port", "1"], "'--port' belongs to run, serve: write it after the command"),
        (["verify", "server", "http://127.0.0.1"], "did you mean verify-server?"),
        (["verify", "clinet"], "did you mean verify-client?"),
        (["verify", "http://127.0.0.1"], "did you mean verify-client or verify-server?"),
        (["server", "--port", "1"], "did you mean serve?"),
        (["serve", "port", "1"], "each value needs its option: did you mean --port?"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_word_suggested(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.endswith(words)


@pytest.mark.parametrize(
    "arguments", [["rlc-secret"], ["serve", "rlc-secret"], ["serve", "--rlc-secret"]]
)
def test_an_unknown_word_without_a_near_match_is_not_repeated(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert b"rlc-secret" not in done.stderr


def test_a_key_as_the_value_of_another_option_is_not_repeated() -> None:
    key = "rlc-0123456789abcdef0123456789abcdef"
    done = run("serve", "--port", key)
    assert done.returncode == 2
    assert b"'--port'" in done.stderr
    assert key.encode() not in done.stderr


def test_the_help_of_serve_is_in_sections_and_ends_with_examples() -> None:
    text = run("serve", "--help").stdout.decode()
    titles = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == [
        "Listening:",
        "Answers:",
        "Vectors:",
        "Scenarios:",
        "Recordings:",
        "Journal and limits:",
        "Shared store:",
        "Help:",
    ]
    assert "  Examples:\n    relace-mock serve\n" in text


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["embed"], ["search"], ["health"], ["requests"], ["scenario"], ["recording"]],
)
def test_every_help_has_examples(command: list[str]) -> None:
    assert b"Examples:\n" in run(*command, "--help").stdout


def completed(*words: str, shell: str = "bash") -> list[str]:
    """Return what a shell offers to complete the last word."""
    variables = {
        "_RELACE_MOCK_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": shlex.join(["relace-mock", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        COMMAND, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_the_shell_completes_the_names_of_scenarios(tmp_path: Path) -> None:
    assert completed("scenario", "show", "rate-limited-t") == ["plain,rate-limited-twice"]
    assert completed("serve", "--scenario", "flak") == ["plain,flaky"]
    (tmp_path / "my-story.yaml").write_text("steps: [{status: 500}]")
    own = ["serve", "--scenarios", str(tmp_path), "--scenario", "my-"]
    assert completed(*own) == ["plain,my-story"]
    assert completed("serve", "--scenario", "./sc") == ["file,./sc"]


def test_completion_works_beside_a_bad_scenario_file(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("steps: 5")
    words = ["serve", "--scenarios", str(tmp_path), "--scenario", "flak"]
    assert completed(*words) == ["plain,flaky"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_command_switches_completion_on(shell: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    assert f"_RELACE_MOCK_COMPLETE={shell}_source relace-mock" in page
    variables = {"_RELACE_MOCK_COMPLETE": f"{shell}_source"}
    done = subprocess.run(COMMAND, env=os.environ | variables, capture_output=True, check=False)
    assert b"_RELACE_MOCK_COMPLETE" in done.stdout


def test_help_and_version_are_printed() -> None:
    assert b"serve" in run("--help").stdout
    assert run("--version").stdout.split()[-1].decode() == relace_mock.__version__
    nothing = run()
    assert nothing.returncode == 2 and b"Usage" in nothing.stderr


def test_importing_every_module_overwrites_no_public_name() -> None:
    """A module named ``transport`` would replace the function of that name."""
    check = (
        "import importlib, pkgutil, relace_mock\n"
        "for module in pkgutil.iter_modules(relace_mock.__path__):\n"
        "    if module.name != '__main__':\n"
        "        importlib.import_module(f'relace_mock.{module.name}')\n"
        "print(*{type(getattr(relace_mock, name)).__name__ for name in relace_mock.__all__})"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"function", "str", "type"}  # and no module


def test_every_name_in_all_can_be_imported() -> None:
    for name in relace_mock.__all__:
        assert getattr(relace_mock, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        relace_mock.nothing  # noqa: B018 - the access is the test
