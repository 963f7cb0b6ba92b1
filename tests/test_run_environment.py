"""The environment that ``relace-mock run`` gives to a command, and the files that it names."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from relace_mock.interception import hosts, java, trust
from relace_mock.interception.environment import Files, environment_for
from relace_mock.interception.heads import Target
from relace_mock.interception.onward import onward
from tests.runs import python, run

OURS = trustme.CA(organization_name="ours").cert_pem.bytes()
USERS = trustme.CA(organization_name="of the user").cert_pem.bytes()


def after(folder: Path, before: dict[str, str], *, block: bool = False) -> dict[str, str]:
    """The environment of a command, and the files of its run."""
    files = Files(folder / "run")
    files.folder.mkdir(parents=True)
    files.write(before, OURS)
    return environment_for(before, files, 4711, "http://127.0.0.1:1/v1", block=block)


def subjects(pem: bytes) -> set[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    return {str(each["subject"]) for each in context.get_ca_certs()}


def test_proxy_variables_are_set_in_both_cases(tmp_path: Path) -> None:
    found = after(tmp_path, {"https_proxy": "http://theirs:1"})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert found[name] == found[name.lower()] == "http://127.0.0.1:4711"


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("localhost,.relace.run,internal.example", "localhost,internal.example"),
        ("api.relace.run", ""),
        ("*.endpoint.relace.run other.example", "other.example"),
        ("EMBEDDINGS.endpoint.relace.run:443,10.0.0.0/8", "10.0.0.0/8"),
        ("run,relace.run,.run", ""),
        ("*,other.example", "other.example"),
        ("notrelace.run.example,myapi.relace.runs", "notrelace.run.example,myapi.relace.runs"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_only_what_names_relace_is_taken_out_of_no_proxy(
    name: str, before: str, kept: str, tmp_path: Path
) -> None:
    found = after(tmp_path, {name: before, "HTTP_PROXY": "http://theirs:1"})
    assert found[name] == kept
    assert ({"NO_PROXY", "no_proxy"} - {name}).isdisjoint(found)


def test_without_a_proxy_of_the_user_this_machine_is_reached_directly(tmp_path: Path) -> None:
    found = after(tmp_path, {"NO_PROXY": "internal.example,api.relace.run"})
    assert found["NO_PROXY"] == "internal.example,localhost,127.0.0.1,::1"
    assert found["no_proxy"] == found["NO_PROXY"]
    found = after(tmp_path / "x", {})
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1"


def test_blocked_hosts_cannot_go_past_the_proxy(tmp_path: Path) -> None:
    before = {"NO_PROXY": "internal.example", "HTTPS_PROXY": "http://theirs:1"}
    found = after(tmp_path, before, block=True)
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1"
    assert "internal.example" not in found["JAVA_TOOL_OPTIONS"]


def test_what_was_taken_out_of_no_proxy_is_still_reached_directly() -> None:
    way = onward({"HTTPS_PROXY": "http://theirs:1", "NO_PROXY": ".run,10.0.0.0/8,a.example:8443"})
    for host, port, direct in [
        ("other.run", 443, True),
        ("10.1.2.3", 443, True),
        ("a.example", 8443, True),
        ("a.example", 443, False),
        ("b.example", 443, False),
        ("localhost", 443, True),
    ]:
        target = Target(host, port, secure=True)
        assert (way.proxy_for(target, tunnelled=True) is None) == direct, host


def test_bundles_have_the_systems_certificates_the_users_and_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(USERS)
    found = after(tmp_path, {"REQUESTS_CA_BUNDLE": str(own)})
    bundle = Path(found["SSL_CERT_FILE"]).read_bytes()
    assert found["SSL_CERT_FILE"] == found["REQUESTS_CA_BUNDLE"] == found["CURL_CA_BUNDLE"]
    system = ssl.get_default_verify_paths().openssl_cafile
    known = [Path(system), Path("/etc/ssl/certs/ca-certificates.crt")]
    files = [path for path in known if path.is_file()]
    assert subjects(bundle) >= subjects(OURS) | subjects(USERS)
    assert all(subjects(path.read_bytes()) <= subjects(bundle) for path in files)


def test_a_folder_of_certificates_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/a.pem").write_bytes(USERS)
    (tmp_path / "own/README").write_text("no certificate")
    found = after(tmp_path, {"REQUESTS_CA_BUNDLE": str(tmp_path / "own")})
    assert subjects(Path(found["REQUESTS_CA_BUNDLE"]).read_bytes()) >= subjects(USERS)


def test_node_extra_ca_certs_has_our_certificate_and_those_of_the_user(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(USERS)
    found = after(tmp_path, {"NODE_EXTRA_CA_CERTS": str(own)})
    assert Path(found["NODE_EXTRA_CA_CERTS"]).read_bytes().count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"])
@pytest.mark.parametrize(
    "content", [None, b"\xff\xfe no certificate", b"-----BEGIN CERTIFICATE-----"]
)
def test_a_file_without_certificates_is_passed_over(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    if content is not None:
        own.write_bytes(content)
    assert subjects(Path(after(tmp_path, {name: str(own)})[name]).read_bytes()) >= subjects(OURS)


def test_options_of_java_come_after_the_users(tmp_path: Path) -> None:
    options = java.options(
        "-Xmx1g", tmp_path / "a b/store.jks", 4711, ["internal.example", "10.0.0.0/8"]
    )
    assert options.startswith("-Xmx1g ")
    assert f'"-Djavax.net.ssl.trustStore={tmp_path}/a b/store.jks"' in options
    assert "-Dhttps.proxyHost=127.0.0.1 " in options and "-Dhttps.proxyPort=4711 " in options
    assert options.endswith("|0.0.0.0|*.internal.example|internal.example")


@pytest.fixture
def keytool() -> str:
    """Path of Java's tool for key stores; skip the test if it is missing."""
    path = shutil.which("keytool")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("needs a JDK")
        pytest.skip("needs a JDK")
    return path


