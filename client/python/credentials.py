"""What a client shows to be let in: an API key with its secret, and CURVE keys where it comes from another host."""

from dataclasses import dataclass, field
from typing import Any

import zmq


@dataclass(frozen=True)
class Credentials:
    """key, secret: of `key create`; none where order entry asks for none. No repr shows a secret.

    local: in their place, what DATA/keys/local says: verbs of the same host.
    curve: (the server's public key, one's own public key, one's own secret key), 40 characters each.
    """

    key: str = ""
    secret: str = field(default="", repr=False)
    local: str = field(default="", repr=False)
    curve: tuple[bytes, bytes, bytes] | None = field(default=None, repr=False)

    def hello(self) -> dict[str, Any]:
        """The fields of a hello."""
        if self.local:
            return {"local": self.local}
        return {"key": self.key, "secret": self.secret} if self.key else {}

    def secure(self, socket: Any) -> None:
        """Make a socket (zmq or zmq.asyncio) a CURVE client where there are keys for that; before it connects."""
        if self.curve is not None:
            server, public, secret = self.curve
            socket.set(zmq.CURVE_SERVERKEY, server)
            socket.set(zmq.CURVE_PUBLICKEY, public)
            socket.set(zmq.CURVE_SECRETKEY, secret)


NONE = Credentials()
