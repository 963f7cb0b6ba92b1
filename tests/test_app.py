"""The pages beside the endpoint."""

from __future__ import annotations

import httpx
import yaml

import relace_mock


def test_health_tells_how_the_stores_are_filled() -> None:
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


def test_the_contract_is_served_where_tools_look_for_it(client: httpx.Client) -> None:
    as_json, as_yaml = client.get("/openapi.json"), client.get("/openapi.yaml")
    assert as_json.headers["content-type"] == "application/json"
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.text)
    assert client.head("/openapi.json").content == b""


def test_a_page_keeps_the_connection(client: httpx.Client) -> None:
    streams = [
        client.get(path).extensions["network_stream"]
        for path in ("/openapi.json", "/openapi.yaml", "/_mock/health", "/nowhere")
    ]
    assert len(set(map(id, streams))) == 1
    assert "connection" not in client.get("/openapi.json").headers


def test_other_methods_on_a_page_are_a_405_with_allow(client: httpx.Client) -> None:
    response = client.post("/openapi.json")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json() == {"error": "POST is not allowed here: use GET, HEAD"}
