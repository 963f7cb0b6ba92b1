"""Parse a request body and validate it against the contract. A refusal names the first fault."""

from __future__ import annotations

import orjson

from relace_mock import contract
from relace_mock.messages import Received, Request
from relace_mock.refusals import Refusal, invalid_json, too_many_values
from relace_mock.settings import Contract
from relace_mock.validation import embed, rank
from relace_mock.validation.faults import json_fault
from relace_mock.validation.media_type import media_type_refusal

# A body has room for as many values as this beside those of its texts or files.
_OTHER_VALUES = 100_000
_VALUES_OF_A_FILE = 8  # two are documented; clients may send others


def validate(received: Received, most: int, mode: Contract) -> Request | Refusal:
    """Return the valid request, or a refusal. The path is one of the contract's.

    A request has from one to ``most`` texts or files. Unless ``mode`` is ``documented``, it may
    have a form that is only observed to work.
    """
    if refusal := media_type_refusal(received):
        return refusal
    values = _OTHER_VALUES + _VALUES_OF_A_FILE * most
    if len(received.body) > values and _has_more_values(received.body, values):
        return too_many_values(values)
    try:
        body = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        return invalid_json(json_fault(received.body, error))
    if contract.ENDPOINTS[received.path] == "embed":
        return embed.read(body, most, mode)
    names_only = received.path == contract.RANK_NAMES_PATH
    return rank.read(body, most, mode, names_only=names_only)


def _has_more_values(body: bytes, most: int) -> bool:
    from relace_mock.validation.values import (  # noqa: PLC0415 - NumPy takes long to import
        has_more_values,
    )

    return has_more_values(body, most)


__all__ = ["media_type_refusal", "validate"]
