"""Read ``openapi.yaml``: schemas, messages, and the served document. No other module reads it."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relace_mock import schemas, yaml_loader
from relace_mock.messages import EndpointName

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

    from relace_mock.settings import Contract

EMBED_PATH = "/v1/code/embed"
RANK_PATH = "/v2/code/rank"
#: The older path of ``rank``, which answers file names without scores.
RANK_NAMES_PATH = "/v1/code/rank"
#: The paths of the contract, and their only method.
ENDPOINTS: Mapping[str, EndpointName] = MappingProxyType(
    {EMBED_PATH: "embed", RANK_PATH: "rank", RANK_NAMES_PATH: "rank"}
)
METHOD = "POST"


@functools.cache
def as_yaml() -> bytes:
    """Return the bytes of the contract file, from the package or the top folder of a checkout."""
    package = Path(__file__).parent
    packaged = package / "openapi.yaml"
    return (packaged if packaged.exists() else package.parents[1] / "openapi.yaml").read_bytes()


@functools.cache
def as_dict() -> dict[str, Any]:
    """Return the parsed contract. Callers must not change it."""
    contract: dict[str, Any] = yaml_loader.load(as_yaml())
    return contract


@functools.cache
def served(mode: Contract) -> dict[str, Any]:
    """Return the contract that a server serves. ``observed`` accepts ``x-observed`` schemas too."""
    document: dict[str, Any] = _joined(as_dict()) if mode == "observed" else as_dict()
    return document


def _joined(node: Any) -> Any:
    """Return a copy in which ``anyOf`` joins each schema with its ``x-observed`` alternative."""
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
    """Return the served contract as JSON, for tools that cannot read YAML."""
    return json.dumps(served(mode), indent=2).encode()


@functools.cache
def served_yaml(mode: Contract) -> bytes:
    """Return the served contract as YAML, below the comments from the top of the file."""
    if mode == "documented":
        return as_yaml()
    lines = as_yaml().decode().splitlines(keepends=True)
    comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return ("".join(comments) + yaml_loader.dump(served(mode))).encode()


@functools.cache
def validator(schema: str) -> Draft202012Validator:
    """Return a validator for a schema, by its name in ``components``."""
    components = {"components": as_dict()["components"]}
    return schemas.validator({"$ref": f"#/components/schemas/{schema}", **components})


@functools.cache
def documented_statuses() -> frozenset[int]:
    """Return the statuses that Relace documents for the endpoints. All others are policy."""
    responses = as_dict()["paths"][EMBED_PATH][METHOD.lower()]["responses"]
    return frozenset(
        int(status)
        for status in responses
        if _response(status)["x-provenance"].startswith("documented")
    )


@functools.cache
def documented_message(status: int) -> str | None:
    """Return the first documented message of an error status; None if there is none."""
    content = _response(str(status)).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        text: str | None = example["value"].get("error")
        return text
    return None


@functools.cache
def message(status: int, example: str) -> str:
    """Return the documented message of an error status, by the name of its example."""
    examples = _response(str(status))["content"]["application/json"]["examples"]
    text: str = examples[example]["value"]["error"]
    return text


def _response(status: str) -> dict[str, Any]:
    """Return the response of a status, which for errors is the same at every endpoint."""
    contract = as_dict()
    responses = contract["paths"][EMBED_PATH][METHOD.lower()]["responses"]
    response: dict[str, Any] = responses.get(status, {})
    if "$ref" in response:
        response = contract["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response
