"""What every process of a pipeline is given after the fork."""

from dataclasses import dataclass
from pathlib import Path

from config.catalog import Catalog
from config.settings import Settings


@dataclass(frozen=True)
class Context:
    """name: of the shared memory (segments /NAME.*). data: the folder of all state. port_base: first port.

    epoch: of the history, as in journal and ring. instruments: what seeds a new history, and nothing else.
    """

    name: str
    data: Path
    port_base: int
    settings: Settings
    epoch: int
    instruments: Catalog
