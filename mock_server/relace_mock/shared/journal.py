"""The journal of all replicas, as the shared store keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from relace_mock.journal.entry import Entry
from relace_mock.journal.journal import Reader
from relace_mock.shared.database import Database
from relace_mock.shared.records import entry_of


class SharedJournal:
    """See ``Entries``. ``readers`` follow the requests of this process only.

    ``missing`` counts requests of this process that the journal may not have.
    """

    def __init__(self, database: Database, missing: Callable[[str | None], int]) -> None:
        self._database = database
        self._missing = missing
        self.readers: tuple[Reader, ...] = ()

    def subscribe(self, reader: Reader) -> None:
        """Call a reader with every event of this process from now on."""
        self.readers += (reader,)

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """See ``Entries``."""
        database = self._database
        names = [namespace]
        if namespace is None:
            held = database.command("ZRANGE", database.common("held"), "0", "-1")
            names = [name.decode() for name in held]
        found = database.commands([("HGETALL", database.key(n or "", ":journal")) for n in names])
        entries = [
            entry_of(name or "", number, parts)
            for name, fields in zip(names, found, strict=True)
            for number, parts in _records(_pairs(fields)).items()
            if "a" in parts and "t" in parts
        ]
        return sorted(entries, key=lambda entry: entry.number)

    def is_pending(self, namespace: str | None = None) -> bool:
        """See ``Entries``."""
        database = self._database
        key = (
            database.common("pending") if namespace is None else database.key(namespace, ":pending")
        )
        return bool(database.command("SCARD", key))

    def clear(self, namespace: str | None = None) -> None:
        """See ``Entries``."""
        self._database.call("clear", namespace or "")

    def dropped(self, namespace: str | None = None) -> int:
        """See ``Entries``."""
        missing = self._missing(namespace)
        return int(self._database.call("went", namespace or "")) + missing

    def __len__(self) -> int:
        """Number of entries."""
        return int(self._database.call("counts")[4])

    @property
    def dropped_since_start(self) -> int:
        """See ``Entries``."""
        return int(self._database.call("counts")[5])


def _pairs(fields: dict[bytes, bytes] | list[bytes]) -> dict[bytes, bytes]:
    if isinstance(fields, dict):
        return fields
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _records(fields: dict[bytes, bytes]) -> dict[int, dict[str, bytes]]:
    """The parts of each record by its number."""
    records: dict[int, dict[str, bytes]] = defaultdict(dict)
    for name, value in fields.items():
        records[int(name[:-1])][name[-1:].decode()] = value
    return records
