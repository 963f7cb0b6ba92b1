"""The table of learned words: its quality, its sources, and its size and loading time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from relace_mock.vectors.embedding import space, space_key
from relace_mock.vectors.table import PATH

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts" / "vectors"
SOURCES = [
    line.split("\t")
    for line in (SCRIPTS / "sources.txt").read_text().splitlines()
    if not line.startswith("#")
]


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.parametrize(
    ("query", "right", "wrong"),
    [
        (
            "delete a file",
            "def remove(path):\n    os.unlink(path)",
            "def append(path):\n    self.items.add(path)",
        ),
        (
            "how many elements are there",
            "def size(self):\n    return len(self._items)",
            "def first(self):\n    return self._head",
        ),
        (
            "stop the thread",
            "def shutdown(self):\n    self._worker.join()",
            "def resize(self, width):\n    self._width = width",
        ),
    ],
)
def test_code_that_does_the_same_in_other_words_is_near(query: str, right: str, wrong: str) -> None:
    """Law 3: no word of the query stands in the code."""
    key = space_key("semantic", model="relace-embed-v1", dimensions=2560, seed=0)
    texts = [text.encode() for text in (query, right, wrong)]
    asked, near, far = space("semantic", key, 2560).components(texts) / 1e8
    assert asked @ near > 0.15
    assert asked @ near > 2 * abs(asked @ far)


def test_the_nearest_words_of_a_word_are_printed_without_pytorch() -> None:
    without = "import sys; sys.modules['torch'] = sys.modules['scipy'] = None; "
    script = f"import runpy; runpy.run_path({str(SCRIPTS / 'nearest.py')!r}, run_name='__main__')"
    told = run("-c", f"{without}sys.argv[1:] = ['delete', 'xyzzyx', '--count', '12']; {script}")
    nearest, unknown = told.splitlines()
    assert nearest.startswith("delete: ")
    assert {"remove", "del", "rm"} <= set(re.findall(r"[a-z]+", nearest))
    assert len(nearest.split(",")) == 12
    assert unknown == "xyzzyx: not listed"


def test_the_table_has_at_most_1_3_megabytes() -> None:
    assert PATH.stat().st_size <= 1_300_000


def test_the_table_is_read_when_the_first_text_needs_it() -> None:
    """So the server starts as fast as without the table."""
    told = run(
        "-c",
        "from relace_mock.pipeline import Pipeline\n"
        "from relace_mock.settings import Settings\n"
        "from relace_mock.vectors.table import table\n"
        "Pipeline(Settings())\n"
        "print(table.cache_info().currsize)",
    )
    assert told == "0\n"


def test_every_source_has_its_name_version_and_a_permissive_licence() -> None:
    """No part of a licence is copyleft, unless another may be chosen instead of it."""
    copyleft = re.compile(r"(?<![A-Za-z])[AL]?GPL|General Public|EPL|EUPL|CeCILL|SSPL|BUSL")
    for kind, name, version, licence, pairs in SOURCES:
        assert kind in ("npm", "pypi"), name
        assert re.match(r"\d", version), name
        assert int(pairs) > 0
        choices = licence.split(" OR ")
        assert any(choice and not copyleft.search(choice) for choice in choices), (name, licence)


def test_every_word_of_the_table_is_in_the_repository_as_text() -> None:
    spelled = (SCRIPTS / "words.txt").read_text(encoding="utf-8").split()
    count = np.frombuffer(PATH.read_bytes(), "<u2", 1, 8)[0]
    assert len(set(spelled)) == len(spelled) == count
