"""Regular expressions in scenarios are RE2's: none can stop the server, and some are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

import relace_mock
from relace_mock.messages import EmbedRequest, Received
from relace_mock.pipeline import Pipeline
from relace_mock.scenario import matching, patterns
from relace_mock.scenario.describe import describe
from relace_mock.scenario.matching import Inputs, look_through
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.model import Scenario, json_schema, read
from relace_mock.scenario.patterns import Pattern, encoded, read_pattern
from relace_mock.settings import Settings

KEY = {"Authorization": "Bearer rlc-pattern"}


def scenario(*conditions: dict[str, Any]) -> Scenario:
    rules = [{"when": when, "steps": [{"status": 500}]} for when in conditions]
    return read(json.dumps({"rules": rules}).encode(), "file", "name")


REFUSED = {
    r"x(?=y)": "(?= at character 2: RE2 has no look-around: use several rules",
    r"(?!x)y": "(?! at character 1: RE2 has no look-around",
    r"(?<=x)y": "(?<= at character 1: RE2 has no look-around",
    r"(?<!x)y": "(?<! at character 1: RE2 has no look-around",
    r"(x)\1": r"\1 at character 4: RE2 has no back-references",
    r"(?P<a>x)(?P=a)": "(?P at character 9: RE2 has neither back-references nor conditions",
    r"(x)(?(1)y|z)": "(?( at character 4: RE2 has neither back-references nor conditions",
    r"(?>x+)y": "(?> at character 1: RE2 has no atomic groups",
    r"x++y": "++ at character 2: RE2 has no possessive and no double repetition",
    r"(?x) x": "(?x at character 1: RE2 has only the flags i, m, s and U: remove it",
    r"x(?#why)y": "(?# at character 2: RE2 has no comments",
    r"x\Z": r"\Z at character 2: write \z for the end of the text",
    r"x{1001}": "{1001} at character 2: a part may be repeated up to 1000 times",
    r"((x{100}){100}){100}": "a part may be repeated up to 1000 times",
    r"x{,3}": "{,3} at character 2: write {0,3}",
    r"\pL{100}": "is too large for RE2",
    r"(x": "missing )",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_re2_cannot_do_is_refused_with_the_reason_and_the_place(text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario({"input_matches": text})
    assert str(caught.value).startswith(
        "file:1:39: rules[0].when.input_matches: is not a regular expression of RE2: "
    )
    assert REFUSED[text] in str(caught.value)


def test_half_a_surrogate_pair_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        read_pattern("\ud800")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\w", "é", False),
        (r"\pL", "é", True),
        (r"\d", "٣", False),
        (r"\s", "\u00a0", False),
        (r"^a$", "a\n", False),
        (r"(?m)^a$", "a\n", True),
        (r"(?i)straße", "STRAßE", True),
        (r"a.b", "a\nb", False),
        (r"(?s)a.b", "a\nb", True),
        (r"[{,3}]\{,3", "3{,3", True),
        ("", "", True),
        ("é", "cafés", True),
    ],
)
def test_a_pattern_means_what_the_guide_says(pattern: str, text: str, found: bool) -> None:
    assert Inputs([text]).have(read_pattern(pattern)) is found


def test_scenario_show_says_how_patterns_are_read_where_there_is_one() -> None:
    told = describe(scenario({"input_matches": r"^\w+$"}))
    assert told.splitlines()[-1] == f"  {patterns.DIFFERENCES}"
    assert "RE2" in told and "ASCII" in told
    assert "RE2" not in describe(scenario({"input_contains": "x"}))


def test_the_schema_takes_every_pattern_that_the_reader_takes() -> None:
    validator = jsonschema_rs.Draft202012Validator(json_schema(), validate_formats=True)
    for text in (r"\pL\z", "(?i)x", "(?P<name>x)", r"\Qx.\E"):
        source = scenario({"input_matches": text}).source
        assert validator.is_valid(source)


def test_re2_is_imported_only_where_a_pattern_exists_and_says_nothing_itself() -> None:
    code = """
import sys
from relace_mock.scenario.model import read
read(b"rules: [{when: {input_contains: a}, steps: [{status: 500}]}]", "f", "n")
assert "re2" not in sys.modules
for text in ("a+", "(?=a)"):
    try:
        read(b"rules: [{when: {input_matches: '%b'}, steps: [{status: 500}]}]" % text.encode(), "f", "n")
    except ValueError:
        pass
