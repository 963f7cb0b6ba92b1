"""All mistakes of a scenario are reported at once, each with the right form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import relace_mock
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.model import read


def mistakes(text: str) -> list[str]:
    """Return the messages about a text, without the name of the file."""
    with pytest.raises(ScenarioError) as caught:
        read(text.encode(), "story.yaml", "story")
    return [mistake.told.removeprefix("story.yaml:") for mistake in caught.value.all]


def step(line: str) -> str:
    return f"steps:\n  - {line}\n"


def rule(line: str) -> str:
    return f"rules:\n  - {{{line}}}\n"


STATUS = "steps: [{status: 500}]"
# Texts with one mistake, each with the right form that its message must show.
RIGHT_FORMS = [
    # a quota
    ("rate_limit: 3/60s", "write {requests: 3, per: 60s}"),
    ("rate_limit: 10 / 1m", "write {requests: 10, per: 1m}"),
    ("rate_limit: 3/min", "write {requests: 3, per: 1m}"),
    ("rate_limit: 3 per minute", "write {requests: 3, per: 1m}"),
    ("rate_limit: 100/h", "write {requests: 100, per: 1h}"),
    ("rate_limit: 5", "write {requests: 5, per: 60s}"),
    ("rate_limit: [3, 60s]", "write {requests: 3, per: 60s}"),
    ("rate_limit: {requests: 3, per: 60}", "write 60ms or 60s"),
    ('rate_limit: {requests: "3", per: 60s}', "write 3, without quotes"),
    ("rate_limit: {requests: 3, window: 60s}", "did you mean per?"),
    ("rate_limit: {limit: 3, per: 60s}", "did you mean requests?"),
    # lists
    ("steps: {status: 500}", 'write a dash before each step, "- status: 500"'),
    ("rules: {when: {}, steps: [{status: 500}]}", 'a dash before each rule, "- when: …"'),
    ("rules: [{when: {}, steps: {status: 400}}]", 'a dash before each step, "- status: 400"'),
    ("steps: 429", "write [{status: 429}]"),
    ("steps: reset", "write [{fault: reset}]"),
    ("steps: [429]", "write {status: 429}"),
    ('steps: ["429"]', "write {status: 429}"),
    ("steps: [timeout]", "write {fault: hang}"),
    ("steps: [shuffle]", "write {mutate: shuffle_results}"),
    ("steps: [normal]", "write {normal: true}"),
    ("- status: 500", "write steps: and the list below it"),
    # faults
    (step("fault: timeout"), "did you mean hang?"),
    (step("fault: connection-reset"), "did you mean reset?"),
    (step("fault: rst"), "did you mean reset?"),
    (step("fault: RESET"), "did you mean reset?"),
    (step("fault: close-keep-alive"), "did you mean close_keep_alive?"),
    (step("fault: slow"), "did you mean drip?"),
    (step("fault: EMPTY_RESPONSE"), "did you mean empty?"),
    (step("fault: 500"), "write status: 500"),
    (step("timeout: 5s"), "is not a key here; write fault: hang, which never answers"),
    (step("read-timeout: 5s"), "write fault: hang, which never answers"),
    (step("hang: 5s"), "is not a key here; write fault: hang"),
    (step("reset: true"), "write fault: reset"),
    (step("connectionReset: true"), "write fault: reset, which resets the connection before"),
    (step("drip: {bytes_per_second: 10}"), "write fault: drip"),
    (step("garbage:"), "write fault: garbage"),
    (step("truncate: 0.5"), "write fault: truncate"),
    (step("{delay: 1s, slow: 1kb}"), "write fault: drip, which sends the body slowly"),
    (rule("when: {}, timeout: 5s, steps: [{status: 500}]"), "to a step: steps: [{fault: hang}], w"),
    ("hang: 5s", "it belongs to a step: steps: [{fault: hang}]"),
    # mutations
    (step("shuffle_results: true"), "write mutate: shuffle_results"),
    (step("mutate: shuffle"), "did you mean shuffle_results?"),
    (step("mutate: unnormalized"), "did you mean unnormalised?"),
    (step("mutate: nan"), "did you mean nan_component?"),
    (step("mutate: null"), "did you mean null_component?"),
    (step("mutate: zero"), "did you mean zero_vector or zero_usage?"),
    (step('mutate: "omit_usage, gzip"'), "write a list, [omit_usage, gzip]"),
    # times
    (step("delay: 250"), "write 250ms or 250s"),
    (step('delay: "250"'), "write 250ms or 250s"),
    (step("delay: 0.5"), "write 0.5ms or 0.5s"),
    (step("delay: 250 ms"), "write 250ms"),
    (step("delay: 2 seconds"), "write 2s"),
    (step("delay: 5min"), "write 5m"),
    (step("delay: 1 day"), "write 24h"),
    (step("delay: [10ms, 200ms]"), "write {uniform: [10ms, 200ms]}"),
    (step("delay: 10ms-200ms"), "write {uniform: [10ms, 200ms]}"),
    (step("delay: {min: 10ms, max: 200ms}"), "write {uniform: [10ms, 200ms]}"),
    (step("delay: {uniform: {min: 1ms, max: 2ms}}"), "write [10ms, 200ms]"),
    (step("delay: {fixed: 1s}"), "write delay: 250ms"),
    (step("delay: {lognormal: 200ms}"), "write {median: 200ms, sigma: 0.5}"),
    # numbers
    (step('status: "429"'), "write 429, without quotes"),
    (step("status: 429.0"), "write 429"),
    (step('{status: 429, times: "3"}'), "write 3, without quotes"),
    (step("{status: 429, times: always}"), "did you mean forever?"),
    (step("{status: 429, times: .inf}"), "did you mean forever?"),
    (step("{status: 429, times: infinite}"), "did you mean forever?"),
    (rule("when: {}, chance: 20%, steps: [{status: 500}]"), "write 0.2 for 20 %"),
    (rule("when: {}, chance: 20, steps: [{status: 500}]"), "write 0.2 for 20 %"),
    (rule('when: {}, chance: "0.2", steps: [{status: 500}]'), "write 0.2, without quotes"),
    (step("{fault: truncate, at: 50%}"), "write 0.5 for 50 %"),
    (step("{fault: drip, bytes_per_second: 1kb}"), "write 1000"),
    ('repeat: "yes"\n' + STATUS, "write true, without quotes"),
    ("repeat: 0\n" + STATUS, "write false, without quotes"),
    (step('normal: "true"'), "write true, without quotes"),
    # header fields
    (step('{status: 429, headers: ["Retry-After: 1"]}'), 'write {Retry-After: "1"}'),
    (step("{status: 429, headers: [{Via: a}]}"), 'write {Via: "a"}'),
    (step('{status: 429, headers: "Via: a"}'), 'write {Via: "a"}'),
    (step("{status: 429, headers: {Retry-After: 1}}"), 'put it in quotes, "1"'),
    # conditions
    (rule("when: password, steps: [{status: 500}]"), 'write {input_contains: "password"}'),
    (rule("when: , steps: [{status: 500}]"), "write {} for every request"),
    (rule("when: always, steps: [{status: 500}]"), "write {} for every request"),
    (rule("when: {contains: a}, steps: [{status: 500}]"), "did you mean input_contains?"),
    (rule("when: {headers: {a: b}}, steps: [{status: 500}]"), "did you mean header?"),
    (rule('when: {would_be: "200"}, steps: [{status: 500}]'), "write 200, without quotes"),
    # keys in another place, or by another name
    ("status: 429", "it belongs to a step: steps: [{status: …}]"),
    (rule("when: {}, steps: [{status: 500}], times: 3"), "it belongs to a step"),
    (rule("model: a, steps: [{status: 500}]"), "it is a condition: when: {model: …}"),
    (step("{status: 500, when: {}}"), "it belongs to a rule"),
    (step("{status: 500, retryAfter: 2s}"), "did you mean retry_after?"),
    (step("{status: 500, Retry-After: 2s}"), "did you mean retry_after?"),
    (step("code: 500"), "did you mean status?"),
    ("rateLimit: {requests: 1, per: 1s}", "did you mean rate_limit?"),
    # YAML itself
    ("steps:\n\t- status: 500", "indented with blanks, not with tabs"),
    ("steps:\n  - status: 500\n    body: a: b", "put the value in quotes"),
    ("steps: [{status: 500}", "a comma or a ] is missing"),
    ("steps: [{status: 500]", "a comma or a } is missing"),
    ('steps: "abc', "a quote is not closed"),
    ("name: @x", "put it in quotes"),
    ('name: "\\q"', "write \\\\ for a backslash"),
    ("steps: *x", "define it above with &"),
    ("steps:\n  - status: 500\n   times: 2", "the same indentation"),
]


@pytest.mark.parametrize(("text", "remedy"), RIGHT_FORMS, ids=[text for text, _ in RIGHT_FORMS])
def test_the_message_shows_the_right_form(text: str, remedy: str) -> None:
    (only,) = mistakes(text)
    assert remedy in only
    assert only[0].isdigit(), "it begins with line and column"


MANY = """\
name: a b
seed: -1
rate_limit: 3/60s
steps:
  - statsu: 429
  - status: "500"
    times: 0
    headers: {a b: x, Via: 1}
  - fault: timeout
    delay: 250
  - status: 500
    fault: reset
    body: {a: 1, a: 2}
  - mutate: [shuffle, zero_usage, zero_usage]
  - status: 500
    times: forever
  - status: 400
