"""One yardstick scenario through the whole engine: its rate, and the proof that its reports are the published ones."""

from typing import Any

import numpy as np

from bench import passes
from bench.cores import own_copy
from bench.passes import Workload
from bench.yardstick import text, workload
from bench.yardstick.commands import commands_of, setup_commands
from bench.yardstick.reports import reports_of
from bench.yardstick.workload import NEW, Scenario
from engine.state import Limits

# The yardstick leaves 20 000 orders standing on one account, more than an account may by default.
LIMITS = Limits(max_account_orders=1 << 18)


def load_of(messages: np.ndarray) -> Workload:
    """The yardstick's messages as a workload."""
    targets = np.where(messages["kind"] == NEW, messages["order"], -messages["order"])
    return Workload(LIMITS, setup_commands(), own_copy(commands_of(messages)), targets)


def measure(scenario: Scenario, runs: int, orders: int = workload.ORDERS) -> dict[str, Any]:
    """One scenario: the first pass is kept and hashed, `runs` more are timed; each must give the same events."""
    messages = workload.make(scenario, orders)
    figures, proof = passes.measure(load_of(messages), runs)
    assert proof.kept is not None
    digest = text.digest(reports_of(proof.kept[proof.setup_events :], messages))
    figures["sha256"] = digest
    figures["sha256_ok"] = figures["same_events_each_run"] and digest == scenario.sha256
    return figures
