"""Gateway and admin API over TLS, with a certificate of the test's own; and what is refused without one."""

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection, HTTPSConnection, RemoteDisconnected
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from config.errors import ConfigError
from config.settings import GatewaySettings, Settings
from ops.pipeline import refuse_what_is_missing
from ops.run_file import page_address
from tests.consumers.gateway.asking import gateway_port
from tests.consumers.gateway.sockets import run, talk
from tests.pipeline import Pipeline, pipeline

PATIENCE_S = 30.0


def certificate(folder: Path, password: bytes = b"") -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "matchline test")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    secrecy = BestAvailableEncryption(password) if password else NoEncryption()
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy))
    return paths


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[Pipeline]:
    config = f'[gateway]\ntls_certificate = "{files[0]}"\ntls_key = "{files[1]}"\n'
    with pipeline(tmp_path_factory.mktemp("tls"), config=config, web=True) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def trusting(files: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files[0]))


def asked(port: int, path: str, tls: ssl.SSLContext) -> tuple[int, str]:
    connection = HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=tls)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Content-Security-Policy", "")
    finally:
        connection.close()


def test_both_are_served_over_tls_and_over_nothing_else(running: Pipeline, trusting: ssl.SSLContext) -> None:
    assert page_address(running.run_file()) == f"https://127.0.0.1:{gateway_port(running)}/"
    for port, path in ((gateway_port(running), "/api/v3/time"), (running.base + 11, "/openapi.json")):
        silent = socket.create_connection(("127.0.0.1", port))  # it never begins its handshake
        silent.settimeout(PATIENCE_S)
        assert asked(port, path, trusting)[0] == 200
        assert f"https://127.0.0.1:{running.base + 11}" in asked(port, "/", trusting)[1]
        with pytest.raises(ssl.SSLCertVerificationError):
            asked(port, path, ssl.create_default_context())
        plain = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        plain.request("GET", path)
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            plain.getresponse()
        plain.close()
        with silent:
            assert silent.recv(1) == b"", "its time is over"


def test_websockets_are_wss(running: Pipeline, trusting: ssl.SSLContext) -> None:
    async def main() -> None:
        port = gateway_port(running)
        async with talk(port, "/ws-api/v3", ssl=trusting) as one:
            assert (await one.ask("ping"))["status"] == 200
        async with talk(port, "/ws", ssl=trusting) as one:
            assert await one.ask("SUBSCRIBE", ["btcusdt@trade"]) == {"result": None, "id": 1}

    run(main())


def test_what_can_not_be_served_is_refused_by_name(files: tuple[Path, Path], tmp_path: Path) -> None:
    with_password = certificate(tmp_path, b"secret")
    elsewhere = GatewaySettings(host="0.0.0.0", tls_certificate=str(files[0]), tls_key=str(files[1]))
    refuse_what_is_missing(Settings(gateway=elsewhere))
    for gateway, field in (
        (GatewaySettings(host="0.0.0.0"), "gateway.tls_certificate"),
        (replace(elsewhere, demo=True), "gateway.demo"),
        (replace(elsewhere, tls_key=str(tmp_path / "none.pem")), "gateway.tls_key"),
        (replace(elsewhere, tls_key=str(files[0])), "gateway.tls_certificate"),
        (replace(elsewhere, tls_key=str(with_password[1])), "gateway.tls_certificate"),
        (replace(elsewhere, tls_certificate=str(with_password[0])), "gateway.tls_certificate"),
    ):
        with pytest.raises(ConfigError) as caught:
            refuse_what_is_missing(Settings(gateway=gateway))
        assert caught.value.field == field
