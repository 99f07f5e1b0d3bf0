"""How verbs of this host reach order entry: its address, and what they show in place of an API key."""

from pathlib import Path

from client.python.credentials import Credentials
from client.python.entry_client import EntryClient
from config.errors import ConfigError
from config.local_secret import read_local_secret
from ops.run_file import RunFile

EVERYWHERE = ("0.0.0.0", "*")  # to bind to; nobody's address to connect to


def open_entry(data: Path, run: RunFile, wait_s: float) -> EntryClient:
    """A connection to the order entry of a running pipeline. Raises NoAnswer, EntryRefused, ConfigError."""
    host = run.settings["ports"]["host"]
    address = "127.0.0.1" if host in EVERYWHERE else host
    return EntryClient(f"tcp://{address}:{run.port_base}", wait_s, credentials=credentials_of(data, run))


def credentials_of(data: Path, run: RunFile) -> Credentials:
    """What verbs show: nothing where no keys are asked for. ConfigError where the owner's files can't be read."""
    if not run.settings["entry"].get("keys"):
        return Credentials()
    try:
        local = read_local_secret(data)
    except OSError as error:
        raise ConfigError(
            "--data", f"keys/local can't be read, which verbs need where keys are asked for: {error}"
        ) from error
    from config.curve import needs_curve, server_keys  # it loads zmq's authenticator, which few runs have need of

    if not needs_curve(run.settings["ports"]["host"]):
        return Credentials(local=local)
    public, secret = server_keys(data)
    return Credentials(local=local, curve=(public, public, secret))
