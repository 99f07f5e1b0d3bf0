"""The tables' version goes with their columns."""

from hashlib import sha256

from consumers.sinks.columns import ALL_COLUMNS, KEYS
from consumers.sinks.table_schema import VERSION

# Of each version that there has been. Other columns are a new one: add it, and what a store of the last one needs.
HASHES = {1: "9e3ac07856523cc7"}


def test_other_columns_are_another_version() -> None:
    columns = [(table, name, kind.value) for table, columns in ALL_COLUMNS.items() for name, kind in columns.items()]
    assert HASHES[VERSION] == sha256(repr(columns).encode()).hexdigest()[:16]
    assert max(HASHES) == VERSION


def test_every_table_begins_with_its_key() -> None:
    assert all(tuple(ALL_COLUMNS[table])[: len(key)] == key for table, key in KEYS.items())
