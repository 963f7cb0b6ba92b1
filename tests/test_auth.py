"""Authorization: which keys are accepted, with both HTTP parsers."""

from __future__ import annotations

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.settings import Http
from tests.steering import ask, entries

BODY = {"model": "relace-embed-v1", "input": ["a"]}


def post(server: RunningServer, *authorization: str) -> httpx.Response:
    fields = [("Authorization", value) for value in authorization]
    return httpx.post(f"{server.base_url}/code/embed", json=BODY, headers=fields)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_case_insensitive(server: RunningServer, scheme: str) -> None:
    assert post(server, f"{scheme} rlc-test").status_code == 200


@pytest.mark.parametrize("gap", ["  ", "\t", " \t "])
def test_any_blanks_may_separate_the_scheme_and_the_key(server: RunningServer, gap: str) -> None:
    assert post(server, f"Bearer{gap}rlc-test").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ([], "send the header `Authorization: Bearer <key>`"),
        ([""], "the Authorization header is empty: send `Authorization: Bearer <key>`"),
        (["Bearer"], "no key after `Bearer`: send `Authorization: Bearer <key>`"),
        (
            ["Bearer rlc-test x"],
            "more than one word after `Bearer`: send `Authorization: Bearer <key>`",
        ),
        (["rlc-test"], "the scheme must be Bearer: `Authorization: Bearer <key>`"),
        (["Basic cmxjOnRlc3Q="], "the scheme must be Bearer: `Authorization: Bearer <key>`"),
        (
            ["Bearer rlc-test", "Bearer rlc-test"],
            "there is more than one Authorization header: send one",
        ),
    ],
)
def test_each_unusable_authorization_gets_401_with_the_reason(
    server: RunningServer, authorization: list[str], detail: str
) -> None:
    response = post(server, *authorization)
    assert response.status_code == 401
    assert response.json() == {"error": f"Authorized header required: {detail}"}
    assert response.headers["www-authenticate"] == "Bearer"


def test_every_key_in_the_list_is_accepted(server: RunningServer) -> None:
    assert post(server, "Bearer rlc-other").status_code == 200


def test_a_key_outside_the_list_gets_404_with_the_documented_message(
    server: RunningServer,
) -> None:
    response = post(server, "Bearer rlc-unknown")
    assert (response.status_code, response.json()) == (404, {"error": "API key not found"})


def test_the_status_of_an_unknown_key_is_a_setting() -> None:
    with relace_mock.running(api_keys=("rlc-known",), unknown_key_status=401) as server:
        response = post(server, "Bearer rlc-unknown")
    assert (response.status_code, response.json()) == (401, {"error": "API key not known"})
    assert response.headers["www-authenticate"] == "Bearer"


def test_every_key_is_accepted_when_there_is_no_list() -> None:
    with relace_mock.running() as server:
        assert post(server, "Bearer anything-at-all").status_code == 200


def test_refusals_never_repeat_the_key(server: RunningServer) -> None:
    for authorization in ("secret-key", "Bearer secret key", "Bearer secret-key", "secret x"):
        assert "secret" not in post(server, authorization).text


def test_a_bad_key_is_reported_before_a_bad_body(server: RunningServer) -> None:
    response = httpx.post(f"{server.base_url}/code/embed", content=b"{")
    assert response.status_code == 401


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_no_break_space_is_a_character_of_a_key(http: Http) -> None:
    """The byte 0xA0, a no-break space in Latin-1, ends the letter à in UTF-8."""
    with relace_mock.running(dimensions=8, http=http) as server:
        ask(server, headers={"Authorization": b"Bearer rlc-\xc3\xa0-x"})
        (entry,) = entries(server, 1)
    assert entry["namespace"] != "anonymous"
