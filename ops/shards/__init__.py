"""Several engines as one exchange: one order entry, one public feed, one reconciliation, funds that move between."""
