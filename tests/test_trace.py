"""Traces: ``serve --trace FILE``, ``GET /_mock/trace`` and ``--relace-mock-trace DIR`` of pytest."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import SettingsError
from relace_mock.control.page_files import FOLDER
from relace_mock.control.trace import bundle
from relace_mock.control.trace_file import check
from relace_mock.traces import name_of
from tests.conftest import KEY, QUICKLY, Serve

SECRET = "rlc-" + "k9" * 16


def entries_of(trace: str) -> Any:
    match = re.search(
        r'<script type="application/json" id="entries">(.*?)</script>', trace, re.DOTALL
    )
    assert match
    return json.loads(match[1])


def send(base_url: str, text: str = "x", key: str = SECRET) -> None:
    body = {"model": "relace-embed-v1", "input": [text]}
    httpx.post(f"{base_url}/code/embed", json=body, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("when", [signal.SIGTERM, signal.SIGINT])
def test_serve_writes_the_journal_at_its_end(serve: Serve, tmp_path: Path, when: int) -> None:
    file = tmp_path / "trace.html"
    with serve("--trace", str(file), "--scenario", "server-error-once") as process:
        for number in range(3):
            send(process.base_url, f"text {number} </script><script>")
        assert not file.exists()
        process.popen.send_signal(when)
        assert process.popen.wait(10) == 0
    trace = file.read_text()
    found = entries_of(trace)
    assert [entry["status"] for entry in found] == [500, 200, 200]
    assert all(entry["outcome"] == "answered" for entry in found)
    assert SECRET not in trace
    assert [path.name for path in tmp_path.iterdir()] == ["trace.html"]


def test_a_trace_of_many_requests_is_written_within_the_time_to_stop(
    serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "trace.html"
    with serve("--trace", str(file), "--dimensions", "8") as process:
        with httpx.Client() as client:
            for number in range(300):
                body = {"model": "m", "input": [f"text {number}"]}
                client.post(f"{process.base_url}/code/embed", json=body, headers=KEY)
        process.popen.terminate()
        assert process.popen.wait(10) == 0
    assert len(entries_of(file.read_text())) == 300


def test_a_path_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, problem in (
        (tmp_path, "it is a folder"),
        (tmp_path / "no/such/trace.html", "No such file or directory"),
        (tmp_path / "file/trace.html", "Not a directory"),
        (Path("/dev/null"), "it is not a regular file"),
    ):
        with pytest.raises(SettingsError, match=f"trace: {path} cannot be written: {problem}"):
            check(path)
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", "--trace", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "give a file in a folder that exists" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_policy_of_a_trace_allows_its_script_and_style_alone() -> None:
    with httpx.Client(transport=relace_mock.transport(dimensions=8), base_url="http://m") as client:
        answer = client.get("/_mock/trace")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="(.*?)"', answer.text)
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace(
        "http://127.0.0.1:8080", ""
    )


def test_a_trace_uses_the_modules_of_the_page_and_nothing_of_them_is_left_out() -> None:
    """Each import and export of a module has the form that the bundle understands."""
    script = bundle("trace.js")
    assert "import " not in re.sub(r"//.*", "", script)
    assert not re.search(r"^export ", script, re.MULTILINE)
    for path in FOLDER.glob("*.js"):
        text = path.read_text()
        assert text.startswith("// "), path
        for line in re.findall(r"^import .*", text, re.MULTILINE):
            assert re.fullmatch(r'import \{[^}]*\} from "\./[a-z_]+\.js";', line), line


def test_only_the_token_opens_a_trace() -> None:
    with relace_mock.running(dimensions=8, control_token="s3cret") as server:  # noqa: S106 - made up
        assert httpx.get(f"{server.url}/_mock/trace").status_code == 403
        assert "<html" in server.control("rlc-test").trace().decode()


FAILING = """
    import httpx, pytest

    def send(mock, text):
        httpx.post(f"{mock.base_url}/code/embed", json={"model": "m", "input": [text]},
                   headers={"Authorization": f"Bearer {mock.api_key}"})

    def test_good(relace_mock):
        send(relace_mock, "good")

    @pytest.mark.parametrize("which", ["a/b", "ü"])
    def test_bad(relace_mock, which):
        send(relace_mock, which)
        assert False

    def test_without():
        assert False

    def test_strict(relace_mock):
        relace_mock.play({"steps": [{"status": 500}]})
"""


def test_pytest_writes_a_trace_for_each_failing_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=FAILING)
    done = pytester.runpytest_subprocess(
        *QUICKLY, "--relace-mock-trace", "made/traces", "--relace-mock-strict"
    )
    done.assert_outcomes(passed=2, failed=3, errors=1)
    written = sorted(path.name for path in (pytester.path / "made/traces").iterdir())
    assert len(written) == 3
    assert "test_it-test_strict.html" in written
    done.stdout.fnmatch_lines(["*made/traces/test_it-test_strict.html shows the requests of this*"])
    bad = next(name for name in written if "a-b" in name)
    (entry,) = entries_of((pytester.path / "made/traces" / bad).read_text())
    assert "a/b" in entry["request"]["body"]


def test_pytest_refuses_a_folder_that_cannot_be_made(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    (pytester.path / "file").write_text("")
    done = pytester.runpytest_subprocess(*QUICKLY, "--relace-mock-trace", "file/below")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--relace-mock-trace: the folder file/below cannot be made*"])


def test_names_of_tests_become_names_of_files() -> None:
    assert name_of("tests/test_a.py::TestB::test_c") == "tests-test_a-TestB-test_c"
    odd = [name_of(f"test_a.py::test[{each}]") for each in ("a/b", "a b", "a:b", "../x", "é" * 300)]
    assert len(set(odd)) == 5
    assert all(re.fullmatch(r"[\w.-]{1,140}", name, re.ASCII) for name in odd)
