"""The faults, one a file, and the table of all of them."""

from __future__ import annotations

from types import MappingProxyType

from relace_mock.scenario.faults.close_keep_alive import CLOSE_KEEP_ALIVE
from relace_mock.scenario.faults.connection import Fault
from relace_mock.scenario.faults.drip import DRIP
from relace_mock.scenario.faults.empty import EMPTY
from relace_mock.scenario.faults.garbage import GARBAGE
from relace_mock.scenario.faults.hang import HANG
from relace_mock.scenario.faults.malformed_chunk import MALFORMED_CHUNK
from relace_mock.scenario.faults.reset import RESET
from relace_mock.scenario.faults.reset_mid_body import RESET_MID_BODY
from relace_mock.scenario.faults.truncate import TRUNCATE

FAULTS = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            RESET,
            EMPTY,
            GARBAGE,
            TRUNCATE,
            MALFORMED_CHUNK,
            HANG,
            DRIP,
            RESET_MID_BODY,
            CLOSE_KEEP_ALIVE,
        )
    }
)

__all__ = ["FAULTS", "Fault"]
