"""Read ``openapi.yaml``: its path, its schemas, and which of their constraints are documented."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jsonschema_rs

from relace_contract.files import parse_yaml

EMBED_PATH = "/v1/code/embed"
RANK_PATH = "/v2/code/rank"
#: The older path of the ranker, which answers file names without scores.
RANK_NAMES_PATH = "/v1/code/rank"
#: Keywords of a schema that are always kept: they hold its parts or texts, not constraints.
_DESCRIPTIVE = {"description", "properties", "items", "$ref", "x-provenance"}


def path() -> Path:
    """``openapi.yaml``: in this package in a wheel, at the top of a checkout."""
    package = Path(__file__).parent
    packaged = package / "openapi.yaml"
    return packaged if packaged.exists() else package.parents[1] / "openapi.yaml"


@functools.cache
def document() -> dict[str, Any]:
    """The parsed contract. Callers share it, so they must not change it."""
    content: dict[str, Any] = parse_yaml(path().read_bytes())
    return content


@functools.cache
def responses(path: str = EMBED_PATH) -> dict[str, Any]:
    """The responses that the contract declares for an endpoint, by status."""
    declared: dict[str, Any] = document()["paths"][path]["post"]["responses"]
    return {status: _resolved(response) for status, response in declared.items()}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """``node`` itself, or the part of the document that its ``$ref`` names."""
    if "$ref" not in node:
        return node
    _, section, name = node["$ref"].removeprefix("#/").split("/")
    found: dict[str, Any] = document()["components"][section][name]
    return found


def example() -> dict[str, Any]:
    """The documented request body."""
    media = document()["paths"][EMBED_PATH]["post"]["requestBody"]["content"]
    body: dict[str, Any] = media["application/json"]["examples"]["documented"]["value"]
    return body


@functools.cache
def validator(schema: str, *, documented: bool = False) -> jsonschema_rs.Draft202012Validator:
    """A validator for a named schema, with all its constraints or only the documented ones."""
    node = document()["components"]["schemas"][schema]
    if documented:
        return jsonschema_rs.Draft202012Validator(_documented(node))
    components = {"components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(node | components)


def _documented(node: dict[str, Any]) -> dict[str, Any]:
    """A schema without the keywords that are not documented."""
    node = _resolved(node)
    provenance = node["x-provenance"]
    kept = {
        name: value
        for name, value in node.items()
        if name in _DESCRIPTIVE or provenance[name].startswith("documented")
    }
    if "properties" in kept:
        kept["properties"] = {
            name: _documented(child) for name, child in kept["properties"].items()
        }
    if "items" in kept:
        kept["items"] = _documented(kept["items"])
    return kept
