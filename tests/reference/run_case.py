"""Run one case on an engine, whichever it is."""

from typing import Any, Protocol

from tests.reference.case import BEGIN, FIRST_SEQ, Case


class RunsCommands(Protocol):
    """Both engines."""

    def run(self, line: dict[str, Any] | str) -> list[dict[str, Any]]: ...

    def disconnect(self, number: int) -> list[dict[str, Any]]: ...

    def balances(self) -> dict[str, dict[str, Any]]: ...


def answer(engine: RunsCommands, command: dict[str, Any] | str) -> list[dict[str, Any]]:
    """The events of a command, or of the one that has no text: the entry's mass cancel for a silent session."""
    if isinstance(command, dict) and command.get("op") == "disconnect" and type(command.get("account")) is int:
        return engine.disconnect(command["account"])
    return engine.run(command)


def run_case(engine: RunsCommands, case: Case) -> None:
    """Raise AssertionError where an event or a balance is not as the case says."""
    for command in BEGIN:
        assert engine.run(command)[0]["type"] == "deposited"
    got = [event for command in case.commands for event in answer(engine, command)]
    assert got == [{"seq": seq, "ts_ns": 0, **event} for seq, event in enumerate(case.expected, FIRST_SEQ)]
    held = engine.balances()
    for key, amounts in case.balances.items():
        account, asset = key.split()
        assert f"{held[account][asset]['available']} {held[account][asset]['frozen']}" == amounts, key
