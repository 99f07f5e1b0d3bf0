"""Real servers, started by tests: private, on loopback, each with its data in a folder that the test gives.

One module a server, all with the same two functions: `missing()` says what is not here and why it can't be had
("" when it can), `start(folder)` returns a `Server` that has answered a real request.
"""
