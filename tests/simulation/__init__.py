"""The whole pipeline in one process under a seeded scheduler: every history is one seed, and replays exactly.

    python -m tests.simulation --histories 1000 --seed 1 [--minutes 30] [--jobs 2] --json
    python -m tests.simulation --replay 1234567          one history again, step by step on standard error

The parts are the real ones: engine kernels on a real ring and real lanes, the consumers on their runtime's own step,
the journal's files, LMDB. What is put in place of the real one is the world around them (`seams.py`): the clock, who is
alive, and the disk, which tears, fills, fails and loses power when the scheduler says so.

| file | what |
|---|---|
| `dying.py` | simulated processes: who lives, what a dead one leaves behind, `Killed` |
| `disk.py`, `files.py` | the files of journal and snapshots under faults; power loss, sector by sector |
| `stores.py` | LMDB under faults: killed before, in and after a commit, disk full, map full |
| `clock.py` | time that passes when the scheduler lets it |
| `seams.py` | where these are put into the product's modules, and taken out again |
| `flows.py` | what clients send |
| `parts.py` | engine, consumers, clients, supervisor as parts that take one step |
| `plan.py` | what one seed means: mode, sizes, how often what goes wrong |
| `history.py` | the scheduler: one history from its seed |
| `oracle.py`, `promises.py` | what must hold after it |
| `campaign.py`, `__main__.py` | many histories, in several processes, for a time; the counts |
| `mutants.py` | deliberate breakages that must be found |
"""
