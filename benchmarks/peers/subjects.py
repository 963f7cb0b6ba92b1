"""The servers that are measured, each with its best settings for one constant answer."""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
PATH = "/v1/code/embed"
_JSON = {"Content-Type": "application/json"}


class Subject(NamedTuple):
    """A server: its name, and how to start it on a port, with a folder for its files.

    It is skipped if a program in ``needs`` is missing. ``path`` is the path that it answers. With
    ``unseen``, every text of every request is new to it.
    """

    name: str
    command: Callable[[Path, int], Sequence[str]]
    needs: tuple[str, ...] = ()
    path: str = PATH
    unseen: bool = False


class Answer(NamedTuple):
    """The answer that every server gives: 32 vectors of 2560 numbers."""

    body: bytes

    @property
    def vectors(self) -> list[list[float]]:
        return [result["embedding"] for result in json.loads(self.body)["results"]]


def subjects(answer: Answer, installed: Path) -> list[Subject]:
    """All servers. ``installed`` is the folder in which npm installed ``package.json``."""
    programs = installed.absolute() / "node_modules" / ".bin"

    # The npm programs start Java and leave it running when they end, so start the jars directly.
    modules = installed.absolute() / "node_modules"
    wiremock_jar, mockserver_jar = (
        str(next(modules.glob(pattern), pattern))
        for pattern in (
            "wiremock/build/wiremock-standalone-*.jar",
            "mockserver-node/mockserver-netty-*-jar-with-dependencies.jar",
        )
    )

    def program(name: str) -> str:
        return str(programs / name)

    def mock(_folder: Path, port: int) -> Sequence[str]:
        return [sys.executable, "-m", "relace_mock", "serve", "--port", str(port)]

    def starlette(folder: Path, port: int) -> Sequence[str]:
        content = folder / "answer.json"
        content.write_bytes(answer.body)
        return [sys.executable, str(HERE / "ten_lines.py"), str(port), str(content)]

    def wiremock(folder: Path, port: int) -> Sequence[str]:
        (folder / "mappings").mkdir()
        (folder / "__files").mkdir()
        (folder / "__files" / "answer.json").write_bytes(answer.body)
        response = {"status": 200, "bodyFileName": "answer.json", "headers": _JSON}
        mapping = {"request": {"method": "POST", "urlPath": PATH}, "response": response}
        (folder / "mappings" / "embed.json").write_text(json.dumps(mapping))
        return [
            *("java", "-jar", wiremock_jar, "--port", str(port), "--bind-address", "127.0.0.1"),
            *("--root-dir", str(folder), "--disable-banner", "--no-request-journal"),
        ]

    def mockserver(folder: Path, port: int) -> Sequence[str]:
        request = {"method": "POST", "path": PATH}
        headers = {name: [value] for name, value in _JSON.items()}
        response = {"statusCode": 200, "headers": headers, "body": answer.body.decode()}
        expectations = folder / "expectations.json"
        expectations.write_text(json.dumps([{"httpRequest": request, "httpResponse": response}]))
        properties = {
            "initializationJsonPath": str(expectations),
            "localBoundIP": "127.0.0.1",
            "disableLogging": "true",
            "maxLogEntries": "1",
        }
        given = [f"-Dmockserver.{name}={value}" for name, value in properties.items()]
        return ["java", *given, "-jar", mockserver_jar, "-serverPort", str(port)]

    def mountebank(folder: Path, port: int) -> Sequence[str]:
        reply = {"statusCode": 200, "headers": _JSON, "body": answer.body.decode()}
        stub = {
            "predicates": [{"equals": {"method": "POST", "path": PATH}}],
            "responses": [{"is": reply}],
        }
        imposter = {"protocol": "http", "host": "127.0.0.1", "port": port, "stubs": [stub]}
        config = folder / "imposters.json"
        config.write_text(json.dumps({"imposters": [imposter]}))
        return [
            *(program("mb"), "start", "--configfile", str(config), "--host", "127.0.0.1"),
            *("--port", str(port + 1), "--nologfile", "--loglevel", "warn"),
            *("--pidfile", str(folder / "mb.pid")),
        ]

    def mockoon(folder: Path, port: int) -> Sequence[str]:
        content = folder / "answer.json"
        content.write_bytes(answer.body)
        data = folder / "environment.json"
        data.write_text(json.dumps(_mockoon_environment(port, content)))
        return [
            *(program("mockoon-cli"), "start", "--data", str(data), "--port", str(port)),
            *("--hostname", "127.0.0.1", "--repair", "--disable-log-to-file"),
            *("--disable-admin-api", "--max-transaction-logs", "1"),
        ]

    def prism(folder: Path, port: int) -> Sequence[str]:
        media = {"schema": {"type": "object"}, "example": json.loads(answer.body)}
        operation = {
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": {"200": {"description": "", "content": {"application/json": media}}},
        }
        document = {
            "openapi": "3.1.0",
            "info": {"title": "embed", "version": "1"},
            "paths": {PATH: {"post": operation}},
        }
        path = folder / "openapi.json"
        path.write_text(json.dumps(document))
        options = ("-h", "127.0.0.1", "-p", str(port), "--verboseLevel", "error")
        return [program("prism"), "mock", *options, str(path)]

    def aimock(folder: Path, port: int) -> Sequence[str]:
        response = {"embedding": answer.vectors[0]}
        fixture = {"match": {"endpoint": "embedding"}, "response": response}
        (folder / "fixtures.json").write_text(json.dumps({"fixtures": [fixture]}))
        config = folder / "aimock.json"
        given = {"fixtures": str(folder / "fixtures.json"), "logLevel": "silent"}
        config.write_text(json.dumps({"llm": given}))
        options = ("--config", str(config), "--port", str(port), "--host", "127.0.0.1")
        return [program("aimock"), *options]

    return [
        Subject("relace-mock", mock),
        Subject("relace-mock, again", mock),
        Subject("relace-mock, texts never seen", mock, unseen=True),
        Subject("ten lines of Starlette", starlette),
        Subject("WireMock", wiremock, ("java", wiremock_jar)),
        Subject("MockServer", mockserver, ("java", mockserver_jar)),
        Subject("mountebank", mountebank, (program("mb"),)),
        Subject("Mockoon", mockoon, (program("mockoon-cli"),)),
        Subject("Prism", prism, (program("prism"),)),
        Subject("aimock", aimock, (program("aimock"),), "/v1/embeddings"),
    ]


