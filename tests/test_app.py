"""The pages beside the endpoint: health and the OpenAPI documents."""

from __future__ import annotations

from typing import get_args

import httpx
import pytest
import schemathesis
import yaml
from openapi_spec_validator import validate as validate_openapi

import relace_mock
from relace_mock import contract
from relace_mock.settings import Contract
from tests.conftest import KEY


def test_health_shows_the_size_of_cache_journal_and_namespaces() -> None:
    body = {"model": "m", "input": ["a", "b", "a"]}
    with (
        relace_mock.running(dimensions=64, seed=5) as server,
        httpx.Client(headers={"Authorization": "Bearer k"}) as client,
    ):
        client.post(f"{server.base_url}/code/embed", json=body)
        client.post(f"{server.base_url}/code/embed", json=body)
        health = client.get(f"{server.url}/_mock/health").json()
    cache = health.pop("cache")
    assert health == {
        "status": "ok",
        "version": relace_mock.__version__,
        "embedding": "semantic",
        "dimensions": 64,
        "seed": 5,
        "journal": {"entries": 2, "dropped": 0},
        "namespaces": {"kept": 1, "evicted": 0},
    }
    assert (cache["rows"], cache["hits"], cache["misses"]) == (2, 3, 3)


def test_the_contract_is_served_as_openapi_json_and_openapi_yaml(client: httpx.Client) -> None:
    as_json, as_yaml = client.get("/openapi.json"), client.get("/openapi.yaml")
    assert as_json.headers["content-type"] == "application/json"
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.text)
    assert client.head("/openapi.json").content == b""


def test_the_pages_keep_the_connection_open(client: httpx.Client) -> None:
    streams = [
        client.get(path).extensions["network_stream"]
        for path in ("/openapi.json", "/openapi.yaml", "/_mock/health", "/nowhere")
    ]
    assert len(set(map(id, streams))) == 1
    assert "connection" not in client.get("/openapi.json").headers


def test_another_method_on_a_page_gets_405_with_allow(client: httpx.Client) -> None:
    response = client.post("/openapi.json")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json() == {"error": "POST is not allowed here: use GET, HEAD"}


@pytest.mark.parametrize("path", ["/openapi.json", "/openapi.yaml", "/_mock/openapi.json"])
def test_the_document_lists_the_asked_server_as_its_only_server(
    client: httpx.Client, path: str
) -> None:
    document = yaml.safe_load(client.get(path).text)
    base = str(client.base_url).rstrip("/")
    assert [server["url"] for server in document["servers"]] == [base]
    validate_openapi(document)


def test_the_live_hosts_are_not_listed_as_servers(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    live = [server["url"] for server in document["x-live-servers"]]
    assert "https://embeddings.endpoint.relace.run" in live
    assert "relace.run" not in str(document["servers"])


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost:9000", "http://localhost:9000"),  # a mapped port of a container
        ("mock.example", "http://mock.example"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
@pytest.mark.parametrize("path", ["/openapi.json", "/openapi.yaml", "/_mock/openapi.json"])
def test_the_document_names_the_server_by_the_host_header(
    client: httpx.Client, path: str, host: str, url: str
) -> None:
    document = yaml.safe_load(client.get(path, headers={"Host": host}).text)
    assert [each["url"] for each in document["servers"]] == [url]


@pytest.mark.parametrize("host", ["", "a b", 'x"y', "user@host", "host/path", "host:port"])
def test_an_invalid_host_header_is_replaced_by_the_server_address(
    client: httpx.Client, host: str
) -> None:
    response = client.get("/openapi.json", headers={"Host": host})
    base = str(client.base_url).rstrip("/")
    assert [each["url"] for each in response.json()["servers"]] == [base]


@pytest.mark.parametrize("mode", get_args(Contract))
def test_each_served_file_holds_the_server_address_once(mode: Contract) -> None:
    """The served document differs from the file only in this place."""
    assert contract.served_yaml(mode).count(b"http://127.0.0.1:8080") == 1
    assert contract.served_json(mode).count(b"http://127.0.0.1:8080") == 1


@pytest.mark.parametrize("path", ["/openapi.json", "/openapi.yaml"])
def test_the_documents_are_served_in_process(path: str) -> None:
    transport = relace_mock.transport()
    with httpx.Client(transport=transport, base_url="https://api.relace.run") as client:
        document = yaml.safe_load(client.get(path).text)
        assert client.post(path).status_code == 405
    assert document["servers"][0]["url"] == "https://api.relace.run"
    assert transport.control("k").requests == []


def test_schemathesis_finds_the_server_in_the_document(client: httpx.Client) -> None:
    schema = schemathesis.openapi.from_url(f"{str(client.base_url).rstrip('/')}/openapi.json")
    assert schema.get_base_url().rstrip("/") == str(client.base_url).rstrip("/")
    case = schema["/v1/code/embed"]["POST"].Case(body={"model": "m", "input": ["a"]})
    assert case.call(headers=KEY).status_code == 200
