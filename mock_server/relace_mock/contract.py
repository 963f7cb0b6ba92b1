"""The only reader of ``openapi.yaml``: its schemas, its messages, its two spellings."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

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
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one needs libyaml
    contract: dict[str, Any] = yaml.load(as_yaml(), loader)  # noqa: S506 - both are safe
    return contract


@functools.cache
def as_json() -> bytes:
    """The contract in JSON, for the tools that read only that."""
    return json.dumps(as_dict(), indent=2).encode()


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
