"""The guides match the program: the tests run their commands, and compare their tables.

In a guide, a block with a name after its language is a file. In a ``console`` block, every line
after ``$`` is a command. The tests run the commands in order and compare the output with the lines
below each, where ``…`` stands for any text. Each section runs in its own folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from relace_mock.control.description import document
from relace_mock.messages import (
    CodeFile,
    EmbedRequest,
    EndpointName,
    RankRequest,
    Received,
    Request,
)
from relace_mock.scenario import known_vectors, model, rule, step, when
from relace_mock.scenario.compounds import Record
from relace_mock.scenario.faults import FAULTS
from relace_mock.scenario.library import bundled_folder, read_file
from relace_mock.scenario.model import read
from relace_mock.scenario.mutations import MUTATIONS, Mutation
from tests.conftest import JAVASCRIPT, Serve

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """The parts of a guide by their headings."""
    parts = re.split(r"^#{2,3} (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


GUIDES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("scenarios", "retries", "control", "rank", "run", "offline")),
]
TYPED = [
    pytest.param(text, id=f"{page}: {heading}")
    for page in GUIDES
    for heading, text in sections(page).items()
    if "```console" in text and (page != "README.md" or heading == "Fail on command")
]


@pytest.mark.parametrize("section", TYPED)
def test_what_a_guide_types_says_what_it_shows(
    section: str,
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "node --test" in section:
        request.getfixturevalue("node")
        (tmp_path / "node_modules").symlink_to(JAVASCRIPT / "node_modules")
    url = ""
    with contextlib.ExitStack() as servers:
        for language, name, code in BLOCK.findall(section):
            if name:
                (tmp_path / name).write_text(code)
            for command, said in typed(code) if language == "console" else ():
                if command.startswith("relace-mock serve"):
                    process = servers.enter_context(serve(*shlex.split(command)[2:]))
                    url = process.base_url.removesuffix("/v1")
                    output = process.line
                else:
                    output = run(command.replace("http://127.0.0.1:8080", url))
                shown = said.replace("http://127.0.0.1:8080", url)
                pattern = re.escape(shown).replace("…", ".*?")
                assert re.fullmatch(pattern, output.rstrip(), re.DOTALL), (
                    f"{command}\nsays\n{output}"
                )


def typed(code: str) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with its expected output."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)
        assert command
        yield command[0].strip(), part[command.end() :].rstrip()


def run(command: str) -> str:
    """The output of a command, run as a user would type it where the package is installed."""
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - wherever the user's is
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        code
        for heading, text in sections("docs/scenarios.md").items()
        for language, _, code in BLOCK.findall(text)
        if language == "yaml" and heading != "Mistakes"
    ],
)
def test_every_scenario_in_the_guide_can_be_played(code: str) -> None:
    assert read(code.encode(), "guide", "guide").digest


def rows(heading: str, page: str = "docs/scenarios.md") -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    lines = re.findall(r"^\| (.*) \|$", sections(page)[heading], re.MULTILINE)
    return [re.split(r" ?\| ", line) for line in lines[1:]]


@pytest.mark.parametrize(
    ("heading", "of"),
    [
        ("A file", model._File),
        ("A step", step.Step),
        ("A rule", rule.Rule),
        ("The conditions of `when`", when.When),
        ("A quota", model.RateLimit),
        ("Known vectors", known_vectors.KnownVector),
    ],
)
def test_every_key_is_in_the_guide_with_its_meaning(heading: str, of: type[Any]) -> None:
    schema = Record(of).schema()["properties"]
    known = [[f"`{field.name}`", schema[field.name]["description"]] for field in fields(of)]
    assert [[key, meaning] for key, _, meaning in rows(heading)] == known


def test_every_fault_is_in_the_guide() -> None:
    assert rows("Faults") == [[f"`{fault.name}`", fault.does] for fault in FAULTS.values()]


def test_every_mutation_is_in_the_guide_with_what_it_needs() -> None:
    assert rows("Mutations") == [
        [f"`{mutation.name}`", mutation.does, endpoints(mutation), needs(mutation)]
        for mutation in MUTATIONS.values()
    ]


def endpoints(mutation: Mutation) -> str:
    return ", ".join(f"`{endpoint}`" for endpoint in mutation.endpoints)


def needs(mutation: Mutation) -> str:
    """What a mutation needs in a request, found by trying."""
    zipped = Received("POST", "/", [(b"accept-encoding", b"gzip")], b"", 0)
    plain = Received("POST", "/", [], b"", 0)
    files = [CodeFile("a", "x"), CodeFile("b", "x")]
    ranked = RankRequest("q", files, 100, [1, 1], 1, fewest_results=2)
    embed = EmbedRequest("m", ["a", "b"], "float")
    missing: dict[str, list[tuple[EndpointName, Request, Received]]] = {
        "two results": [
            ("embed", embed._replace(input=["a"]), zipped),
            ("rank", ranked._replace(fewest_results=1), zipped),
        ],
        "`float`": [("embed", embed._replace(output_dtype="binary"), zipped)],
        "not `/v1/code/rank`": [("rank", ranked._replace(names_only=True), zipped)],
        "`Accept-Encoding: gzip`": [("embed", embed, plain), ("rank", ranked, plain)],
    }
    return ", ".join(
        need
        for need, requests in missing.items()
        if not all(
            mutation.applies(request, received)
            for endpoint, request, received in requests
            if endpoint in mutation.endpoints
        )
    )


def test_every_bundled_scenario_is_in_the_guide_as_its_file_tells_it() -> None:
    told = []
    for path in sorted(bundled_folder().glob("*.yaml")):
        opening, _, _ = path.read_text().partition("# yaml-language-server")
        good = " ".join(line.removeprefix("# ") for line in opening.splitlines())
        client = good.removeprefix("A good client ")
        told.append([f"`{path.stem}`", read_file(path).description, client])
    assert rows("Bundled scenarios") == told


def test_every_control_request_is_in_the_guide() -> None:
    page = (ROOT / "docs" / "control.md").read_text()
    known = {
        f"{method.upper()} {path}"
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert set(re.findall(r"^\| `([A-Z]+ /_mock/\S+)` \|", page, re.MULTILINE)) == known


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


@pytest.mark.parametrize("page", sorted(str(page.relative_to(ROOT)) for page in PAGES))
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / page).read_text()):
        file, _, heading = target.partition("#")
        found = (ROOT / page).parent / file if file else ROOT / page
        assert found.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert heading in [anchor(each) for each in headings], target


def anchor(heading: str) -> str:
    """The anchor of a heading, for links to it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
