"""A history on a second host: the messages, the term that fences, and the process that serves followers."""
