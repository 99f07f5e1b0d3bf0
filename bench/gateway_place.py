"""Where the gateway that is measured is, and who asks it."""

import hashlib
import hmac
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ops.run_file import read_run

ACCOUNT, OTHER = 7, 8
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Place:
    """A running pipeline: its name, data, order entry, the gateway's port, and a key of ACCOUNT."""

    name: str
    data: Path
    entry: str
    port: int
    key: str
    secret: str

    def signed(self, **terms: Any) -> str:
        """A query string with the time and its signature."""
        given = urlencode({**terms, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000})
        return f"{given}&signature={hmac.new(self.secret.encode(), given.encode(), hashlib.sha256).hexdigest()}"

    def signed_params(self, **terms: Any) -> dict[str, Any]:
        """The same for the WebSocket API: sorted by name, with the key."""
        given = {**terms, "apiKey": self.key, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000}
        text = "&".join(f"{name}={given[name]}" for name in sorted(given))
        return given | {"signature": hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()}

    def gateway_s(self) -> float:
        """Processor time that the gateway's process has had."""
        run = read_run(self.data)
        if run is None:
            raise RuntimeError("the pipeline is gone")
        stat = Path(f"/proc/{run.processes['gateway'].pid}/stat").read_text()
        fields = stat.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
