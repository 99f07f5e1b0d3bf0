"""How many files a process may have open: each journal segment that is read is one, and each connection."""

import resource


def raise_open_files() -> int:
    """As many as the host allows at most, from now on, for this process and what it forks; how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else 1 << 30
