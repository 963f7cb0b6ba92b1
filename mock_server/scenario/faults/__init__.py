"""The faults: one a file, and this table of all of them."""

from __future__ import annotations

from types import MappingProxyType

from mock_server.scenario.faults.close_keep_alive import CLOSE_KEEP_ALIVE
from mock_server.scenario.faults.connection import Fault
from mock_server.scenario.faults.drip import DRIP
from mock_server.scenario.faults.empty import EMPTY
from mock_server.scenario.faults.garbage import GARBAGE
from mock_server.scenario.faults.hang import HANG
from mock_server.scenario.faults.malformed_chunk import MALFORMED_CHUNK
from mock_server.scenario.faults.reset import RESET
from mock_server.scenario.faults.reset_mid_body import RESET_MID_BODY
from mock_server.scenario.faults.truncate import TRUNCATE

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