assert "re2" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_text_in_pieces_is_encoded_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_PIECE", 3)
    assert encoded("aé漢𝄞" * 5) == ("aé漢𝄞" * 5).encode()


def test_each_text_and_pattern_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    found_in = Pattern.found_in

    def spy(self: Pattern, text: bytes) -> bool:
        looked.append(self.text)
        return found_in(self, text)

    monkeypatch.setattr(Pattern, "found_in", spy)
    request = EmbedRequest("m", ["xx"], "float")
    received = Received("POST", "/", [], b"", 0)
    inputs = Inputs(request.input)
    same = scenario(*[{"input_matches": "y+", "attempt": number} for number in (1, 2, 3)])
    look_through(same.rules, received, request, inputs)
    occasion = matching.Occasion(received, request, 200, 1, 1, b"", inputs)
    assert [matching.first_miss(rule.when, occasion) for rule in same.rules] == [
        "input_matches",
        "attempt",
        "attempt",
    ]
    assert looked == ["y+"]


@pytest.fixture(scope="module")
def server() -> Iterator[relace_mock.RunningServer]:
    with relace_mock.running(dimensions=8) as running:
        yield running


@pytest.mark.parametrize(
    ("pattern", "text", "status"),
    [
        (r"(a+)+$", "a" * 2_000_000 + "!", 200),
        (r"(a|aa)+$", "a" * 500_000 + "!", 200),
        (r"(.*a){20}$", "ab" * 400_000, 200),
        (r"^(\w+\s?)*$", "word " * 300_000 + "!", 200),
        (r"end\z", "x" * 3_000_000 + "end", 500),
    ],
)
def test_patterns_that_explode_elsewhere_answer_at_once(
    server: relace_mock.RunningServer, pattern: str, text: str, status: int
) -> None:
    server.control("rlc-pattern").play(
        {"rules": [{"when": {"input_matches": pattern}, "steps": [{"status": 500}]}]}
    )
    body = {"model": "m", "input": [text]}
    answer = httpx.post(f"{server.base_url}/code/embed", json=body, headers=KEY, timeout=60)
    assert answer.status_code == status


def test_only_requests_whose_scenario_searches_leave_the_event_loop(tmp_path: Path) -> None:
    steps = "steps: [{status: 500, times: forever}]"
    for name, when in {"pattern": "input_matches: x+", "text": "input_contains: x"}.items():
        (tmp_path / f"{name}.yaml").write_text(f"rules: [{{when: {{{when}}}, {steps}}}]")
    pipeline = Pipeline(Settings(scenarios=tmp_path))

    def searches(name: str | None, length: int) -> bool:
        key = "k" if name is None else f"mock.{name}.x"
        headers = [(b"authorization", f"Bearer {key}".encode())]
        head = Received("POST", "/v1/code/embed", headers, b"", 0)
        return pipeline.handle(head, "client").searches(length)

    assert searches("pattern", 100)
    assert [searches("text", length) for length in (100, 5_000_000)] == [False, True]
    assert not searches("ok", 1_000_000)
    assert not searches(None, 1_000_000)


@pytest.mark.parametrize("pattern", [r"(\pL{1000})%d", r"((.{0,30}){0,30}){0,1}%d", r".{600}%d"])
def test_the_patterns_of_a_scenario_are_bounded_together_and_the_rest_is_not_compiled(
    monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    re2, *_ = patterns._engine()
    compiled: list[str] = []
    compile_one = re2.compile

    def counted(text: str, options: object) -> object:
        compiled.append(text)
        return compile_one(text, options)

    monkeypatch.setattr(re2, "compile", counted)
    rules = [
        {"when": {"input_matches": pattern % number}, "steps": [{"status": 500}]}
        for number in range(300)
    ]
    with pytest.raises(ScenarioError) as refused:
        read(json.dumps({"rules": rules}).encode(), "many", "many")
    most, left = "more than 200000 instructions in all", "use fewer patterns, or shorter ones"
    assert refused.value.all[-1].problem == (
        f"was not checked: the patterns before it have {most}: {left}"
    )
    assert len(compiled) < 50
    read(b"rules: [{when: {input_matches: x+}, steps: [{status: 500}]}]", "next", "next")
