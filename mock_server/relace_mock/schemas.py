"""Hold values against JSON Schemas (2020-12, the dialect of OpenAPI 3.1).

The library is imported late: a server that gets only well-formed requests never needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator for a schema."""
    import jsonschema_rs  # noqa: PLC0415 - see the top

    return jsonschema_rs.Draft202012Validator(schema)


def first_error(validator: Draft202012Validator, value: object) -> ValidationError | None:
    """Return the first rule of a schema that a value breaks; None for a valid value.

    It stops there: to collect all errors of a body full of them takes very long.
    """
    from jsonschema_rs import ValidationError  # noqa: PLC0415 - see the top

    try:
        validator.validate(value)
    except ValidationError as error:
        return error
    return None
