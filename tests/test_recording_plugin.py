"""Recordings in tests: ``relace_mock.replay(FILE)`` and ``pytest --relace-mock-record``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import relace_mock
from relace_mock import RunningServer, ServerError, SettingsError
from tests.conftest import QUICKLY
from tests.recordings import embed, recorded, source, vectors

pytest_plugins = ["pytester"]

TESTS = """
    import httpx

    def embed(mock, *texts):
        return httpx.post(
            f"{mock.base_url}/code/embed",
            headers={"Authorization": f"Bearer {mock.api_key}"},
            json={"model": "relace-embed-v1", "input": texts},
        )

    def test_of_real_vectors(relace_mock):
        relace_mock.replay("vectors.relace")
        answer = embed(relace_mock, "b", "a")
        assert answer.status_code == 200, answer.text
        print("source", answer.headers["x-relace-mock-source"])
        print("length", len(answer.json()["results"][0]["embedding"]))

    def test_without_a_recording(relace_mock):
        assert embed(relace_mock, "c").headers["x-relace-mock-source"] == "computed"
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    """The server of the tests of controls."""
    with relace_mock.running() as server:
        yield server


def test_a_test_replays_a_recording_beside_it(
    pytester: pytest.Pytester, upstream: RunningServer
) -> None:
    recorded(upstream.base_url, pytester.path / "vectors.relace", ["a", "b", "c"])
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*QUICKLY, "-s")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*source recorded*",
            "*length 64*",
            f"relace-mock: {pytester.path}/vectors.relace: 1 of 3 recorded vectors was never used",
        ]
    )


def test_the_option_records_what_the_recording_lacks(
    pytester: pytest.Pytester, upstream: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first run makes the file, a second one needs no upstream. Other tests forward nothing."""
    monkeypatch.setenv("RELACE_API_KEY", "rlc-from-the-environment")
    pytester.makepyfile(TESTS)
    first = pytester.runpytest_subprocess(
        *QUICKLY, "-s", "--relace-mock-record", "--relace-mock-upstream", upstream.url
    )
    first.assert_outcomes(passed=2)
    first.stdout.fnmatch_lines(["*source forwarded*", "*length 64*"])
    asked = upstream.control("rlc-from-the-environment").requests
    assert [each.json()["input"] for each in asked] == [["b", "a"]]
    second = pytester.runpytest_subprocess(*QUICKLY, "-s")
    second.assert_outcomes(passed=2)
    second.stdout.fnmatch_lines(["*source recorded*", "*length 64*"])


def test_recording_needs_a_key(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RELACE_API_KEY", "RELACE_MOCK_UPSTREAM_KEY", "RELACE_MOCK_UPSTREAM"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*QUICKLY, "--relace-mock-record")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["*--relace-mock-record needs the API key of the real endpoint: set*"]
    )


def test_a_missing_recording_is_an_error_that_says_how_to_make_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*QUICKLY)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*there is no file 'vectors.relace' in *: make it with `pytest --relace-mock-record`*"]
    )


def test_strict_mode_fails_a_test_whose_texts_are_not_recorded(
    pytester: pytest.Pytester, upstream: RunningServer
) -> None:
    recorded(upstream.base_url, pytester.path / "vectors.relace", ["a"])
    pytester.makepyfile(TESTS.replace("assert answer.status_code == 200, answer.text", "return"))
    assert pytester.runpytest_subprocess(*QUICKLY, "-k", "real").parseoutcomes() == {
        "passed": 1,
        "deselected": 1,
    }
    result = pytester.runpytest_subprocess(*QUICKLY, "-k", "real", "--relace-mock-strict")
    result.stdout.fnmatch_lines(
        ["*request #1 was refused with 500: 1 of 2 texts is not in the recording vectors.relace*"]
    )


def test_a_recording_is_replayed_for_one_key_only(
    running: RunningServer, upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a"])
    mock = running.control("rlc-test")
    mock.replay(file)
    others = {"Authorization": "Bearer rlc-other"}
    assert source(embed(running.base_url, "a")) == "recorded"
    assert source(embed(running.base_url, "a", headers=others)) == "computed"
    mock.reset()
    assert source(embed(running.base_url, "a")) == "recorded"  # a reset uninstalls nothing
    (recording,) = mock.recordings()
    assert recording["file"] == str(file) and recording["unused"] == []
    mock.forget()
    assert source(embed(running.base_url, "a")) == "computed" and mock.recordings() == []


def test_a_recording_can_be_removed_again(
    running: RunningServer, upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a"])
    mock = running.control("rlc-removed")
    fields = {"Authorization": "Bearer rlc-removed"}
    mock.replay(file)
    mock.stop_replaying()
    assert source(embed(running.base_url, "a", headers=fields)) == "computed"


def test_a_replay_may_make_vectors_up(upstream: RunningServer, tmp_path: Path) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a"])
    with relace_mock.running(thread=True, dimensions=64) as server:
        server.control("rlc-test").replay(file, on_miss="synthesize")
        answer = embed(server.base_url, "a", "b")
        embed(server.base_url, "a")
        kept = [request.source for request in server.control("rlc-test").requests]
    assert source(answer) == "mixed" and len(vectors(answer)) == 2
    assert kept == ["mixed", "recorded"]


def test_a_replay_that_cannot_be_is_refused_and_changes_nothing(
    running: RunningServer, upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a"])
    (tmp_path / "notes").write_text("notes")
    mock = running.control("rlc-test")
    mock.replay(file)
    with pytest.raises(ServerError, match=r"the recorded vectors of .* have 64 dimensions, not"):
        mock.replay(file, on_miss="synthesize")
    with pytest.raises(ServerError, match="this mock has no upstream to record from"):
        mock.replay(file, on_miss="forward")
    with pytest.raises(ServerError, match="is not a recording: choose another file"):
        mock.replay(tmp_path / "notes")
    with pytest.raises(SettingsError, match=r"there is no file .*: make it with"):
        mock.replay(tmp_path / "missing")
    assert source(embed(running.base_url, "a")) == "recorded"
    mock.forget()
