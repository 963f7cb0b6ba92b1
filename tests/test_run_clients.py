"""Real clients, unchanged, reach the mock under ``relace-mock run``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import JAVASCRIPT, QUICKLY
from tests.runs import Ended, python, run

HOST = "embeddings.endpoint.relace.run"
START = f"""
import json, os
url = "https://{HOST}/v1/code/embed"
body = {{"model": "relace-embed-v1", "input": ["a"], "output_dtype": "binary"}}
fields = {{"Authorization": "Bearer " + os.environ["RELACE_API_KEY"], "Content-Type": "application/json"}}
"""
PYTHON = {
    "requests": "import requests; print(requests.post(url, json=body, headers=fields).status_code)",
    "requests without the environment": """
import requests
session = requests.Session()
session.trust_env = False
print(session.post(url, json=body, headers=fields).status_code)
""",
    "httpx": "import httpx; print(httpx.post(url, json=body, headers=fields).status_code)",
    "httpx without the environment": """
import httpx
print(httpx.post(url, json=body, headers=fields, trust_env=False).status_code)
""",
    "httpx with a context of its own": """
import certifi, httpx, ssl
context = ssl.create_default_context(cafile=certifi.where())
print(httpx.post(url, json=body, headers=fields, verify=context, trust_env=False).status_code)
""",
    "httpx with asyncio and without the environment": """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient(trust_env=False) as client:
        print((await client.post(url, json=body, headers=fields)).status_code)
asyncio.run(main())
""",
    "httpx2": "import httpx2; print(httpx2.post(url, json=body, headers=fields).status_code)",
    "httpx2 without the environment": """
import httpx2
print(httpx2.post(url, json=body, headers=fields, trust_env=False).status_code)
""",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body, headers=fields) as response:
            print(response.status)
asyncio.run(main())
""",
    "aiohttp with threads that look names up": """
import aiohttp, asyncio
async def main():
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.post(url, json=body, headers=fields) as response:
            print(response.status)
asyncio.run(main())
""",
    "requests with gevent": """
from gevent import monkey
monkey.patch_all()
import requests
print(requests.post(url, json=body, headers=fields).status_code)
""",
    "aiohttp with uvloop": """
import aiohttp, uvloop
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body, headers=fields) as response:
            print(response.status)
uvloop.run(main())
""",
    "httpx with uvloop and without the environment": """
import httpx, uvloop
async def main():
    async with httpx.AsyncClient(trust_env=False) as client:
        print((await client.post(url, json=body, headers=fields)).status_code)
uvloop.run(main())
""",
    "urllib": """
import urllib.request
request = urllib.request.Request(url, json.dumps(body).encode(), fields)
print(urllib.request.urlopen(request).status)
""",
    "http.client": f"""
import http.client
connection = http.client.HTTPSConnection("{HOST}")
connection.request("POST", "/v1/code/embed", json.dumps(body), fields)
print(connection.getresponse().status)
""",
    "a socket": f"""
import socket, ssl
connection = socket.socket()
connection.connect(("{HOST}", 443))
with ssl.create_default_context().wrap_socket(connection, server_hostname="{HOST}") as secure:
    content = json.dumps(body).encode()
    lines = ["POST /v1/code/embed HTTP/1.1", "Host: {HOST}", f"Content-Length: {{len(content)}}"]
    lines += [f"{{name}}: {{value}}" for name, value in fields.items()]
    secure.sendall("\\r\\n".join(lines).encode() + b"\\r\\n\\r\\n" + content)
    print(secure.recv(65536).split()[1].decode())
""",
    "a child of a child": """
import subprocess, sys
grandchild = "import httpx, sys; b = eval(sys.argv[1]); print(httpx.post(b[0], json=b[1], headers=b[2], trust_env=False).status_code)"
child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}, sys.argv[1]], check=True)"
subprocess.run([sys.executable, "-c", child, repr((url, body, fields))], check=True)
""",
    "requests in processes of a pool": """
import multiprocessing, requests
def ask(method):
    return requests.post(url, json=body, headers=fields).status_code
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(*pool.map(ask, [0]))
""",
}


# Runs each program in its own process, and prints a line of JSON for each.
DRIVER = """
import json, subprocess, sys
for name, code in json.load(sys.stdin).items():
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    print(json.dumps([name, done.stdout + done.stderr[-2000:]]), flush=True)
"""


def once(ended: Ended, host: str = HOST) -> None:
    """Assert that the command made one request to a host, got a 200, and the verdict is ok."""
    assert (ended.code, ended.output) == (0, "200\n"), ended.errors
    assert ended.statuses == {"200": 1}
    assert ended.hosts["relace"] == {host: 1}
    assert ended.hosts["passed_on"] == ended.hosts["distrusted"] == {}
    assert ended.report["verdict"]["ok"]


