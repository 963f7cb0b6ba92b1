"""Bad scenarios: each is refused with the place of the mistake and the reason.

A row of the table has a text, the line of the mistake, the key, and words that must be in the
message. A second table has texts that look odd but are valid.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock.scenario.library import read_file
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.model import json_schema, read
from tests.steering import Steering

Row = tuple[str | bytes, int, str, str]


def step(line: str) -> str:
    """A scenario whose only step, on line 2, is this."""
    return f"steps:\n  - {line}\n"


def rule(when: str, steps: str = "[{status: 500}]") -> str:
    """A scenario whose only rule has this condition, on line 2, and these steps, on line 3."""
    return f"rules:\n  - when: {when}\n    steps: {steps}\n"


def deep(levels: int) -> str:
    return step("{status: 500, body: " + "[" * levels + "]" * levels + "}")


def laughs(levels: int) -> str:
    """Aliases of aliases: ten times as many values at each level."""
    lines = ["steps:", "  - status: 500", "    body:", "      a0: &a0 [x]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"      a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


BAD: dict[str, Row] = {
    # typos
    "key at the top": ("step:\n  - status: 500\n", 1, "step", "did you mean steps?"),
    "key at the top, far off": ("answers: []\n", 1, "answers", "there is name, description, seed"),
    "key of a step": (step("satus: 500"), 2, "steps[0].satus", "did you mean status?"),
    "second step": ("steps:\n  - status: 500\n  - stauts: 500\n", 3, "steps[1].stauts", "status?"),
    "key of a rule": ("rules:\n  - wen: {}\n", 2, "rules[0].wen", "did you mean when?"),
    "condition": (rule("{input_contain: x}"), 2, "rules[0].when.input_contain", "input_contains?"),
    "fault": (step("fault: rest"), 2, "steps[0].fault", "'rest' is not known; did you mean reset?"),
    "mutation": (step("mutate: omit_usages"), 2, "steps[0].mutate", "did you mean omit_usage?"),
    "mutation in a list": (
        "steps:\n  - mutate:\n      - omit_usage\n      - zero_vectr\n",
        4,
        "steps[0].mutate[1]",
        "did you mean zero_vector?",
    ),
    "times": (step("{status: 500, times: for ever}"), 2, "steps[0].times", "did you mean forever?"),
    "quota": ("rate_limit:\n  request: 3\n  per: 1s\n", 2, "rate_limit.request", "requests?"),
    "upper case": ("Steps: []\n", 1, "Steps", "did you mean steps?"),
    "delay": (step("delay: {unifrom: [1s, 2s]}"), 2, "steps[0].delay.unifrom", "uniform?"),
    # wrong types and values
    "top is a list": ("- status: 500\n", 1, "", "must be a mapping, not a list"),
    "top is a string": ("rate limited\n", 1, "", "must be a mapping, not 'rate limited'"),
    "top is null": ("~\n", 1, "", "must be a mapping, not ~, in YAML null"),
    "steps is a mapping": ("steps:\n  status: 500\n", 2, "steps", "must be a list, not a mapping"),
    "steps is null": ("steps:\n", 1, "steps", "must be a list, not null"),
    "steps is empty": ("steps: []\n", 1, "steps", "is empty"),
    "step is a number": (step("500"), 2, "steps[0]", "must be a mapping, not 500"),
    "status is a string": (step('status: "500"'), 2, "steps[0].status", "whole number from 200"),
    "status is a float": (step("status: 500.0"), 2, "steps[0].status", "not 500.0"),
    "status too small": (step("status: 101"), 2, "steps[0].status", "from 200 to 599, not 101"),
    "status too large": (step("status: 600"), 2, "steps[0].status", "from 200 to 599, not 600"),
    "status is true": (step("status: true"), 2, "steps[0].status", "not true"),
    "times is 0": (step("{status: 500, times: 0}"), 2, "steps[0].times", "at least 1, not 0"),
    "times is negative": (step("{status: 500, times: -1}"), 2, "steps[0].times", "not -1"),
    "times is a float": (step("{status: 500, times: 1.5}"), 2, "steps[0].times", "not 1.5"),
    "normal is false": (step("normal: false"), 2, "steps[0].normal", "can only be true"),
    "normal is a string": (step('normal: "true"'), 2, "steps[0].normal", "must be true"),
    "seed is huge": ("seed: 99999999999999999999999\nsteps: [{status: 500}]\n", 1, "seed", "from 0 to 9007199254740991"),
    "seed is negative": ("seed: -1\nsteps: [{status: 500}]\n", 1, "seed", "at least 0"),
    "name with a blank": ("name: a b\nsteps: [{status: 500}]\n", 1, "name", "up to 64 letters"),
    "name with a dot": ("name: a.b\nsteps: [{status: 500}]\n", 1, "name", "up to 64 letters"),
    "name is a number": ("name: 12\nsteps: [{status: 500}]\n", 1, "name", "put it in quotes"),
    "chance is 0": ("rules:\n  - when: {}\n    chance: 0\n    steps: [{status: 500}]\n", 3, "rules[0].chance", "above 0 to 1, not 0"),
    "chance is a percentage": ("rules:\n  - when: {}\n    chance: 20%\n    steps: [{status: 500}]\n", 3, "rules[0].chance", "above 0 to 1, not '20%'"),
    "chance above 1": ("rules:\n  - when: {}\n    chance: 1.1\n    steps: [{status: 500}]\n", 3, "rules[0].chance", "not 1.1"),
    "at is 1": (step("{fault: truncate, at: 1}"), 2, "steps[0].at", "from 0 to below 1, not 1"),
    "pace is 0": (step("{fault: drip, bytes_per_second: 0}"), 2, "steps[0].bytes_per_second", "above 0"),
    "pace is infinite": (step("{fault: drip, bytes_per_second: .inf}"), 2, "steps[0].bytes_per_second", "above 0, up to 1e+12, not .inf"),
    "pace of 400 digits": (step("{fault: drip, bytes_per_second: 1" + "0" * 400 + "}"), 2, "steps[0].bytes_per_second", "above 0, up to 1e+12"),
    "delay without unit": (step("delay: 250"), 2, "steps[0].delay", "such as 250ms, 2s or 1m, not 250"),
    "delay with a blank": (step("delay: 250 ms"), 2, "steps[0].delay", "not '250 ms'"),
    "delay is negative": (step("delay: -1s"), 2, "steps[0].delay", "not '-1s'"),
    "delay of ages": (step("delay: 9000h"), 2, "steps[0].delay", "at most a year"),
    "quota of ages": ("rate_limit: {requests: 1, per: 999999h}\n", 1, "rate_limit.per", "at most a year"),
    "delay in two ways": (step("delay: {uniform: [1s, 2s], lognormal: {median: 1s, sigma: 1}}"), 2, "steps[0].delay", "must have either uniform or lognormal"),
    "uniform in the wrong order": (step("delay: {uniform: [2s, 1s]}"), 2, "steps[0].delay.uniform", "shortest and the longest"),
    "uniform of three": (step("delay: {uniform: [1s, 2s, 3s]}"), 2, "steps[0].delay.uniform", "shortest and the longest"),
    "lognormal without sigma": (step("delay: {lognormal: {median: 1s}}"), 2, "steps[0].delay.lognormal", "sigma is missing"),
    "lognormal with sigma 0": (step("delay: {lognormal: {median: 1s, sigma: 0}}"), 2, "steps[0].delay.lognormal.sigma", "above 0"),
    "lognormal with a huge sigma": (step("delay: {lognormal: {median: 1s, sigma: 1000000}}"), 2, "steps[0].delay.lognormal.sigma", "above 0, up to 10, not 1000000"),
    "regular expression": (rule("{input_matches: '(a'}"), 2, "rules[0].when.input_matches", "is not a regular expression"),
    "base64": (step("{status: 500, body_base64: '***'}"), 2, "steps[0].body_base64", "is not base64"),
    "text is a number": (step("{status: 500, body_text: 12}"), 2, "steps[0].body_text", "put it in quotes"),
    "field name": (step('{status: 500, headers: {"a b": x}}'), 2, "steps[0].headers.a b", "is not a name of a header field"),
    "field value is a number": (step("{status: 500, headers: {Retry-After: 1}}"), 2, "steps[0].headers.Retry-After", "must be a string, not 1: put it in quotes"),
    "field value of two lines": (step('{status: 500, headers: {a: "x\\r\\nb: y"}}'), 2, "steps[0].headers.a", "one line of Latin-1"),
    "field value beyond Latin-1": (step('{status: 500, headers: {a: "…"}}'), 2, "steps[0].headers.a", "one line of Latin-1"),
    "field value with blanks": (step('{status: 500, headers: {a: " x"}}'), 2, "steps[0].headers.a", "blanks at its beginning or end"),
    "field twice": (step("{status: 500, headers: {Via: a, via: b}}"), 2, "steps[0].headers.via", "same field as Via"),
    "field of framing": (step('{status: 500, headers: {content-length: "3"}}'), 2, "steps[0].headers.content-length", "is set by the server"),
    "condition null": (rule("{header: {a: null}}"), 2, "rules[0].when.header.a", "must be a string"),
    "would_be of a server": (rule("{would_be: 500}"), 2, "rules[0].when.would_be", "must be one of 200, 400"),
    "attempt twice": (rule("{attempt: [1, 1]}"), 2, "rules[0].when.attempt[1]", "there twice"),
    "attempt 0": (rule("{attempt: 0}"), 2, "rules[0].when.attempt", "at least 1"),
    "dtype": (rule("{output_dtype: int8}"), 2, "rules[0].when.output_dtype", "'int8' is not known"),
    "quota of 0": ("rate_limit: {requests: 0, per: 1s}\n", 1, "rate_limit.requests", "at least 1"),
    "quota in no time": ("rate_limit: {requests: 1, per: 0s}\n", 1, "rate_limit.per", "longer than 0"),
    "quota without a window": ("rate_limit: {requests: 1}\n", 1, "rate_limit", "per is missing"),
    "form of reset": ("rate_limit: {requests: 1, per: 1s, reset: unix}\n", 1, "rate_limit.reset", "there is epoch, iso, seconds"),
    "a number in a body that JSON cannot hold": (step("{status: 500, body: {n: 99999999999999999999999}}"), 2, "steps[0].body.n", "some JSON parsers would round it"),
    "NaN in a body": (step("{status: 500, body: [.nan]}"), 2, "steps[0].body[0]", "NaN"),
    # impossible combinations
    "nothing at all": ("name: a\n", 1, "", "does nothing: give it steps, rules, rate_limit, dimensions or vectors"),
    "an empty step": (step("{}"), 2, "steps[0]", "does nothing"),
    "only times": (step("times: 3"), 2, "steps[0]", "does nothing"),
    "steps and rules": ("steps: [{status: 500}]\nrules:\n  - {when: {}, steps: [{status: 500}]}\n", 2, "rules", "there are steps already"),
    "repeat without steps": ("repeat: true\nrate_limit: {requests: 1, per: 1s}\n", 1, "repeat", "works only beside steps"),
    "repeat for ever": ("repeat: true\nsteps: [{status: 500, times: forever}]\n", 1, "repeat", "lasts forever"),
    "behind for ever": ("steps:\n  - {status: 500, times: forever}\n  - status: 400\n", 3, "steps[1]", "is never reached"),
    "behind a rule for all": ("rules:\n  - {when: {}, steps: [{status: 500}]}\n  - {when: {attempt: 1}, steps: [{status: 500}]}\n", 3, "rules[1]", "is never reached"),
    "behind a rule for more outcomes": ("rules:\n  - {when: {would_be: [200, 400]}, steps: [{status: 500}]}\n  - {when: {would_be: 400}, steps: [{status: 500}]}\n", 3, "rules[1]", "is never reached"),
    "behind a rule for all that is valid": ("rules:\n  - {when: {min_inputs: 1}, steps: [{status: 500}]}\n  - {when: {model: m}, steps: [{status: 500}]}\n", 3, "rules[1]", "is never reached"),
    "status and fault": (step("{status: 500, fault: reset}"), 2, "steps[0].fault", "status is given already: keep one"),
    "fault and mutate": (step("{mutate: zero_usage, fault: reset}"), 2, "steps[0].mutate", "fault is given already: keep one"),
    "body and text": (step("{status: 500, body: 1, body_text: a}"), 2, "steps[0].body_text", "there is a body already"),
    "body without a status": (step("{fault: drip, body: 1}"), 2, "steps[0].body", "needs a status"),
    "200 without a body": (step("status: 200"), 2, "steps[0].status", "200 needs a body"),
    "204 with a body": (step("{status: 204, body: 1}"), 2, "steps[0].body", "a 204 has no body"),
    "headers of a reset": (step("{fault: reset, headers: {a: b}}"), 2, "steps[0].headers", "reset sends no headers"),
    "delay of hang": (step("{fault: hang, delay: 1s}"), 2, "steps[0].delay", "hang never answers"),
    "at of a status": (step("{status: 500, at: 0.5}"), 2, "steps[0].at", "works only with fault: truncate or"),
    "pace of a reset": (step("{fault: reset, bytes_per_second: 5}"), 2, "steps[0].bytes_per_second", "works only with fault: drip"),
    "shuffled results of one input": (rule("{max_inputs: 1}", "[{mutate: shuffle_results}]"), 3, "rules[0].steps[0].mutate", "shuffle_results needs two inputs, but max_inputs is 1"),
    "a NaN in packed bits": (rule("{output_dtype: binary}", "[{mutate: nan_component}]"), 3, "rules[0].steps[0].mutate", "nan_component needs float, but output_dtype is binary"),
    "mutations that exclude each other": (step("mutate: [omit_usage, zero_usage]"), 2, "steps[0].mutate", "exclude each other"),
    "a mutation that hides another": (step("mutate: [html_body, swap_vectors]"), 2, "steps[0].mutate", "would hide swap_vectors"),
    "a mutation twice": (step("mutate: [swap_vectors, swap_vectors]"), 2, "steps[0].mutate[1]", "is there twice"),
    "a mutation of a refusal": (rule("{would_be: 400}", "[{mutate: zero_usage}]"), 3, "rules[0].steps[0].mutate", "but would_be allows no 200"),
    "inputs of a refusal": (rule("{would_be: 401, min_inputs: 2}"), 2, "rules[0].when.min_inputs", "only by a valid request"),
    "fewer than at least": (rule("{min_inputs: 3, max_inputs: 2}"), 2, "rules[0].when.max_inputs", "no request can match"),
    "rule without steps": ("rules:\n  - when: {}\n", 2, "rules[0]", "steps is missing"),
    "rule without when": ("rules:\n  - steps: [{status: 500}]\n", 2, "rules[0]", "when is missing"),
    # traps of YAML
    "no": (step("normal: no"), 2, "steps[0].normal", "can only be true"),
    "on": ("name: on\nsteps: [{status: 500}]\n", 1, "name", "not on, in YAML true: put it in quotes"),
    "a key that is on": ("on: 1\n", 1, "", "the key on is not a string: put it in quotes"),
    "a key that is null": ("~: 1\n", 1, "", "the key ~ is not a string"),
    "a key that is a list": ("? [a, b]\n: 1\n", 1, "", "the key a list or mapping is not a string"),
    "sexagesimal": (step("{status: 500, times: 1:30}"), 2, "steps[0].times", "1:30 is 90 in YAML"),
    "underscores": (step("{status: 500, times: 1_000}"), 2, "steps[0].times", "1_000 is 1000 in YAML"),
    "hexadecimal": (step("status: 0x1F4"), 2, "steps[0].status", "0x1F4 is 500 in YAML"),
    "a number of many digits": (step("{status: 500, times: " + "9" * 5000 + "}"), 2, "steps[0].times", "cannot be read"),
    "hexadecimal of many digits": (step("status: 0x" + "F" * 5000), 2, "steps[0].status", "cannot be read"),
    "octal": (step("status: 0755"), 2, "steps[0].status", "0755 is 493 in YAML"),
    "a date": (step("{status: 500, body: 2026-01-01}"), 2, "steps[0].body", "2026-01-01 cannot be written in JSON: put it in quotes"),
    "an impossible date": (step("{status: 500, body: 2026-99-99}"), 2, "steps[0].body", "cannot be read: put it in quotes"),
    "duplicate key": ("name: a\nsteps: [{status: 500}]\nname: b\n", 3, "name", "is given twice, first on line 1"),
    "duplicate key of a step": ("steps:\n  - status: 500\n    status: 400\n", 3, "steps[0].status", "first on line 2"),
    "duplicate key of JSON": ('{"steps": [{"status": 500}],\n "steps": []}', 2, "steps", "is given twice"),
    "duplicate key of a body": (step("{status: 500, body: {a: 1, a: 2}}"), 2, "steps[0].body.a", "is given twice"),
    "tab": ("steps:\n\t- status: 500\n", 2, "", "indented with blanks, not with tabs"),
    "indentation": ("steps:\n  - status: 500\n   times: 2\n", 3, "", "is not YAML"),
    "unclosed list": ("steps: [{status: 500}\nname: a\n", 2, "", "is not YAML"),
    "unclosed quote": ('name: "a\nsteps: []\n', 3, "", "is not YAML"),
    "merge key": ("steps:\n  - &a {status: 500}\n  - {<<: *a, times: 2}\n", 3, "steps[1]", "merge keys (<<) are not supported"),
    "unknown anchor": (step("*nowhere"), 2, "", "undefined alias"),
    "anchors that explode": (laughs(9), 5, "steps[0].body.a4[8][3][6]", "more than 20000 values, aliases included"),
    "an anchor in itself": (step("&a {status: 500, body: [*a]}"), 2, "", "nested more than 50 levels deep"),
    "nested deeply": (deep(60), 2, "", "nested more than 50 levels deep"),
    "nested very deeply": (deep(450_000), 2, "", "nested more than 50 levels deep"),
    "deep and never closed": ("[" * 900_000, 1, "", "nested more than 50 levels deep"),
    "deep mappings": ("{a: " * 200_000, 1, "", "nested more than 50 levels deep"),
    "deep lists on one line": ("- " * 400_000, 1, "", "nested more than 50 levels deep"),
    "many values": (step("{status: 500, body: [\n" + "1,\n" * 30_000 + "]}"), 19998, "", "more than 20000 values"),
    "very many values": (step("{status: 500, body: [\n" + "1,\n" * 300_000 + "]}"), 59998, "", "more than 20000 values"),
    "custom tag": (step("!python/name:os.system x"), 2, "steps[0]", "has no meaning here"),
    "tag of Python": (step("!!python/object/apply:os.system [ls]"), 2, "steps[0]", "has no meaning here"),
    "binary": (step("{status: 500, body: !!binary aGk=}"), 2, "steps[0].body", "cannot be written in JSON"),
    "set": (step("{status: 500, body: !!set {a}}"), 2, "steps[0].body", "the tag !!set has no meaning here"),
    "tag that lies": (step("status: !!int five"), 2, "steps[0].status", "cannot be read"),
    "two documents": ("steps: [{status: 500}]\n---\nsteps: [{status: 400}]\n", 2, "", "is not YAML: but found another document"),
    "empty": ("", 1, "", "is empty"),
    "only a comment": ("# nothing yet\n", 1, "", "is empty"),
    "only blanks": ("  \n\n", 1, "", "is empty"),
    "not UTF-8": (b"name: caf\xe9\nsteps: [{status: 500}]\n", 1, "", "is not UTF-8 at byte 9"),
    "UTF-16": ("steps: [{status: 500}]".encode("utf-16"), 1, "", "is not UTF-8 at byte 0"),
    "a control character": (b"name: a\nsteps: [{status: 500}] # \x01\n", 2, "", "is not YAML"),
    "ten megabytes": (b"# " + b"x" * 10_000_000, 0, "", "at most 1000000 are allowed"),
    "a cut-off JSON": ('{"steps": [{"status": 500}', 2, "", "is not YAML"),
    "HTML": ("<html></html>", 1, "", "must be a mapping, not '<html></html>'"),
}  # fmt: skip
every_bad_one = pytest.mark.parametrize("name", BAD)


def encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def refusal(text: str | bytes) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        read(encoded(text), "story.yaml", "story")
    return caught.value


@every_bad_one
def test_a_bad_scenario_is_refused_with_line_key_and_remedy(name: str) -> None:
    text, line, key, words = BAD[name]
    error = refusal(text)
    assert (error.line, error.key if key else "") == (line, key), str(error)
    assert words in error.problem, str(error)
    where = f"story.yaml:{line}:{error.column}: " if line else "story.yaml: "
    assert str(error).startswith(where), str(error)
    assert len(str(error)) < 400
    assert "\n" not in str(error)


def test_the_table_has_at_least_60_bad_scenarios() -> None:
    assert len(BAD) >= 60


@pytest.fixture(scope="module")
def steering() -> Iterator[Steering]:
    with relace_mock.running(dimensions=8) as server:
        steering = Steering(server.url)
        steering.play({"status": 503, "times": 1000})
        assert steering.ask().status_code == 503
        yield steering


@every_bad_one
def test_the_control_api_refuses_a_bad_scenario_like_a_file_and_keeps_the_old_one(
    name: str, steering: Steering, tmp_path: Path
) -> None:
    text = encoded(BAD[name][0])
    path = tmp_path / "story.yaml"
    path.write_bytes(text)
    with pytest.raises(ScenarioError) as caught:
        read_file(path)
    before = steering.control("GET", "scenario").json()
    response = steering.control("PUT", "scenario", content=text)
    if len(text) > 1_000_000:
        assert response.status_code == 413
    elif name == "nothing at all":  # a bare name means a loaded scenario
        assert "there is no scenario 'a'" in response.json()["error"]
    else:
        assert response.status_code == 400
        assert response.json() == {"error": str(caught.value).replace(str(path), "scenario")}
    assert steering.control("GET", "scenario").json() == before


ODD_BUT_GOOD: dict[str, str | bytes] = {
    "a byte order mark": b"\xef\xbb\xbfsteps: [{status: 500}]\n",
    "JSON": b'{"steps": [{"status": 500}]}',
    "JSON indented with tabs": b'{\n\t"steps": [\n\t\t{"status": 500}\n\t]\n}\n',
    "Windows line ends": b"steps:\r\n  - status: 500\r\n",
    "an anchor used twice": "steps:\n  - &a {status: 500}\n  - *a\n",
    "a schema for editors": '{"$schema": "scenario.schema.json", "steps": [{"status": 500}]}',
    "one document, marked": "---\nsteps: [{status: 500}]\n...\n",
    "yes for true": "repeat: yes\nsteps: [{status: 500}]\n",
    "a name like a number, quoted": 'name: "500"\nsteps: [{status: 500}]\n',
    "a null body": step("{status: 500, body: null}"),
    "a field taken away": step("{status: 429, headers: {X-RateLimit-Limit: null}}"),
    "a quota alone": "rate_limit: {requests: 1, per: 1h}\n",
    "three digits with leading blanks": textwrap.indent("steps: [{status: 500}]\n", "  "),
}


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_an_unusual_but_valid_scenario_is_read(name: str) -> None:
    read(encoded(ODD_BUT_GOOD[name]), "story.yaml", "story")


def test_an_escaped_surrogate_pair_of_json_is_one_character() -> None:
    text = b'{"steps": [{"status": 500, "body_text": "\\ud83d\\ude00"}]}'
    (only,) = read(text, "story.json", "story").rules[0].steps
    assert only.body_text == "\N{GRINNING FACE}"


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00"])
def test_half_a_surrogate_pair_is_refused(half: str) -> None:
    text = f'{{"steps":\n [{{"status": 500, "body_text": "{half}"}}]}}'
    error = refusal(text)
    assert error.line == 2, str(error)


@pytest.mark.parametrize("text", ['{"a":\t"\\t"}', '{a: "\t"}'], ids=["JSON", "YAML"])
def test_a_tab_inside_a_string_stays_a_tab(text: str) -> None:
    """Only tabs between values are read as blanks, as JSON does."""
    scenario = read(f'{{"steps": [{{"status": 500, "body": {text}}}]}}'.encode(), "story", "story")
    assert scenario.rules[0].steps[0].body == {"a": "\t"}


@pytest.mark.parametrize("number", ["1e5", "1E-7", "-2e+3", "0.5", "1.5e3", "12", "-0.0"])
def test_a_json_number_is_read_as_a_number(number: str) -> None:
    """YAML 1.1 reads a number with an exponent but no point as a string."""
    text = f'{{"steps": [{{"status": 500, "body": {number}}}]}}'
    body = read(text.encode(), "story.json", "story").rules[0].steps[0].body
    assert repr(body) == repr(json.loads(number))


def test_an_escaped_backslash_before_a_surrogate_stays_a_backslash() -> None:
    text = json.dumps({"steps": [{"status": 500, "body_text": "\\ud83d\\ude00 \\ \U0001f600"}]})
    (only,) = read(text.encode(), "story.json", "story").rules[0].steps
    assert only.body_text == "\\ud83d\\ude00 \\ \U0001f600"


def test_an_unknown_name_is_refused_with_a_list_of_the_known_ones(steering: Steering) -> None:
    response = steering.control("PUT", "scenario", json={"name": "no-such-story"})
    assert response.status_code == 400
    assert "known are bad-gateway, bad-request" in response.json()["error"]


@pytest.mark.parametrize("name", [7, None, ["ok"]])
def test_a_name_that_is_not_a_string_is_refused(steering: Steering, name: Any) -> None:
    response = steering.control("PUT", "scenario", json={"name": name})
    assert response.status_code == 400
    assert "name: must be a string, " in response.json()["error"]
    assert "Node(" not in response.text
    assert steering.ask().status_code == 503


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ScenarioError, match="cannot be read"):
            read_file(path)


def test_the_schema_is_served(steering: Steering) -> None:
    served = httpx.get(f"{steering.url}/_mock/scenario.schema.json", verify=steering.verify).json()
    assert served == json.loads(json.dumps(json_schema()))
