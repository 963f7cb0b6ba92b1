"""The kit trusts a private certificate once the user names its issuer, and so do clients."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relace_contract.client import trust
from relace_contract.judgement import CannotRun
from relace_contract.server import tls
from tests.conftest import Serve
from tests.kit import test_client_command
from tests.kit.clients import EXAMPLES
from tests.kit.test_command import ENVIRONMENT, suite, verify


@dataclass(frozen=True)
class Secure:
    """A mock on https, and the certificate of its issuer."""

    url: str
    issuer: str


@pytest.fixture(scope="module")
def secure(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    chain, issuer = folder / "server.pem", folder / "my issuer.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
    authority.cert_pem.write_to_path(str(issuer))
    with serve("--dimensions", "64", "--ssl-certfile", str(chain)) as process:
        yield Secure(process.base_url, str(issuer))


def test_without_the_issuer_one_line_names_the_option(secure: Secure) -> None:
    done = verify(secure.url)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"relace-mock: {secure.url}/code/embed does not answer: ")
    assert line.endswith(
        "; if the server's certificate is private, give its issuer's with --cacert FILE"
    )


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_with_the_issuer_it_is_verified(end: str, secure: Secure) -> None:
    address = secure.url.removesuffix("/v1") + end
    done = verify(address, "--only", "BIJ,KEEP,METH", "--cacert", secure.issuer)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_environment_can_name_the_issuer(secure: Secure) -> None:
    for variable in ("SSL_CERT_FILE", "RELACE_VERIFY_CACERT"):
        done = verify(secure.url, "--only", "BIJ", cwd=None, **{variable: secure.issuer})
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_of_a_finding_name_the_issuer_too(secure: Secure, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("bit_order: little\n", encoding="utf-8")
    done = verify(
        secure.url, "--only", "BIN-signs", "--policy", str(policy), "--cacert", secure.issuer
    )
    assert done.returncode == 1
    words = f"--cacert {shlex.quote(secure.issuer)}"
    again, by_hand = (
        line
        for line in done.stdout.splitlines()
        if line.startswith(("  again:", "  by hand:")) and words in line
    )
    assert f"verify-server {secure.url} {words} --policy" in again
    answer = subprocess.run(
        ["/bin/sh", "-c", by_hand.partition(":")[2]],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    assert '"results"' in answer.stdout


@pytest.mark.parametrize("given", ["option", "variable"])
@pytest.mark.parametrize("content", [None, "no certificate", ""], ids=["missing", "text", "empty"])
def test_a_file_without_certificates_is_one_line(
    given: str, content: str | None, secure: Secure, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    if given == "option":
        done = verify(secure.url, "--cacert", str(file))
    else:
        done = verify(secure.url, SSL_CERT_FILE=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    reason = "No such file" if content is None else "it holds no certificate in PEM form"
    assert str(file) in line and reason in line


def test_an_issuer_of_others_is_one_line_that_names_it(secure: Secure, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA(organization_name="another").cert_pem.write_to_path(str(other))
    done = verify(secure.url, "--cacert", str(other))
    assert done.returncode == 2
    assert f"no certificate in --cacert {other} has signed that of the server" in done.stderr


def test_a_certificate_for_another_host_is_said(serve: Serve, tmp_path: Path) -> None:
    authority = trustme.CA()
    chain, issuer = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("example.org").private_key_and_cert_chain_pem.write_to_path(str(chain))
    authority.cert_pem.write_to_path(str(issuer))
    with serve("--dimensions", "64", "--ssl-certfile", str(chain)) as process:
        done = verify(process.base_url, "--cacert", str(issuer))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("the certificate must be valid for the host in the URL, and not expired")


def test_https_where_http_is_spoken_is_said(serve: Serve) -> None:
    with serve("--dimensions", "64") as process:
        done = verify(process.base_url.replace("http:", "https:"))
    assert done.returncode == 2
    assert done.stderr.endswith("; does the server speak http instead of https?\n")


def test_the_pytest_suite_takes_the_issuer_too(secure: Secure, tmp_path: Path) -> None:
    base = secure.url.removesuffix("/v1")
    done = suite(base, tmp_path, "--relace-cacert", secure.issuer, "-k", "BIJ")
    assert done.returncode == 0, done.stdout
    without = suite(base, tmp_path, "-k", "BIJ")
    assert "with --cacert FILE" in without.stdout


def test_a_server_on_http_loads_no_certificates() -> None:
    assert tls.context("http://127.0.0.1/v1", Path("no such file")).cert_store_stats()["x509"] == 0


#: Clients that send a request to an https service before they embed, and exit if that fails.
CLIENTS = {
    "stdio": """
