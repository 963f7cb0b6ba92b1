"""Lines to a standard error that may not be read."""

from __future__ import annotations

import os
import time

from relace_mock.serving.outlet import Outlet


def test_lines_arrive_whole_and_in_order() -> None:
    reader, writer = os.pipe()
    outlet = Outlet(writer)
    for number in range(100):
        outlet.write(f"line {number} \udcff")
    outlet.close()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as lines:
        assert lines.read().splitlines() == [f"line {number} \\udcff" for number in range(100)]


def test_nobody_waits_for_a_reader_that_does_not_read_and_what_was_dropped_is_counted() -> None:
    reader, writer = os.pipe()
    outlet = Outlet(writer)
    text = "x" * 1000
    written = 0
    deadline = time.monotonic() + 20
    while outlet._dropped < 10:
        assert time.monotonic() < deadline
        outlet.write(text)
        written += 1
    with os.fdopen(reader) as lines:
        got = [lines.readline() for _ in range(500)]
        outlet.write("the end")
        while got[-1] != "the end\n":
            got.append(lines.readline())
    os.close(writer)
    (told,) = [line for line in got if "dropped" in line]
    dropped = int(told.split()[1])
    assert len(got) - 2 + dropped == written


def test_a_descriptor_that_is_closed_harms_no_one() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outlet = Outlet(writer)
    outlet.write("to nobody")
    outlet.close()
    outlet.write("again")
    os.close(writer)
