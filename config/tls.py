"""TLS of the gateway and the admin API: a certificate and its key, from the files that are configured."""

import ssl

from config.errors import ConfigError
from config.settings import GatewaySettings


def server_tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    """What to serve with, from TLS 1.2 on; None where none is configured. Raises ConfigError."""
    if not settings.tls_certificate:
        return None
    for key in ("tls_certificate", "tls_key"):
        try:
            with open(getattr(settings, key), "rb"):
                pass
        except OSError as error:
            raise ConfigError(f"gateway.{key}", f"{getattr(settings, key)} can't be read: {error.strerror}") from error
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            "gateway.tls_certificate", f"expected PEM files of a certificate and its key, without a password ({error})"
        ) from error
    return made


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # asked for, OpenSSL would wait for somebody at a terminal


def scheme(settings: GatewaySettings) -> str:
    """Of addresses."""
    return "https" if settings.tls_certificate else "http"
