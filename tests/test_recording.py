"""Recording real vectors from an upstream, here another mock, and replaying them without it."""

from __future__ import annotations

import contextlib
import math
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import relace_mock
from relace_mock import RunningServer, SettingsError
from relace_mock.settings import Settings, refuse_several_recorders
from tests.conftest import Serve
from tests.recordings import MODEL, ask, client, embed, journal, recorded, source, vectors


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record: another mock, whose vectors no other server here computes."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The name of a recording."""
    return tmp_path / "vectors.relace"


def test_a_recording_answers_other_batches_in_another_order_without_the_upstream(
    serve: Serve, upstream: RunningServer, file: Path
) -> None:
    real = vectors(embed(upstream.base_url, "a", "b", "c", "d"))
    with serve("--upstream", upstream.url, "--record", str(file)) as recorder:
        first = embed(recorder.base_url, "a", "b", "c")
        second = embed(recorder.base_url, "d", "a")
    with serve("--replay", str(file)) as replay:
        again = embed(replay.base_url, "d", "c")
        alone = embed(replay.base_url, "b")
    assert vectors(first) == real[:3]
    assert vectors(second) == [real[3], real[0]]
    assert vectors(again) == [real[3], real[2]]
    assert vectors(alone) == [real[1]]
    assert [*map(source, (first, second, again, alone))] == [
        "forwarded",
        "mixed",
        "recorded",
        "recorded",
    ]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_server_without_a_recording_says_that_its_vectors_are_computed() -> None:
    with client() as mock:
        answer = ask(mock, "a")
        assert source(answer) == "computed"
        assert journal(mock)["source"] == "computed" and journal(mock)["upstream"] is None
        assert source(mock.post("/v1/code/embed", json={})) is None


def test_only_what_is_missing_is_forwarded_each_text_once_and_in_order(
    upstream: RunningServer, file: Path
) -> None:
    control = upstream.control("rlc-test")
    control.reset()
    with client(upstream=upstream.base_url, record=file) as mock:
        first = ask(mock, "b", "a", "b")
        second = ask(mock, "c", "a", "d", "c", "b")
        ask(mock, "d", "b", "a")
    assert [each.json()["input"] for each in control.requests] == [["b", "a"], ["c", "d"]]
    assert vectors(first)[0] == vectors(first)[2] == vectors(second)[4]


def test_the_key_of_the_request_is_sent_unless_the_upstream_has_its_own(
    upstream: RunningServer,
) -> None:
    with client(upstream=upstream.base_url) as mock:
        ask(mock, "whose key")
    with client(upstream=upstream.base_url, upstream_key="rlc-upstream") as mock:
        ask(mock, "whose key")
    for key in ("rlc-test", "rlc-upstream"):
        bodies = [each.json()["input"] for each in upstream.control(key).requests]
        assert ["whose key"] in bodies


def test_neither_key_nor_text_is_in_the_file(upstream: RunningServer, file: Path) -> None:
    key = "rlc-the-secret-key-of-the-upstream"
    recorded(upstream.base_url, file, ["a text that is private"], upstream_key=key)
    content = file.read_bytes()
    assert key.encode() not in content and b"rlc-test" not in content
    assert b"a text that is private" not in content


