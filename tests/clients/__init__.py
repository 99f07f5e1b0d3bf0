"""Trading clients of others, as their packages are, at the gateway: nothing about them is changed but their URLs.

A client's file `drive_NAME.py` runs as a process of its own, in an environment that has that client and nothing of
matchline's; `python -m tests.clients` runs all and writes docs/clients.md.
"""
