"""Asks the upstream again for texts that are recorded, to see whether its vectors have drifted."""

from __future__ import annotations

from typing import NamedTuple

from relace_mock.counts import counted, of_all
from relace_mock.recording import results
from relace_mock.recording.contents import Holding, items
from relace_mock.recording.file import Recording
from relace_mock.recording.merging import cosine
from relace_mock.recording.passing import beginning
from relace_mock.recording.upstream import Upstream, UpstreamError

#: A vector with a smaller cosine to the recorded one has drifted. Services that compute on GPUs
#: give slightly different digits each time.
DRIFT = 0.999


class Comparison(NamedTuple):
    """What the upstream says today of recorded vectors."""

    message: str
    drifted: bool


def compare(
    recording: Recording, holding: Holding, upstream: Upstream, sample: int
) -> Comparison | None:
    """Ask for at most ``sample`` texts of a model; None if none of its texts were kept.

    Raises ``UpstreamError`` and ``RecordingError``.
    """
    space = holding.space
    chosen = items(recording, space, with_text=True, limit=sample)
    if not chosen:
        return None
    texts = [item.text or "" for item in chosen]
    answer = upstream.ask(space.model, space.output_dtype, texts, None)
    if answer.status in (401, 403, 429) or answer.status >= 500:
        raise UpstreamError(f"it answered {answer.status}: {beginning(answer.body)}")
    if answer.status >= 400:
        problem = f"the model is not accepted: {answer.status} {beginning(answer.body)}"
        return Comparison(problem, drifted=True)
    try:
        found = results.read(answer, len(texts)).vectors
    except results.WrongAnswerError as error:
        raise UpstreamError(str(error)) from None
    length = found[0].length
    if length != space.length:
        problem = f"vectors have {length} components now, and had {space.length}"
        return Comparison(problem, drifted=True)
    pairs = [(item.vector, new) for item, new in zip(chosen, found, strict=True)]
    same = sum(old == new for old, new in pairs)
    cosines = [cosine(old, new, space.output_dtype) for old, new in pairs]
    if same == len(chosen):
        return Comparison(
            f"all {counted(same, 'text has', 'texts have')} the recorded vectors",
            drifted=False,
        )
    others = len(chosen) - same
    far = sum(each < DRIFT for each in cosines)
    message = (
        f"{of_all(others, len(chosen), 'text', one='has', many='have')} other vectors, {far} of them drifted "
        f"(cosine below {DRIFT}); the lowest cosine is {min(cosines):.6f}"
    )
    return Comparison(message, drifted=far > 0)
