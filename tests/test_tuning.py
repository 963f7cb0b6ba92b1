"""Platform tricks, each of which one variable turns off."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator

import pytest

from relace_mock.serving import tuning


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Restore the garbage collector of this process."""
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)


@pytest.mark.parametrize(("left_out", "blas"), [("", "1"), ("blas", None), ("gc, blas", None)])
def test_blas_uses_one_thread_unless_that_is_turned_off(
    monkeypatch: pytest.MonkeyPatch, left_out: str, blas: str | None
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv(tuning.SWITCH, left_out)
    tuning.use_one_blas_thread()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == blas


@pytest.mark.parametrize(("left_out", "paused"), [("", True), ("gc", False)])
def test_the_collector_pauses_while_modules_load_unless_that_is_turned_off(
    monkeypatch: pytest.MonkeyPatch, left_out: str, paused: bool
) -> None:
    monkeypatch.setenv(tuning.SWITCH, left_out)
    tuning.pause_collector()
    assert gc.isenabled() is not paused
    tuning.resume_collector()
    assert gc.isenabled()
    assert (gc.get_threshold()[0] > 700) is paused


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
