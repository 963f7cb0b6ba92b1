"""Which files a path stands for, and the pieces that they are split into."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from relace_mock.offline import grammars, sources
from relace_mock.offline.files import Found, Problem, found
from relace_mock.offline.pieces import Piece


def files_of(*paths: Path | str) -> list[str]:
    return [each.path.as_posix() for each in found(map(Path, paths)) if isinstance(each, Found)]


def problems_of(*paths: Path | str) -> dict[str, str]:
    return {
        each.path.as_posix(): each.why
        for each in found(map(Path, paths))
        if isinstance(each, Problem)
    }


def split(name: str, text: str) -> list[Piece]:
    return list(sources.split(Path(name), text).pieces)


def functions(name: str, text: str) -> list[str]:
    return [piece.name for piece in split(name, text) if piece.kind == "function"]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like that of a project, and the working directory."""
    for name in (
        "b.py",
        "a/z.py",
        "a/c/x.js",
        "a/c/notes",
        ".git/config",
        ".hidden.py",
        "a/node_modules/m/index.js",
        "env/lib/python3.11/site-packages/m.py",
        "a/__pycache__/z.pyc",
        "venv/lib/m.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "venv/pyvenv.cfg").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = ["a/c/notes", "a/c/x.js", "a/z.py", "b.py"]


def test_a_folder_stands_for_its_files_in_order_without_those_of_others(tree: Path) -> None:
    """Left out are hidden files, installed packages, virtual environments and compiled files."""
    assert files_of(".") == ALL
    assert files_of(tree) == [f"{tree.as_posix()}/{name}" for name in ALL]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.py", ["a/z.py", "b.py"]),
        ("*", ALL),
        ("a/**", ["a/c/notes", "a/c/x.js", "a/z.py"]),
        ("a/?.py", ["a/z.py"]),
        ("[ab].py", ["b.py"]),
        ("a/c", ["a/c/notes", "a/c/x.js"]),
        (".hidden.py", [".hidden.py"]),
        ("a/node_modules", ["a/node_modules/m/index.js"]),
    ],
)
def test_patterns_and_paths_stand_for_files(tree: Path, pattern: str, expected: list[str]) -> None:
    assert files_of(pattern) == expected
    assert files_of(tree / pattern) == [f"{tree.as_posix()}/{name}" for name in expected]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "[id].tsx").touch()
    assert files_of("[id].tsx") == ["[id].tsx"]


def test_a_file_that_two_paths_find_is_taken_once(tree: Path) -> None:
    (tree / "link.py").symlink_to("b.py")
    assert files_of(".", "**/*.py", "*") == ALL


def test_a_file_that_is_named_twice_is_taken_twice(tree: Path) -> None:
    assert files_of("b.py", "b.py") == ["b.py", "b.py"]


def test_links_in_circles_end(tree: Path) -> None:
    (tree / "a/up").symlink_to(tree)
    (tree / "a/self").symlink_to("self")
    assert set(files_of(".")) == {*ALL, "a/self"}
    assert set(files_of("**/*.py")) == {"a/z.py", "b.py"}
    assert problems_of(".") == {"a/up": "it is a link to a folder"}
    broken = sources.read(Found(Path("a/self"), named=False))
    assert broken.problem is not None
    assert (broken.problem.why, broken.problem.failed) == ("it is a broken link", False)


