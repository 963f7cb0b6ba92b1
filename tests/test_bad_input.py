"""Bad requests: each gets its own message as JSON, and the connection stays open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

PATH = "/v1/code/embed"
GOOD: dict[str, Any] = {"model": "relace-embed-v1", "input": ["a"]}
JSON = "application/json"
BAD_JSON = "Invalid JSON in request body: "


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != field}


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


BODIES: dict[str, tuple[object, str]] = {
    "model missing": (without("model"), "model is required"),
    "model null": (GOOD | {"model": None}, "model must be a string, not null"),
    "model number": (GOOD | {"model": 1}, "model must be a string, not a number"),
    "model boolean": (GOOD | {"model": True}, "model must be a string, not a boolean"),
    "model list": (GOOD | {"model": []}, "model must be a string, not an array"),
    "model empty": (GOOD | {"model": ""}, "model must not be empty"),
    "input missing": (without("input"), "input is required"),
    "input null": (GOOD | {"input": None}, "input must be an array, not null"),
    "input object": (GOOD | {"input": {}}, "input must be an array, not an object"),
    "input empty": (GOOD | {"input": []}, "input must not be empty"),
    "text null": (GOOD | {"input": ["a", None]}, "input[1] must be a string, not null"),
    "text number": (GOOD | {"input": [1.5]}, "input[0] must be a string, not a number"),
    "text list": (GOOD | {"input": [["a"]]}, "input[0] must be a string, not an array"),
    "dtype null": (GOOD | {"output_dtype": None}, "output_dtype must be a string, not null"),
    "dtype number": (GOOD | {"output_dtype": 8}, "output_dtype must be a string, not a number"),
    "dtype unknown": (
        GOOD | {"output_dtype": "int8"},
        'output_dtype must be float or binary, not "int8"',
    ),
    "dtype long": (
        GOOD | {"output_dtype": "x" * 1000},
        "output_dtype must be float or binary, not a string of 1000 characters",
    ),
    "model deep": (GOOD | {"model": nested(300)}, "model must be a string, not an array"),
    "text deep": (GOOD | {"input": ["a", nested(900)]}, "input[1] must be a string, not an array"),
    "dtype deep": (
        GOOD | {"output_dtype": {"a": nested(500)}},
        "output_dtype must be a string, not an object",
    ),
    "deep": (nested(800), "the body must be an object, not an array"),
    "deep in an unknown field": ({"model": "m", "x": nested(700)}, "input is required"),
    "array": ([], "the body must be an object, not an array"),
    "string": ("a", "the body must be an object, not a string"),
    "null": (None, "the body must be an object, not null"),
}

TEXTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the body is empty"),
    "blank": (b" \n", "the body is empty"),
    "cut": (b'{"model": "m", "input": ["a"', "unexpected end of data"),
    "not JSON": (b"model=m&input=a", "unexpected character"),
    "single quotes": (b"{'model': 'm'}", "unexpected character"),
    "trailing comma": (b'{"model": "m", "input": ["a",]}', "trailing comma"),
    "more after": (b'{"model": "m", "input": ["a"]} x', "unexpected content"),
    "NaN": (b'{"model": "m", "input": ["a"], "x": NaN}', "NaN and Infinity are not JSON"),
    "Infinity": (b'{"model": "m", "input": ["a"], "x": Infinity}', "NaN and Infinity are not"),
    "-Infinity": (b'{"model": "m", "input": ["a"], "x": -Infinity}', "NaN and Infinity are not"),
    "lone surrogate": (b'{"model": "m", "input": ["\\ud800"]}', "surrogate"),
    "second half alone": (b'{"model": "m", "input": ["\\udc00"]}', "surrogate"),
    "invalid UTF-8": (b'{"model": "m", "input": ["\xff"]}', "the body is not UTF-8 at byte 26"),
    "encoded surrogate": (b'{"model": "m", "input": ["\xed\xa0\x80"]}', "not UTF-8 at byte 26"),
    "UTF-16": ('{"model": "m"}'.encode("utf-16"), "the body is not UTF-8 at byte 0"),
    "byte order mark": (b'\xef\xbb\xbf{"model": "m", "input": ["a"]}', "byte order mark"),
    "deep": (b'{"model": "m", "input": ["a"], "x": ' + b"[" * 10_000, "depth"),
    "deep and closed": (
        b'{"model": "m", "input": ["a"], "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "depth",
    ),
    "control character": (b'{"model": "m", "input": ["a\nb"]}', "control character"),
}


def refused(client: httpx.Client, status: int, **request: Any) -> str:
    """Return the message of a refusal, after checking its JSON form and that the connection stays."""
    headers = {"Content-Type": JSON} | request.pop("headers", {})
    headers = {name: value for name, value in headers.items() if value is not None}
    response = client.request(**({"method": "POST", "url": PATH} | request), headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == JSON
    assert "connection" not in response.headers
    envelope = response.json()
    assert list(envelope) == ["error"]
    message: str = envelope["error"]
    assert "Traceback" not in message and ".py" not in message
    stream = response.extensions["network_stream"]
    again = client.post(PATH, json=GOOD)
    assert again.status_code == 200
    assert again.extensions["network_stream"] is stream, "the connection was not kept"
    return message


@pytest.mark.parametrize(("body", "message"), BODIES.values(), ids=BODIES)
def test_each_error_in_the_body_has_its_own_message(
    client: httpx.Client, body: object, message: str
) -> None:
    assert refused(client, 400, content=json.dumps(body)) == message


@pytest.mark.parametrize(("body", "message"), TEXTS.values(), ids=TEXTS)
def test_each_error_in_the_json_has_its_own_message(
    client: httpx.Client, body: bytes, message: str
) -> None:
    said = refused(client, 400, content=body)
    assert said.startswith(BAD_JSON)
    assert message in said


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        (None, "Send the header `Content-Type: application/json`"),
        ("text/plain", "Content-Type must be application/json"),
        ("application/x-www-form-urlencoded", "Content-Type must be application/json"),
        ("application/jsonx", "Content-Type must be application/json"),
        ("", "Content-Type must be application/json"),
        (
            "application/json; charset = utf-16",
            "charset must be utf-8, as JSON is UTF-8 (RFC 8259)",
        ),
        ("application/json; charset=latin-1", "charset must be utf-8, as JSON is UTF-8 (RFC 8259)"),
    ],
)
def test_each_error_in_the_content_type_has_its_own_message(
    client: httpx.Client, content_type: str | None, message: str
) -> None:
    headers = {"Content-Type": content_type}
    assert refused(client, 415, content=json.dumps(GOOD), headers=headers) == message


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json;charset=utf-8",
        'Application/JSON; charset="UTF-8"',
        "application/json ; profile=x",
    ],
)
def test_parameters_and_case_of_the_content_type_do_not_matter(
    client: httpx.Client, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert client.post(PATH, content=json.dumps(GOOD), headers=headers).status_code == 200


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    said = refused(client, 415, content=json.dumps(GOOD), headers={"Content-Encoding": "gzip"})
    assert said == "Send the body without Content-Encoding"


def test_two_content_types_are_refused(client: httpx.Client) -> None:
    fields = [("Content-Type", JSON), ("Content-Type", JSON)]
    response = client.post(PATH, content=json.dumps(GOOD), headers=fields)
    assert response.status_code == 415


def test_an_identity_encoding_is_accepted(client: httpx.Client) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "identity"}
    assert client.post(PATH, content=json.dumps(GOOD), headers=headers).status_code == 200


def test_the_largest_allowed_number_of_inputs_is_answered(client: httpx.Client) -> None:
    response = client.post(PATH, json=GOOD | {"input": ["a"] * 64})
    assert len(response.json()["results"]) == 64


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_get_405_with_allow(client: httpx.Client, method: str) -> None:
    assert refused(client, 405, method=method) == f"{method} is not allowed here: use POST"
    assert client.request(method, PATH).headers["allow"] == "POST"


def test_head_gets_405_without_a_body(client: httpx.Client) -> None:
    response = client.head(PATH)
    assert (response.status_code, response.content) == (405, b"")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/code/embed/", "/v1/code", "//v1/code/embed", "/v1/v1/code/embed"]
)
def test_unknown_paths_get_404_that_names_the_endpoints(client: httpx.Client, path: str) -> None:
    said = refused(client, 404, url=str(client.base_url) + path, content=b"{}")
    assert (
        said
        == "Bad Request: Route not found: the endpoints are POST /v1/code/embed, POST /v2/code/rank, POST /v1/code/rank"
    )


def test_unknown_fields_and_repeated_fields_are_accepted(client: httpx.Client) -> None:
    body = b'{"model": "x", "model": "m", "input": ["a"], "encoding": {"deep": [1e300]}}'
    response = client.post(PATH, content=body, headers={"Content-Type": JSON})
    assert response.status_code == 200


def test_every_process_reports_the_same_one_of_several_errors() -> None:
    """The seed of Python's hashes, which orders sets, must not matter."""
    body = {"model": 1, "input": 2, "output_dtype": 3}
    check = (
        "import httpx, relace_mock\n"
        "client = httpx.Client(transport=relace_mock.transport())\n"
        "url, headers = 'http://mock/v1/code/embed', {'Authorization': 'Bearer k'}\n"
        f"for body in ({body}, {{}}, {{'input': [1, None]}}, {{'model': '', 'input': []}}):\n"
        "    print(client.post(url, json=body, headers=headers).json()['error'])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", check],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(told) == 1


def test_too_many_inputs_get_413_that_names_the_setting(client: httpx.Client) -> None:
    said = refused(client, 413, content=json.dumps(GOOD | {"input": ["a"] * 65}))
    assert said == (
        "input has 65 texts, but this server accepts at most 64 in a request (--max-inputs)"
    )