@pytest.fixture(scope="module")
def python_clients(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The result of one run of all Python clients, one after the other."""
    programs = {name: START + code for name, code in PYTHON.items()}
    folder = tmp_path_factory.mktemp("clients")
    return run(folder, *python(DRIVER), said=json.dumps(programs))


@pytest.mark.parametrize("client", PYTHON)
def test_a_python_client_reaches_the_mock(client: str, python_clients: Ended) -> None:
    said = dict(json.loads(line) for line in python_clients.output.splitlines())
    assert said[client] == "200\n"


def test_every_request_of_the_python_clients_is_in_the_report(python_clients: Ended) -> None:
    assert python_clients.code == 0
    assert python_clients.statuses == {"200": len(PYTHON)}
    hosts = {"relace": {HOST: len(PYTHON)}}
    assert {name: found for name, found in python_clients.hosts.items() if found} == hosts


def test_hosts_match_by_pattern_with_a_proxy_and_with_a_hook(tmp_path: Path) -> None:
    """Also in capital letters, with a dot at the end (a fully qualified name), and without TLS."""
    ask = (
        "import httpx; print(httpx.post(url, json=body, headers=fields, trust_env={}).status_code)"
    )
    hosts = ["api.relace.run", "API.Relace.RUN", "api.relace.run.", "new.endpoint.relace.run"]
    programs = {
        f"{url} {env}": START.replace(f"https://{HOST}", url) + ask.format(env)
        for url in ["http://api.relace.run", *(f"https://{host}" for host in hosts)]
        for env in (True, False)
    }
    ended = run(tmp_path, *python(DRIVER), said=json.dumps(programs))
    said = dict(json.loads(line) for line in ended.output.splitlines())
    assert said == dict.fromkeys(programs, "200\n")
    assert ended.hosts["relace"] == {"api.relace.run": 8, "new.endpoint.relace.run": 2}


def test_curl_reaches_the_mock(tmp_path: Path) -> None:
    script = (
        f"""curl -sS -o answer.json -w '%{{http_code}}\\n' https://{HOST}/v1/code/embed """
        """-H "Authorization: Bearer $RELACE_API_KEY" -H 'Content-Type: application/json' """
        """-d '{"model": "relace-embed-v1", "input": ["a"]}'"""
    )
    once(run(tmp_path, "--", "sh", "-c", script))


NODE = {
    "fetch": """
const response = await fetch(url, { method: 'POST', headers, body });
await response.json(); // else Node waits for it until the server closes the connection
console.log(response.status);
""",
    "https": """
import https from 'node:https';
const request = https.request(url, { method: 'POST', headers }, (response) => {
  console.log(response.statusCode);
  response.resume();
});
request.end(body);
""",
    "tls": """
import { connect } from 'node:tls';
const { host } = new URL(url);
const socket = connect(443, host, () => {
  const lines = ['POST /v1/code/embed HTTP/1.1', `Host: ${host}`, `Content-Length: ${body.length}`];
  for (const name in headers) lines.push(`${name}: ${headers[name]}`);
  socket.write(lines.join('\\r\\n') + '\\r\\n\\r\\n' + body);
});
socket.once('data', (data) => {
  console.log(String(data).split(' ')[1]);
  socket.end();
});
""",
    "a worker thread": """
import { Worker, isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
if (isMainThread) new Worker(fileURLToPath(import.meta.url));
else {
  const response = await fetch(url, { method: 'POST', headers, body });
  await response.json();
  console.log(response.status);
}
""",
}


@pytest.mark.parametrize("client", NODE)
def test_a_node_client_reaches_the_mock(client: str, node: str, tmp_path: Path) -> None:
    start = f"""
const url = 'https://{HOST}/v1/code/embed';
const headers = {{ Authorization: `Bearer ${{process.env.RELACE_API_KEY}}`, 'Content-Type': 'application/json' }};
const body = JSON.stringify({{ model: 'relace-embed-v1', input: ['a'] }});
"""
    (tmp_path / "client.mjs").write_text(start + NODE[client])
    once(run(tmp_path, "--", node, "client.mjs", variables=with_blank(tmp_path)))


def test_the_official_python_sdk_reaches_the_mock_at_its_default_url(tmp_path: Path) -> None:
    code = (
        "from relace import Relace; body = {'model': 'relace-embed-v1', 'input': ['a']}; "
        "answer = Relace().post('/code/embed', body=body, cast_to=object); "
        "print(200 if answer['results'] else answer)"
    )
    once(run(tmp_path, *python(code)), "api.relace.run")


def test_the_official_typescript_sdk_reaches_the_mock_at_its_default_url(
    node: str, tmp_path: Path
) -> None:
    ended = run(tmp_path, "--", node, str(JAVASCRIPT / "sdk.mjs"))
    assert ended.code == 0, ended.errors
    assert '"total_tokens":8' in ended.output
    assert (ended.statuses, ended.hosts["relace"]) == ({"200": 1}, {"api.relace.run": 1})


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("https://%s/v1/code/embed"))
            .header("Authorization", "Bearer " + System.getenv("RELACE_API_KEY"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\\"model\\": \\"m\\", \\"input\\": [\\"a\\"]}"))
            .build();
        var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.statusCode());
    }
}
"""


@pytest.fixture
def java() -> str:
    """Path of Java; skip the test if it is missing."""
    path = shutil.which("java")
    if path is None or shutil.which("javac") is None:
        if os.environ.get("CI"):
            pytest.fail("needs a JDK")
        pytest.skip("needs a JDK")
    return path


def test_the_http_client_of_java_reaches_the_mock(java: str, tmp_path: Path) -> None:
    (tmp_path / "Client.java").write_text(JAVA % HOST)
    ended = run(tmp_path, "--", java, "Client.java", variables=with_blank(tmp_path))
    once(ended)


def with_blank(folder: Path) -> dict[str, str]:
    """A temporary folder with a blank in its name: options with its path must still work."""
    place = folder / "a folder"
    place.mkdir()
    return {"TMPDIR": str(place)}


def test_pytest_with_two_workers_reaches_the_mock(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n{START}\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_it(number):\n"
        "    import aiohttp, asyncio, requests\n"
        "    assert requests.post(url, json=body | {'input': [str(number)]}, headers=fields).status_code == 200\n"
    )
    ended = run(tmp_path, "--", sys.executable, "-m", "pytest", *QUICKLY, "-n", "2", "test_it.py")
    assert ended.code == 0, ended.output + ended.errors
    assert ended.statuses == {"200": 4}
