"""The table of `bench sinks` names every case, and what could not be started."""

from bench.sinks_tables import sinks


def test_every_case_has_its_row_and_what_is_missing_is_named() -> None:
    measured = {"trades_per_s": 45_000, "client_us_per_trade": 7.2}
    figures = {
        "sql": {"5 000 a commit": measured, "other": {"missing": "no server"}, "conditions": {"runs": 3}},
        "kafka": {"missing": "java is not installed"},
    }
    assert sinks(figures).splitlines() == [
        "| MariaDB, PostgreSQL | a second | µs of each in the sink's process |",
        "|---|---|---|",
        "| 5 000 a commit | 45,000 trades | 7.2 |",
        "| other | not measured: no server | |",
        "",
        "**Kafka**: not measured, java is not installed.",
    ]
