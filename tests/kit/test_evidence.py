"""The evidence of a finding is usable: its scenario is valid, and its times are in order."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relace_contract.adapters.protocol import Call, Ending, Said
from relace_contract.client import case
from relace_contract.client.conversation import Conversation, Seen
from relace_contract.client.options import ClientOptions
from relace_contract.client.verify import verify as run
from tests.kit.broken_clients import program
from tests.kit.judging import found
from tests.kit.judging_clients import judged_client
from tests.kit.test_client_command import verify
from tests.kit.test_command import ENVIRONMENT


def mock(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relace_mock", *words],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )


def test_what_the_server_plays_is_a_scenario_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "client.py"
    file.write_text(program("failure-is-nothing"), encoding="utf-8")
    client = shlex.join([sys.executable, str(file)])
    path = tmp_path / "r.json"
    done = verify("--stdio", client, "--only", "ERR,RET-04", "--report", str(path), "--verbose")
    played = re.findall(r"^ +the server plays (\{.*)$", done.stdout, re.MULTILINE)
    checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
    reported = [
        evidence["scenario"]
        for check in checks
        for finding in check["findings"]
        for evidence in finding["evidence"]
    ]
    assert len(played) >= 7 and set(played) == set(reported)
    for number, scenario in enumerate(played):
        (tmp_path / f"{number}.json").write_text(scenario, encoding="utf-8")
    path.unlink()
    checked = mock("scenario", "check", *map(str, tmp_path.glob("*.json")))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_scenario_that_the_kit_plays_is_one_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: set[str] = set()

    def kept(scenario: Any, true: Any = case._as_file) -> Any:
        played.add(true(scenario))
        return true(scenario)

    monkeypatch.setattr(case, "_as_file", kept)
    judged_client(None, "RSP", "ERR", "BAD", "NET-06", "BAT-02", "RET-01", "RET-02", examples=3)
    played.discard("")
    assert len(played) > 80
    for number, scenario in enumerate(played):
        assert scenario.isprintable()
        (tmp_path / f"{number}.json").write_text(scenario, encoding="utf-8")
    checked = mock("scenario", "check", str(tmp_path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def conversation(**times: Any) -> Conversation:
    call = Call(base_url="http://h/v1", api_key="k", input=("a",))
    seen = [Seen(at, "POST", "/v1/code/embed", (), "", "", "200") for at in times.pop("seen")]
    return Conversation(call, "normally", "", said=Said(Ending.OK), requests=tuple(seen), **times)


@pytest.mark.parametrize(
    ("began", "seen", "ended"),
    [
        (100.0, [100.25, 100.5], 100.75),
        (100.0, [100.5], 100.25),
        (100.0, [99.5], 100.25),
        (100.0, [100.5, 100.25], 100.0),
        (100.0, [], 99.0),
    ],
)
def test_times_of_a_conversation_never_run_backwards(
    began: float, seen: list[float], ended: float
) -> None:
    told = conversation(began=began, seen=seen, ended=ended).evidence().received
    times = [float(time) for time in re.findall(r"^ *(-?[\d.]+) s  ", told, re.MULTILINE)]
    assert len(times) == len(seen) + 1
    assert times == sorted(times) and times[0] >= 0


def test_a_client_that_starts_slowly_answers_after_its_requests(tmp_path: Path) -> None:
    """A bug once counted the start of the process in the times of the requests only."""
    slow = tmp_path / "client.py"
    slow.write_text("import time\ntime.sleep(0.5)\n" + program("order-trusted"), encoding="utf-8")
    slow.write_text(slow.read_text().replace("from __future__ import annotations\n", ""))
    client = shlex.join([sys.executable, str(slow)])
    path = tmp_path / "r.json"
    verify("--stdio", client, "--only", "RSP-01", "--report", str(path), "--jobs", "2")
    (check,) = json.loads(path.read_text(encoding="utf-8"))["checks"]
    told = check["findings"][0]["evidence"][0]["received"]
    times = [float(time) for time in re.findall(r"^ *([\d.]+) s  ", told, re.MULTILINE)]
    assert times == sorted(times)


#: Answers to `embed` that break the protocol and show the key.
LEAKS = {
    "no JSON": "print('sending', message['api_key'], flush=True)",
    "far into the line": "print('x' * 3000, message['api_key'], flush=True)",
    "no outcome": "say(message, request=message)",
}
_LEAKING = """
import json, sys
def say(message, **answer):
    print(json.dumps({{"seq": message["seq"], **answer}}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message["cmd"] == "start":
        say(message, client="leaky", features=[])
    elif message["cmd"] == "embed":
        {does}
"""


@pytest.mark.parametrize("leak", LEAKS)
def test_an_answer_that_breaks_the_protocol_and_shows_the_key_fails_req_08(
    leak: str, tmp_path: Path
) -> None:
    file = tmp_path / "client.py"
    file.write_text(_LEAKING.format(does=LEAKS[leak]), encoding="utf-8")
    command = shlex.join([sys.executable, str(file)])
    asked = ClientOptions(way="stdio", client=command, only=("REQ-03",), jobs=1)
    problems = found(run(asked, lambda _: None))
    assert problems["REQ-08"] == "the API key is in its answer"
    assert problems["REQ-03"].startswith("babble: ")
    assert "rlc-" not in problems["REQ-03"]


@pytest.mark.parametrize("subject", ["server", "client"])
def test_the_checks_can_be_listed_without_a_subject(subject: str) -> None:
    every = mock(f"verify-{subject}", "--list")
    some = mock(f"verify-{subject}", "--list", "--only", "NEG" if subject == "server" else "RSP")
    assert every.returncode == some.returncode == 0
    assert len(every.stdout.splitlines()) > len(some.stdout.splitlines()) > 10
    first, second, *_ = some.stdout.splitlines()
    assert re.fullmatch(r"[A-Z]{3}  \w.*", first)
    assert re.fullmatch(r"  [A-Z]{3}-[\w-]+ +(MUST|SHOULD|MAY) +\w+ +\w.*\.", second)
    wrong = mock(f"verify-{subject}", "--list", "--only", "XYZ")
    assert wrong.returncode == 2 and "no check is called 'XYZ'" in wrong.stderr


def test_a_missing_address_is_one_line() -> None:
    done = mock("verify-server")
    assert done.returncode == 2
    assert done.stderr == (
        "relace-mock: the address of the server is missing: write "
        "relace-mock verify-server http://127.0.0.1:8080\n"
    )


def test_the_end_says_what_to_add_for_what_is_not_claimed(tmp_path: Path) -> None:
    file = tmp_path / "client.py"
    source = program(None).replace('"features": [', '"features": []and[')
    file.write_text(source, encoding="utf-8")
    client = shlex.join([sys.executable, str(file)])
    done = verify("--stdio", client, "--only", "RET-02,RET-03,BAT,REQ-07,ERR-09")
    assert (
        "next: 8 checks not run, as the client does not claim their features: add those that it has "
        '(retry, retry_after, timeout, batch, binary, rate_limit) to its "features"'
    ) in done.stdout
