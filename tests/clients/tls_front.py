"""TLS before the gateway, as a venue's front has it, for clients that take `wss://` only."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
CHUNK = 65536


@dataclass(frozen=True)
class Front:
    """Where it listens, and what a client must trust."""

    port: int
    certificate: Path


@contextlib.contextmanager
def tls_front(behind: int, folder: Path) -> Iterator[Front]:
    """A front of this port of ours; everything it makes is in the folder."""
    certificate = folder / "front.pem"
    certificate.write_bytes(_certified())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ready: Future[tuple[int, Callable[[], object]]] = Future()
    serving = threading.Thread(target=asyncio.run, args=(_served(behind, context, ready),))
    serving.start()
    port, end = ready.result()
    try:
        yield Front(port, certificate)
    finally:
        end()
        serving.join()


async def _served(behind: int, context: ssl.SSLContext, ready: "Future[tuple[int, Callable[[], object]]]") -> None:
    """Until it is told to end; `ready` gets the port, and how to tell it."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, behind)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copied(reader, back), _copied(there, writer))

    async with await asyncio.start_server(passed_on, HOST, 0, ssl=context) as server:
        ready.set_result((server.sockets[0].getsockname()[1], partial(loop.call_soon_threadsafe, over.set)))
        await over.wait()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _certified() -> bytes:
    """A key and its own certificate for HOST, of today."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + made.public_bytes(Encoding.PEM)
