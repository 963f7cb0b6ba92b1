"""Scores of the ranker: their meaning, and that each digit is fixed (``docs/rank.md``)."""

from __future__ import annotations

import ast
import re
import sysconfig
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.messages import CodeFile, RankRequest
from relace_mock.settings import Settings
from relace_mock.validation.rank import read
from relace_mock.vectors import ranking
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.embedding import space, space_key
from relace_mock.vectors.ranking import Ranker, parts, score

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
ONE = SCALE * SCALE
PAGE = (Path(__file__).parent.parent / "docs/rank.md").read_text()


def request(query: str, *contents: str) -> RankRequest:
    codebase = [{"filename": str(at), "content": text} for at, text in enumerate(contents)]
    body = {"query": query, "codebase": codebase, "token_limit": 10**9}
    valid = read(body, len(contents), "documented", names_only=False)
    assert isinstance(valid, RankRequest)
    return valid


def ranked(query: str, *contents: str, **settings: int) -> dict[int, int]:
    """The score of each file, in 1/10,000, best first."""
    results = Ranker(Settings(**settings)).rank(request(query, *contents)).results  # type: ignore[arg-type] # whole numbers
    return {int(name): found for name, found in results}


def documented_functions(count: int) -> list[tuple[str, str]]:
    """First paragraphs of docstrings, each with its function without the docstring."""
    pairs = set()
    for path in sorted(LIBRARY.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                node.body = node.body[1:] or [ast.Pass()]
                pairs.add((text.partition("\n\n")[0], ast.unparse(node)))
    chosen = (pair for pair in pairs if len(pair[0].split()) >= 4)
    # Sort by a hash, because neighbours in alphabetical order resemble each other.
    return sorted(chosen, key=lambda pair: blake2b("".join(pair).encode()).digest())[:count]


def test_scores_separate_the_functions_of_docstrings_from_others() -> None:
    """Clients drop scores under 0.3."""
    pairs = documented_functions(300)
    ranker = Ranker(Settings())
    true: list[float] = []
    others: list[float] = []
    for index, (query, own) in enumerate(pairs):
        near = [pairs[(index + step) % len(pairs)][1] for step in range(1, 11)]
        for name, found in ranker.rank(request(query, own, *near)).results:
            (others if int(name) else true).append(found / 10_000)
    assert median(true) > 0.5
    assert quantiles(others, n=20)[-1] < 0.2


def test_the_documented_table_of_scores_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| (-?[\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    points = zip(ranking._COSINES, ranking._SCORES, strict=True)
    assert [(float(cosine), float(found)) for cosine, found in rows] == [
        (cosine / 10_000, found / 10_000) for cosine, found in points
    ]
    for cosine, found in rows:
        assert score(round(float(cosine) * 10_000) * (ONE // 10_000)) == float(found) * 10_000


@given(st.lists(st.integers(-ONE - 10**9, ONE + 10**9), min_size=2))
def test_a_higher_cosine_never_has_a_lower_score(products: list[int]) -> None:
    found = [score(product) for product in sorted(products)]
    assert all(0 <= low <= high <= 10_000 for low, high in pairwise(found))


@pytest.mark.parametrize(
    ("cosine", "expected"), [(-1, 0), (-0.5, 100), (0.065, 700), (0.18, 2465), (0.8, 9500)]
)
def test_between_two_points_the_score_is_on_a_line_and_rounded(
    cosine: float, expected: int
) -> None:
    assert score(round(cosine * 10_000) * (ONE // 10_000)) == expected


def test_a_score_is_made_from_the_vectors_that_the_embed_endpoint_gives() -> None:
    texts = ["parse the cookie header", "def parse_cookie(header): ...", "def send(mail): ..."]
    key = space_key("semantic", model="relace-embed-v1", dimensions=2560, seed=3)
    query, *files = (
        list(map(int, row))
        for row in space("semantic", key, 2560).components([text.encode() for text in texts])
    )
    expected = {
        index: score(sum(one * other for one, other in zip(query, file, strict=True)))
        for index, file in enumerate(files)
    }
    assert ranked(*texts, seed=3) == expected


def test_dimensions_do_not_change_a_score_but_the_seed_does() -> None:
    texts = ["parse the cookie header", "def parse_cookie(header): ..."]
    assert ranked(*texts) == ranked(*texts, dimensions=64)
    assert ranked(*texts) != ranked(*texts, seed=1)


def test_scores_are_golden() -> None:
    """The digits that every machine must get."""
    found = ranked(
        "parse the cookie header",
        "def parse_cookie(header):\n    return header.split(';')\n",
        "class Cookie:\n    pass\n",
        "def send_mail(server): ...",
        "",
    )
    assert found == {0: 9653, 1: 7203, 3: 450, 2: 192}


def test_the_best_part_of_a_long_file_counts_wherever_it_is() -> None:
    needle = "def parse_cookie(header):\n    return dict(part.split('=') for part in header)\n"
    hay = "\n\n".join(
        f"def task_{n}(queue):\n    queue.put({n})\n    queue.join()\n" for n in range(200)
    )
    alone = ranked("parse the cookie header", needle)[0]
    for text in (f"{needle}\n\n{hay}", f"{hay}\n\n{needle}\n\n{hay}", f"{hay}\n\n{needle}"):
        assert len(text) > 10_000
        assert ranked("parse the cookie header", text)[0] > 0.6 * alone
        assert (
            ranked("parse the cookie header", hay, text)[1]
            > 5 * ranked("parse the cookie header", hay)[0]
            > 0
        )


@given(st.text(st.sampled_from("ab \n\té😀\u2028\r"), max_size=9000))
def test_the_parts_of_a_file_are_the_whole_file(content: str) -> None:
    found = list(parts(content))
    assert "".join(found) == content
    assert all(0 < len(part) <= 2000 for part in found) or found == [""]


def test_a_part_ends_where_a_definition_begins() -> None:
    functions = [f"def f{n}():\n" + f"    return {n}\n\n" * 40 for n in range(3)]
    assert list(parts("".join(functions))) == functions


def test_small_definitions_share_a_part() -> None:
    text = "\n\n".join(f"x{n} = {n}" for n in range(20))
    assert list(parts(text)) == [text]


def test_a_long_definition_is_cut_at_an_empty_line() -> None:
    block = "    step()\n" * 60 + "\n"
    found = list(parts("def f():\n" + block * 6))
    assert len(found) > 1
    assert all(part.endswith("\n\n") for part in found)


def test_a_long_line_is_cut_after_2000_characters() -> None:
    assert [len(part) for part in parts("x" * 4500)] == [2000, 2000, 500]
    assert [len(part) for part in parts("ab\n" + "x" * 2500 + "\n")] == [3, 2000, 501]


def test_an_abandoned_ranking_stops() -> None:
    asked = [True]

    def is_abandoned() -> bool:
        asked.append(True)
        return len(asked) > 3

    long = request("query", *["word " * 100_000] * 3)
    Ranker(Settings()).rank(long, is_abandoned)
    assert len(asked) == 4


def test_the_hash_space_knows_only_equal_texts() -> None:
    ranker = Ranker(Settings(embedding="hash"))
    found = dict(ranker.rank(request("same text", "other text", "same text")).results)
    assert found["1"] == 10_000
    assert found["0"] < 1_500


def test_a_file_is_a_name_and_a_content() -> None:
    assert request("q", "x").files == [CodeFile("0", "x")]
