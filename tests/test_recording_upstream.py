"""What a recording server does when its upstream fails, lies, or asks it to wait."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.recording import upstream as asking
from tests.recordings import MODEL, ask, client, embed, journal, recorded, source, vectors

KEY = "rlc-0123456789abcdefghijklmnopqrstuv"

# Answers that no mutation can make.
_RESULT = '{"index": %d, "embedding": %s}'
_RESULTS = f'{{"results": [{_RESULT}, {_RESULT}]}}'
WRONG = {
    "zero_results": '{"results": []}',
    "string_component": _RESULTS % (0, '["0.1"]', 1, "[0.1]"),
    "empty_vector": _RESULTS % (0, "[]", 1, "[0.1]"),
    "too_large": _RESULTS % (0, "[0.1, 0.2]", 1, "[0.1, 1e999]"),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record, which plays scenarios."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


@pytest.fixture
def real(upstream: RunningServer) -> Iterator[RemoteControl]:
    """Control of the endpoint to record."""
    control = upstream.control(KEY)
    yield control
    control.forget()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The name of a recording."""
    return tmp_path / "vectors.relace"


@pytest.fixture
def recorder(real: RemoteControl, file: Path) -> Iterator[httpx.Client]:
    """A mock that records from the endpoint."""
    with client(upstream=real.base_url, upstream_key=KEY, record=file) as mock:
        yield mock


def held(file: Path) -> int:
    """The number of vectors in a recording."""
    with client(replay=file) as mock:
        (recording,) = mock.get("/_mock/recording").json()["recordings"]
        return int(recording["vectors"])


@pytest.mark.parametrize("fault", ["reset", "empty", "garbage", "truncate", "reset_mid_body"])
def test_a_broken_connection_is_a_500_and_nothing_is_recorded(
    recorder: httpx.Client, real: RemoteControl, file: Path, fault: str
) -> None:
    real.play({"steps": [{"fault": fault}]})
    answer, again = ask(recorder, "a", "b"), ask(recorder, "a", "b")
    assert answer.status_code == 500
    message = answer.json()["error"]
    assert message.startswith("Error fetching from origin server: 127.0.0.1:")
    assert source(answer) is None and source(again) == "forwarded"
    assert len(vectors(again)) == held(file) == 2


