"""``relace-mock embed`` of folders and patterns, and ``relace-mock search``."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relace_mock

COOKIES = '''\
def parse_cookie(header):
    """Parse a cookie header into a dict."""
    return dict(part.split("=", 1) for part in header.split("; "))


class Tree:
    def rotate_left(self, node):
        right = node.right
        node.right = right.left
        return right
'''


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | variables,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/cookies.py").write_text(COOKIES)
    (tmp_path / "src/other.py").write_text("import os\n\ndef remove(path):\n    os.unlink(path)\n")
    return tmp_path


NAMES = ["parse_cookie", "Tree", "Tree.rotate_left", None, "remove"]


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_folder_is_embedded_function_by_function_with_names_and_places(tree: Path) -> None:
    done = run("embed", "--file", "src", "--format", "jsonl", "--dimensions", "64", cwd=tree)
    assert (done.returncode, done.stderr) == (0, "")
    found = records(done)
    assert [each["name"] for each in found] == NAMES
    assert [each["kind"] for each in found] == [
        "function",
        "piece",
        "function",
        "piece",
        "function",
    ]
    assert (found[2]["path"], found[2]["line"], found[2]["end"]) == ("src/cookies.py", 7, 10)
    texts = [str(each["text"]) for each in found]
    assert [each["embedding"] for each in found] == relace_mock.embed(texts, dimensions=64).tolist()


def test_npz_has_the_same_as_json_lines(tree: Path) -> None:
    options = ("--file", "src/**/*.py", "--output-dtype", "binary", "--dimensions", "64")
    expected = records(run("embed", *options, "--format", "jsonl", cwd=tree))
    done = run("embed", *options, "--output", "x.npz", cwd=tree)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with np.load(tree / "x.npz", allow_pickle=False) as arrays:
        assert arrays["vectors"].tolist() == [each["embedding"] for each in expected]
        assert arrays["vectors"].dtype == np.int8
        assert arrays["names"].tolist() == [each["name"] or "" for each in expected]
        for column, key in (("paths", "path"), ("kinds", "kind"), ("lines", "line"), ("starts", "start"), ("ends", "end")):  # fmt: skip
            assert arrays[column].tolist() == [each[key] for each in expected]


def test_npz_can_be_written_to_a_pipe(tree: Path) -> None:
    command = [sys.executable, "-m", "relace_mock", "embed", "a", "b", "--format", "npz"]
    done = subprocess.run(
        [*command, "--dimensions", "8"], capture_output=True, cwd=tree, check=True
    )
    (tree / "x.npz").write_bytes(done.stdout)
    with np.load(tree / "x.npz") as arrays:
        assert (arrays["vectors"] == relace_mock.embed(["a", "b"], dimensions=8)).all()


def test_json_of_a_folder_is_the_response_of_the_endpoint(tree: Path) -> None:
    options = ("--file", "src", "--dimensions", "8")
    texts = [
        each["text"] for each in records(run("embed", *options, "--format", "jsonl", cwd=tree))
    ]
    answer = json.loads(run("embed", *options, cwd=tree).stdout)
    same = json.loads(run("embed", "--dimensions", "8", "--", *map(str, texts), cwd=tree).stdout)
    assert answer == same
    assert [result["index"] for result in answer["results"]] == list(range(5))


def test_a_named_file_is_one_text_in_formats_without_places_and_split_in_the_others(
    tree: Path,
) -> None:
    named = ("embed", "--file", "src/cookies.py", "--dimensions", "8")
    whole = relace_mock.embed(COOKIES, dimensions=8).tolist()
    assert [each["embedding"] for each in json.loads(run(*named, cwd=tree).stdout)["results"]] == [
        whole
    ]
    assert [each["name"] for each in records(run(*named, "--format", "jsonl", cwd=tree))] == NAMES[
        :3
    ]


@pytest.mark.parametrize("ending", ["json", "jsonl", "npy", "npz", "NPZ"])
def test_the_ending_of_the_output_chooses_the_format(tree: Path, ending: str) -> None:
    options = ("embed", "a", "--dimensions", "8")
    run(*options, "--output", f"by-ending.{ending}", cwd=tree)
    run(*options, "--output", "by-option", "--format", ending.lower(), cwd=tree)
    assert (tree / f"by-ending.{ending}").read_bytes() == (tree / "by-option").read_bytes()


def test_an_output_of_unknown_ending_is_refused_before_any_work(tree: Path) -> None:
    done = run("embed", "--file", "src", "--output", "x.csv", cwd=tree)
    assert done.returncode == 2
    assert done.stderr == (
        "relace-mock: --output x.csv does not end with .json, .jsonl, .npy, .npz: rename it, or add --format\n"
    )


def test_an_output_that_cannot_be_written_is_one_line_and_leaves_nothing(tree: Path) -> None:
    done = run("embed", "a", "--output", "none/x.npz", cwd=tree)
    assert done.returncode == 2
    assert done.stderr == "relace-mock: cannot write to none/x.npz: No such file or directory\n"
    assert sorted(path.name for path in tree.iterdir()) == ["src"]


def test_the_output_of_the_last_run_is_not_embedded(tree: Path) -> None:
    options = ("embed", "--file", ".", "--dimensions", "8", "--output", "x.jsonl")
    for _ in range(2):
        assert run(*options, cwd=tree).returncode == 0
    assert "x.jsonl" not in (tree / "x.jsonl").read_text()


def test_one_bad_file_does_not_stop_the_others_and_is_reported(tree: Path) -> None:
    (tree / "src/picture.png").write_bytes(b"\x89PNG\0")
    (tree / "src/latin.txt").write_bytes(b"caf\xe9")
    (tree / "src/broken.py").write_text("def f(:\n")
    os.mkfifo(tree / "src/pipe")
    done = run("embed", "--file", "src", "--format", "jsonl", "--dimensions", "8", cwd=tree)
    assert done.returncode == 1
    assert len(records(done)) == len(NAMES) + 1
    assert done.stderr.splitlines() == [
        "relace-mock: left out 1 file: it is not text: src/picture.png",
        "relace-mock: left out 1 file: it is not a regular file: src/pipe",
        "relace-mock: cannot read src/latin.txt: it is not UTF-8 at byte 3",
    ]


def test_files_that_are_not_text_are_no_failure_and_counted(tree: Path) -> None:
    for number in range(12):
        (tree / f"src/{number:02}.bin").write_bytes(b"\0")
    done = run("embed", "--file", "src", "--dimensions", "8", cwd=tree)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "relace-mock: left out 12 files: it is not text: src/00.bin, src/01.bin,"
    )
    assert line.endswith("src/09.bin and 2 more")


@pytest.mark.parametrize("file_format", ["jsonl", "npz"])
def test_a_named_file_that_fails_does_not_stop_formats_with_places(
    tree: Path, file_format: str
) -> None:
    options = ("--format", file_format, "--output", "x", "--dimensions", "8")
    done = run("embed", "--file", "none.py", "--file", "src", "--file", "*.rs", *options, cwd=tree)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "relace-mock: cannot read none.py: No such file or directory",
        "relace-mock: cannot read *.rs: no file matches this pattern",
    ]
    assert (tree / "x").stat().st_size > 1000


def test_a_named_file_that_fails_stops_formats_where_a_row_would_be_missing(tree: Path) -> None:
    done = run("embed", "--file", "src/other.py", "--file", "none.py", cwd=tree)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "relace-mock: cannot read none.py: No such file or directory\n"


def test_a_folder_without_text_is_an_error(tree: Path) -> None:
    (tree / "empty").mkdir()
    for command in (("embed", "--file", "empty"), ("search", "x", "empty")):
        done = run(*command, cwd=tree)
        assert done.returncode == 2
        assert done.stderr.startswith("relace-mock: there is no text in these files: nothing to ")


def test_a_pattern_that_the_shell_expanded_is_noticed(tree: Path) -> None:
    done = run("embed", "--file", "src/cookies.py", "src/other.py", "--dimensions", "8", cwd=tree)
    assert done.returncode == 0
    assert done.stderr == (
        "relace-mock: src/other.py is a file, but its name was embedded as a text: write --file before each "
        "file, or quote the pattern, --file '*.py'\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="paths are bytes")
def test_a_file_name_that_is_not_utf8_is_shown_with_a_mark(tree: Path) -> None:
    with open(os.fsencode(tree) + b"/src/\xff.py", "w") as file:  # noqa: PTH123 - a name as bytes
        file.write("def f(): pass\n")
    found = records(
        run("embed", "--file", "src", "--format", "jsonl", "--dimensions", "8", cwd=tree)
    )
    assert found[-1]["path"] == "src/\ufffd.py"
    assert run("search", "f", "src", cwd=tree).returncode == 0


def test_many_files_are_split_by_several_processes_in_order(tmp_path: Path) -> None:
    for number in range(250):
        (tmp_path / f"{number:03}.py").write_text(f"def f{number}(): pass\n")
    (tmp_path / "100.py").write_bytes(b"\xff")
    done = run("embed", "--file", ".", "--format", "jsonl", "--dimensions", "8", cwd=tmp_path)
    assert [each["name"] for each in records(done)] == [f"f{n}" for n in range(250) if n != 100]
    assert done.stderr == "relace-mock: cannot read 100.py: it is not UTF-8 at byte 0\n"


def test_search_prints_the_best_functions_with_score_and_place(tree: Path) -> None:
    done = run("search", "parse a cookie header", "src", cwd=tree)
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = [line.split() for line in done.stdout.splitlines()]
    assert first[1:] == ["src/cookies.py:1", "parse_cookie"]
    assert 0.3 < float(first[0]) < 1
    assert {tuple(line[1:]) for line in others} == {
        ("src/cookies.py:7", "Tree.rotate_left"),
        ("src/other.py:3", "remove"),
    }
    assert float(first[0]) > float(others[0][0]) >= float(others[1][0])


def test_search_prints_at_most_so_many_and_json_for_tools(tree: Path) -> None:
    done = run("search", "delete a file", "src", "--limit", "1", "--json", cwd=tree)
    (hit,) = records(done)
    assert (hit["path"], hit["line"], hit["name"]) == ("src/other.py", 3, "remove")
    texts = ["delete a file", "def remove(path):\n    os.unlink(path)"]
    assert hit["text"] == texts[1]
    query, function = relace_mock.embed(texts)
    assert hit["score"] == pytest.approx(query @ function, abs=1e-4)
    assert len(run("search", "x", "src", "--limit", "1", cwd=tree).stdout.splitlines()) == 1


def test_search_says_the_same_in_every_run_and_moves_with_the_seed(tree: Path) -> None:
    first, same = (run("search", "turn a tree", "src", cwd=tree).stdout for _ in range(2))
    assert first == same != run("search", "turn a tree", "src", "--seed", "1", cwd=tree).stdout


def test_search_reports_a_bad_file_and_goes_on(tree: Path) -> None:
    done = run("search", "delete a file", "none.py", "src/other.py", cwd=tree)
    assert done.returncode == 1
    assert done.stdout.endswith("src/other.py:3  remove\n")
    assert done.stderr == "relace-mock: cannot read none.py: No such file or directory\n"


def test_search_of_files_without_functions_shows_where_and_how_a_piece_begins(tree: Path) -> None:
    (tree / "notes.md").write_text("\n# Cookies\n\nHow to parse a cookie header.\n")
    done = run("search", "cookie header", "notes.md", cwd=tree)
    assert done.stdout.endswith("  notes.md:2  # Cookies\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search"], "Missing argument 'QUERY'"),
        (["search", "x"], "Missing argument 'PATH...'"),
        (["search", " ", "src"], "the query is empty"),
        (["search", "x", "src", "--limit", "0"], "0 is not in the range x>=1"),
        (["search", "x", "src", "--model", ""], "--model must not be empty"),
        (["search", "x", "src", "--dimensions", "7"], "dimensions must be a multiple of 8"),
    ],
)
def test_a_bad_search_is_one_line(tree: Path, arguments: list[str], words: str) -> None:
    done = run(*arguments, cwd=tree)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line


def on_terminal(*arguments: str, cwd: Path, **variables: str) -> str:
    """The text that a command writes to a terminal, which is its standard output and error."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "relace_mock", *arguments],
        stdout=child,
        stderr=child,
        cwd=cwd,
        env=os.environ | {"TERM": "xterm"} | variables,
    ):
        os.close(child)
        written = b""
        try:
            while piece := os.read(parent, 4096):
                written += piece
        except OSError:  # Linux reports a closed terminal as an error
            pass
    os.close(parent)
    return written.decode()