def in_store(keytool: str, path: Path) -> set[str]:
    """The fingerprints of the certificates that Java finds in a store."""
    done = subprocess.run(
        [keytool, "-list", "-keystore", str(path), "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line for line in done.stdout.splitlines() if "fingerprint" in line}


def test_java_reads_the_store_with_its_own_certificates_and_ours(
    keytool: str, tmp_path: Path
) -> None:
    environment = dict(os.environ)
    store = tmp_path / "store.jks"
    store.write_bytes(java.store(environment, OURS))
    ours = tmp_path / "ours.jks"
    ours.write_bytes(java.store({"PATH": ""}, OURS))
    found = in_store(keytool, store)
    (of_java,) = java._stores(environment)
    assert found == in_store(keytool, of_java) | in_store(keytool, ours)
    assert len(in_store(keytool, ours)) == 1 < len(found)


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_the_users_own_store_is_read(kind: str, keytool: str, tmp_path: Path) -> None:
    own, pem = tmp_path / "own.store", tmp_path / "own.pem"
    pem.write_bytes(USERS)
    subprocess.run(
        [keytool, "-importcert", "-noprompt", "-file", str(pem), "-alias", "own", "-keystore", str(own),
         "-storetype", kind, "-storepass", "changeit"],
        capture_output=True, check=True,
    )  # fmt: skip
    options = {"JAVA_TOOL_OPTIONS": f"-Xmx1g -Djavax.net.ssl.trustStore={own}", "PATH": ""}
    store = tmp_path / "store.jks"
    store.write_bytes(java.store(options, OURS))
    assert in_store(keytool, store) > in_store(keytool, own)


@pytest.mark.parametrize("content", [b"", b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0", b"no store"])
def test_a_store_that_cannot_be_read_is_passed_over(content: bytes, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_bytes(content)
    options = {"JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={own}", "PATH": ""}
    assert len(trust.in_pem(OURS)) == java.store(options, OURS)[11] == 1


def test_the_hosts_of_relace_match_by_pattern() -> None:
    for host in (
        "api.relace.run",
        "API.RELACE.RUN.",
        "a.endpoint.relace.run",
        "a.b.endpoint.relace.run",
    ):
        assert hosts.is_relace(host), host
    for host in (
        "relace.run", "endpoint.relace.run", ".endpoint.relace.run", "www.relace.run",
        "notapi.relace.run", "api.relace.run.example", "a.notendpoint.relace.run", "",
    ):  # fmt: skip
        assert not hosts.is_relace(host), host


def test_this_machine_is_known_by_its_names() -> None:
    for host in ("localhost", "a.localhost", "127.9.9.9", "::1", "[::1]", socket.gethostname()):
        assert hosts.is_here(host), host
    for host in ("192.0.2.1", "example.com", "localhost.example"):
        assert not hosts.is_here(host), host


def test_the_rest_of_the_environment_stays_as_it_was(tmp_path: Path) -> None:
    code = "import os; print(os.environ['MINE'], os.environ['RELACE_API_KEY'], os.getcwd())"
    ended = run(tmp_path, *python(code), variables={"MINE": "a b"})
    assert ended.output == f"a b rlc-of-the-test {tmp_path}\n"