@pytest.mark.parametrize(
    ("mutation", "problem"),
    [
        ("drop_result", "1 result for 2 texts"),
        ("extra_result", "3 results for 2 texts"),
        ("duplicate_index", "two results have the index"),
        ("index_out_of_range", "a result has the index"),
        ("string_index", "a result has the index"),
        ("nest_results", "1 result for 2 texts"),
        (
            "wrong_dimension",
            "its vectors have 32 dimensions, but the recorded ones of this model have 64",
        ),
        ("ragged_dimensions", "vectors have different lengths"),
        ("zero_results", "0 results for 2 texts"),
        ("string_component", 'the embedding of result 0 has "0.1" for a number'),
        ("empty_vector", "the embedding of result 0 is not a list of numbers"),
        ("too_large", "a number that is too large: 1e999"),
        ("null_component", "null for a number"),
        ("nan_component", "NaN for a number"),
        ("truncated_json", "the body is not JSON"),
        ("html_body", "the body is not JSON"),
        ("empty_body", "the body is not JSON"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_a_500_and_is_never_recorded(
    recorder: httpx.Client, real: RemoteControl, file: Path, mutation: str, problem: str
) -> None:
    vectors(ask(recorder, "known"))
    step = {"status": 200, "body_text": WRONG[mutation]} if mutation in WRONG else None
    real.play({"steps": [step or {"mutate": mutation}]})
    answer = ask(recorder, "a", "b")
    assert answer.status_code == 500
    message = answer.json()["error"]
    assert problem in message and message.endswith("Nothing was recorded")
    assert held(file) == 1
    assert len(vectors(ask(recorder, "a", "b"))) == 2


@pytest.mark.parametrize("mutation", ["shuffle_results", "gzip", "extra_fields", "reordered_keys"])
def test_an_unusual_answer_that_keeps_the_contract_is_recorded(
    recorder: httpx.Client, real: RemoteControl, file: Path, mutation: str
) -> None:
    true = vectors(embed(real.base_url, "a", "b", "c"))
    real.play({"steps": [{"mutate": mutation}]})
    assert vectors(ask(recorder, "a", "b", "c")) == true
    with client(replay=file) as replay:
        assert vectors(ask(replay, "c", "b", "a")) == true[::-1]


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_an_error_passes_through_with_its_headers_and_is_journalled(
    recorder: httpx.Client, real: RemoteControl, file: Path, status: int
) -> None:
    headers = {"X-Request-Id": "r-17", "Retry-After": "9"}
    body = {"error": "not today", "code": 3}
    real.play({"steps": [{"status": status, "headers": headers, "body": body}]})
    answer = ask(recorder, "a")
    assert (answer.status_code, answer.json()) == (status, body)
    assert source(answer) == "forwarded" and answer.headers["x-request-id"] == "r-17"
    assert answer.headers.get_list("x-relace-mock") == [relace_mock.__version__]
    entry = journal(recorder)
    assert entry["status"] == status and entry["retry_after"] == "9"
    told = entry["upstream"]
    assert told["status"] == status and "not today" in told["error"]
    assert told["host"] == real.base_url.split("/")[2]
    assert ["x-request-id", "r-17"] in told["headers"]
    assert held(file) == 0


def test_headers_of_a_200_pass_through_but_not_those_of_the_connection(
    recorder: httpx.Client, real: RemoteControl
) -> None:
    headers = {
        "X-RateLimit-Remaining": "2",
        "Connection": "x-hop",
        "X-Hop": "1",
        "Keep-Alive": "timeout=5",
        "Alt-Svc": 'h3=":443"',
    }
    real.play({"steps": [{"normal": True, "headers": headers}]})
    answer = ask(recorder, "a")
    assert answer.headers["x-ratelimit-remaining"] == "2"
    assert not {"x-hop", "keep-alive", "alt-svc", "connection"} & answer.headers.keys()
    assert len(answer.headers.get_list("content-type")) == 1
    assert len(answer.headers.get_list("content-length")) == 1


def test_the_mocks_own_quota_replaces_that_of_the_upstream(real: RemoteControl, file: Path) -> None:
    real.play({"steps": [{"normal": True, "headers": {"X-RateLimit-Limit": "1000"}}]})
    with client(upstream=real.base_url, record=file, upstream_key=KEY, rate_limit="5/60s") as mock:
        assert ask(mock, "a").headers.get_list("x-ratelimit-limit") == ["5"]


AWKWARD = "up/Key&Q+7Zr9=Lm4Xw2"


@pytest.mark.parametrize(
    "spelled",
    [
        AWKWARD.replace("/", "\\/"),
        AWKWARD.replace("&", "\\u0026"),
        quote(AWKWARD, safe=""),
        quote(AWKWARD.replace("/", "\\/"), safe=""),
        AWKWARD.upper(),
    ],
)
def test_the_upstreams_key_is_hidden_however_the_upstream_spells_it(
    upstream: RunningServer, file: Path, spelled: str
) -> None:
    answer = {"headers": {"X-Echo": f"key {spelled}"}, "body_text": f'{{"error": "no {spelled}"}}'}
    control = upstream.control(AWKWARD)
    control.play({"steps": [{"status": 401, **answer}]})
    with client(upstream=upstream.base_url, upstream_key=AWKWARD, record=file) as mock:
        told = ask(mock, "a")
        entry = journal(mock)
    control.forget()
    assert told.headers["x-echo"] == "key <key>"
    assert told.text == '{"error": "no <key>"}'
    assert spelled not in json.dumps(entry)
    assert ["x-echo", "key <key>"] in entry["upstream"]["headers"]


def test_the_upstreams_key_is_hidden_wherever_the_upstream_repeats_it(
    recorder: httpx.Client, real: RemoteControl
) -> None:
    headers = {"X-Echo": f"key {KEY}", "Set-Cookie": "session=abcdefghijkl"}
    real.play({"steps": [{"status": 401, "headers": headers, "body": {"error": f"no key {KEY}"}}]})
    answer = ask(recorder, "a")
    assert KEY not in answer.text and KEY not in str(answer.headers)
    shown = recorder.get("/_mock/requests").text
    assert KEY not in shown and "abcdefghijkl" not in shown


def test_a_429_is_waited_out(
    recorder: httpx.Client, real: RemoteControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    real.play(
        {
            "steps": [
                {"status": 429, "headers": {"Retry-After": "7"}},
                {"status": 429, "headers": {"X-RateLimit-Reset": "20"}},
                {"status": 429, "headers": {"X-RateLimit-Reset": None}},
            ]
        }
    )
    assert len(vectors(ask(recorder, "a"))) == 1
    assert [wait for wait in waited if wait] == [7.0, 20.0, 4.0]
    entry = journal(recorder)
    assert entry["upstream"]["waited"] == 31.0
    assert entry["notes"] == ["the upstream sent 3 responses with 429 first; waiting took 31.0 s"]


def test_a_429_that_asks_for_too_long_a_wait_passes_through(
    recorder: httpx.Client, real: RemoteControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    fields = {"Retry-After": "50", "X-RateLimit-Reset": "50"}
    real.play({"steps": [{"status": 429, "headers": fields, "times": "forever"}]})
    answer = ask(recorder, "a")
    assert answer.status_code == 429 and [wait for wait in waited if wait] == [50.0]
    assert answer.headers.get_list("retry-after") == ["50"]
    assert answer.headers.get_list("x-ratelimit-reset") == ["50"]


def test_a_429_without_a_wait_is_not_asked_again_at_once(
    recorder: httpx.Client, real: RemoteControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    real.play({"steps": [{"status": 429, "headers": {"Retry-After": "0"}, "times": "forever"}]})
    assert ask(recorder, "a").status_code == 429
    assert len(waited) < 15 and sum(waited) <= asking.LONGEST_WAIT


def test_an_upstream_that_tells_no_usage_is_replayed_without_usage(
    recorder: httpx.Client, real: RemoteControl, file: Path
) -> None:
    real.play({"steps": [{"mutate": "omit_usage"}]})
    assert "usage" not in ask(recorder, "a").json()
    vectors(ask(recorder, "b"))
    with client(replay=file) as replay:
        assert "usage" not in ask(replay, "a").json()
        both = ask(replay, "a", "b").json()
        assert both["usage"] == ask(replay, "b").json()["usage"]
        ask(replay, "a", "b")
        assert journal(replay)["notes"] == ["the upstream sent no usage for 1 of 2 texts"]


def test_an_upstream_that_does_not_listen_is_a_500(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with client(upstream=f"http://127.0.0.1:{port}", record=file) as mock:
        answer = ask(mock, "a")
        entry = journal(mock)
    assert answer.status_code == 500
    assert f"Error fetching from origin server: 127.0.0.1:{port}: " in answer.json()["error"]
    assert entry["upstream"]["status"] is None and "refused" in entry["upstream"]["error"]


def test_a_silent_upstream_is_given_up(
    real: RemoteControl, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_SILENCE", 0.2)
    real.play({"steps": [{"fault": "hang"}]})
    with client(upstream=real.base_url, upstream_key=KEY, record=file) as mock:
        answer = ask(mock, "a")
    assert answer.status_code == 500 and "it was silent for 0.2 s" in answer.json()["error"]


def test_a_redirect_is_not_followed_with_the_key(
    recorder: httpx.Client, real: RemoteControl
) -> None:
    real.play({"steps": [{"status": 308, "headers": {"Location": "https://example.org/v1"}}]})
    answer = ask(recorder, "a")
    assert answer.status_code == 500
    assert "redirects to https://example.org/v1" in answer.json()["error"]


def test_texts_that_two_requests_need_at_once_are_asked_for_once(
    real: RemoteControl, file: Path
) -> None:
    """One request waits for the answer to the other, even if each also has texts of its own."""
    real.play({"steps": [{"normal": True, "delay": "300ms", "times": "forever"}]})
    with (
        relace_mock.running(
            thread=True, upstream=real.base_url, upstream_key=KEY, record=file
        ) as server,
        ThreadPoolExecutor() as pool,
    ):
        batches = [["a", "b"], ["b", "c"], ["c", "a"], ["a", "b"]]
        answers = [*pool.map(lambda batch: vectors(embed(server.base_url, *batch)), batches)]
    asked = [text for each in real.requests for text in each.json()["input"]]
    assert sorted(asked) == ["a", "b", "c"]
    assert answers[0] == answers[3] and answers[0][1] == answers[1][0]


def test_a_request_asks_itself_if_the_one_that_it_waited_for_failed(
    real: RemoteControl, file: Path
) -> None:
    real.play({"steps": [{"status": 500, "delay": "300ms"}]})
    with (
        relace_mock.running(
            thread=True, upstream=real.base_url, upstream_key=KEY, record=file
        ) as server,
        ThreadPoolExecutor() as pool,
    ):
        statuses = [
            each.status_code for each in pool.map(lambda _: embed(server.base_url, "a"), range(4))
        ]
    assert sorted(statuses) == [200, 200, 200, 500]


def test_other_requests_do_not_wait_for_the_upstream(real: RemoteControl, file: Path) -> None:
    recorded(real.base_url, file, ["known"])
    real.play({"steps": [{"fault": "hang"}]})
    with relace_mock.running(
        thread=True, upstream=real.base_url, upstream_key=KEY, record=file
    ) as server:
        impatient = httpx.Timeout(30, read=0.5)
        url, body = f"{server.base_url}/code/embed", {"model": MODEL, "input": ["unknown"]}
        fields = {"Authorization": "Bearer rlc-impatient"}

        def leave() -> None:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(url, json=body, headers=fields, timeout=impatient)

        started = threading.Thread(target=leave)
        started.start()
        while not real.journal():
            pass
        assert source(embed(server.base_url, "known")) == "recorded"
        started.join()
        (entry,) = server.control("rlc-impatient").requests
        assert (entry.outcome, entry.status) == ("client_aborted", None)


def test_a_vector_is_kept_to_the_last_digit_as_it_was_received(tmp_path: Path) -> None:
    """Also where the literals have more digits than a double."""
    literals = [
        ["0.1", "-0.30000000000000004", "1e-07", "-0.0"],
        ["0.12345678901234567890123", "2.5E+3", "0.10", "5e-324"],
        ["1", "0", "-1", "127"],
    ]
    results = ",".join(
        f'{{"index":{index},"embedding":[{", ".join(numbers)}]}}'
        for index, numbers in enumerate(literals)
    )
    body = f'{{"results":[{results}],"usage":{{"total_tokens":9}}}}'
    file = tmp_path / "digits.relace"
    with relace_mock.running() as server:
        server.control(KEY).play({"steps": [{"status": 200, "body_text": body}]})
        with client(upstream=server.base_url, upstream_key=KEY, record=file) as mock:
            forwarded = ask(mock, "a", "b", "c")
    with client(replay=file) as mock:
        replayed = ask(mock, "a", "b", "c")
    for answer in (forwarded, replayed):
        rows = [row.split("]")[0] for row in answer.text.split('"embedding":[')[1:]]
        written = [row.split(",") for row in rows]
        assert written[0] == ["0.1", "-0.30000000000000004", "1e-7", "-0.0"]
        assert written[1] == literals[1] and written[2] == literals[2]


def test_a_later_different_vector_is_reported_as_drift_and_the_first_one_stays(
    tmp_path: Path,
) -> None:
    from relace_mock.recording.file import Recording, Space  # noqa: PLC0415 - one test of insides
    from relace_mock.recording.forms import Number, stored  # noqa: PLC0415 - as above

    first, later = stored([Number("0.6"), Number("0.8")]), stored([Number("0.8"), Number("0.6")])
    recording = Recording(tmp_path / "vectors.relace", "record", writes=True)
    space = Space(MODEL, "float", 2)
    keep: dict[str, Any] = {"total_tokens": 3, "host": "here", "keep_text": False}
    assert recording.add(space, {"a": first}, [3], **keep).kept == {}
    assert recording.add(space, {"a": first}, [3], **keep).kept == {}
    assert recording.add(space, {"a": later, "b": later}, [1, 2], **keep).kept == {"a": first}
    assert recording.find(MODEL, "float", ["a"])["a"].vector == first
    recording.close()
