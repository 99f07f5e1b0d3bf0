"""DATA/keys/local: what verbs of this host say to order entry in place of an API key. Its owner alone can read it."""

import secrets
from pathlib import Path

from config.private_files import locked, private_folder, read_private, write_private

FILE = "local"


def make_local_secret(data: Path) -> str:
    """The secret, made where there is none yet. Raises OSError."""
    folder = private_folder(Path(data) / "keys")
    with locked(folder / "local.lock"):
        if not (folder / FILE).exists():
            write_private(folder / FILE, secrets.token_hex(32).encode() + b"\n")
    return read_local_secret(data)


def read_local_secret(data: Path) -> str:
    """The secret. Raises OSError, FileNotFoundError too where order entry never asked for keys here."""
    return read_private(Path(data) / "keys" / FILE).decode("ascii").strip()
