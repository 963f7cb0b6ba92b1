"""``relace-mock recording``: show, merge, export, and the check against the upstream."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

import relace_mock
from relace_mock import RunningServer
from tests.recordings import MODEL, ask, client, embed, recorded, source, vectors

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


@pytest.fixture(scope="module")
def other() -> Iterator[RunningServer]:
    """Another endpoint, which has different vectors for the same texts."""
    with relace_mock.running(seed=8, dimensions=64) as server:
        yield server


def run(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
    """Run ``relace-mock recording``, and return what it prints and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "recording", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_show_says_what_a_recording_holds(upstream: RunningServer, tmp_path: Path) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a"], ["b", "c"])
    said, _ = run("show", file)
    host = upstream.base_url.split("/")[2]
    lines = said.splitlines()
    assert lines[0].startswith(f"{file}: 3 vectors, 0.0 MB")
    assert lines[1] == f"  {MODEL} as float: 3 texts, 64 dimensions, from {host}"
    assert lines[2].startswith("    recorded from 2") and " to 2" in lines[2]
    assert lines[3] == (
        "    token counts: 1 for the text alone, 2 as a share of the count of a batch"
    )
    assert lines[4] == "  texts: only their hashes"


def test_show_prints_json_for_tools(upstream: RunningServer, tmp_path: Path) -> None:
    file = recorded(upstream.base_url, tmp_path / "vectors.relace", ["a", "b"], keep_text=True)
    ((shown),) = json.loads(run("show", "--json", file)[0])
    assert (shown["file"], shown["texts_kept"], shown["bytes"]) == (
        str(file),
        2,
        file.stat().st_size,
    )
    (model,) = shown["models"]
    assert (model["model"], model["output_dtype"], model["dimensions"]) == (MODEL, "float", 64)
    assert model["tokens"] == {"alone": 0, "shared": 2, "not_told": 0}


def test_show_refuses_what_is_no_recording(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("notes")
    _, said = run("show", file, code=2)
    assert said == f"relace-mock: recording: {file} is not a recording: choose another file\n"


def test_merge_joins_two_recordings(upstream: RunningServer, tmp_path: Path) -> None:
    one = recorded(upstream.base_url, tmp_path / "one", ["a", "b"])
    two = recorded(upstream.base_url, tmp_path / "two", ["b", "c"], ["d"])
    before = one.read_bytes(), two.read_bytes()
    said, _ = run("merge", one, two, "--output", tmp_path / "both")
    assert said == f"{tmp_path / 'both'}: 4 vectors from 2 recordings\n"
    assert (one.read_bytes(), two.read_bytes()) == before
    told = embed(upstream.base_url, "a", "b").json()["usage"]
    with client(replay=tmp_path / "both") as mock:
        answer = ask(mock, *"dcba")
        assert source(answer) == "recorded"
        assert vectors(answer) == vectors(embed(upstream.base_url, *"dcba"))
        assert ask(mock, "a", "b").json()["usage"] == told
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "both"}


def test_merge_names_conflicts_and_keeps_the_first(
    upstream: RunningServer, other: RunningServer, tmp_path: Path
) -> None:
    one = recorded(upstream.base_url, tmp_path / "one", ["a", "b"])
    two = recorded(other.base_url, tmp_path / "two", ["b", "c"])
    _, said = run("merge", one, two, "--output", tmp_path / "both", code=1)
    assert said.startswith(f"relace-mock: conflict: {two}: {MODEL} as float: text 3e23e8160039594a")
    assert "has another vector (cosine " in said and said.count("\n") == 1
    with client(replay=tmp_path / "both") as mock:
        assert vectors(ask(mock, "b")) == vectors(embed(upstream.base_url, "b"))
        assert vectors(ask(mock, "c")) == vectors(embed(other.base_url, "c"))


def test_merge_leaves_out_vectors_of_another_length(
    upstream: RunningServer, tmp_path: Path
) -> None:
    one = recorded(upstream.base_url, tmp_path / "one", ["a"])
    with relace_mock.running(thread=True, dimensions=128) as longer:
        two = recorded(longer.base_url, tmp_path / "two", ["a", "b"])
    _, said = run("merge", one, two, "--output", tmp_path / "both", code=1)
    assert "its vectors have 128 components, not 64: all were left out" in said
    with client(replay=tmp_path / "both") as mock:
        assert ask(mock, "b").status_code == 500


