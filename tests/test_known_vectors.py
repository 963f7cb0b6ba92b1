"""Vectors that a scenario fixes, or places at a known angle to others: the key ``vectors``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.scenario.model import read
from relace_mock.settings import SpaceName
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.known import beside

Vectors = npt.NDArray[np.float64]
DIMENSIONS = 64
FIXED = [0.6, -0.8, *[0.0] * (DIMENSIONS - 2)]
QUERY, OTHER = "the query", "another text"
STORY: dict[str, Any] = {
    "vectors": [
        {"text": QUERY, "vector": FIXED},
        {"text": "close", "near": QUERY, "cosine": 0.92},
        {"text_matches": r"^def \w+_far\(", "near": OTHER, "cosine": -0.3},
    ]
}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=DIMENSIONS) as server:
        yield server


def answer(
    mock: RemoteControl,
    texts: Sequence[str],
    dtype: str = "float",
    model: str = "m",
    **headers: str,
) -> httpx.Response:
    body = {"model": model, "input": texts, "output_dtype": dtype}
    key = {"Authorization": f"Bearer {mock.api_key}"} | headers
    return httpx.post(f"{mock.base_url}/code/embed", json=body, headers=key)


def results(answer: httpx.Response) -> list[list[float]]:
    assert answer.status_code == 200, answer.text
    return [result["embedding"] for result in answer.json()["results"]]


def ask(mock: RemoteControl, *texts: str, **wanted: str) -> Vectors:
    return np.array(results(answer(mock, texts, **wanted)), float)


def cosine(one: Vectors, other: Vectors) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def entries(*entries: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"name": "story", "vectors": list(entries)} | others


def test_a_fixed_vector_comes_back_as_it_was_written(mock: RemoteControl) -> None:
    mock.play(STORY)
    assert results(answer(mock, [QUERY])) == [FIXED]


def test_six_decimals_come_back_unchanged(mock: RemoteControl) -> None:
    """The length of this vector is not exactly 1, and it is not normalised again."""
    drawn = np.random.default_rng(1).normal(size=DIMENSIONS)
    written = np.round(drawn / np.linalg.norm(drawn), 6).tolist()
    mock.play(entries({"text": "a", "vector": written}))
    assert results(answer(mock, ["a"])) == [written]


@pytest.mark.parametrize("first", [1.001, 0.999, -1.001, -1.0005, 1])
def test_the_length_of_a_fixed_vector_may_differ_from_1_by_a_thousandth(
    mock: RemoteControl, first: float
) -> None:
    written = [first, *[0] * (DIMENSIONS - 1)]
    mock.play(entries({"text": "a", "vector": written}))
    assert results(answer(mock, ["a"])) == [written]
    assert ask(mock, "a", dtype="binary")[0, 0] == (-128 if first > 0 else 0)


def test_a_text_lies_at_the_given_cosine_to_a_fixed_vector(mock: RemoteControl) -> None:
    mock.play(STORY)
    query, close = ask(mock, QUERY, "close")
    assert abs(cosine(query, close) - 0.92) < 1e-6
    assert abs(np.linalg.norm(close) - 1) < 1e-6


def test_a_text_lies_at_the_given_cosine_to_the_own_vector_of_another(mock: RemoteControl) -> None:
    own = ask(mock, OTHER)
    mock.play(STORY)
    target, far = ask(mock, OTHER, "def go_far(): pass")
    assert (target == own).all(), "the other text keeps its vector"
    assert abs(cosine(target, far) + 0.3) < 1e-6


@pytest.mark.parametrize("wanted", [1, 0.999999, 0.5, 0, -0.25, -0.999999, -1])
@pytest.mark.parametrize("dimensions", [8, 2560, 8192])
def test_every_cosine_is_exact_at_every_length(
    mock: RemoteControl, wanted: float, dimensions: int
) -> None:
    mock.play(entries({"text": "a", "near": "b", "cosine": wanted}, dimensions=dimensions))
    a, b = ask(mock, "a", "b")
    assert abs(cosine(a, b) - wanted) < 1e-6
    assert abs(np.linalg.norm(a) - 1) < 1e-6


def test_cosines_1_and_minus_1_give_the_same_vector_and_its_opposite(mock: RemoteControl) -> None:
    same = {"text": "same", "near": QUERY, "cosine": 1}
    opposite = {"text": "opposite", "near": QUERY, "cosine": -1}
    mock.play(entries(*STORY["vectors"], same, opposite))
    query, equal, turned = ask(mock, QUERY, "same", "opposite")
    assert (equal == query).all()
    assert (turned == -query).all()


def test_texts_that_one_pattern_places_differ(mock: RemoteControl) -> None:
    mock.play(STORY)
    target, *far = ask(mock, OTHER, "def a_far(): pass", "def b_far(): pass")
    assert all(abs(cosine(target, each) + 0.3) < 1e-6 for each in far)
    assert (far[0] != far[1]).any()


def test_binary_vectors_have_the_sign_bits_of_the_float_vectors(mock: RemoteControl) -> None:
    mock.play(STORY)
    texts = [QUERY, "close", "def a_far(): pass", "x"]
    signs = np.packbits(ask(mock, *texts) > 0, axis=1).view(np.int8)
    assert (ask(mock, *texts, dtype="binary") == signs).all()


def test_a_known_vector_is_the_same_alone_in_any_batch_and_at_any_position(
    mock: RemoteControl,
) -> None:
    mock.play(STORY)
    alone = {text: ask(mock, text)[0] for text in (QUERY, "close", "def a_far(): pass", "x", "y")}
    for texts in (list(alone), list(alone)[::-1], ["close"] * 3, ["x", "close", "x", QUERY]):
        assert (ask(mock, *texts) == [alone[text] for text in texts]).all()


def test_all_other_texts_keep_their_own_vectors_and_token_counts_stay(mock: RemoteControl) -> None:
    texts = ["x", "def near(): pass", QUERY + " ", "Close", ""]
    own, counted = ask(mock, *texts), answer(mock, [QUERY, "close"]).json()["usage"]
    mock.play(STORY)
    assert (ask(mock, *texts) == own).all()
    assert answer(mock, [QUERY, "close"]).json()["usage"] == counted


def test_known_vectors_hold_for_every_model(mock: RemoteControl) -> None:
    mock.play(STORY)
    one, other = ask(mock, QUERY, "close", model="m"), ask(mock, QUERY, "close", model="n")
    assert (one[0] == other[0]).all()
    assert (one[1] != other[1]).any(), "the direction of a text differs with the model"
    assert abs(cosine(*other) - 0.92) < 1e-6


@pytest.mark.parametrize("dtype", ["float", "binary"])
def test_cached_vectors_are_not_mixed_between_keys_scenarios_and_normal_service(
    running: RunningServer, mock: RemoteControl, dtype: str
) -> None:
    """The same text is asked for again and again, so it is cached each time."""
    stranger = running.control("rlc-stranger")
    another = running.control("rlc-another")
    own = ask(stranger, QUERY, dtype=dtype)
    mock.play(STORY)
    turned = [-number for number in FIXED]
    another.play(entries({"text": QUERY, "vector": turned}))
    fixed = np.array([FIXED, turned])
    if dtype == "binary":
        fixed = np.packbits(fixed > 0, axis=1).view(np.int8)
    for _ in range(3):
        assert (ask(mock, QUERY, dtype=dtype) == fixed[0]).all()
        assert (ask(another, QUERY, dtype=dtype) == fixed[1]).all()
        assert (ask(stranger, QUERY, dtype=dtype) == own).all()
    mock.play(entries({"text": QUERY, "vector": turned}))
    assert (ask(mock, QUERY, dtype=dtype) == fixed[1]).all()
    mock.stop()
    assert (ask(mock, QUERY, dtype=dtype) == own).all()


def test_known_vectors_come_from_the_cache_the_second_time(
    running: RunningServer, mock: RemoteControl
) -> None:
    mock.play(entries({"text": "only here", "near": "some text", "cosine": 0.5}))
    ask(mock, "only here")

    def hits() -> int:
        found: int = httpx.get(f"{running.url}/_mock/health").json()["cache"]["hits"]
        return found

    before = hits()
    ask(mock, "only here")
    assert hits() == before + 1


def test_the_first_entry_about_a_text_decides(mock: RemoteControl) -> None:
    mock.play(
        entries(
            {"text": "abc", "near": "x", "cosine": 0.1},
            {"text_matches": "b", "near": "x", "cosine": 0.2},
            {"text_matches": "c", "near": "x", "cosine": 0.3},
        )
    )
    target, *placed = ask(mock, "x", "abc", "b", "bc", "c")
    assert [round(cosine(target, each), 6) for each in placed] == [0.1, 0.2, 0.2, 0.3]


def test_a_pattern_does_not_move_the_text_that_it_places_others_near(mock: RemoteControl) -> None:
    own = ask(mock, "parse a cookie")
    mock.play(entries({"text_matches": "cookie", "near": "parse a cookie", "cosine": 0.8}))
    target, placed = ask(mock, "parse a cookie", "def cookie(): ...")
    assert (target == own[0]).all()
    assert abs(cosine(target, placed) - 0.8) < 1e-6


def test_a_text_with_the_same_vector_as_its_neighbour_gets_another_direction(
    mock: RemoteControl,
) -> None:
    """The own vector of the text gives no direction, because it was fixed for the other text."""
    (own,) = results(answer(mock, ["b"]))
    mock.play(entries({"text": "a", "vector": own}, {"text": "b", "near": "a", "cosine": 0.7}))
    assert abs(cosine(*ask(mock, "a", "b")) - 0.7) < 1e-6


def test_the_sums_are_exact_for_the_longest_vectors() -> None:
    drawn = np.random.default_rng(2).normal(size=(2, 8192))
    target, own = np.rint(
        drawn / np.linalg.norm(drawn, axis=1)[:, None] * SCALE * [[1.001], [1]]
    ).astype(np.int32)
    placed = beside(target, own, 0.25).astype(float)
    assert abs(cosine(target.astype(float), placed) - 0.25) < 1e-7


@given(
    numbers=st.lists(st.integers(-SCALE, SCALE), min_size=16, max_size=16),
    wanted=st.floats(-1, 1),
)
def test_whatever_the_two_directions_the_cosine_is_exact(numbers: list[int], wanted: float) -> None:
    both = np.array(numbers, float).reshape(2, 8)
    assume(np.linalg.norm(both, axis=1).min() > 1)
    both /= np.linalg.norm(both, axis=1)[:, None]
    target, own = np.rint(both * SCALE).astype(np.int32)
    placed = beside(target, own, wanted).astype(float)
    assert abs(cosine(target.astype(float), placed) - wanted) < 1e-7
    assert abs(np.linalg.norm(placed) / SCALE - 1) < 1e-7


def product(one: list[Decimal], other: list[Decimal]) -> Decimal:
    return sum((first * second for first, second in zip(one, other, strict=True)), Decimal(0))


@pytest.mark.parametrize("wanted", [0.92, 0.5, -0.123456])
def test_every_digit_is_that_of_exact_arithmetic(mock: RemoteControl, wanted: float) -> None:
    """So the vectors are the same on every machine."""
    own, target = (
        [Decimal(str(number)) for number in row] for row in results(answer(mock, ["a", "b"]))
    )
    mock.play(entries({"text": "a", "near": "b", "cosine": wanted}))
    part = product(target, own) / product(target, target)
    aside = [one - part * other for one, other in zip(own, target, strict=True)]
    ahead_by = Decimal(str(wanted)) / product(target, target).sqrt()
    aside_by = (1 - Decimal(str(wanted)) ** 2).sqrt() / product(aside, aside).sqrt()
    exact = [ahead_by * one + aside_by * other for one, other in zip(target, aside, strict=True)]
    assert results(answer(mock, ["a"]))[0] == [round(float(one), 8) for one in exact]


@pytest.mark.parametrize("embedding", ["semantic", "hash"])
def test_known_vectors_hold_in_both_spaces_with_any_seed(embedding: SpaceName) -> None:
    seen = []
    for seed in (0, 7):
        with relace_mock.running(dimensions=DIMENSIONS, embedding=embedding, seed=seed) as server:
            mock = server.control("rlc-x")
            mock.play(STORY)
            assert results(answer(mock, [QUERY])) == [FIXED]
            for _ in range(3):  # in the hash space, a row is cached when it comes the second time
                query, close = ask(mock, QUERY, "close")
                assert query.tolist() == FIXED
                assert abs(cosine(query, close) - 0.92) < 1e-6
            seen.append(close)
    assert (seen[0] != seen[1]).any()


@pytest.mark.parametrize("settings", [{"bit_order": "little"}, {"binary_dtype": "uint8"}])
def test_binary_known_vectors_follow_the_settings(settings: dict[str, Any]) -> None:
    with relace_mock.running(dimensions=DIMENSIONS, **settings) as server:
        mock = server.control("rlc-x")
        mock.play(STORY)
        packed = np.packbits(np.array(FIXED) > 0, bitorder=settings.get("bit_order", "big"))
        dtype = settings.get("binary_dtype", "int8")
        assert (ask(mock, QUERY, dtype="binary")[0] == packed.view(dtype)).all()


def test_texts_are_matched_outside_the_event_loop() -> None:
    """Otherwise a long text and many patterns would make other requests wait."""
    story = entries({"text_matches": "x", "near": "y", "cosine": 0.5})
    assert read(json.dumps(story).encode(), "story", "story").has_patterns


def test_many_clients_of_one_key_get_the_same_vectors(mock: RemoteControl) -> None:
    mock.play(STORY)
    texts = [QUERY, "close", "def a_far(): pass", "x"]
    with ThreadPoolExecutor(8) as pool:
        bodies = {each.content for each in pool.map(lambda _: answer(mock, texts), range(32))}
    assert len(bodies) == 1


DRIFT = "model_drift"


@pytest.mark.parametrize(
    ("mutation", "seen"),
    [
        ("unnormalised", lambda known, got: np.allclose(got, 3 * known, atol=1e-7)),
        ("zero_vector", lambda known, got: not got[0].any() and (got[1] == known[1]).all()),
        ("swap_vectors", lambda known, got: (got == known[::-1]).all()),
        ("wrong_dimension", lambda known, got: (got == known[:, : DIMENSIONS // 2]).all()),
        ("drop_result", lambda known, got: (got == known[:1]).all()),
        (DRIFT, lambda known, got: (got[0] != known[0]).any() and (got[1] != known[1]).any()),
    ],
)
def test_mutations_change_the_known_vectors(mock: RemoteControl, mutation: str, seen: Any) -> None:
    mock.play(STORY)
    known = ask(mock, QUERY, "close")
    mock.play(STORY | {"steps": [{"mutate": mutation}]})
    assert seen(known, ask(mock, QUERY, "close"))


def test_known_vectors_stand_beside_steps_rules_and_a_quota(mock: RemoteControl) -> None:
    rule = {"when": {"input_contains": "boom"}, "steps": [{"status": 500, "times": "forever"}]}
    mock.play(STORY | {"rules": [rule], "rate_limit": {"requests": 2, "per": "1h"}})
    assert answer(mock, ["boom"]).status_code == 500
    assert results(answer(mock, [QUERY])) == [FIXED]
    assert answer(mock, [QUERY]).status_code == 429


def test_prefer_code_200_gets_the_own_vectors(mock: RemoteControl) -> None:
    own = ask(mock, QUERY)
    mock.play(STORY)
    assert (np.array(results(answer(mock, [QUERY], Prefer="code=200"))) == own).all()


def test_known_vectors_hold_however_the_scenario_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "story.json").write_text(json.dumps(STORY))
    with relace_mock.running(dimensions=DIMENSIONS, scenarios=tmp_path, scenario="story") as server:
        assert results(answer(server.control("rlc-x"), [QUERY])) == [FIXED]
    with relace_mock.running(dimensions=DIMENSIONS, scenarios=tmp_path) as server:
        assert results(answer(server.control("mock.story.x"), [QUERY])) == [FIXED]
        by_header = answer(server.control("rlc-x"), [QUERY], **{"X-Mock-Scenario": "story"})
        assert results(by_header) == [FIXED]
        assert results(answer(server.control("rlc-x"), [QUERY])) != [FIXED]


def test_known_vectors_hold_in_the_transport_and_are_the_same(mock: RemoteControl) -> None:
    texts = [QUERY, "close", "def a_far(): pass", "x"]
    mock.play(STORY)
    transport = relace_mock.transport(dimensions=DIMENSIONS)
    transport.control("rlc-a").play(STORY)
    body = {"model": "m", "input": texts}
    with httpx.Client(transport=transport, base_url="http://mock/v1") as client:
        got = client.post("/code/embed", json=body, headers={"Authorization": "Bearer rlc-a"})
    assert got.json() == answer(mock, texts).json()


def test_known_vectors_hold_in_the_asgi_application() -> None:
    async def ask_twice() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(relace_mock.app(dimensions=DIMENSIONS))
        key = {"Authorization": "Bearer rlc-a"}
        url = "http://127.0.0.1"
        async with httpx.AsyncClient(transport=transport, base_url=url, headers=key) as client:
            (await client.put("/_mock/scenario", json=STORY)).raise_for_status()
            body = {"model": "m", "input": [QUERY]}
            return await client.post("/v1/code/embed", json=body), await client.get(
                "/_mock/scenario"
            )

    got, shown = asyncio.run(ask_twice())
    assert results(got) == [FIXED]
    assert shown.json()["scenario"]["vectors"] == STORY["vectors"]


def test_the_bundled_scenario_has_the_cosines_that_it_names(mock: RemoteControl) -> None:
    mock.play("known-cosines")
    target, *others = ask(mock, "the query", "far away", "middle", "near: here", "nearby")
    cosines = [round(cosine(target, each), 6) for each in others]
    assert cosines[:3] == [0.1, 0.5, 0.9]
    assert abs(cosines[3]) < 0.5
