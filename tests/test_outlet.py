"""The outlet: lines for a standard error that nobody may read."""

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


def test_write_never_waits_for_a_reader_and_dropped_lines_are_counted() -> None:
    reader, writer = os.pipe()
    outlet = Outlet(writer)
    text = "x" * 1000
    written = 0
    deadline = time.monotonic() + 20
    while outlet._dropped < 10:
        assert time.monotonic() < deadline, f"no line was dropped of {written}"
        outlet.write(text)
        written += 1
    with os.fdopen(reader) as lines:
        got = [lines.readline() for _ in range(500)]
        outlet.write("the end")
        while got[-1] != "the end\n":
            got.append(lines.readline())
            assert got[-1], "the last line did not come"
    os.close(writer)
    # The thread may have reported some before the pipe was full; then there is a second line.
    told = [line for line in got if "dropped" in line]
    dropped = sum(int(line.split()[1]) for line in told)
    assert told
    assert len(got) - len(told) - 1 + dropped == written


def test_writing_to_a_closed_pipe_raises_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outlet = Outlet(writer)
    outlet.write("to nobody")
    outlet.close()
    outlet.write("again")
    os.close(writer)
