"""The only reader of ``openapi.yaml``: its schemas, its messages, its two spellings."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import yaml

from relace_mock import yaml_loader

if TYPE_CHECKING:
    from relace_mock.settings import Contract

#: The only path of the contract, and its only method.
EMBED_PATH = "/v1/code/embed"
EMBED_METHOD = "POST"


@functools.cache
def as_yaml() -> bytes:
    """The contract as it was written: in the package of a wheel, at the top of a checkout."""
    package = Path(__file__).parent
    packaged = package / "openapi.yaml"
    return (packaged if packaged.exists() else package.parents[1] / "openapi.yaml").read_bytes()


@functools.cache
def as_dict() -> dict[str, Any]:
    """The contract, parsed. Not to be changed."""
    contract: dict[str, Any] = yaml_loader.load(as_yaml())
    return contract


@functools.cache
def served(mode: Contract) -> dict[str, Any]:
    """The contract that a server keeps; ``observed`` takes what ``x-observed`` says as well."""
    document: dict[str, Any] = _joined(as_dict()) if mode == "observed" else as_dict()
    return document


def _joined(node: Any) -> Any:
    """The same, with each ``x-observed`` as an alternative of the schema that it stands in."""
    if isinstance(node, list):
        return [_joined(child) for child in node]
    if not isinstance(node, dict):
        return node
    joined = {
        name: dict(child) if name == "x-provenance" and "x-observed" in child else _joined(child)
        for name, child in node.items()
    }
    if "x-observed" not in joined:
        return joined
    observed = joined.pop("x-observed")
    known = f"documented; the alternative: {joined['x-provenance'].pop('x-observed')}"
    return {
        "description": joined["description"],
        "anyOf": [joined, observed],
        "x-provenance": {"anyOf": known},
    }


@functools.cache
def served_json(mode: Contract) -> bytes:
    """What a server keeps, in JSON, for the tools that read only that."""
    return json.dumps(served(mode), indent=2).encode()


@functools.cache
def served_yaml(mode: Contract) -> bytes:
    """What a server keeps, in YAML, under the comments that the file begins with."""
    if mode == "documented":
        return as_yaml()
    lines = as_yaml().decode().splitlines(keepends=True)
    comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
    written = yaml.safe_dump(served(mode), sort_keys=False, allow_unicode=True, width=100)
    return ("".join(comments) + written).encode()


@functools.cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """A validator of one of the named schemas."""
    components = {"components": as_dict()["components"]}
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", **components}
    )


@functools.cache
def documented_statuses() -> frozenset[int]:
    """The statuses that Relace documents for the endpoint; the others are our policy."""
    responses = as_dict()["paths"][EMBED_PATH][EMBED_METHOD.lower()]["responses"]
    return frozenset(
        int(status)
        for status, response in responses.items()
        if response["x-provenance"].startswith("documented")
    )


@functools.cache
def documented_message(status: int) -> str | None:
    """The first documented message of an error status."""
    responses = as_dict()["paths"][EMBED_PATH][EMBED_METHOD.lower()]["responses"]
    content = responses.get(str(status), {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        text: str | None = example["value"].get("error")
        return text
    return None


@functools.cache
def message(status: int, example: str) -> str:
    """The documented message of an error status, by the name of its example."""
    response = as_dict()["paths"][EMBED_PATH][EMBED_METHOD.lower()]["responses"][str(status)]
    examples = response["content"]["application/json"]["examples"]
    text: str = examples[example]["value"]["error"]
    return text
