"""The admin API: what an operator's tools ask and do over HTTP, in a process and a lane of its own."""
