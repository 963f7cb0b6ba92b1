"""Every check of a client, by the id of its requirement, those that wait longest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relace_contract.client import (
    batching,
    errors,
    lies,
    requests,
    responses,
    retries,
    transport,
)
from relace_contract.client.case import Case
from relace_contract.requirements import select

Check = Callable[[Case], None]
CHECKS: dict[str, Check] = {
    "RET-10": retries.backoff,
    "RET-11": retries.any_script,
    "RET-07": retries.odd_waits,
    "NET-05": transport.drip,
    "RET-06": retries.date_kept,
    "RET-08": retries.huge_wait,
    "RSP-10": responses.large,
    "RET-05": retries.seconds_kept,
    "NET-04": transport.silence,
    "NET-01": transport.reset,
    "RET-04": retries.bounded,
    "RSP-11": responses.by_schema,
    "REQ-05": requests.texts_unchanged,
    "REQ-01": requests.path,
    "REQ-02": requests.authorization,
    "REQ-03": requests.media_type,
    "REQ-04": requests.body,
    "REQ-06": requests.duplicates,
    "REQ-07": requests.dtype,
    "REQ-08": requests.key_hidden,
    "REQ-09": requests.framing,
    "REQ-10": requests.manners,
    "RSP-01": responses.order,
    "RSP-02": responses.unknown_fields,
    "RSP-03": responses.notation,
    "RSP-04": responses.numbers,
    "RSP-05": responses.media_types,
    "RSP-06": responses.chunks,
    "RSP-07": responses.gzip,
    "RSP-08": responses.dimensions,
    "RSP-09": responses.tokens,
    "RSP-12": responses.no_usage,
    "ERR-01": errors.typed(400),
    "ERR-02": errors.typed(401),
    "ERR-03": errors.typed(404),
    "ERR-04": errors.typed(429),
    "ERR-05": errors.typed(500),
    "ERR-06": errors.not_empty,
    "ERR-07": errors.odd_bodies,
    "ERR-08": errors.classes,
    "ERR-09": errors.limits,
    "RET-01": retries.not_retried,
    "RET-02": retries.rate_limit_retried,
    "RET-03": retries.server_error_retried,
    "RET-09": retries.same_body,
    "NET-02": transport.reset_mid_body,
    "NET-03": transport.short,
    "NET-06": transport.not_http,
    "NET-07": transport.stale,
    "BAD-01": lies.bodies,
    "BAD-02": lies.indexes,
    "BAD-03": lies.counts,
    "BAD-04": lies.components,
    "BAD-05": lies.redirect,
    "BAT-01": batching.sizes,
    "BAT-02": batching.order,
    "BAT-03": batching.usage,
    "BAT-04": batching.failure,
    "BAT-05": batching.nothing,
}


def chosen(wanted: Iterable[str]) -> dict[str, Check]:
    """The checks that families and ids name, all if none does, in the order of running."""
    selected = set(select("client", wanted))
    return {identity: check for identity, check in CHECKS.items() if identity in selected}
