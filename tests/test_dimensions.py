"""Vectors of another length for one scenario: ``dimensions`` in its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.scenario.describe import describe
from relace_mock.scenario.library import read_file

TEXTS = ["def add(a, b): return a + b", "x", ""]
SMALL = {"name": "small", "dimensions": 128}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "small.yaml").write_text("dimensions: 128\nsteps:\n  - status: 503\n")
    with relace_mock.running(dimensions=64, scenarios=folder) as server:
        yield server


def ask(mock: RemoteControl, *, dtype: str = "float", **headers: str) -> httpx.Response:
    key = {"Authorization": f"Bearer {mock.api_key}"} | headers
    body = {"model": "m", "input": TEXTS, "output_dtype": dtype}
    return httpx.post(f"{mock.base_url}/code/embed", json=body, headers=key)


def lengths(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [len(result["embedding"]) for result in answer.json()["results"]]


@pytest.mark.parametrize(("dtype", "small", "usual"), [("float", 128, 64), ("binary", 16, 8)])
def test_vectors_have_the_scenario_length_only_while_the_scenario_plays(
    mock: RemoteControl, dtype: str, small: int, usual: int
) -> None:
    """A vector that is cached at one length is not returned at the other."""
    before = ask(mock, dtype=dtype)
    assert lengths(before) == [usual] * 3
    mock.play(SMALL | {"steps": [{"status": 500}, {"normal": True}]})
    assert ask(mock, dtype=dtype).status_code == 500
    for _ in range(3):  # the last one is past the last step
        answer = ask(mock, dtype=dtype)
        assert lengths(answer) == [small] * 3
        assert answer.json()["usage"] == before.json()["usage"]
    mock.stop()
    assert ask(mock, dtype=dtype).content == before.content


def test_the_vectors_equal_those_of_a_server_with_that_length(mock: RemoteControl) -> None:
    mock.play(SMALL)
    with relace_mock.running(dimensions=128) as server:
        assert ask(mock).content == ask(server.control("rlc-other")).content
    assert np.allclose(
        [np.linalg.norm(result["embedding"]) for result in ask(mock).json()["results"]], 1
    )


def test_other_keys_keep_their_length(running: RunningServer, mock: RemoteControl) -> None:
    mock.play(SMALL)
    assert lengths(ask(running.control("rlc-another"))) == [64] * 3
    assert lengths(ask(mock)) == [128] * 3


def test_scenarios_chosen_by_header_or_key_set_the_length_too(
    running: RunningServer, mock: RemoteControl
) -> None:
    by_key = running.control("mock.small.me")
    assert ask(by_key).status_code == 503
    assert lengths(ask(by_key)) == [128] * 3
    assert ask(mock, **{"X-Mock-Scenario": "small"}).status_code == 503
    assert lengths(ask(mock, **{"X-Mock-Scenario": "small"})) == [128] * 3
    assert lengths(ask(mock)) == [64] * 3


def test_prefer_code_200_gets_vectors_of_the_server_length(mock: RemoteControl) -> None:
    mock.play(SMALL)
    assert lengths(ask(mock, Prefer="code=200")) == [64] * 3


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        ("wrong_dimension", [64, 64, 64]),
        ("ragged_dimensions", [128, 128, 64]),
        ("model_drift", [128, 128, 128]),
        ("drop_result", [128, 128]),
        ("extra_result", [128] * 4),
        ("swap_vectors", [128] * 3),
    ],
)
def test_mutations_start_from_the_scenario_length(
    mock: RemoteControl, mutation: str, expected: list[int]
) -> None:
    mock.play(SMALL | {"steps": [{"mutate": mutation}]})
    assert lengths(ask(mock)) == expected


def test_dimensions_may_stand_beside_rules_and_a_quota(mock: RemoteControl) -> None:
    rule = {"when": {"output_dtype": "binary"}, "steps": [{"status": 500, "times": "forever"}]}
    mock.play(SMALL | {"rules": [rule], "rate_limit": {"requests": 2, "per": "1h"}})
    assert lengths(ask(mock)) == [128] * 3
    assert ask(mock, dtype="binary").status_code == 500
    assert ask(mock).status_code == 429


@pytest.mark.parametrize("dimensions", [8, 2560, 8192])
def test_a_scenario_may_set_every_length_that_a_server_may(
    mock: RemoteControl, dimensions: int
) -> None:
    mock.play({"name": "x", "dimensions": dimensions})
    assert lengths(ask(mock)) == [dimensions] * 3


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (100, "not 100: write 96"),
        (0, "not 0"),
        (-8, "not -8"),
        (4, "write 8"),
        (9000, "write 8192"),
        (1024.0, "write 1024"),
        ("1024", "write 1024, without quotes"),
        (True, "not true"),
        (None, "not null"),
        ([1024], "not a list"),
    ],
)
def test_a_bad_length_is_refused_with_the_right_form(
    running: RunningServer, value: Any, remedy: str
) -> None:
    text = json.dumps({"name": "x", "dimensions": value}).replace(" ", "\n", 1)
    answer = httpx.put(
        f"{running.url}/_mock/scenario", content=text, headers={"Authorization": "Bearer rlc-x"}
    )
    assert answer.status_code == 400
    message = answer.json()["error"]
    assert "dimensions: must be a multiple of 8 from 8 to 8192, not " in message
    assert remedy in message


def test_the_description_of_a_scenario_has_its_length(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("dimensions: 1024\n")
    assert describe(read_file(tmp_path / "small.yaml")) == "small\n  vectors: 1024 numbers each"


def test_the_scenario_length_holds_in_process() -> None:
    transport = relace_mock.transport(dimensions=64)
    transport.control("rlc-a").play(SMALL)
    with httpx.Client(transport=transport, base_url="http://mock/v1") as client:
        body = {"model": "m", "input": "a"}
        answer = client.post("/code/embed", json=body, headers={"Authorization": "Bearer rlc-a"})
    assert lengths(answer) == [128]