def test_keep_text_keeps_the_texts(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a text to be seen"], keep_text=True)
    assert b"a text to be seen" in file.read_bytes()


def test_binary_vectors_are_recorded_beside_float_ones(upstream: RunningServer, file: Path) -> None:
    with client(upstream=upstream.base_url, record=file) as mock:
        packed = ask(mock, "a", output_dtype="binary")
        ask(mock, "a")
    real = embed(upstream.base_url, "a", output_dtype="binary")
    with client(replay=file) as mock:
        again = ask(mock, "a", output_dtype="binary")
        assert vectors(again) == vectors(packed) == vectors(real)
        assert vectors(ask(mock, "a")) == vectors(embed(upstream.base_url, "a"))


def test_models_have_vectors_of_their_own(upstream: RunningServer, file: Path) -> None:
    with client(upstream=upstream.base_url, record=file) as mock:
        ask(mock, "a", model="one")
        ask(mock, "a", model="other")
    with client(replay=file) as mock:
        one, other = ask(mock, "a", model="one"), ask(mock, "a", model="other")
        assert vectors(one) != vectors(other)
        assert ask(mock, "a", model="third").status_code == 500


def test_a_miss_says_how_many_texts_and_how_to_record_them(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a", "b"])
    with client(replay=file) as mock:
        answer = ask(mock, "a", "x", "y", "x")
        entry = journal(mock)
        verdict = mock.get("/_mock/verdict").json()
    assert answer.status_code == 500 and source(answer) is None
    message = answer.json()["error"]
    assert message.startswith(
        f"2 of 3 texts are not in the recording vectors.relace (model {MODEL}, float): "
    )
    command = f"relace-mock serve --upstream https://embeddings.endpoint.relace.run --record {file}"
    assert command in message
    assert (entry["status"], entry["outcome"]) == (500, "refused")
    assert not entry["violations"] and entry["source"] is None
    assert verdict["findings"] == []  # the client is not to blame


def test_a_miss_names_what_the_recording_holds_instead(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file) as mock:
        message = ask(mock, "a", output_dtype="binary").json()["error"]
    assert f"which holds {MODEL} as float" in message


def test_synthesize_makes_up_what_is_missing_and_says_so(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file, on_miss="synthesize", dimensions=64) as mock:
        both, made_up = ask(mock, "x", "a"), ask(mock, "x")
        assert [source(both), source(made_up)] == ["mixed", "computed"]
        assert journal(mock)["source"] == "computed"
    with client(dimensions=64) as plain:
        assert vectors(made_up) == vectors(ask(plain, "x"))
    assert vectors(both) == [*vectors(made_up), *vectors(embed(upstream.base_url, "a"))]


def test_synthesize_refuses_other_dimensions_than_the_recording_has(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    problem = f"on-miss synthesize: the recorded vectors of {MODEL} have 64 dimensions, not 2560"
    with pytest.raises(SettingsError, match=problem):
        client(replay=file, on_miss="synthesize")


def test_a_replay_with_an_upstream_forwards_what_is_missing_and_records_nothing(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    before = file.read_bytes()
    with client(replay=file, upstream=upstream.base_url) as mock:
        answers = [ask(mock, "a", "b"), ask(mock, "b"), ask(mock, "a")]
    assert [*map(source, answers)] == ["mixed", "forwarded", "recorded"]
    assert file.read_bytes() == before


def test_a_replay_with_an_upstream_may_still_refuse_a_miss(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file, upstream=upstream.base_url, on_miss="error") as mock:
        assert ask(mock, "b").status_code == 500


def test_token_counts_are_those_of_the_upstream(upstream: RunningServer, file: Path) -> None:
    """Counts are exact for a text sent alone and for a whole batch; others are marked estimates."""
    batch = ["def add(a, b): return a + b", "import os", "x"]
    recorded(upstream.base_url, file, batch, ["alone is known"])
    told = embed(upstream.base_url, *batch).json()["usage"]["total_tokens"]
    alone = embed(upstream.base_url, "alone is known").json()["usage"]["total_tokens"]
    with client(replay=file) as mock:

        def tokens(*texts: str) -> tuple[int, list[str]]:
            answer = ask(mock, *texts)
            return answer.json()["usage"]["total_tokens"], journal(mock)["notes"]

        assert tokens("alone is known") == (alone, [])
        assert tokens(*batch[::-1], "alone is known") == (told + alone, [])
        counts = [tokens(text) for text in batch]
    assert sum(count for count, _ in counts) == told
    (note,) = counts[0][1]
    assert note.startswith("usage.total_tokens is an estimate: for 1 of 1 text the upstream told")


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("steps: [{mutate: shuffle_results}]", 200), ("steps: [{status: 429}]", 429)],
)
def test_scenarios_are_played_on_recorded_vectors(
    upstream: RunningServer, file: Path, scenario: str, status: int
) -> None:
    recorded(upstream.base_url, file, ["a", "b", "c"])
    transport = relace_mock.transport(replay=file)
    transport.control("rlc-test").play(scenario)
    with httpx.Client(transport=transport, base_url="http://mock") as mock:
        mock.headers["Authorization"] = "Bearer rlc-test"
        answer = ask(mock, "a", "b", "c")
    assert answer.status_code == status
    if status == 200:
        indexes = [each["index"] for each in answer.json()["results"]]
        assert indexes != [0, 1, 2] and source(answer) == "recorded"
        assert vectors(answer) == vectors(embed(upstream.base_url, "a", "b", "c"))


def test_model_drift_moves_recorded_vectors_into_another_space(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    transport = relace_mock.transport(replay=file)
    transport.control("rlc-test").play("steps: [{mutate: model_drift}]")
    with httpx.Client(transport=transport, base_url="http://mock") as mock:
        mock.headers["Authorization"] = "Bearer rlc-test"
        (drifted,), (real,) = vectors(ask(mock, "a")), vectors(ask(mock, "a"))
    assert len(drifted) == len(real) == 64
    assert abs(sum(x * y for x, y in zip(drifted, real, strict=True))) < 0.9


def test_a_quota_counts_replayed_requests(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file, rate_limit="1/60s") as mock:
        first, second = ask(mock, "a"), ask(mock, "a")
    assert [first.status_code, second.status_code] == [200, 429]
    assert first.headers["x-ratelimit-remaining"] == "0"


def test_a_fault_takes_recorded_vectors_too(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a"])
    with relace_mock.running(thread=True, replay=file) as server:
        server.control("rlc-test").play("steps: [{fault: truncate}]")
        with pytest.raises(httpx.RemoteProtocolError):
            embed(server.base_url, "a")
        assert source(embed(server.base_url, "a")) == "recorded"


def test_a_scripted_status_asks_the_upstream_nothing(upstream: RunningServer) -> None:
    control = upstream.control("rlc-scripted")
    transport = relace_mock.transport(upstream=upstream.base_url, upstream_key="rlc-scripted")
    transport.control("rlc-test").play("steps: [{status: 500}, {fault: reset}]")
    with httpx.Client(transport=transport, base_url="http://mock") as mock:
        mock.headers["Authorization"] = "Bearer rlc-test"
        assert ask(mock, "a").status_code == 500
        with pytest.raises(httpx.ReadError):
            ask(mock, "a")
    assert control.requests == []


def test_a_scenario_cannot_ask_for_other_dimensions_than_were_recorded(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    transport = relace_mock.transport(replay=file)
    transport.control("rlc-test").play({"dimensions": 128, "steps": [{"normal": True}]})
    with httpx.Client(transport=transport, base_url="http://mock") as mock:
        mock.headers["Authorization"] = "Bearer rlc-test"
        answer = ask(mock, "a")
    assert answer.status_code == 500
    assert "have 64 dimensions, not 128" in answer.json()["error"]


def test_a_server_that_is_its_own_upstream_says_so(serve: Serve, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    arguments = ("--port", port, "--upstream", f"http://127.0.0.1:{port}")
    with serve(*arguments, "--record", str(file)) as process:
        answer = embed(process.base_url, "a")
    assert answer.status_code == 500
    assert answer.json()["error"].endswith("--upstream is the address of this server itself")


def test_the_access_log_says_where_vectors_come_from(
    serve: Serve, upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    with serve("--replay", str(file), "--access-log") as process:
        vectors(embed(process.base_url, "a"))
        process.popen.terminate()
        _, said = process.popen.communicate()
    assert re.search(r"1 input  +\d+ tokens?  recorded\n", said), said


def test_texts_can_be_kept_later(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a text to be seen"])
    assert b"a text to be seen" not in file.read_bytes()
    with client(upstream=upstream.base_url, record=file, keep_text=True) as mock:
        assert source(ask(mock, "a text to be seen")) == "recorded"
    assert b"a text to be seen" in file.read_bytes()


def test_an_upstream_alone_is_asked_every_time(upstream: RunningServer) -> None:
    control = upstream.control("rlc-proxied")
    with client(upstream=upstream.base_url, upstream_key="rlc-proxied") as mock:
        answers = [ask(mock, "a"), ask(mock, "a")]
    assert [*map(source, answers)] == ["forwarded", "forwarded"]
    assert len(control.requests) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_async_client_in_this_process_replays_too(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    transport = relace_mock.transport(replay=file)
    async with httpx.AsyncClient(transport=transport, base_url="http://mock") as mock:
        mock.headers["Authorization"] = "Bearer rlc-test"
        body = {"model": MODEL, "input": ["a"]}
        answers = [await mock.post("/v1/code/embed", json=body) for _ in range(2)]
    assert vectors(answers[0]) == vectors(answers[1]) == vectors(embed(upstream.base_url, "a"))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"record": Path("f")}, "record needs an endpoint to record from: add --upstream URL"),
        ({"keep_text": True}, "keep-text needs a recording to keep texts in: add --record FILE"),
        ({"on_miss": "error"}, "on-miss needs a recording that may miss a text: add --replay FILE"),
        (
            {"on_miss": "forward", "replay": Path("f")},
            "on-miss forward needs an endpoint to forward to: add --upstream URL",
        ),
        (
            {"record": Path("f"), "replay": Path("f"), "upstream": "http://a"},
            "record and replay exclude each other",
        ),
        (
            {"record": Path("f"), "on_miss": "error", "upstream": "http://a"},
            "record with on-miss error would record nothing: leave --on-miss out",
        ),
        ({"upstream": "relace.run"}, "upstream must be the URL of an endpoint"),
        ({"upstream": "https://user:secret@relace.run"}, "without user, password or query"),
        ({"upstream": "https://relace.run?key=secret"}, "without user, password or query"),
        ({"upstream": "http://a", "upstream_key": "a b"}, "upstream-key must be ASCII characters"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem) as refused:
        Settings(**settings)
    assert "secret" not in str(refused.value)


def test_several_workers_cannot_record(file: Path) -> None:
    settings = Settings(upstream="http://a", record=file)
    refuse_several_recorders(settings, 1)
    refuse_several_recorders(Settings(replay=file), 4)
    with pytest.raises(SettingsError, match="record works with one worker, not with 4"):
        refuse_several_recorders(settings, 4)


def test_the_key_of_the_upstream_is_not_in_the_representation_of_settings() -> None:
    with contextlib.closing(client(upstream="http://a", upstream_key="rlc-secret")) as mock:
        assert "rlc-secret" not in repr(mock._transport)
    assert "rlc-secret" not in repr(Settings(upstream="http://a", upstream_key="rlc-secret"))


def test_serve_says_at_its_end_what_was_never_used(
    serve: Serve, upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a", "b", "c"])
    with serve("--replay", str(file)) as process:
        vectors(embed(process.base_url, "b"))
        shown = httpx.get(process.base_url.removesuffix("/v1") + "/_mock/recording").json()
        process.popen.terminate()
        _, said = process.popen.communicate()
    assert f"relace-mock: {file}: 2 of 3 recorded vectors were never used" in said
    (recording,) = shown["recordings"]
    assert (recording["vectors"], recording["used"], len(recording["unused"])) == (3, 1, 2)


FIXED = [0.6, -0.8, *[0.0] * 62]


def test_known_vectors_stand_among_recorded_ones(upstream: RunningServer, file: Path) -> None:
    """One text is fixed, one lies near it, and one near a text whose vector is recorded."""
    recorded(upstream.base_url, file, ["a", "b"])
    story = [
        {"text": "fixed", "vector": FIXED},
        {"text": "beside", "near": "fixed", "cosine": 0.92},
        {"text_matches": "^def ", "near": "a", "cosine": -0.3},
    ]
    with client(replay=file) as mock:
        answer = play(mock, {"dimensions": 64, "vectors": story}, "b", "fixed", "beside", "def f")
        (real,) = vectors(ask(mock, "a"))
        b, fixed, beside, near_a = vectors(answer)
        assert source(answer) == "mixed" and journal(mock)["source"] == "recorded"
        assert [b] == vectors(ask(mock, "b"))
        assert fixed == FIXED
        assert cosine(fixed, beside) == pytest.approx(0.92, abs=1e-6)
        assert cosine(near_a, real) == pytest.approx(-0.3, abs=1e-6)
        assert [near_a] == vectors(ask(mock, "def f")), "in any batch"
        assert source(ask(mock, "fixed", "def f")) == "computed"
        assert vectors(ask(mock, "def f", output_dtype="binary")) == [bits(near_a)]


def test_known_vectors_stand_before_recorded_ones(upstream: RunningServer, file: Path) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file) as mock:
        fixed = play(mock, {"dimensions": 64, "vectors": [{"text": "a", "vector": FIXED}]}, "a")
        assert vectors(fixed) == [FIXED]


def test_the_vector_that_others_lie_near_to_comes_from_the_upstream(
    upstream: RunningServer, file: Path
) -> None:
    story = {"vectors": [{"text": "close", "near": "a", "cosine": 0.8}]}
    (real,) = vectors(embed(upstream.base_url, "a"))
    with client(upstream=upstream.base_url, record=file) as mock:
        (close,) = vectors(play(mock, story, "close"))
        assert journal(mock)["upstream"]["status"] == 200
    assert cosine(close, real) == pytest.approx(0.8, abs=1e-6)
    with client(replay=file) as mock:
        assert vectors(play(mock, story, "close")) == [close]
    with client(upstream=upstream.base_url) as mock:
        assert vectors(play(mock, story, "close")) == [close]


def test_a_text_that_others_lie_near_to_and_that_is_not_recorded_is_named(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    with client(replay=file) as mock:
        answer = play(mock, {"vectors": [{"text": "a", "near": "lost", "cosine": 0.8}]}, "a")
        assert answer.status_code == 500
        assert answer.json()["error"].startswith(
            f"under `near` in the scenario, 1 of 1 text is not in the recording {file.name}"
        )


def test_a_known_vector_of_other_dimensions_than_the_recorded_ones_is_refused(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    story = {"vectors": [{"text": "fixed", "vector": [1.0, *[0.0] * 127]}]}
    with client(replay=file, dimensions=128) as mock:
        answer = play(mock, story, "fixed")
        assert answer.status_code == 500
        assert (
            "has 128 numbers, but the other vectors of relace-embed-v1 have 64"
            in (answer.json()["error"])
        )


def test_model_drift_changes_known_vectors_on_a_recording_to_others_as_long(
    upstream: RunningServer, file: Path
) -> None:
    recorded(upstream.base_url, file, ["a"])
    story = [{"text": "b", "near": "a", "cosine": 0.5}]
    with client(replay=file) as mock:
        (kept,) = vectors(play(mock, {"vectors": story}, "b"))
        drifted = play(mock, {"vectors": story, "steps": [{"mutate": "model_drift"}]}, "b")
        assert vectors(drifted) != [kept] and len(vectors(drifted)[0]) == 64


def play(mock: httpx.Client, scenario: dict[str, Any], *texts: str) -> httpx.Response:
    """Install a scenario, and send a request for these texts."""
    installed = mock.put("/_mock/scenario", json=scenario)
    assert installed.status_code == 200, installed.text
    return ask(mock, *texts)


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


def bits(vector: list[float]) -> list[int]:
    """The sign bits of a vector as the mock packs them by default: first bit highest, as int8."""
    packed = np.packbits(np.array(vector) > 0)
    return packed.view(np.int8).tolist()
