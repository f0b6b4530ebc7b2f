"""Whether glibc keeps freed memory for the next allocation or returns it to the kernel.

By default glibc returns a freed MiB at once, and the kernel clears each page anew when it is
allocated again: in a virtual machine that took as long as packing noise itself. Both functions do
nothing where the C library is another.
"""

import ctypes
from typing import Final

_MIB: Final = 1 << 20
#: From malloc.h. Blocks from the first threshold on are mapped, and unmapped when freed; beyond the
#: second one, free memory at a heap's end is returned.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1


def keep_freed_memory() -> None:
    """Keep up to 64 MiB of freed memory in this process from now on."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 8 * _MIB)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MIB)


def return_freed_memory() -> None:
    """Return all freed memory to the kernel, at the end of something large."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
