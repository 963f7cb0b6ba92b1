"""Mistakes in the key ``vectors`` of a scenario: each is refused with its place and the right form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import SettingsError
from relace_mock.scenario.describe import describe
from relace_mock.scenario.known_vectors import ENTRY_LIMIT, PATTERN_LIMIT
from relace_mock.scenario.limits import VALUE_LIMIT
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.model import read
from tests.test_scenario_limits import calls

ZEROS = ", 0" * 6
NEAR = "near: x, cosine: 0.5"


def mistakes(text: str, dimensions: int | None = None) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(text.encode(), "story.yaml", "story", dimensions)
    return [mistake.told.removeprefix("story.yaml:") for mistake in caught.value.all]


def story(*entries: str) -> str:
    return "dimensions: 8\nvectors:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            f"text: a, vector: [3, -4{ZEROS}]",
            "3:23: vectors[0].vector: has length 5, and a vector has length 1: write it normalised, [0.6, -0.8, 0, 0, 0, 0, 0, 0]",
        ),
        (f"text: a, vector: [1, 1{ZEROS}]", "write it normalised, [0.707107, 0.707107, 0,"),
        (f"text: a, vector: [1.0011, 0{ZEROS}]", "write it normalised, [1, 0, 0,"),
        (f"text: a, vector: [0.9989, 0{ZEROS}]", "write it normalised, [1, 0, 0,"),
        (f"text: a, vector: [0, 0{ZEROS}]", "has length 0, and so no direction"),
        (f"text: a, vector: [.nan, 0{ZEROS}]", "vector[0]: must be a number, not .nan"),
        (f"text: a, vector: [-.inf, 0{ZEROS}]", "vector[0]: must be a number, not -.inf"),
        (f"text: a, vector: [true, 0{ZEROS}]", "vector[0]: must be a number, not true"),
        (f"text: a, vector: ['-0.6', 0.8{ZEROS}]", "not '-0.6': write -0.6, without quotes"),
        ("text: a, vector: 1", "must be a list of numbers, not 1: write [0.6, 0.8, 0, …]"),
        ("text: a, vector: []", "is empty: write [0.6, 0.8, 0, …]"),
        ("text: a, vector: [0.6, 0.8]", "has 2 numbers, and dimensions is 8: write 8 numbers"),
        ("text: a, near: b, cosine: 1.01", "cosine: must be a number from -1 to 1, not 1.01"),
        ("text: a, near: b, cosine: -1.5", "cosine: must be a number from -1 to 1, not -1.5"),
        ("text: a, near: b, cosine: .nan", "cosine: must be a number from -1 to 1, not .nan"),
        ("text: a, near: b, cosine: '0.9'", "write 0.9, without quotes"),
        ("text: a, near: b, cosine: 92%", "write 0.92 for 92 %"),
        ("text: a, near: b", "near: needs a cosine: write cosine: 0.92 beside it"),
        ("text: a, cosine: 0.5", 'vector is missing: write one, or near: "…" and a cosine'),
        ("text: a", 'vector is missing: write one, or near: "…" and a cosine'),
        (NEAR, 'text is missing: write text: "…", or text_matches'),
        (f"text: 5, {NEAR}", 'put it in quotes, "5"'),
        (f"text: a, text_matches: b, {NEAR}", "text_matches: there is text already: keep one"),
        (f"text: a, near: b, vector: [1, 0{ZEROS}]", "near: there is vector already: keep one"),
        (f"text: a, cosine: 0.5, vector: [1, 0{ZEROS}]", "cosine: goes only with near"),
        (f"text_matches: '(?=a)', {NEAR}", "RE2 has no look-around"),
        (f"text_matches: '(', {NEAR}", "is not a regular expression of RE2"),
        ("text: a, near: a, cosine: 0.5", "near: is the text of this entry itself"),
        # keys by another name
        (
            "text: a, near: b, similarity: 0.5",
            "similarity: is not a key here; did you mean cosine?",
        ),
        ("text: a, embedding: [1]", "did you mean vector?"),
        (f"input: a, {NEAR}", "did you mean text?"),
        (f"matches: a, {NEAR}", "did you mean text_matches?"),
        (f"text_match: a, {NEAR}", "did you mean text_matches?"),
        ("text: a, close_to: b, cosine: 0.5", "did you mean near?"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place_and_the_right_form(entry: str, told: str) -> None:
    (only,) = mistakes(story(entry))
    assert told in only
    assert only.startswith("3:")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vectors: {parse it: [0.6, 0.8]}", "write [{text: 'parse it', vector: [0.6, 0.8, 0, …]}]"),
        (
            "vectors: {text: a, near: b, cosine: 0.5}",
            'write [{text: "…", near: "…", cosine: 0.92}]',
        ),
        ("vectors: [abc]", 'must be a mapping, not \'abc\': write {text: "…", near: "…"'),
        ("vectors: []", "is empty"),
        ("vector: [{text: a, near: b, cosine: 0.5}]", "did you mean vectors?"),
        ("embeddings: [{text: a, near: b, cosine: 0.5}]", "did you mean vectors?"),
        ("near: a", "it belongs to an entry of vectors: vectors: [{near: …}]"),
        ("steps: [{vectors: []}]", "it is for all answers: write vectors at the top"),
        ("rules: [{when: {}, vectors: [], steps: [{status: 500}]}]", "write vectors at the top"),
    ],
)
def test_a_key_in_the_wrong_place_or_form_is_refused_with_the_right_one(
    text: str, told: str
) -> None:
    (only,) = mistakes(text)
    assert told in only


def test_a_text_near_one_that_is_near_another_is_refused() -> None:
    chain = story("text: a, near: b, cosine: 0.5", "text: b, near: c, cosine: 0.5")
    (only,) = mistakes(chain)
    assert only == (
        "3:21: vectors[0].near: is itself placed near another text (line 4): name a text that "
        "keeps its own vector, or has a fixed one"
    )
    by_pattern = story("text: a, near: bcd, cosine: 0.5", "text_matches: c, near: x, cosine: 0.5")
    (only,) = mistakes(by_pattern)
    assert only.startswith("3:21: vectors[0].near: is itself placed near another text (line 4)")


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("text: abc", "text: abc", "text"),
        ("text_matches: b", "text: abc", "text"),
        ("text_matches: b", "text_matches: b", "text_matches"),
    ],
)
def test_an_entry_that_is_never_used_is_refused(first: str, second: str, key: str) -> None:
    (only,) = mistakes(story(f"{first}, {NEAR}", f"{second}, {NEAR}"))
    assert f"vectors[1].{key}: is never used: the entry on line 3 " in only


def test_every_mistake_is_reported_at_once() -> None:
    told = mistakes(
        "dimensions: 8\n"
        "vectors:\n"
        "  - {text: a, vector: [1]}\n"
        "  - {text: b, near: c, cosine: 2}\n"
        f"  - {{text: d, vector: [2, 0{ZEROS}]}}\n"
        "steps: [{staus: 500}]\n"
    )
    assert [line.split(": ")[1] for line in told] == [
        "vectors[0].vector",
        "vectors[1].cosine",
        "vectors[2].vector",
        "steps[0].staus",
    ]


def test_half_a_surrogate_pair_is_refused() -> None:
    text = '{"vectors": [{"text": "\\ud800", "near": "b", "cosine": 0.5}]}'
    assert mistakes(text)


def test_a_long_vector_that_is_too_long_is_shown_with_its_factor() -> None:
    (only,) = mistakes(f"vectors: [{{text: a, vector: [{', '.join(['0.5'] * 256)}]}}]", 256)
    assert "has length 8, and a vector has length 1" in only
    assert "write it normalised, each number times 0.125: [0.0625, 0.0625," in only
    assert len(only) < 600


UNIT = ", ".join(["0.5"] * 4 + ["0"] * 12)
OF_16 = f"vectors: [{{text: a, vector: [{UNIT}]}}]"


def test_a_vector_has_the_dimensions_of_the_server_or_of_the_scenario() -> None:
    remedy = "write dimensions: 16 at the top of the scenario"
    assert mistakes(OF_16, 2560) == [
        f"1:29: vectors[0].vector: has 16 numbers, and vectors have 2560 by default: {remedy}"
    ]
    assert mistakes(OF_16, 64) == [
        f"1:29: vectors[0].vector: has 16 numbers, and vectors have 64 on this server: {remedy}"
    ]
    for dimensions in (16, None):
        assert read(OF_16.encode(), "file", "name", dimensions).vectors
    assert read(f"dimensions: 16\n{OF_16}".encode(), "file", "name", 2560).dimensions == 16


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1, "has 1 number, and"),
        (3, "add zeros, which change no angle, until it has 8, and write dimensions: 8 at the top"),
        (8, "write dimensions: 8 at the top of the scenario"),
        (1001, "until it has 1008, and write dimensions: 1008"),
        (8200, "at most 8192 are allowed"),
    ],
)
@pytest.mark.parametrize("dimensions", [2560, 16])
def test_a_vector_of_another_length_is_refused_with_what_to_write(
    number: int, told: str, dimensions: int
) -> None:
    (only,) = mistakes(f"vectors: [{{text: a, vector: [1{', 0' * (number - 1)}]}}]", dimensions)
    assert told in only


def test_where_no_server_is_known_all_vectors_need_one_length_that_it_may_have() -> None:
    (only,) = mistakes("vectors: [{text: a, vector: [1]}]")
    assert "has 1 number, and vectors have a multiple of 8, up to 8192" in only
    entries = f"{{text: a, vector: [{UNIT}]}}, {{text: b, vector: [1{', 0' * 7}]}}"
    (only,) = mistakes(f"vectors: [{entries}]")
    assert "vectors[1].vector: has 8 numbers, and the vector above it has 16" in only


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_takes_the_default_length_and_serve_that_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(OF_16)
    done = run("scenario", "check", str(path))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{path}:1:29: vectors[0].vector: has 16 numbers, and vectors have 2560" in done.stdout
    done = run("serve", "--port", "0", "--scenario", str(path), "--dimensions", "32")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert "has 16 numbers, and vectors have 32 on this server: write dimensions: 16" in line
    with relace_mock.running(dimensions=16, scenario=str(path)) as server:
        server.control("rlc-x")
    with pytest.raises(SettingsError, match="vectors have 8 on this server"):
        relace_mock.transport(dimensions=8, scenarios=tmp_path)
    path.write_text(f"dimensions: 16\n{OF_16}")
    assert run("scenario", "check", str(path)).returncode == 0


def test_the_control_api_compares_with_its_own_server_and_changes_nothing() -> None:
    with relace_mock.running(dimensions=32) as server:
        mock = server.control("rlc-x")
        mock.play({"name": "before", "steps": [{"status": 500}]})
        vector = [1] + [0] * 15
        with pytest.raises(relace_mock.ServerError, match="vectors have 32 on this server"):
            mock.play({"name": "x", "vectors": [{"text": "a", "vector": vector}]})
        assert mock.position()["name"] == "before"
        bad = {"vectors": [{"text": "a", "near": "b", "cosine": 7}]}
        answer = httpx.put(
            f"{server.url}/_mock/scenario", json=bad, headers={"Authorization": "Bearer rlc-x"}
        )
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("scenario:1:")


def test_a_description_says_where_texts_lie() -> None:
    scenario = read(
        story(
            f"text: a, vector: [0.6, -0.8{ZEROS}]", "text_matches: b+, near: a, cosine: 0.92"
        ).encode(),
        "story.yaml",
        "story",
    )
    assert describe(scenario).splitlines()[1:5] == [
        "  vectors: 8 numbers each",
        "  the text 'a' has the vector [0.6, -0.8, 0, 0, 0, 0, 0, 0]",
        "  texts with 'b+' have a vector with cosine 0.92 to the vector of 'a'",
        "  any other text: its own vector",
    ]
    long = read(OF_16.encode(), "story.yaml", "story")
    assert "the vector [0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, …]" in describe(long)


def near_entries(number: int, key: str = "text") -> str:
    return story(*(f"{key}: word-{1000 + index}, {NEAR}" for index in range(number)))


def test_the_number_of_entries_and_of_patterns_is_bounded() -> None:
    assert read(near_entries(ENTRY_LIMIT).encode(), "file", "name").vectors
    (only,) = mistakes(near_entries(ENTRY_LIMIT + 1))
    assert f"has {ENTRY_LIMIT + 1} entries, but at most {ENTRY_LIMIT} are allowed" in only
    patterns = near_entries(PATTERN_LIMIT, "text_matches")
    assert read(patterns.encode(), "file", "name").vectors
    (only,) = mistakes(near_entries(PATTERN_LIMIT + 1, "text_matches"))
    assert (
        f"there are {PATTERN_LIMIT + 1} patterns, but at most {PATTERN_LIMIT} are allowed" in only
    )
    assert only.startswith(f"{PATTERN_LIMIT + 3}:")


def test_seven_vectors_of_the_default_length_fit_into_a_scenario() -> None:
    numbers = ", ".join(["0.019764"] * 2560)
    entries = [f"{{text: t{index}, vector: [{numbers}]}}" for index in range(8)]
    text = f"vectors: [{', '.join(entries[:7])}]"
    assert read(text.encode(), "file", "name", 2560).vectors
    (only,) = mistakes(f"vectors: [{', '.join(entries)}]", 2560)
    assert f"more than {VALUE_LIMIT} values" in only


@pytest.mark.parametrize("form", ["text", "vector"])
def test_twice_as_many_entries_take_twice_the_work(form: str) -> None:
    def text(number: int) -> bytes:
        if form == "text":
            return near_entries(number).encode()
        vector = f"[1, 0{ZEROS}]"
        return story(*(f"text: word-{index}, vector: {vector}" for index in range(number))).encode()

    some, twice = text(150), text(300)
    read(text(1), "file", "name")
    once = calls(lambda: read(some, "file", "name"))
    assert calls(lambda: read(twice, "file", "name")) < 2.2 * once


def test_the_marker_of_the_plugin_refuses_a_bad_entry_before_the_test_runs(
    pytester: pytest.Pytester,
) -> None:
    story: dict[str, Any] = {"vectors": [{"text": "a", "near": "b", "cosine": 3}]}
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.relace_scenario({story!r})
        def test_it(relace_mock):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.stdout.fnmatch_lines(["*vectors?0?.cosine: must be a number from -1 to 1, not 3*"])
    assert result.ret != 0
