"""Opens recordings: the one of the settings, and those that tests replay.

A recording is opened once, however many keys replay it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from relace_mock.messages import EmbedRequest, Received, Replaying
from relace_mock.refusals import Refusal
from relace_mock.rendering import refused
from relace_mock.settings import Settings, SettingsError
from relace_mock.vectors.rows import Embedder, RowCache

if TYPE_CHECKING:
    from relace_mock.recording.file import Recording
    from relace_mock.recording.source import RecordedSource, Supplied
    from relace_mock.recording.upstream import Upstream
    from relace_mock.scenario.known_vectors import KnownVectors

# Functions import the modules that read recordings: most servers need none of them.

_MOST = 100  # recordings that are open at a time


class Sources:
    """The sources of recorded vectors. Safe to use from several threads.

    ``default`` is the one of the settings; None if they compute vectors. Raises ``SettingsError``
    for a recording that cannot be opened.
    """

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._cache = RowCache(settings.cache_bytes)
        self._lock = threading.Lock()
        self._recordings: dict[tuple[str, bool], tuple[Recording, tuple[int, int]]] = {}
        self._sources: dict[Replaying, RecordedSource] = {}
        self._upstream: Upstream | None = None
        if settings.upstream is not None:
            from relace_mock.recording.upstream import Upstream  # noqa: PLC0415 - see above

            self._upstream = Upstream(settings.upstream, settings.upstream_key)
        self.default: RecordedSource | None = None
        path = settings.record or settings.replay
        on_miss = settings.on_miss or ("forward" if self._upstream else "error")
        if path is not None or (self._upstream is not None and on_miss != "synthesize"):
            records = settings.record is not None
            file = str(path.absolute()) if path is not None else None
            self.default = self._open(Replaying(file, on_miss, records), path)

    def find(self, replaying: Replaying | None) -> RecordedSource | None:
        """The source of a key, if it is open; None if it is not, or if vectors are computed."""
        return self.default if replaying is None else self._sources.get(replaying)

    def asks_itself(self, received: Received) -> bool:
        """Whether a request comes from this very server, which is its own upstream."""
        if self._upstream is None:
            return False
        from relace_mock.recording.upstream import ASKER  # noqa: PLC0415 - see above

        return received.header(ASKER.encode()) == [self._upstream.name]

    def all(self) -> list[RecordedSource]:
        """All sources that are open."""
        with self._lock:
            return list(self._sources.values())

    def unused(self) -> str | None:
        """A line that says how much of the settings' recording was never used."""
        if self.default is None or self.default.origins.recording is None:
            return None
        from relace_mock.recording.usage import told  # noqa: PLC0415 - see above

        return told(self.default.origins.recording)

    def close(self) -> None:
        """Close the recordings, so that others can record into them, and the upstream."""
        with self._lock:
            if self._upstream is not None:
                self._upstream.close()
            for recording, _ in self._recordings.values():
                recording.close()

    def supply(
        self,
        request: EmbedRequest,
        replaying: Replaying | None,
        key: str | None,
        known: KnownVectors | None = None,
    ) -> Supplied:
        """The vectors of a request from the recording or the upstream of its key.

        ``known`` has the vectors of its scenario.
        """
        source = self.find(replaying)
        if source is None:
            assert replaying is not None
            try:
                source = self.open(replaying)
            except SettingsError as error:  # the file has gone, or another process opened it
                from relace_mock.recording.source import Supplied  # noqa: PLC0415 - see above

                return Supplied(refused(Refusal(500, str(error), scriptable=False)))
        return source.supply(request, key, known)

    def open(self, replaying: Replaying) -> RecordedSource:
        """Open what a key asks for. Raises ``SettingsError``."""
        if self._upstream is None and (replaying.records or replaying.on_miss == "forward"):
            raise SettingsError(
                "this mock has no upstream to record from: start it with --upstream URL"
            )
        assert replaying.file is not None
        return self._open(replaying, Path(replaying.file))

    def _open(self, replaying: Replaying, path: Path | None) -> RecordedSource:
        from relace_mock.recording.source import Origins, RecordedSource  # noqa: PLC0415 - see above

        with self._lock:
            recording = name = None
            if path is not None:
                recording = self._recording(path, replaying)
                name = str(recording.number)
            settings = self._settings
            if recording is not None and replaying.on_miss == "synthesize":
                self._check_dimensions(recording)
            known = self._sources.get(replaying)
            if known is not None and known.origins.recording is recording:
                return known
            origins = Origins(
                recording,
                self._upstream,
                replaying.on_miss,
                self._embedder,
                settings.dimensions,
                replaying.records,
                settings.keep_text,
            )
            source = RecordedSource(origins, self._cache, name or "")
            self._sources[replaying] = source
            return source

    def _recording(self, path: Path, replaying: Replaying) -> Recording:
        """The open recording of a file, which is opened again if the file was replaced."""
        from relace_mock.recording.file import Recording  # noqa: PLC0415 - see above

        setting = "record" if replaying.records else "replay"
        try:
            place = path.resolve()
        except (OSError, RuntimeError) as error:
            raise SettingsError(f"{setting}: cannot read {path}: {error}") from None
        for key in ((str(place), True), (str(place), replaying.records)):
            if key in self._recordings:
                recording, file = self._recordings[key]
                if file == _identity(place):
                    return recording
                del self._recordings[key]
        if len(self._recordings) >= _MOST:
            raise SettingsError(
                f"{setting}: {_MOST} recordings are open already: use fewer files, or start "
                "another mock"
            )
        recording = Recording(path, setting, writes=replaying.records)
        self._recordings[str(place), replaying.records] = recording, _identity(place)
        return recording

    def _check_dimensions(self, recording: Recording) -> None:
        from relace_mock.recording.misses import about_dimensions  # noqa: PLC0415 - see above

        for space in recording.spaces():
            if space.dimensions != self._settings.dimensions:
                problem = about_dimensions(self._settings.dimensions, space.dimensions, space.model)
                raise SettingsError(f"on-miss synthesize: {problem}")


def _identity(path: Path) -> tuple[int, int]:
    """Two numbers that change if another file replaces this one; zeros if there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_dev, stat.st_ino
