"""What a control request says: the namespace that it is about, and its JSON body."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from relace_mock.auth import bearer_key
from relace_mock.control.description import validator
from relace_mock.keys import ANONYMOUS, namespace_of
from relace_mock.messages import Headers, Received
from relace_mock.scenario.selection import named_by
from relace_mock.schemas import first_error

#: The refusal of a request that needs the key of a namespace.
NO_KEY = "the request has no API key: send the key of the namespace as `Authorization: Bearer KEY`"
_NAMESPACE = re.compile(rf"[0-9a-f]{{16}}|{ANONYMOUS}")


class BadRequestError(Exception):
    """A control request that is refused."""

    def __init__(self, problem: str, status: int = 400, headers: Headers = ()) -> None:
        super().__init__(problem)
        self.status = status
        self.headers = headers


class Subject(NamedTuple):
    """Whose state a request is about. ``namespace`` is None for the server's default, or for all.

    ``names`` is the scenario that the key itself names.
    """

    namespace: str | None = None
    names: str | None = None

    @property
    def name(self) -> str:
        """The namespace; without one, that of traffic without a key."""
        return self.namespace or ANONYMOUS


def subject_of(received: Received) -> Subject:
    """Read the key in ``Authorization``, or the hash of a key in ``X-Mock-Namespace``."""
    key = bearer_key(received)
    if key is not None:
        return Subject(namespace_of(key), named_by(key))
    if received.header(b"authorization"):
        raise BadRequestError("send `Authorization: Bearer KEY`, or leave the header out")
    given = received.header(b"x-mock-namespace")
    if not given:
        return Subject()
    if len(given) > 1 or not _NAMESPACE.fullmatch(given[0]):
        raise BadRequestError(
            f"X-Mock-Namespace must be the `namespace` of a journal entry: 16 hexadecimal digits, "
            f"or {ANONYMOUS}"
        )
    return Subject(given[0])


def body_of(received: Received, schema: str) -> dict[str, Any]:
    """Read the JSON body of a request, which has a schema in ``control.yaml``."""
    try:
        body: dict[str, Any] = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    if broken := first_error(validator(schema), body):
        where = "/".join(map(str, broken.instance_path)) or "the body"
        raise BadRequestError(f"{where}: {broken.message}")
    return body
