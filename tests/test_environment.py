"""Environment variables: misspelt ones get a warning, those of Kubernetes are ignored."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from relace_mock.cli.environment import is_of_a_service, warnings
from tests.conftest import Serve
from tests.test_cli import run

pytestmark = pytest.mark.usefixtures("measured")

KUBERNETES = {
    "RELACE_MOCK_PORT": "tcp://10.96.0.7:8080",
    "RELACE_MOCK_SERVICE_HOST": "10.96.0.7",
    "RELACE_MOCK_SERVICE_PORT": "8080",
    "RELACE_MOCK_SERVICE_PORT_HTTP": "8080",
    "RELACE_MOCK_PORT_8080_TCP": "tcp://10.96.0.7:8080",
    "RELACE_MOCK_PORT_8080_TCP_ADDR": "10.96.0.7",
    "RELACE_MOCK_PORT_8080_TCP_PORT": "8080",
    "RELACE_MOCK_PORT_8080_TCP_PROTO": "tcp",
    "RELACE_MOCK_PORT_53_UDP_ADDR": "10.96.0.7",
    "RELACE_MOCK_STAGING_PORT": "udp://10.96.0.8:53",
    "RELACE_MOCK_STAGING_SERVICE_HOST": "10.96.0.8",
}


def test_kubernetes_variables_for_a_service_of_this_name_are_ignored(
    serve: Serve,
) -> None:
    with serve(**KUBERNETES, RELACE_MOCK_URL="http://10.96.0.7:8080") as process:
        assert httpx.get(f"{process.base_url.removesuffix('/v1')}/_mock/health").is_success
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert errors == ""


@pytest.mark.parametrize(("name", "value"), KUBERNETES.items())
def test_each_kubernetes_service_variable_is_recognised(name: str, value: str) -> None:
    assert is_of_a_service(name, value)


@pytest.mark.parametrize("name", ["RELACE_MOCK_PORT", "RELACE_MOCK_HOST", "RELACE_MOCK_PORTS"])
def test_a_variable_set_by_a_user_is_not_taken_for_a_service_variable(name: str) -> None:
    assert not is_of_a_service(name, "8080")


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("RELACE_MOCK_PROT", "RELACE_MOCK_PORT"),
        ("RELACE_MOCK_APIKEY", "RELACE_MOCK_API_KEY"),
        ("RELACE_MOCK_API_KEYS", "RELACE_MOCK_API_KEY"),
        ("RELACE_MOCK_SCENARIOES", "RELACE_MOCK_SCENARIOS"),
        ("RELACE_MOCK_OUTPUT_TYPE", "RELACE_MOCK_OUTPUT_DTYPE"),
        ("RELACE_MOCK_DIM", "RELACE_MOCK_DIMENSIONS"),
        ("RELACE_MOCK_TOKEN", "RELACE_MOCK_CONTROL_TOKEN"),
        ("RELACE_MOCK_VERIFY_SEED", "RELACE_VERIFY_SEED"),
        ("RELACE_MOCK_VERIFY_SEDE", "RELACE_VERIFY_SEED"),
    ],
)
@pytest.mark.parametrize("command", [["scenario", "list"], ["embed", "a", "--dimensions", "8"]])
def test_a_misspelt_variable_gets_a_one_line_warning_with_the_nearest_name_and_no_value(
    monkeypatch: pytest.MonkeyPatch, command: list[str], misspelt: str, meant: str
) -> None:
    monkeypatch.setenv(misspelt, "rlc-secret")
    done = run(*command)
    assert done.returncode == 0
    assert done.stderr.decode() == (
        f"relace-mock: ignored the environment variable {misspelt}, which belongs to no option: "
        f"did you mean {meant}?\n"
    )


@pytest.mark.parametrize("name", ["RELACE_MOCK_SERVICE_HOTS", "RELACE_MOCK_", "RELACE_MOCK_X"])
def test_a_variable_that_is_not_like_any_other_gets_no_suggestion(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "rlc-secret")
    said = run("scenario", "list").stderr.decode()
    assert said == (
        f"relace-mock: ignored the environment variable {name}, which belongs to no option\n"
    )


def test_serve_warns_once_about_every_misspelt_variable(serve: Serve) -> None:
    with serve(RELACE_MOCK_PROT="1", RELACE_MOCK_SEDE="1", RELACE_MOCK_MODEL="m") as process:
        process.popen.terminate()
        _, errors = process.popen.communicate()
    assert [line.split("variable ")[1].split(",")[0] for line in errors.splitlines()] == [
        "RELACE_MOCK_PROT",
        "RELACE_MOCK_SEDE",
    ]


def test_a_command_without_variables_gives_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELACE_MOCK_PROT", "1")
    assert run("scenario", "check", "scenarios").stderr == b""
    assert run("serve", "--help").stderr == b""


def test_misspelt_variables_of_the_kit_get_the_same_warning() -> None:
    environment = {"RELACE_VERIFY_ONYL": "x", "RELACE_VERIFY_ONLY": "y", "RELACE_MOCK_PROT": "z"}
    (line,) = warnings(environment, "RELACE_VERIFY_", {"RELACE_VERIFY_ONLY", "RELACE_VERIFY_SEED"})
    assert line.endswith(
        "RELACE_VERIFY_ONYL, which belongs to no option: did you mean RELACE_VERIFY_ONLY?"
    )


def test_the_files_of_embed_may_come_from_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text(file.name)
    options = [word for file in files for word in ("--file", str(file))]
    expected = run("embed", "--dimensions", "8", *options).stdout
    monkeypatch.setenv("RELACE_MOCK_FILE", os.pathsep.join(map(str, files)))
    assert run("embed", "--dimensions", "8").stdout == expected