import urllib.request
from relace_contract.adapters.examples.reference import main
urllib.request.urlopen("{url}/openapi.json").read()
main()
""",
    "python": """
import urllib.request
from relace_contract.adapters.examples.reference import Handler
urllib.request.urlopen("{url}/openapi.json").read()
""",
    "requests": """
import requests
from relace_contract.adapters.examples.reference import main
requests.get("{url}/openapi.json").raise_for_status()
main()
""",
    "curl": """
curl --silent --show-error --fail --output /dev/null "{url}/openapi.json" || exit 1
exec sh "{examples}/curl.sh"
""",
    "node": """
await fetch("{url}/openapi.json");
await import("{examples}/fetch.mjs");
""",
}


@pytest.fixture(params=CLIENTS)
def client(
    request: pytest.FixtureRequest,
    secure: Secure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[str, ...]:
    """The options that name such a client in the current folder."""
    kind: str = request.param
    if kind in {"curl", "node"} and shutil.which(kind) is None:
        if os.environ.get("CI"):
            pytest.fail(f"needs {kind}")
        pytest.skip(f"needs {kind}")
    monkeypatch.chdir(tmp_path)
    for variable in trust.VARIABLES:
        monkeypatch.delitem(ENVIRONMENT, variable, raising=False)
    base = secure.url.removesuffix("/v1")
    suffix = {"curl": "sh", "node": "mjs"}.get(kind, "py")
    file = tmp_path / f"guarded.{suffix}"
    file.write_text(CLIENTS[kind].format(url=base, examples=EXAMPLES), encoding="utf-8")
    program = {"curl": "sh", "node": "node"}.get(kind, shlex.quote(sys.executable))
    way = {"curl": "--command", "python": "--python"}.get(kind, "--stdio")
    return (way, "guarded:Handler" if kind == "python" else f"{program} {file.name}")


def test_a_client_trusts_the_issuer_that_is_named_in_every_language(
    client: tuple[str, ...], secure: Secure
) -> None:
    """The path of the file may be relative, although a client may change its folder."""
    issuer = os.path.relpath(secure.issuer)
    done = test_client_command.verify(*client, "--only", "REQ-02", "--cacert", issuer)
    assert done.returncode == 0, done.stdout + done.stderr
    without = test_client_command.verify(*client, "--only", "REQ-02")
    assert without.returncode != 0
    assert "certificate" in (without.stdout + without.stderr).lower()


def test_a_variable_names_the_issuer_for_a_client_and_a_finding_repeats_it(
    secure: Secure, tmp_path: Path
) -> None:
    client = tmp_path / "client.py"
    client.write_text(
        f"import os\n"
        f"assert {{os.environ[name] for name in {trust.VARIABLES}}} == {{{secure.issuer!r}}}\n"
        f"from relace_contract.adapters.examples.python_sdk import main\n"
        f"main()\n",
        encoding="utf-8",
    )
    done = test_client_command.verify(
        "--stdio",
        shlex.join([sys.executable, str(client)]),
        "--only",
        "RSP-01",
        RELACE_VERIFY_CACERT=secure.issuer,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f" --cacert {shlex.quote(secure.issuer)} --only RSP-01" in done.stdout


@pytest.mark.parametrize("content", [None, "no certificate", ""], ids=["missing", "text", "empty"])
def test_a_file_without_certificates_is_one_line_for_a_client_too(
    content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    done = test_client_command.verify("--python", "json:dumps", "--cacert", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    if content is None:
        assert f"--cacert: cannot read {file}: No such file" in line
    else:
        assert f"--cacert {file}: it holds no certificate in PEM form" in line


def test_the_environment_of_the_caller_is_as_before(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = trust.VARIABLES
    monkeypatch.setenv(first, "before.pem")
    for variable in others:
        monkeypatch.delenv(variable, raising=False)
    before = dict(os.environ)
    with trust.told(Path(secure.issuer)):
        assert {os.environ[name] for name in trust.VARIABLES} == {secure.issuer}
    assert dict(os.environ) == before
    with pytest.raises(CannotRun), trust.told(Path("no such file")):
        pytest.fail("it is not there")
    assert dict(os.environ) == before