rules: 3
extra: true
extra: false
"""


def test_every_mistake_of_a_file_is_reported_in_the_order_of_the_file() -> None:
    """The file has wrong keys, values, combinations and duplicates, and an unreachable step."""
    told = mistakes(MANY)
    assert [line.split(": ")[:2] for line in told] == [
        ["1:7", "name"],
        ["2:7", "seed"],
        ["3:13", "rate_limit"],
        ["5:5", "steps[0].statsu"],
        ["6:13", "steps[1].status"],
        ["7:12", "steps[1].times"],
        ["8:15", "steps[1].headers.a b"],
        ["8:28", "steps[1].headers.Via"],
        ["9:12", "steps[2].fault"],
        ["10:12", "steps[2].delay"],
        ["12:5", "steps[3].fault"],
        ["13:18", "steps[3].body.a"],
        ["14:14", "steps[4].mutate[0]"],
        ["14:35", "steps[4].mutate[2]"],
        ["17:5", "steps[6]"],
        ["18:1", "rules"],
        ["18:8", "rules"],
        ["19:1", "extra"],
        ["20:1", "extra"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n  - satus: 500\n",
        "steps:\n  - status: 5000\n    body: x\n",
        "rate_limit: {request: 3, per: 60s}\n",
        "on: 1\n",
        "rules:\n  - when: {}\n    step: [{status: 500}]\n",
        "steps:\n  - {status: 500, times: forever}\n  - status: x\nrepeat: false\n",
    ],
)
def test_one_mistake_is_not_reported_twice(text: str) -> None:
    """A misspelt key is not reported as missing too, nor a body as one without a status."""
    told = mistakes(text)
    assert len(told) == (2 if "forever" in text else 1), told


def test_unreachable_rules_are_reported_beside_other_mistakes() -> None:
    text = (
        "rules:\n"
        "  - {when: {}, steps: [{status: 500}]}\n"
        "  - {when: {model: m}, steps: [{statsu: 500}]}\n"
    )
    assert [line.partition(": is ")[0] for line in mistakes(text)] == [
        "3:5: rules[1]",
        "3:33: rules[1].steps[0].statsu",
    ]


def test_check_reports_every_mistake_of_every_file_and_exits_1(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(MANY)
    (tmp_path / "good.yaml").write_text(STATUS)
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "scenario", "check", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (1, 2 * 19 + 1)
    for name in ("one", "two"):
        found = [line for line in lines if line.startswith(f"{tmp_path}/{name}.yaml:")]
        assert len(found) == 19


def test_serve_reports_the_first_mistake_on_one_line_and_how_to_see_the_others(
    tmp_path: Path,
) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(MANY)
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", "serve", "--port", "0", "--scenario", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"relace-mock: {path}:1:7: name: must be up to 64 letters")
    assert line.endswith(f"(and 18 more: relace-mock scenario check {path})")


def test_the_control_api_reports_twenty_mistakes_and_how_many_more_there_are() -> None:
    with relace_mock.running(dimensions=8) as server:

        def refusal(text: str) -> list[str]:
            answer = httpx.put(f"{server.url}/_mock/scenario", content=text)
            assert answer.status_code == 400
            return str(json.loads(answer.content)["error"]).split("\n")

        assert len(refusal(MANY)) == 19
        lines = refusal("steps:\n" + "  - statsu: 500\n" * 50)
        assert lines[0] == "scenario:2:5: steps[0].statsu: is not a key here; did you mean status?"
        assert (len(lines), lines[-1]) == (21, "and 30 more")
        assert refusal('{"name": "ok", "name": "flaky"}') == [
            "scenario:1:1: does nothing: give it steps, rules, rate_limit, dimensions or vectors",
            "scenario:1:16: name: is given twice, first on line 1: remove one",
        ]


def test_playing_a_bad_mapping_reports_all_of_its_mistakes() -> None:
    mock = relace_mock.transport().control("rlc-play")
    with pytest.raises(relace_mock.ServerError) as caught:
        mock.play({"steps": [{"statsu": 1}, {"fault": "timeout"}]})
    assert "steps[0].statsu" in str(caught.value)
    assert "did you mean hang?" in str(caught.value)
