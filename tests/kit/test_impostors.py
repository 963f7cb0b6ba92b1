"""Pointed at a server that is no embed endpoint, the kit ends with a clear and bad result."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from relace_contract.address import base_url
from tests.kit.impostors import MANNERS, impostor
from tests.kit.judging import found, judged, problem
from tests.kit.reference import Answer, Asked, Reference
from tests.kit.test_command import verify

# The message, and the exit code: 1 for a server that answers wrongly, 2 for one that does not.
ENDS = {
    "static page": (1, "answers, but not as an embed endpoint"),
    "page without POST": (1, "answers, but not as an embed endpoint"),
    "not found": (1, "answers, but not as an embed endpoint"),
    "200 to everything": (1, "answers, but not as an embed endpoint"),
    "200, text": (1, "answers, but not as an embed endpoint"),
    "always the same": (1, "get the same vector"),
    "no HTTP": (2, "does not answer: "),
    "hang": (2, "did not finish an answer within 1 seconds"),
    "reset": (2, "does not answer: "),
    "drip": (2, "did not finish an answer within 1 seconds"),
}


def verify_in_a_process(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A process must end even though a check still waits for its answer."""
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", "verify-server", url, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", MANNERS)
def test_what_is_no_relace_gets_a_clear_answer(name: str) -> None:
    code, words = ENDS[name]
    with impostor(MANNERS[name]) as url:
        done = verify_in_a_process(url, "--timeout", "1", "--examples", "2")
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 2:
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("relace-mock: ")
    else:
        assert "fail" in done.stdout.splitlines()[-1]


def test_a_server_that_hangs_after_its_first_answer_is_given_up() -> None:
    class Tired(Reference):
        async def answer(self, asked: Asked) -> Answer:
            if self.served > 1:
                await asyncio.sleep(3600)
            return await super().answer(asked)

    report = judged(Tired(), timeout=0.3)
    assert report.exit_code == 1
    problems = [problem(result) for result in report.results]
    assert sum("took more than 0.3 seconds" in one for one in problems) == 3
    assert sum("stopped answering" in one for one in problems) == len(problems) - 3


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relace_contract.server.subject._MOST", 100_000)
    report = judged(Reference(), "SIZE-many", "DUP")
    assert {result.requirement.id for result in report.results if result.breaches} == {"SIZE-many"}
    assert "the answer has more than 100,000 bytes" in found(report)["SIZE-many"]


def test_a_closed_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = verify(f"http://127.0.0.1:{port}/v1")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"relace-mock: http://127.0.0.1:{port}/v1/code/embed does not answer")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1", "'127.0.0.1' is not a server URL: write http://127.0.0.1:8080/v1"),
        (
            "http://127.0.0.1:8080/v1?a=b",
            "the URL must not contain ?, #, blanks or control characters: write",
        ),
        (
            "http://127.0.0.1:8080/v1#a",
            "the URL must not contain ?, #, blanks or control characters: write",
        ),
        (
            "http://127.0.0.1:8080/v1\x1b",
            "the URL must not contain ?, #, blanks or control characters: write",
        ),
        ("http://127.0.0.1:80800/v1", "the URL is not valid (Port out of range"),
        ("http://[::1/v1", "the URL is not valid (Invalid IPv6 URL): write http://"),
        (
            "ftp://127.0.0.1/v1",
            "'ftp://127.0.0.1/v1' is not a server URL: write http://127.0.0.1:8080/v1",
        ),
        ("ftp://me:secret@127.0.0.1/v1", "the URL must not contain a user name or a password"),
        (
            "http://127.0.0.1:8080/v1/code/embed",
            "the URL must not end in /code/embed: write http://127.0.0.1:8080/v1",
        ),
        (
            "http://me:secret@127.0.0.1:8080/v1",
            "the URL must not contain a user name or a password",
        ),
    ],
)
def test_a_bad_url_is_one_line(url: str, words: str) -> None:
    done = verify(url)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("127.0.0.1:8099/v1", "http://127.0.0.1:8099/v1"),
        ("localhost:8080", "http://localhost:8080/v1"),
        ("localhost/v1", "http://localhost/v1"),
        ("my-host.example:80/a/", "http://my-host.example:80/a/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        ("https://[::1]/proxy//", "https://[::1]/proxy/v1"),
        ("https://embeddings.endpoint.relace.run", "https://embeddings.endpoint.relace.run/v1"),
    ],
)
def test_an_address_is_taken_with_and_without_v1(url: str, base: str) -> None:
    assert base_url(url) == base
