"""Every check of servers by the id of its requirement, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relace_contract.requirements import select
from relace_contract.server import (
    auth,
    limits,
    negative,
    reach,
    results,
    schema,
    texts,
    transport,
    vectors,
)
from relace_contract.server.subject import Server

CHECKS: dict[str, Callable[[Server], None]] = {
    "REACH-200": reach.reached,
    "AUTH-none": auth.none,
    "AUTH-empty": auth.empty,
    "AUTH-no-scheme": auth.no_scheme,
    "AUTH-other-scheme": auth.other_scheme,
    "AUTH-no-key": auth.no_key,
    "AUTH-scheme-case": auth.scheme_case,
    "AUTH-unknown-key": auth.unknown_key,
    "PREC-key-first": auth.key_first,
    **negative.CHECKS,
    "BIJ-indexes": results.bijection,
    "DUP-copies": results.duplicates,
    **texts.CHECKS,
    "DTYPE-default": results.default_dtype,
    "DTYPE-binary": results.binary,
    "BIN-signs": vectors.signs,
    "BIN-length": vectors.packed_length,
    "BIN-range": vectors.packed_range,
    "DIM-one": results.one_dimension,
    "NORM-finite": vectors.finite,
    "NORM-unit": vectors.unit,
    "DET-same": vectors.same_again,
    "PERM-vectors": vectors.permuted,
    "PERM-tokens": vectors.permuted_tokens,
    "SPLIT-vectors": vectors.split,
    "SPLIT-tokens": vectors.split_tokens,
    "TOK-present": results.tokens_present,
    "TOK-integer": results.tokens_counted,
    "TOK-grows": results.tokens_grow,
    "TOK-example": results.tokens_documented,
    "METH-405": transport.method_refused,
    "METH-allow": transport.allow,
    "METH-404": transport.unknown_path,
    "METH-envelope": transport.envelope,
    "CONC-parallel": transport.parallel,
    "UNK-alike": transport.unknown_fields,
    "ACC-any": transport.accept_any,
    "ACC-json": transport.accept_json,
    "ACC-none": transport.accept_nothing,
    "SIZE-many": transport.many,
    "SIZE-long": transport.long,
    "KEEP-100": transport.kept,
    "KEEP-refused": transport.kept_after_refusal,
    "SCHEMA-examples": schema.examples,
    "SCHEMA-coverage": schema.coverage,
    "SCHEMA-fuzz-valid": schema.fuzz_valid,
    "SCHEMA-fuzz-invalid": schema.fuzz_invalid,
    "SCHEMA-status": schema.any_answer,
    "SCHEMA-type": schema.any_answer,
    "SCHEMA-headers": schema.declared_headers,
    "SCHEMA-body": schema.an_embedding,
    "SCHEMA-strict": schema.an_embedding,
    "ENV-shape": schema.an_error,
    "ENV-clean": schema.an_error,
    "RL-headers": limits.headers,
    "RL-window": limits.window,
}


def chosen(wanted: Iterable[str]) -> dict[str, Callable[[Server], None]]:
    """The checks that families and ids name, all if none does, in the order of running."""
    selected = set(select("server", wanted))
    return {identity: check for identity, check in CHECKS.items() if identity in selected}
