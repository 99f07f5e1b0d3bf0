"""key: make API keys, list them, revoke one. What runs on the data directory sees each change within a second."""

import argparse
import time
from pathlib import Path
from typing import Any

from config.api_keys import SCOPES, ApiKey, KeysError, create_key, list_keys, revoke_key
from config.errors import ConfigError
from ops.evidence import accept_globals
from ops.output import print_json, say

COLUMNS = ("key", "account", "scopes", "kind", "state", "made", "addresses", "name")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """key create | key list | key revoke KEY."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create | list | revoke KEY")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        # `--name` of `create` is the key's: no verb of keys needs the shared memory's.
        added = actions.add_parser(name, help=text, description=text, conflict_handler="resolve")
        accept_globals(added)
        return added

    create = action("create", "a new key, shown once with its secret")
    create.add_argument("--account", type=int, required=True, metavar="N", help="whose it is")
    create.add_argument("--scopes", required=True, metavar="LIST", help=f"some of {','.join(SCOPES)}")
    create.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="CIDR",
        help="a network that it may be used from; may be repeated (default: from anywhere)",
    )
    create.add_argument("--name", dest="label", default="", metavar="TEXT", help="what the key is for")
    create.add_argument(
        "--ed25519", type=Path, metavar="FILE", help="the client's Ed25519 public key (PEM), in place of a secret"
    )
    action("list", "every key that was ever made; no secrets")
    revoke = action("revoke", "refuse a key from now on, for good")
    revoke.add_argument("key", metavar="KEY")


def run(args: argparse.Namespace) -> int:
    """0 = done; 1 = no such key to revoke, or the files of the keys can't be used; 2 = wrong usage."""
    try:
        return {"create": _create, "list": _list, "revoke": _revoke}[args.action](args)
    except ConfigError as error:
        raise ConfigError(f"--{error.field}", error.expected) from error
    except (KeysError, OSError) as error:
        say(f"key: {error}")
        if args.json:
            print_json({"error": str(error)})
        return 1


def _create(args: argparse.Namespace) -> int:
    pem = None
    if args.ed25519 is not None:
        try:
            pem = args.ed25519.read_bytes()
        except OSError as error:
            raise ConfigError("ed25519", f"{args.ed25519} can't be read: {error.strerror}") from error
    scopes = [scope.strip() for scope in args.scopes.split(",")]
    made, secret = create_key(args.data, args.account, scopes, args.address, args.label, pem)
    if args.json:
        print_json({**_shown(made), "secret": secret})
        return 0
    print(f"key     {made.key}")
    if secret:
        print(f"secret  {secret}")
        say("the secret is kept nowhere and not shown again")
    else:
        say("an Ed25519 key: the client signs with the private key that only it has")
    return 0


def _list(args: argparse.Namespace) -> int:
    keys = list_keys(args.data)
    if args.json:
        print_json({"keys": [_shown(key) for key in keys]})
        return 0
    rows = [COLUMNS, *(_row(key) for key in keys)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    return 0


def _revoke(args: argparse.Namespace) -> int:
    is_done = revoke_key(args.data, args.key)
    if args.json:
        print_json({"key": args.key, "revoked": is_done})
    say(f"{args.key} is revoked" if is_done else f"there is no key {args.key} that is not revoked")
    return 0 if is_done else 1


def _shown(key: ApiKey) -> dict[str, Any]:
    """A key as `--json` shows it: without what is absent."""
    fields = key.to_dict()
    return {name: value for name, value in fields.items() if value or name not in ("public_key", "revoked_ns")}


def _row(key: ApiKey) -> tuple[str, ...]:
    scopes = ",".join(scope for scope in SCOPES if scope in key.scopes)
    state = f"revoked {_when(key.revoked_ns)}" if key.revoked_ns else "active"
    addresses = ",".join(key.addresses) or "any"
    return key.key, str(key.account), scopes, key.kind, state, _when(key.created_ns), addresses, key.name


def _when(ts_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(ts_ns // 1_000_000_000))
