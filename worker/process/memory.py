"""What becomes of memory that is freed, where glibc decides.

It gives a freed MiB back to the kernel at once, which then clears each page anew for the next one:
in a virtual machine that took as long as packing noise itself.
"""

import ctypes
from typing import Final

_MIB: Final = 1 << 20
#: From malloc.h. Blocks from a threshold on are mapped, and unmapped, each by itself; of freed
#: memory at a heap's end the other threshold is kept.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1


def keep_what_is_freed() -> None:
    """For this process, from now on; nothing where the C library is another."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 8 * _MIB)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MIB)


def give_back_what_is_free() -> None:
    """To the kernel, at the end of something large; nothing where the C library is another."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
