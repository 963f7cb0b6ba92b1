"""Refusals and messages about vectors that are missing in a recording, or differ from it."""

from __future__ import annotations

import shlex

from relace_mock.counts import counted, of_all
from relace_mock.excerpts import quoted, shortened
from relace_mock.messages import EmbedRequest
from relace_mock.recording.file import Recording
from relace_mock.refusals import Refusal

#: The host that serves embeddings (documented).
ENDPOINT = "https://embeddings.endpoint.relace.run"


def missed(
    recording: Recording | None, request: EmbedRequest, missing: int, *, near: bool = False
) -> Refusal:
    """Refuse a request with texts that are not recorded, and say how to record them.

    ``near`` says that a scenario names these texts under ``near``.
    """
    texts = of_all(missing, len(set(request.input)), "text", one="is", many="are")
    if near:
        texts = f"under `near` in the scenario, {texts}"
    if recording is None:
        return Refusal(
            500,
            f"{texts} not recorded: start the server with --replay FILE, "
            "or without --on-miss error",
        )
    detail = (
        f"{texts} not in the recording {recording.path.name} "
        f"(model {shortened(request.model, 100)}, {request.output_dtype})"
    )
    spaces = recording.spaces()
    if (request.model, request.output_dtype) not in [space[:2] for space in spaces]:
        held = ", ".join(f"{space.model} as {space.output_dtype}" for space in spaces[:5])
        detail += f", which holds {held or 'nothing yet'}"
    command = f"relace-mock serve --upstream {ENDPOINT} --record {shlex.quote(str(recording.path))}"
    return Refusal(
        500,
        f"{detail}: record them with `{command}` and the same requests, or answer them with made-up "
        "vectors: --on-miss synthesize",
    )


def other_dimensions(asked: int, recorded: int, model: str) -> Refusal:
    """Refuse vectors of other dimensions than the recorded ones."""
    return Refusal(500, about_dimensions(asked, recorded, model))


def about_dimensions(asked: int, recorded: int, model: str) -> str:
    """Say that vectors of other dimensions do not go with the recorded ones."""
    return (
        f"the recorded vectors of {shortened(model, 100)} have {recorded} dimensions, not {asked}: "
        f"use --dimensions {recorded}, and a scenario without other `dimensions`"
    )


def other_known(given: int, dimensions: int, model: str) -> Refusal:
    """Refuse a scenario's vector that has other dimensions than those it would stand among."""
    return Refusal(
        500,
        f"a vector in the scenario's `vectors` has {given} numbers, but the other vectors of "
        f"{shortened(model, 100)} have {dimensions}: write {dimensions} numbers and `dimensions: {dimensions}`",
    )


def no_direction(text: str) -> Refusal:
    """Refuse to place texts near one whose vector has only zeros."""
    return Refusal(
        500,
        f"the scenario names {quoted(text, 40)} under `near`, but the vector of that text has only "
        "zeros, and so no direction: give the text a `vector` in the scenario",
    )


def drift(texts: int, host: str) -> str:
    """Say that an upstream gave other vectors than those that were recorded first."""
    given = counted(texts, "text")
    return f"drift: {host} now has another vector for {given}; the recorded one stays in use"
