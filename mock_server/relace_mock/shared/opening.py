"""Opens the shared store that ``--store`` names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from relace_mock.scenario.library import Library
from relace_mock.settings import ServerError, Settings
from relace_mock.shared.database import Database, Limits
from relace_mock.shared.ledger import SharedLedger
from relace_mock.shared.link import Link
from relace_mock.state.model import Default
from relace_mock.state.store import StoreError
from relace_mock.version import __version__

# Settings of one replica, which may differ from those of the others.
_OWN = frozenset(
    {
        "scenario",
        "scenarios",
        "control_token",
        "cors",
        "reload",
        "cache_bytes",
        "max_body",
        "time_scale",
    }
    | {"upstream_key", "record", "keep_text"}
    | {"store", "store_prefix", "store_timeout"}
)


def open_ledger(
    settings: Settings, library: Library, default: Default, complain: Callable[[str], None]
) -> SharedLedger:
    """Open the store. Raises ``ServerError``."""
    limits = Limits(
        settings.max_namespaces,
        settings.namespace_ttl,
        settings.journal_size,
        settings.journal_bytes,
        settings.store_ttl,
    )
    link = Link(settings.store, settings.store_timeout)
    try:
        database = Database(
            link, settings.store_prefix, limits, default, _agreed(settings, library, default)
        )
    except StoreError as error:
        raise ServerError(f"--store {link.shown}: {error}") from None
    return SharedLedger(database, settings.store_timeout, complain)


def _agreed(settings: Settings, library: Library, default: Default) -> dict[str, Any]:
    """Everything on which replicas must agree, so that it does not matter which one answers."""
    agreed: dict[str, Any] = {"version": __version__}
    for field in fields(Settings):
        if field.name not in _OWN:
            value = getattr(settings, field.name)
            agreed[field.name] = _hash(*sorted(value)) if field.name == "api_keys" else value
    agreed["replay"] = _shown(settings.replay) if settings.replay else None
    agreed["scenario"] = default.installed.name if default.installed else None
    own = [scenario for scenario in map(library.get, library.own_names()) if scenario]
    agreed["scenarios"] = _hash(*(f"{each.name} {each.digest}" for each in own))
    return agreed


def _shown(recording: Path) -> str:
    """Name and size of a recording.

    Replicas may keep it in different folders, but it must be the same recording. Its content is not
    hashed: for a large recording, that would take longer than the start of a server.
    """
    try:
        return f"{recording.name} ({recording.stat().st_size} bytes)"
    except OSError as error:
        raise ServerError(f"--replay {recording}: {error.strerror}") from None


def _hash(*parts: str) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8] if parts else "none"