def _mockoon_environment(port: int, content: Path) -> dict[str, Any]:
    """The file of Mockoon that answers with the content of a file."""
    route = str(uuid.uuid4())
    response = {
        "uuid": str(uuid.uuid4()),
        "statusCode": 200,
        "bodyType": "FILE",
        "default": True,
        "filePath": str(content),
        "sendFileAsBody": True,
        "disableTemplating": True,
        "headers": [{"key": name, "value": value} for name, value in _JSON.items()],
        "body": "",
        "latency": 0,
        "rules": [],
        "rulesOperator": "OR",
        "label": "",
        "databucketID": "",
        "fallbackTo404": False,
        "crudKey": "id",
        "callbacks": [],
    }
    return {
        "uuid": str(uuid.uuid4()),
        "lastMigration": 33,
        "name": "embed",
        "port": port,
        "hostname": "127.0.0.1",
        "endpointPrefix": "",
        "latency": 0,
        "folders": [],
        "rootChildren": [{"type": "route", "uuid": route}],
        "routes": [
            {
                "uuid": route,
                "type": "http",
                "method": "post",
                "documentation": "",
                "endpoint": PATH.strip("/"),
                "responses": [response],
                "responseMode": None,
                "streamingMode": None,
                "streamingInterval": 0,
            }
        ],
    }


def missing(subject: Subject) -> list[str]:
    """The programs that a server needs and that are not installed."""
    return [
        Path(name).name
        for name in subject.needs
        if not shutil.which(name) and not Path(name).is_file()
    ]


def environment() -> dict[str, str]:
    """The environment of every server; it turns off telemetry."""
    return os.environ | {"DO_NOT_TRACK": "1", "SCARF_ANALYTICS": "false", "NO_COLOR": "1"}
