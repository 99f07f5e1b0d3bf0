"""Having the disk begin with what was written, so that the sync that comes later finds less left to do.

Durability never rests on it: `fdatasync` alone says that records are safe.
"""

import ctypes
import os

_BEGIN = 2  # SYNC_FILE_RANGE_WRITE of <linux/fs.h>: start, wait for nothing that is under way
_sync_file_range = ctypes.CDLL(None, use_errno=True).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def begin_writeback(fd: int, offset: int, length: int) -> None:
    """Start writing these bytes of the file to the disk (sync_file_range(2)). Raises OSError."""
    if _sync_file_range(fd, offset, length, _BEGIN) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
