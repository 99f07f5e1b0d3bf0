"""Looking on: the pipeline's picture, money, alerts, traces, keys; and, in a demo, killing a process."""

import os
import signal
from pathlib import Path
from typing import Any

from config.api_keys import KeysError, create_key, list_keys, revoke_key
from config.errors import ConfigError
from consumers.gateway.errors import ApiError
from consumers.journal.reader import JournalReader
from consumers.risk.queries import alerts
from ops.admin.endpoint import Asked, Endpoint, Field
from ops.admin.picture import EVERY_S
from ops.evidence import NotFound
from ops.run_file import require_run
from ops.tracing import events_of_order, trace

MOST = 1000
SPARED = ("admin",)  # who would be asked to say how it went


async def pipeline(asked: Asked) -> dict[str, Any]:
    """One look: processes, cursors, rates, latencies, money, alerts, trades."""
    office = asked.office
    if office.picture.age_s > EVERY_S:
        await office.asked(office.picture.look)
    return office.picture.now


async def money(asked: Asked) -> dict[str, Any]:
    """Paid in = held on accounts + fees, by asset, as of the balances' store."""
    return await asked.office.asked(asked.office.money.count)


async def last_alerts(asked: Asked) -> dict[str, Any]:
    """Risk's alerts, oldest first."""
    return await asked.office.asked(alerts, asked.office.data, min(asked.get("last", 50), MOST))


def _trace_event(data: Path, seq: int) -> dict[str, Any]:
    with JournalReader(data) as reader:
        if not reader.first <= seq <= reader.last:
            raise ApiError(-2013, f"there is no sequence {seq}: the journal has {reader.first} to {reader.last}", 404)
        return {"seq": seq, "steps": trace(data, reader, reader.record(seq))}


def _trace_order(data: Path, order_id: int) -> dict[str, Any]:
    with JournalReader(data) as reader:
        try:
            events = events_of_order(data, reader, order_id)
        except NotFound as error:
            raise ApiError(-2013, str(error), 404) from None
        return {"order_id": order_id, "seqs": events["seq"].tolist(), "steps": trace(data, reader, events)}


async def trace_event(asked: Asked) -> dict[str, Any]:
    """One event through all nine steps, as the verb `trace` tells it."""
    return await asked.office.asked(_trace_event, asked.office.data, asked["seq"])


async def trace_order(asked: Asked) -> dict[str, Any]:
    """An order through all nine steps."""
    return await asked.office.asked(_trace_order, asked.office.data, asked["order_id"])


async def keys(asked: Asked) -> dict[str, Any]:
    """Every API key that was ever made; no secrets."""
    found = await asked.office.asked(list_keys, asked.office.data)
    return {"keys": [key.to_dict() for key in found]}


async def make_key(asked: Asked) -> dict[str, Any]:
    """A new HMAC key; its secret is shown this once."""
    office, name = asked.office, asked.get("name", "")
    arguments = (office.data, asked["account"], asked["scopes"], asked.get("addresses", []), name)
    if not all(isinstance(each, str) for each in (*arguments[2], *arguments[3])):
        raise ApiError(-1130, "scopes, addresses: expected strings")
    try:
        made, secret = await office.asked(create_key, *arguments)
    except ConfigError as error:
        raise ApiError(-1130, str(error)) from None
    except KeysError as error:
        raise ApiError(-1001, str(error), 503) from None
    office.keys.refresh()
    return {**made.to_dict(), "secret": secret}


async def end_key(asked: Asked) -> dict[str, Any]:
    """Refused everywhere within a second."""
    if not await asked.office.asked(revoke_key, asked.office.data, asked["key"]):
        raise ApiError(-2013, "there is no such key that is not revoked", 404)
    asked.office.keys.refresh()
    return {"key": asked["key"], "revoked": True}


async def kill(asked: Asked) -> dict[str, Any]:
    """kill -9, where this is a demo: the supervisor starts it again, and it catches up."""
    if not asked.office.is_demo:
        raise ApiError(-2015, "only in a demo: [gateway] demo is false", 403)
    run, name = require_run(asked.office.data), asked["process"]
    row = run.processes.get(name)
    if row is None or name in SPARED:
        raise ApiError(-2013, f"there is no process {name} to kill", 404)
    if not row.pid or not row.is_alive():
        raise ApiError(-2011, f"{name} is down just now", 409)
    os.kill(row.pid, signal.SIGKILL)
    return {"process": name, "killed": row.pid}


_GROUP, _KEYS = "Pipeline", "Keys"
WATCH_ENDPOINTS = (
    Endpoint("GET", "/admin/v1/pipeline", "Processes, cursors, rates, latencies, money, alerts", pipeline, _GROUP,
             in_demo=True),
    Endpoint("GET", "/admin/v1/money", "Money in = money out, by asset", money, _GROUP, in_demo=True),
    Endpoint("GET", "/admin/v1/alerts", "Risk's last alerts", last_alerts, _GROUP,
             (Field("last", "integer", "query", False, "how many", 50),), in_demo=True),
    Endpoint("GET", "/admin/v1/trace/{seq}", "One event through all nine steps", trace_event, _GROUP,
             (Field("seq", "integer", "path", about="its sequence", example=812),), in_demo=True),
    Endpoint("GET", "/admin/v1/trace/order/{order_id}", "An order through all nine steps", trace_order, _GROUP,
             (Field("order_id", "integer", "path", example=810),), in_demo=True),
    Endpoint("POST", "/admin/v1/processes/{process}/kill", "kill -9, in a demo: it returns and catches up", kill,
             _GROUP, (Field("process", "string", "path", example="balances"),), in_demo=True),
    Endpoint("GET", "/admin/v1/keys", "Every API key; no secrets", keys, _KEYS),
    Endpoint("POST", "/admin/v1/keys", "A new key; the secret is shown this once", make_key, _KEYS,
             (Field("account", "integer", example=7), Field("scopes", "array", example=["read", "trade"]),
              Field("addresses", "array", needed=False, about="networks it may be used from", example=["127.0.0.0/8"]),
              Field("name", needed=False, example="desk 3"))),
    Endpoint("DELETE", "/admin/v1/keys/{key}", "Revoke it for good", end_key, _KEYS,
             (Field("key", "string", "path"),)),
)  # fmt: skip
