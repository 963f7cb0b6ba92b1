"""Nothing that a server or client says can move the cursor, forge a line or break a report."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relace_contract.foreign_text import on_one_line, visible
from tests.kit.test_client_command import verify as verify_client
from tests.kit.test_command import verify

#: Characters that move the cursor, set the window title, ring, reverse a line, and end a line.
HOSTILE = {
    "escape": "\x1b[2J\x1b[1;31m",
    "window title": "\x1b]0;owned\x07",
    "C1 control": "\x9b31m",
    "backspace": "good\b\b\b\bevil",
    "carriage return": "\rexit code 0",
    "bidi override": "\u202egpj.exe",
    "bidi isolate": "\u2066x\u2069",
    "line separator": "\u2028INCOMPLETE",
    "NUL": "a\0b",
    "zero width": "a\u200bb\ufeff",
}
REPORTS = ("r.xml", "r.json", "r.html")


def safe(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def reports(folder: Path) -> list[str]:
    return [word for name in REPORTS for word in ("--report", str(folder / name))]


def look_at(folder: Path) -> None:
    """Assert that every report is valid and has no control characters."""
    ET.fromstring((folder / "r.xml").read_bytes())  # noqa: S314 - our own file
    json.loads((folder / "r.json").read_bytes())
    for name in REPORTS:
        assert safe((folder / name).read_bytes().decode()), name


@contextmanager
def answering(raw: bytes) -> Iterator[str]:
    """A server that answers every request with these bytes."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536) or b"\r\n\r\n"
                connection.sendall(raw)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def raw_answer(status: str, head: str, body: str) -> bytes:
    content = body.encode()
    fields = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n{head}"
    return fields.encode("utf-8") + b"\r\n\r\n" + content


#: All of them at once. HTTP parsers reject a header with a carriage return or NUL, so not there.
EVERYTHING = "".join(HOSTILE.values())
IN_HEADERS = EVERYTHING.replace("\r", "").replace("\0", "")


@pytest.mark.parametrize("place", ["header", "body", "error", "key", "reason", "no header"])
def test_what_a_server_says_is_made_visible(place: str, tmp_path: Path) -> None:
    text = IN_HEADERS if place in {"header", "reason"} else EVERYTHING
    error = json.dumps({"error": text})
    raw = {
        "header": lambda: raw_answer("200 OK", f"X-Name: {text}", '{"results": 5}'),
        "no header": lambda: raw_answer("200 OK", f"X-Name: {text}", ""),
        "body": lambda: raw_answer("418 No", "X-Name: x", text),
        "error": lambda: raw_answer("400 No", "Content-Type: application/json", error),
        "key": lambda: raw_answer("401 No", "Content-Type: application/json", error),
        "reason": lambda: raw_answer(f"500 {text}", "X-Name: x", error),
    }[place]()
    with answering(raw) as url:
        done = verify(url, "--only", "REACH,NEG-nan", "--timeout", "3", *reports(tmp_path))
    assert done.returncode in {1, 2}
    assert safe(done.stdout) and safe(done.stderr), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    look_at(tmp_path)


_CLIENT = """
import json, sys
name = {name!r}
for line in sys.stdin:
    message = json.loads(line)
    said = dict(client=name, version=name, language=name, features=[])
    if message["cmd"] == "embed":
        print(name, file=sys.stderr)
        said = {said}
    print(json.dumps(dict(said, seq=message["seq"])), flush=True)
"""
SAID = {
    "message": 'dict(outcome="error", kind="other", message=name)',
    "kind": 'dict(outcome="error", kind=name)',
    "babble": 'print(name) or dict(outcome="ok")',
    "crash": "sys.exit(name)",
}


@pytest.mark.parametrize("kind", ["hostile", "long"])
@pytest.mark.parametrize("said", SAID)
def test_what_a_client_says_of_itself_is_made_visible(kind: str, said: str, tmp_path: Path) -> None:
    name = "x" * 100_000 if kind == "long" else f"me\nnext: all is well{EVERYTHING}"
    file = tmp_path / "client.py"
    code = _CLIENT.format(name=name, said=SAID[said])
    file.write_text(code, encoding="utf-8")
    command = shlex.join([sys.executable, "-X", "utf8", str(file)])
    done = verify_client("--stdio", command, "--only", "ERR-06", *reports(tmp_path))
    assert done.returncode == 1, done.stderr
    assert safe(done.stdout) and safe(done.stderr), done.stdout + done.stderr
    assert "\nnext: all is well" not in done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) < 5000
    look_at(tmp_path)


def test_a_client_that_does_not_start_is_one_visible_line() -> None:
    name = EVERYTHING.replace("\0", "")  # no argument can contain it
    done = verify_client("--stdio", shlex.quote(f"no-{name}-client"))
    assert done.returncode == 2
    (line,) = done.stderr.split("\n")[:-1]
    assert safe(line) and "cannot start 'no-" in line


def test_the_report_has_the_name_of_the_client(tmp_path: Path) -> None:
    file = tmp_path / "client.py"
    file.write_text(_CLIENT.format(name="mine", said=SAID["message"]), encoding="utf-8")
    command = shlex.join([sys.executable, str(file)])
    verify_client("--stdio", command, "--only", "ERR-06", *reports(tmp_path))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h1>mine mine (mine)</h1>" in page
    assert "<title>mine mine (mine) against" in page
    assert ET.parse(tmp_path / "r.xml").getroot().get("name") == "mine mine (mine)"  # noqa: S314
    assert f"stdio {command}" in json.loads((tmp_path / "r.json").read_bytes())["facts"][0]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_visible_stays_as_it_is(kind: str) -> None:
    once = visible(HOSTILE[kind])
    assert safe(once) and visible(once) == once
    assert re.search(r"\\[xubr]", on_one_line(HOSTILE[kind]))
