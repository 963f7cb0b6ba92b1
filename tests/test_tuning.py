"""Platform tricks, each of which one variable turns off."""

from __future__ import annotations

import socket

import pytest

from relace_mock.serving import tuning


@pytest.mark.parametrize(("left_out", "count"), [("", 8), ("accept", 1)])
def test_a_server_with_uvloop_accepts_on_several_sockets_unless_that_is_turned_off(
    monkeypatch: pytest.MonkeyPatch, left_out: str, count: int
) -> None:
    monkeypatch.setenv(tuning.SWITCH, left_out)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets = tuning.accept_in_groups([listener])
        assert len(sockets) == count
        for each in sockets:
            each.close()
