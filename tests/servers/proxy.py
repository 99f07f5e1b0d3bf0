"""A TCP link to a server that tests can cut, stop and heal: in mid-request, in mid-transaction, at any byte.

`python -m tests.servers.proxy PORT SERVER SERVER_PORT` is one that nobody cuts, on loopback, until it is ended.
"""

import select
import signal
import socket
import sys
import threading
from types import TracebackType
from typing import Self

from tests.servers.base import HOST, free_port

PIECE = 1 << 16


class Link:
    """Listens on a port of its own and passes on to the server's, until it is cut."""

    def __init__(self, server_port: int, server: str = HOST, at: tuple[str, int] | None = None) -> None:
        host, self.port = at or (HOST, free_port())
        self._server = server, server_port
        self._open = True
        self._cut_after: int | None = None  # bytes towards the server
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, self.port))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()
        self._listener.close()
        self._drop()

    def cut(self) -> None:
        """Reset every connection, refuse new ones."""
        with self._lock:
            self._open = False
            self._drop()

    def cut_after(self, size: int) -> None:
        """The same once so many more bytes have gone to the server: somewhere within a request."""
        with self._lock:
            self._cut_after = size

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return not self._open

    def heal(self) -> None:
        """Let new connections through."""
        with self._lock:
            self._open, self._cut_after = True, None

    def _drop(self) -> None:
        for pair in self._pairs:
            for end in pair:
                # A reset, as of a link that is gone: no orderly end that the other side could take for one.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                end.close()
        self._pairs.clear()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                ends = {end: pair for pair in self._pairs for end in pair}
            readable, _, _ = select.select([self._listener, *ends], [], [], 0.02)
            with self._lock:
                for end in readable:
                    if end is self._listener:
                        self._accept()
                    elif ends[end] in self._pairs:
                        self._pass_on(end, ends[end])

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if not self._open:
            client.close()
            return
        try:
            server = socket.create_connection(self._server, timeout=5)
        except OSError:
            client.close()
            return
        self._pairs.append((client, server))

    def _pass_on(self, end: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        towards_server = end is client
        try:
            piece = end.recv(PIECE)
            if towards_server and self._cut_after is not None:
                piece = piece[: self._cut_after]
                self._cut_after -= len(piece)
            (server if towards_server else client).sendall(piece)
        except OSError:
            piece = b""
        if towards_server and self._cut_after == 0:
            self._open = False
            self._drop()
        elif not piece:
            self._pairs.remove(pair)
            client.close()
            server.close()


if __name__ == "__main__":
    with Link(int(sys.argv[3]), sys.argv[2], (HOST, int(sys.argv[1]))):
        print("ready", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