def test_what_is_not_there_is_a_failure(tree: Path) -> None:
    assert problems_of("none.py", "*.rs") == {
        "none.py": "No such file or directory",
        "*.rs": "no file matches this pattern",
    }
    assert all(
        each.failed for each in found([Path("none.py"), Path("*.rs")]) if isinstance(each, Problem)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_special_files_in_a_folder_are_left_out_and_named_ones_are_a_failure(tree: Path) -> None:
    os.mkfifo("pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        for name, kind in (("pipe.py", "pipe"), ("socket.py", "socket")):
            walked = sources.read(Found(Path(name), named=False)).problem
            named = sources.read(Found(Path(name), named=True)).problem
            assert walked is not None and named is not None
            assert (walked.why, walked.failed) == ("it is not a regular file", False)
            assert (named.why, named.failed) == (f"it is a {kind}, not a regular file", True)


@pytest.mark.parametrize(
    ("content", "why", "failed"),
    [
        (b"\x89PNG\r\n\0\xff", "it is not text", False),
        (b"a\xffb", "it is not UTF-8 at byte 1", True),
        ("a".encode("utf-16"), "it is not text", False),
        (
            b"a" * 2_000_001,
            "it has more than 2000000 bytes, and only a file that is named may have more",
            False,
        ),
    ],
    ids=["picture", "latin-1", "utf-16", "large"],
)
def test_what_is_not_text_is_left_out_with_the_reason(
    tmp_path: Path, content: bytes, why: str, failed: bool
) -> None:
    (tmp_path / "x").write_bytes(content)
    problem = sources.read(Found(tmp_path / "x", named=False)).problem
    assert problem is not None
    assert (problem.why, problem.failed) == (why, failed)


def test_a_python_file_is_read_in_the_encoding_that_it_says(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes("# coding: latin-1\ndef grün(): pass\n".encode("latin-1"))
    pieces = sources.read(Found(path, named=False)).pieces
    assert [piece.name for piece in pieces] == ["", "grün"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes("\ufeffhello".encode())
    (piece,) = sources.read(Found(tmp_path / "x.md", named=False)).pieces
    assert piece.text == "hello"


PYTHON = '''\
"""A module."""
import os

@cache
def first(a):
    def inner():
        pass
    return inner

class Point:
    """A point."""
    x = 1

    async def move(self):
        await nothing()

    class Inner:
        def deep(self): return 1

if os.name == "nt":
    def on_windows(): pass
else:
    def elsewhere(): pass
END = 1
'''


def test_python_is_split_into_functions_and_what_lies_between_them() -> None:
    pieces = split("x.py", PYTHON)
    assert [(piece.kind, piece.name, piece.line, piece.start, piece.end) for piece in pieces] == [
        ("piece", "", 1, 1, 2),
        ("function", "first", 5, 4, 8),
        ("piece", "Point", 10, 10, 12),
        ("function", "Point.move", 14, 14, 15),
        ("piece", "Point.Inner", 17, 17, 17),
        ("function", "Point.Inner.deep", 18, 18, 18),
        ("piece", "", 20, 20, 20),
        ("function", "on_windows", 21, 21, 21),
        ("piece", "", 22, 22, 22),
        ("function", "elsewhere", 23, 23, 23),
        ("piece", "", 24, 24, 24),
    ]
    lines = PYTHON.splitlines()
    for piece in pieces:
        assert piece.text.splitlines() == lines[piece.start - 1 : piece.end]


@pytest.mark.parametrize(
    "broken", ["def f(:\n    pass\n", "def f():\n\tif 1:\n  pass\n", "(" * 5000]
)
def test_python_with_a_syntax_error_is_split_into_lines(broken: str) -> None:
    assert {piece.kind for piece in split("x.py", broken + "x = 1\n")} == {"piece"}


def test_form_feeds_and_odd_line_breaks_do_not_move_the_lines() -> None:
    (piece,) = split("x.py", "#\x0c\r\n#\u2028\r#\ndef f():\r\n    return 1\r\n")
    assert (piece.name, piece.line, piece.text) == ("f", 4, "def f():\r\n    return 1")


def test_a_warning_about_python_code_is_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    assert functions("x.py", 'def f():\n    return "\\d" is 1\n') == ["f"]
    assert not recwarn.list


JAVASCRIPT = """\
import fs from "fs";
/**
 * Parses.
 */
export const parse = async (text) => {
  return () => text;
};
class Reader extends Base {
  // Reads.
  read() { return 1; }
  handle = (event) => { this.read(event); };
}
exports.old = function () { return 2; };
const table = { run() {}, go: function () {} };
(function () { function inside() {} })();
"""


def test_javascript_is_split_into_functions_with_their_comments() -> None:
    pytest.importorskip("tree_sitter_javascript")
    pieces = {piece.name: piece for piece in split("x.js", JAVASCRIPT) if piece.kind == "function"}
    assert list(pieces) == ["parse", "Reader.read", "Reader.handle", "old", "run", "go", "inside"]
    assert (pieces["parse"].line, pieces["parse"].start, pieces["parse"].end) == (5, 2, 7)
    assert pieces["parse"].text.startswith("/**\n * Parses.\n */\nexport const parse")
    assert pieces["Reader.read"].text == "  // Reads.\n  read() { return 1; }"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.ts", "abstract class A<T> { m(a: T): T { return a } }\nnamespace N { export function q() {} }", ["A.m", "N.q"]),
        ("x.tsx", "export default function App() { return <p/> }", ["App"]),
        ("x.jsx", "const App = () => <p/>", ["App"]),
        ("x.go", "package m\nfunc (s *Server[T]) Serve(a int) {}\nfunc main() {}", ["Server.Serve", "main"]),
        ("x.rs", "#[test]\nfn f() {}\nimpl<T> Foo<T> { fn g(&self) {} }\nmod m { fn h() {} }", ["f", "Foo.g", "m.h"]),
        ("X.java", "class A { @Override int f() { return 1; } A() {} }\ninterface B { default void g() {} }", ["A.f", "A.A", "B.g"]),
        ("x.kt", "class A { fun f() = 1 }\nfun g() {}", ["A.f", "g"]),
        ("x.scala", "object A { def f(x: Int): Int = x }", ["A.f"]),
        ("x.c", "static char *\nname(int a)\n{\n  return 0;\n}\nint x;", ["name"]),
        ("x.h", "static inline int f(void) { return 1; }", ["f"]),
        ("x.cpp", "namespace n { template <class T> struct A { int f() { return 1; } }; }\nint A::g() { return 2; }", ["n.A.f", "A::g"]),
        ("x.cs", "namespace N { class A { int F() { return 1; } A() {} } }", ["N.A.F", "N.A.A"]),
        ("x.rb", "module M\n  class C\n    def f(a)\n    end\n    def self.g; end\n  end\nend", ["M.C.f", "M.C.g"]),
        ("x.php", "<?php\nclass A { public function f() {} }\nfunction g() {}", ["A.f", "g"]),
        ("x.sh", "f() {\n  echo 1\n}\nfunction g { echo 2; }", ["f", "g"]),
        ("X.JS", "function f() {}", ["f"]),
    ],
)  # fmt: skip
def test_other_languages_are_split_into_functions(
    name: str, text: str, expected: list[str]
) -> None:
    pytest.importorskip("tree_sitter")
    assert functions(name, text) == expected


@pytest.mark.parametrize("text", ["", "function f( {{{\n", "\0" * 9, "x" * 100_000, "[" * 50_000])
def test_a_parser_survives_any_text(text: str) -> None:
    pytest.importorskip("tree_sitter_javascript")
    split("x.js", text)


def test_a_language_without_its_parser_is_split_into_lines_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grammars, "is_installed", lambda _: False)
    source = sources.split(Path("x.ts"), "function f() {}\n")
    assert source.without == "typescript"
    assert [piece.kind for piece in source.pieces] == ["piece"]


def test_a_text_is_split_at_blank_lines_into_bounded_pieces() -> None:
    paragraph = "word\n" * 25 + "\n"
    pieces = split("x.txt", paragraph * 4)
    assert [(piece.start, piece.end) for piece in pieces] == [(1, 51), (53, 103)]
    assert all(piece.text.startswith("word") and piece.text.endswith("word") for piece in pieces)


def test_nothing_of_a_long_line_is_lost() -> None:
    line = "abcdefghi " * 1000
    pieces = split("x.txt", f"first\n{line}\nlast\n")
    assert max(len(piece.text) for piece in pieces) <= 4000
    joined = "".join(piece.text for piece in pieces if piece.start == 2)
    assert joined == line.rstrip()
    assert [piece.start for piece in pieces if piece.text in ("first", "last")] == [1, 3]


def test_every_word_of_a_file_is_in_some_piece() -> None:
    for path in Path(sources.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        pieces = "\n".join(piece.text for piece in split(path.name, text))
        assert set(text.split()) <= set(pieces.split()) | {")", "]", "}", "(", "...", "):"}
