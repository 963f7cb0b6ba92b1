"""Pages of the site that are made from the program: commands, HTTP, scenario format and checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from relace_mock.cli import cli

ROOT = Path(__file__).parent.parent
_WIDTH = 100
_METHODS = ("get", "put", "post", "patch", "delete")


def commands() -> str:
    """Every command with its help, as a page."""
    lines = ["# Commands", "", "Each text is what the command itself prints with `--help`."]
    for context in _contexts(click.Context(cli, info_name="relace-mock")):
        lines += ["", f"## {context.command_path}", "", "```text"]
        lines += [context.command.get_help(context), "```"]
    return "\n".join(lines) + "\n"


def interfaces() -> str:
    """Every request of the contract and of the control API, as a page."""
    lines = ["# HTTP", "", "Both documents are served by the mock, and made into this page."]
    for path, served in (
        ("openapi.yaml", "/openapi.yaml"),
        ("mock_server/relace_mock/control/control.yaml", "/_mock/openapi.json"),
    ):
        document = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
        lines += ["", f"## {document['info']['title']}", "", f"Served at `{served}`."]
        lines += ["", document["info"]["description"].strip()]
        for url, item in document["paths"].items():
            for method in (name for name in _METHODS if name in item):
                lines += ["", f"### `{method.upper()} {url}`", ""]
                lines += _operation(document, item[method], item.get("parameters", []))
    return "\n".join(lines) + "\n"


def scenario_format() -> str:
    """Every key of a scenario file, as a page."""
    schema = json.loads((ROOT / "scenarios/scenario.schema.json").read_text(encoding="utf-8"))
    lines = ["# Scenario format", "", "Every key, as in the JSON Schema that editors use."]
    lines += ["", "[How to write a scenario](scenarios.md) explains them."]
    lines += _objects("a scenario", schema, set())
    return "\n".join(lines) + "\n"


def checks() -> str:
    """Every check of the kit, as a page."""
    path = ROOT / "contract_tests/relace_contract/requirements.yaml"
    lines = ["# Checks", "", "What the kit asks, and how it is known."]
    for subject, families in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        lines += ["", f"## Of a {subject}", "", "| check | level | known | what is asked |"]
        lines += ["|---|---|---|---|"]
        for family, given in families.items():
            lines += [
                f"| `{family}-{name}` | {check['level']} | {check['label']} | {_cell(check['says'])} |"
                for name, check in given["checks"].items()
            ]
    return "\n".join(lines) + "\n"


#: The pages, by file name.
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "http.md": interfaces,
    "scenario-format.md": scenario_format,
    "checks.md": checks,
}


def _objects(title: str, schema: Any, told: set[str]) -> Iterator[str]:
    """The tables of an object and of those inside it. Those that were ``told`` are left out."""
    yield from ("", f"## In {title}", "", "| key | type | what |", "|---|---|---|")
    yield from _fields({}, schema)
    for name, field in schema["properties"].items():
        for inner in (field, field.get("items", {}), *field.get("anyOf", ())):
            if "properties" in inner and name not in told:
                told.add(name)
                yield from _objects(f"`{name}`", inner, told)


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """A command, and all below it that are not hidden."""
    context.terminal_width = _WIDTH
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _contexts(click.Context(command, parent=context, info_name=name))


def _operation(document: Any, operation: Any, shared: list[Any]) -> Iterator[str]:
    yield operation["summary"].strip() + "."
    if description := operation.get("description"):
        yield from ("", description.strip())
    parameters = [_found(document, each) for each in [*shared, *operation.get("parameters", [])]]
    if parameters:
        yield from ("", "| parameter | in | what |", "|---|---|---|")
        for each in parameters:
            yield f"| `{each['name']}` | {each['in']} | {_cell(each.get('description', ''))} |"
    body = _found(document, operation.get("requestBody", {}))
    for media, content in body.get("content", {}).items():
        if fields := list(_fields(document, content.get("schema", {}))):
            yield from ("", f"| field of the body (`{media}`) | type | what |", "|---|---|---|")
            yield from fields
    yield from ("", "| status | what |", "|---|---|")
    for status, response in operation["responses"].items():
        yield f"| {status} | {_cell(_found(document, response)['description'])} |"


def _fields(document: Any, schema: Any) -> Iterator[str]:
    """The rows of an object's fields; none for another schema."""
    schema = _found(document, schema)
    required = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        field = _found(document, given)
        kinds = field.get("type") or ("one of several" if "anyOf" in field else "any")
        kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
        if "enum" in field:
            kind = " or ".join(f"`{value}`" for value in field["enum"])
        needed = " (required)" if name in required else ""
        yield f"| `{name}`{needed} | {kind} | {_cell(field.get('description', ''))} |"


def _found(document: Any, value: Any) -> Any:
    """The value, or what its reference points to."""
    if "$ref" not in value:
        return value
    found = document
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