def test_search_is_coloured_on_a_terminal_unless_the_user_says_no(tree: Path) -> None:
    command = ("search", "parse a cookie header", "src")
    assert "\x1b[" in on_terminal(*command, cwd=tree, NO_COLOR="")
    plain = on_terminal(*command, cwd=tree, NO_COLOR="1")
    assert "\x1b[" not in plain and "parse_cookie" in plain
    assert "\x1b[" not in on_terminal(*command, cwd=tree, TERM="dumb", NO_COLOR="")


def test_progress_is_shown_on_a_terminal_only_and_is_gone_at_the_end(tree: Path) -> None:
    command = ("embed", "--file", "src", "--dimensions", "8", "--output", "x.npz")
    shown = on_terminal(*command, cwd=tree)
    assert "found " in shown and shown.endswith("\r")
    assert run(*command, cwd=tree).stderr == ""


def test_bytes_are_not_written_to_a_terminal(tree: Path) -> None:
    shown = on_terminal("embed", "a", "--format", "npz", cwd=tree)
    assert "standard output is a terminal: add --output vectors.npz" in shown


def test_the_paths_of_search_complete_as_files() -> None:
    from click.shell_completion import ShellComplete  # noqa: PLC0415 - slow, and used only here

    from relace_mock.cli import cli  # noqa: PLC0415 - as above

    complete = ShellComplete(cli, {}, "relace-mock", "_RELACE_MOCK_COMPLETE")
    for words in (["search", "query"], ["embed", "--file"], ["embed", "--output"]):
        assert [each.type for each in complete.get_completions(words, "s")] == ["file"]
