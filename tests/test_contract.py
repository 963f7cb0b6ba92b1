"""``openapi.yaml`` is valid, names a source for each claim, and the server keeps to it."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate as validate_openapi
from schemathesis.specs.openapi import checks

import relace_contract.contract
from relace_mock import RunningServer, contract, refusals, rendering
from relace_mock.validation.embed import is_well_formed
from tests.conftest import KEY
from tests.generated_requests import operations, try_requests

CONTRACT = contract.as_dict()
LABELS = ("documented", "observed", "policy")
# Keys that describe a schema and constrain no value.
DESCRIPTIVE = {"description", "properties", "items", "$ref", "x-provenance"}


ERRORS = CONTRACT["components"]["responses"]


def error(status: int) -> Any:
    """The response of a status, which is the same at every endpoint."""
    found = [path["post"]["responses"][str(status)]["$ref"] for path in CONTRACT["paths"].values()]
    assert len(set(found)) == 1
    return ERRORS[found[0].rpartition("/")[2]]


def test_the_contract_is_valid_openapi() -> None:
    validate_openapi(CONTRACT)


def test_both_packages_find_the_same_contract() -> None:
    assert relace_contract.contract.path().read_bytes() == contract.as_yaml()


def schemas(node: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema object with its path, nested ones included."""
    if isinstance(node, dict):
        for name, child in node.items():
            here = f"{path}/{name}"
            if name in ("schema", "items") or path.endswith(("/schemas", "/properties")):
                yield here, child
            yield from schemas(child, here)
    elif isinstance(node, list):
        for child in node:
            yield from schemas(child, path)


@pytest.mark.parametrize(
    ("path", "schema"), list(schemas(CONTRACT)), ids=lambda value: str(value)[:60]
)
def test_every_constraint_says_how_it_is_known(path: str, schema: dict[str, Any]) -> None:
    constraints = set(schema) - DESCRIPTIVE
    provenance = schema.get("x-provenance", {})
    assert set(provenance) == constraints
    assert all(label.startswith(LABELS) for label in provenance.values())


def test_every_server_operation_status_and_header_says_how_it_is_known() -> None:
    operations = [path["post"] for path in CONTRACT["paths"].values()]
    described = [*CONTRACT["servers"], *CONTRACT["x-live-servers"], *operations]
    described += [operation["requestBody"] for operation in operations]
    described += [operation["responses"]["200"] for operation in operations]
    described += CONTRACT["components"]["securitySchemes"].values()
    for response in ERRORS.values():
        described += [response, *response.get("headers", {}).values()]
    assert all(item["x-provenance"].startswith(LABELS) for item in described)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid JSON in request body"),
        (401, "Authorized header required"),
        (404, "Bad Request: Route not found"),
        (404, "API key not found"),
        (429, "Rate limit exceeded"),
        (500, "Error fetching from origin server"),
    ],
)
def test_the_contract_has_each_documented_message_as_an_example(status: int, message: str) -> None:
    examples = error(status)["content"]["application/json"]["examples"].values()
    assert message in [example["value"]["error"] for example in examples]


def test_the_examples_of_the_contract_match_its_schemas() -> None:
    contents = list(ERRORS.values())
    for path in CONTRACT["paths"].values():
        contents += [path["post"]["requestBody"], path["post"]["responses"]["200"]]
    for content in contents:
        media = content["content"]["application/json"]
        name = media["schema"]["$ref"].rpartition("/")[2]
        for example in media.get("examples", {}).values():
            assert contract.validator(name).is_valid(example["value"])


def test_documented_refusals_take_their_messages_from_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Change every message in the contract: the server must send the new ones."""
    changed = copy.deepcopy(CONTRACT)
    for response in changed["components"]["responses"].values():
        examples = response["content"]["application/json"].get("examples", {})
        for name, example in examples.items():
            if "error" in example["value"]:
                example["value"]["error"] = f"another {name}"
    monkeypatch.setattr(contract, "as_dict", lambda: changed)
    monkeypatch.setattr(contract, "message", contract.message.__wrapped__)  # without its cache
    made = [
        refusals.invalid_json("x"),
        refusals.authorization_required("x"),
        refusals.unknown_key(404),
        refusals.route_not_found("x"),
    ]
    for refusal in made:
        assert refusal.example is not None
        assert rendering.message(refusal).startswith(f"another {refusal.example}")


def test_the_validator_uses_the_schema_dialect_of_openapi_3_1() -> None:
    assert isinstance(contract.validator("EmbedRequest"), Draft202012Validator)


def test_the_documented_request_gets_the_documented_answer(client: httpx.Client) -> None:
    media = CONTRACT["paths"]["/v1/code/embed"]["post"]["requestBody"]["content"]
    response = client.post(
        "/v1/code/embed", json=media["application/json"]["examples"]["documented"]["value"]
    )
    answer = response.json()
    assert contract.validator("EmbedResponse").is_valid(answer)
    assert [result["index"] for result in answer["results"]] == [0, 1]
    assert [len(result["embedding"]) for result in answer["results"]] == [2560, 2560]
    assert answer["usage"] == {"total_tokens": 8}


OPERATIONS = operations(schemathesis.openapi.from_path(str(relace_contract.contract.path())))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.label))
def test_schemathesis_finds_no_answer_against_the_contract(
    operation: Any, server: RunningServer
) -> None:
    """The contract declares the status, content type, headers and body of every answer."""

    def judge(case: Any, session: Any) -> None:
        response = case.call(base_url=server.url, headers=KEY, session=session)
        case.validate_response(
            response,
            checks=[
                schemathesis.checks.not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_headers_conformance,
                checks.response_schema_conformance,
            ],
        )

    try_requests(operation, judge, fuzzed=50)


ABSENT = object()
MODELS = [ABSENT, "m", "", None, 1, ["m"]]
INPUTS = [ABSENT, [], ["a"], ["", "b"], ["a", 1], [None], "a", None, {}]
TYPES = [ABSENT, "float", "binary", "int8", "", None, 1, ["float"]]


def test_a_body_accepted_without_the_schema_is_valid_by_the_schema() -> None:
    validator = contract.validator("EmbedRequest")
    accepted = 0
    for fields in itertools.product(MODELS, INPUTS, TYPES):
        named = zip(("model", "input", "output_dtype"), fields, strict=True)
        body = {name: value for name, value in named if value is not ABSENT}
        if is_well_formed(body):
            validator.validate(body)
            accepted += 1
    assert accepted == 6
    assert not any(map(is_well_formed, (None, [], "a", 1, {})))


USUAL = [
    {"model": "m", "input": [""]},
    {"model": "m", "input": ["a", "b"], "output_dtype": "binary", "other": {"deep": []}},
]


@pytest.mark.parametrize("body", USUAL)
def test_a_usual_body_needs_no_schema(body: object) -> None:
    assert is_well_formed(body)


def test_well_formed_requests_need_no_parser_of_yaml_and_no_validator() -> None:
    """Both would be imported, and fed with the contract, before the first answer."""
    code = """
import sys, httpx, relace_mock, relace_mock.serving.server
with httpx.Client(transport=relace_mock.transport(), base_url="http://mock/v1") as client:
    body = {"model": "relace-embed-v1", "input": ["a"]}
    answer = client.post("/code/embed", json=body, headers={"Authorization": "Bearer rlc-a"})
print(answer.status_code, sorted(sys.modules.keys() & {"yaml", "jsonschema_rs"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "200 []\n"