def test_merge_overwrites_nothing(upstream: RunningServer, tmp_path: Path) -> None:
    one = recorded(upstream.base_url, tmp_path / "one", ["a"])
    two = recorded(upstream.base_url, tmp_path / "two", ["b"])
    before = one.read_bytes()
    _, said = run("merge", one, two, "--output", one, code=2)
    assert f"{one} exists already: choose another name" in said
    assert one.read_bytes() == before
    _, said = run("merge", one, "--output", tmp_path / "new", code=2)
    assert "merge needs two recordings or more" in said


def test_export_writes_numpy_arrays(upstream: RunningServer, tmp_path: Path) -> None:
    file = recorded(
        upstream.base_url, tmp_path / "vectors.relace", ["a", "bé"], ["c"], keep_text=True
    )
    said, _ = run("export", file)
    assert said == f"{tmp_path / 'vectors.npz'}: 3 vectors of {MODEL} as float\n"
    with np.load(tmp_path / "vectors.npz") as arrays:
        found = {name: arrays[name] for name in arrays.files}
    ends = found["text_ends"].tolist()
    whole = found["texts"].tobytes()
    texts = [whole[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    assert sorted(texts) == ["a", "bé", "c"]
    real = vectors(embed(upstream.base_url, *texts))
    assert found["vectors"].tolist() == real and found["vectors"].dtype == np.float64
    assert found["model"] == MODEL and (found["tokens"] > 0).all()


def test_export_asks_which_vectors_if_there_are_several(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "vectors.relace"
    with client(upstream=upstream.base_url, record=file) as mock:
        vectors(ask(mock, "a"))
        vectors(ask(mock, "a", output_dtype="binary"))
    _, said = run("export", file, code=2)
    assert f"holds {MODEL} as float, {MODEL} as binary: add --model NAME or --output-dtype" in said
    run("export", file, "--output-dtype", "binary", "--output", tmp_path / "signs.npz")
    with np.load(tmp_path / "signs.npz") as arrays:
        assert arrays["vectors"].shape == (1, 8) and arrays["vectors"].dtype == np.int8
    _, said = run("export", file, "--model", "unknown", code=2)
    assert "has no vectors of this model and data type: it holds" in said


def check(file: Path, server: RunningServer, code: int) -> str:
    """Run the check of a recording against a server."""
    _, said = run(
        "show", file, "--check", "--upstream", server.url, "--upstream-key", "k", code=code
    )
    return said


def test_check_finds_nothing_at_the_upstream_that_was_recorded(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "f", ["a", "b"], keep_text=True)
    assert "all 2 texts have the recorded vectors" in check(file, upstream, 0)


def test_check_reports_other_vectors_with_their_cosine(
    upstream: RunningServer, other: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "f", ["a", "b"], keep_text=True)
    said = check(file, other, 1)
    assert "2 of 2 texts have other vectors, 2 of them drifted (cosine below 0.999)" in said
    assert "the lowest cosine is " in said


def test_check_reports_other_dimensions_and_a_model_that_is_gone(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "f", ["a"], keep_text=True)
    with relace_mock.running(thread=True, dimensions=128) as longer:
        assert "vectors have 128 components now, and had 64" in check(file, longer, 1)
        longer.control("k").play({"steps": [{"status": 404, "body": {"error": "no model"}}]})
        said = check(file, longer, 1)
    assert 'the model is not accepted: 404 {"error":' in said


def test_check_needs_texts_and_an_upstream_that_answers(
    upstream: RunningServer, tmp_path: Path
) -> None:
    hashes = recorded(upstream.base_url, tmp_path / "hashes", ["a"])
    assert "only hashes of the texts were recorded" in check(hashes, upstream, 2)
    file = recorded(upstream.base_url, tmp_path / "texts", ["a"], keep_text=True)
    _, said = run("show", file, "--check", code=2)
    assert "--check needs an endpoint to ask: add --upstream URL" in said
    _, said = run("show", file, "--check", "--upstream", "http://127.0.0.1:9", code=2)
    assert "relace-mock: 127.0.0.1:9: " in said


def test_a_check_with_a_sample_asks_for_that_many_texts(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = recorded(upstream.base_url, tmp_path / "f", [*"abcdef"], keep_text=True)
    sample = "--upstream-key", "k", "--sample", "4"
    _, said = run("show", file, "--check", "--upstream", upstream.url, *sample)
    assert "all 4 texts have the recorded vectors" in said


def test_recordings_can_be_shown_while_they_are_made(
    upstream: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "vectors.relace"
    with relace_mock.running(thread=True, upstream=upstream.base_url, record=file) as server:
        vectors(embed(server.base_url, "a"))
        assert ": 1 vector, " in run("show", file)[0]
        assert httpx.get(f"{server.url}/_mock/health").status_code == 200
