"""Whether the headers of a request declare its body as plain JSON."""

from __future__ import annotations

from relace_mock.messages import Received
from relace_mock.refusals import Refusal, unsupported_media_type


def media_type_refusal(received: Received) -> Refusal | None:
    """Return a refusal if the headers do not declare the body as JSON in UTF-8, else None."""
    fields = received.header(b"content-type")
    if fields == ["application/json"]:
        return _encoding_refusal(received)
    if not fields:
        return unsupported_media_type("Send the header `Content-Type: application/json`")
    media_type, *parameters = (part.strip().lower() for part in fields[0].split(";"))
    if len(fields) > 1 or media_type != "application/json":
        return unsupported_media_type("Content-Type must be application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' \t"') not in ("utf-8", "utf8"):
            return unsupported_media_type("charset must be utf-8, as JSON is UTF-8 (RFC 8259)")
    return _encoding_refusal(received)


def _encoding_refusal(received: Received) -> Refusal | None:
    for field in received.header(b"content-encoding"):
        if field.lower() != "identity":
            return unsupported_media_type("Send the body without Content-Encoding")
    return None
