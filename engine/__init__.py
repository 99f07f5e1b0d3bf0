"""The matching engine. Importing any of it names the compile cache first, before numba is imported."""

import ringbuf.jit  # noqa: F401
