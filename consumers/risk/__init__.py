"""Step 8 of nine: limits of each account, wash-trade and cancel-ratio alarms, the alert log."""
