"""One pass over the history, all promises beside one another."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.checker.commands import ANSWERS, ONCE, Commands, Sequence, check_told
from tests.faults.checker.evidence import Evidence, Finding, Listed, events_of
from tests.faults.checker.market import Market
from tests.faults.checker.money import MONEY, Money
from tests.faults.checker.orders import Orders
from tests.faults.flow import PLAIN

RECONCILE = "reconcile"


@dataclass
class Verdict:
    """What is wrong, and how much was looked at."""

    findings: list[Finding]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    def promises(self) -> dict[str, int]:
        """How many findings of each promise."""
        return dict(Counter(finding.promise for finding in self.findings))

    def numbers(self) -> dict[str, Any]:
        """The numbers that matter to everybody, all 0 and true where all is well."""
        texts = [finding for finding in self.findings if finding.promise == ONCE]
        return {
            "acknowledgements_lost": sum(finding.promise == ANSWERS for finding in self.findings),
            "records_lost": sum("never took effect" in finding.text for finding in texts),
            "effects_twice": sum("second effect" in finding.text for finding in texts),
            "conserved": not any(finding.promise == MONEY for finding in self.findings),
        }


def judge(evidence: Evidence) -> Verdict:
    """Everything that is wrong with one round."""
    listed = Listed()
    sequence, orders = Sequence(), Orders()
    commands, money, market = Commands(evidence.sent), Money(listed), Market(listed)
    for event in events_of(evidence.history):
        listed.take(event)
        for fold in (sequence, commands, orders, money, market):
            fold.take(event)
    sequence.end()
    commands.end()
    orders.compare(evidence.answers, listed, PLAIN)
    money.compare(evidence.answers)
    market.compare(evidence.answers)
    market.compare_feed(evidence.feed, evidence.answers)
    findings = check_told(evidence.history, evidence.told)
    for part in (sequence, commands, orders, money, market):
        findings += part.found
    if not evidence.answers.reconcile.get("ok"):
        wrong = [check for check in evidence.answers.reconcile.get("checks", []) if not check["ok"]]
        findings.append(Finding(RECONCILE, f"{wrong}"))
    counts = {
        "events": len(evidence.history),
        "commands": commands.effects,
        "repeats_refused": commands.repeats,
        "answers": sum(len(events) for events in evidence.told),
        "trades": sum(len(rows) for rows in market.trades.values()),
        "orders": len(orders.orders),
        "feed_messages": len(evidence.feed),
        "feed_replayed": sum(message.replayed for message in evidence.feed),
    }
    return Verdict(findings, counts)
