"""A server with a private certificate is verified like any other, once its issuer is named."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relace_contract.server import tls
from tests.conftest import Serve
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
    assert line.endswith("; for a private certificate, give that of its issuer with --cacert FILE")


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
    assert f"no certificate of --cacert {other} has signed the server's" in done.stderr


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
