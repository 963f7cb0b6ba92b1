"""Platform tricks; a variable can turn each of them off."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

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


@pytest.mark.parametrize(
    ("left_out", "given", "threads"), [("", None, "1"), ("blas", None, None), ("", "2", "2")]
)
def test_blas_has_one_thread_unless_that_is_turned_off_or_another_number_is_given(
    monkeypatch: pytest.MonkeyPatch, left_out: str, given: str | None, threads: str | None
) -> None:
    monkeypatch.setenv(tuning.SWITCH, left_out)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    tuning.use_one_blas_thread()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == threads


@pytest.mark.parametrize("module", ["relace_mock.cli.serve", "relace_mock.serving.child"])
def test_numpy_is_not_loaded_before_blas_is_told(module: str) -> None:
    code = f"import sys, {module}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
