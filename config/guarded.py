"""DATA/entry-guarded.json: the accounts whose open orders end when their session goes. Order entry writes it."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

FILE = "entry-guarded.json"


def read_guarded(path: Path) -> list[int]:
    """The accounts, rising; none where there is no file. Raises OSError naming it where it is something else."""
    try:
        return [int(account) for account in json.loads(path.read_text())["accounts"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(f"{path}: expected the accounts that entry guards ({error})") from error


def write_guarded(path: Path, accounts: Iterable[int]) -> None:
    """Replace the file, durably. Raises OSError."""
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump({"accounts": sorted(accounts)}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
