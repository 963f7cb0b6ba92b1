"""The part of the control API that lets a key replay a recording, and says what was used of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relace_mock.control.parameters import NO_KEY, BadRequestError, Subject, body_of, subject_of
from relace_mock.messages import Received, Replaying
from relace_mock.pipeline import Pipeline
from relace_mock.settings import OnMiss, SettingsError
from relace_mock.state.model import State

if TYPE_CHECKING:
    from relace_mock.recording.source import RecordedSource


class ReplayControl:
    """Answers the control requests about recordings. ``change`` changes the state of a key."""

    def __init__(
        self, pipeline: Pipeline, change: Callable[[Subject, Callable[[State], State]], float]
    ) -> None:
        self._store = pipeline.store
        self._sources = pipeline.answers.sources
        self._change = change
        self.routes: dict[str, Callable[[Received], Any]] = {
            "GET": self._show,
            "PUT": self._replay,
            "DELETE": self._stop,
        }

    def _replay(self, received: Received) -> dict[str, Any]:
        subject, body = subject_of(received), body_of(received, "Replay")
        if subject.namespace is None:
            raise BadRequestError(f"{NO_KEY}, or start the server with --replay FILE")
        records = "record" in body
        file = body["record"] if records else body["replay"]
        if not Path(file).is_absolute() or "\0" in file:
            name = "record" if records else "replay"
            raise BadRequestError(
                f"{name} must be the absolute path of a file, such as /tmp/vectors"
            )
        on_miss: OnMiss = "forward" if records else body.get("on_miss", "error")
        replaying = Replaying(file, on_miss, records)
        try:
            self._sources.open(replaying)
        except SettingsError as error:
            raise BadRequestError(str(error)) from None
        self._change(subject, lambda state: state._replace(replaying=replaying))
        return self._show(received)

    def _stop(self, received: Received) -> dict[str, Any]:
        subject = subject_of(received)
        if subject.namespace is None:
            raise BadRequestError(NO_KEY)
        self._change(subject, lambda state: state._replace(replaying=None))
        return self._show(received)

    def _show(self, received: Received) -> dict[str, Any]:
        """The recording of a key, or without one every recording that is open."""
        from relace_mock.recording.file import RecordingError  # noqa: PLC0415 - seldom asked for

        subject = subject_of(received)
        if subject.namespace is None:
            sources = self._sources.all()
        else:
            source = self._sources.find(self._store.look(subject.namespace).state.replaying)
            sources = [] if source is None else [source]
        try:
            return {"recordings": [shown for each in sources if (shown := _shown(each))]}
        except RecordingError as error:
            raise BadRequestError(str(error), 500) from None


def _shown(source: RecordedSource) -> dict[str, Any] | None:
    """A recording, and what was used of it since it was opened; None for a bare upstream."""
    from relace_mock.recording.usage import usage  # noqa: PLC0415 - seldom asked for

    origins = source.origins
    if origins.recording is None:
        return None
    found = usage(origins.recording)
    return {
        "file": str(origins.recording.path),
        "on_miss": origins.on_miss,
        "records": origins.records,
        "vectors": found.recorded,
        "used": found.used,
        "unused": found.unused,
    }
