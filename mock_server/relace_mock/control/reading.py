"""Reads control requests, and refuses the bad ones."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson

from relace_mock.auth import bearer_key
from relace_mock.control.description import validator
from relace_mock.messages import Headers, Received


class BadRequestError(Exception):
    """A control request that is refused."""

    def __init__(self, problem: str, status: int = 400, headers: Headers = ()) -> None:
        super().__init__(problem)
        self.status = status
        self.headers = headers


def key_of(received: Received) -> str | None:
    """The key whose namespace a request is about; None for the server's default."""
    key = bearer_key(received)
    if key is None and received.header(b"authorization"):
        raise BadRequestError("Authorization is not `Bearer KEY`: write it so, or leave it out")
    return key


def body_of(received: Received, schema: str) -> dict[str, Any]:
    """The body of a request, which has this schema."""
    try:
        body: dict[str, Any] = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    try:
        validator(schema).validate(body)
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the body"
        raise BadRequestError(f"{where}: {error.message}") from None
    return body
