"""An implementation in JavaScript, written from the specification, gives the same vectors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import golden

SCRIPT = Path(__file__).parent / "javascript" / "embedding.mjs"


def in_python(case: dict[str, Any]) -> list[int]:
    components: list[int] = (
        golden.space_of(case).components([golden.text_of(case).encode()])[0].tolist()
    )
    return components


class Node:
    """The JavaScript implementation, as a process that answers one case a line."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [program, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, case: dict[str, Any]) -> list[int]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        vector: list[int] = json.loads(self.process.stdout.readline())
        return vector


@pytest.fixture(scope="module")
def in_javascript() -> Iterator[Node]:
    program = shutil.which("node")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Node is needed to check the second implementation")
        pytest.skip("Node is not installed")
    node = Node(program)
    yield node
    node.process.communicate()


@pytest.mark.parametrize("case", golden.load(), ids=lambda case: case["name"])
def test_javascript_gives_the_golden_vectors(case: dict[str, Any], in_javascript: Node) -> None:
    vector = in_javascript({**case, "text": golden.text_of(case)})
    assert vector == in_python(case)
    assert vector[:8] == case["first"]


words = st.sampled_from(
    ["parse", "HTTPHeader", "the", "x1", "naïve", "你好", "_a_", "é", "\n", "  "]
)
texts = st.one_of(st.text(max_size=60), st.lists(words, max_size=40).map("".join))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=texts,
    name=st.sampled_from(["semantic", "hash"]),
    dimensions=st.sampled_from([8, 16, 24, 72, 256, 2560, 4096, 4104, 8192]),
    seed=st.integers(0, 2**70),
    model=st.text(min_size=1, max_size=10),
)
def test_javascript_agrees_on_any_text(
    text: str, name: str, dimensions: int, seed: int, model: str, in_javascript: Node
) -> None:
    case = {"name": "any", "space": name, "model": model, "seed": seed}
    case |= {"dimensions": dimensions, "text": text}
    # JavaScript reads numbers above 2**53 inexactly, so the seed goes as a string.
    assert in_javascript({**case, "seed": str(seed)}) == in_python(case)
