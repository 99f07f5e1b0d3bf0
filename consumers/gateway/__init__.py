"""Step 5 of nine, for people and bots: REST and WebSocket in the dialect of Binance spot."""
