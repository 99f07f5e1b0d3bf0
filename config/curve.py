"""CURVE for sockets that bind beyond loopback: the server's keys, and which clients are let in.

    DATA/keys/curve/server.key          public, for clients
    DATA/keys/curve/server.key_secret   made on first use, readable by its owner alone
    DATA/keys/curve/clients/*.key       public keys of clients, a file each, as zmq.auth.create_certificates writes them

From the next `reload` on, a client whose file comes is let in; one whose file goes is refused when it next connects.
"""

import logging
from pathlib import Path
from typing import Any

import zmq
from zmq.auth.certs import load_certificate
from zmq.auth.thread import ThreadAuthenticator

from config.private_files import locked, write_private

log = logging.getLogger(__name__)

LOOPBACK = ("127.", "localhost", "::1", "[::1]")
DOMAIN = "matchline"
CERTIFICATE = 'metadata\ncurve\n    public-key = "{public}"\n'


class CurveError(Exception):
    """A key file can't be read; the message names it."""


def needs_curve(host: str) -> bool:
    """Whether an address to bind to can be reached from elsewhere."""
    return not host.startswith(LOOPBACK)


def keys_folder(data: Path) -> Path:
    """Where the keys of a data directory lie; made where missing."""
    folder = Path(data) / "keys" / "curve"
    (folder / "clients").mkdir(parents=True, exist_ok=True)
    return folder


def server_keys(data: Path) -> tuple[bytes, bytes]:
    """(public, secret) of the server, made on first use by whichever process comes first. Raises CurveError."""
    folder = keys_folder(data)
    secret_file = folder / "server.key_secret"
    with locked(folder / "lock"):
        if not secret_file.exists():
            public, secret = (key.decode() for key in zmq.curve_keypair())
            text = CERTIFICATE.format(public=public)
            (folder / "server.key").write_text(text)
            write_private(secret_file, f'{text}    secret-key = "{secret}"\n'.encode())
    public_key, secret_key = _keys_of(secret_file)
    if secret_key is None:
        raise CurveError(f"{secret_file}: secret-key: expected 40 characters, found none")
    return public_key, secret_key


def _keys_of(file: Path) -> tuple[bytes, bytes | None]:
    try:
        return load_certificate(file)
    except (OSError, ValueError) as error:
        raise CurveError(f"{file}: expected a CURVE certificate: {error}") from error


def secure_client(socket: Any, data: Path, server: Path) -> None:
    """Make a socket a CURVE client, before it connects: with this directory's own keys, of the server of that key.

    server: the other's server.key. The other lets it in where this one's server.key is in its clients' folder.
    Raises CurveError.
    """
    socket.set(zmq.CURVE_SERVERKEY, _keys_of(server)[0])
    public, secret = server_keys(data)
    socket.set(zmq.CURVE_PUBLICKEY, public)
    socket.set(zmq.CURVE_SECRETKEY, secret)


def has_clients(data: Path) -> bool:
    """Whether the key of any client lies in the folder."""
    return any((Path(data) / "keys" / "curve" / "clients").glob("*.key"))


class CurveServer:
    """Admits the listed clients to the sockets of one ZeroMQ context. Made after the fork: it has a thread."""

    def __init__(self, context: Any, data: Path) -> None:
        self._public, self._secret = server_keys(data)
        self._clients = keys_folder(data) / "clients"
        self._seen: list[tuple[str, int]] | None = None
        self._authenticator = ThreadAuthenticator(context, log=log)
        self._admitted: set[bytes] = set()
        self._authenticator.configure_curve_callback(DOMAIN, self)
        self._authenticator.start()
        self.reload()

    def secure(self, socket: Any) -> None:
        """Make a socket a CURVE server; before it binds."""
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.CURVE_SECRETKEY, self._secret)
        socket.set(zmq.ZAP_DOMAIN, DOMAIN.encode())

    def reload(self) -> None:
        """Look at the clients' folder again; a file that is no certificate is named in the log and lets nobody in."""
        files = sorted(self._clients.glob("*.key"))
        seen = [(file.name, file.stat().st_mtime_ns) for file in files]
        if seen == self._seen:
            return
        self._seen = seen
        admitted = {self._public}  # verbs of this host have no other key than the server's own
        for file in files:
            try:
                admitted.add(_keys_of(file)[0])
            except CurveError as error:
                log.error("%s", error)
        self._admitted = admitted

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a client of this public key (40 characters) is let in; the authenticator's thread asks."""
        return key in self._admitted

    def close(self) -> None:
        """Stop the thread; before the context is destroyed."""
        self._authenticator.stop()
