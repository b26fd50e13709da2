"""Keep freed memory in the process: the next training step asks for the same blocks again."""

import ctypes
import platform

# Names and numbers of glibc's malloc.h; a threshold is a C int.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST_BLOCKS = (1 << 30, 1 << 25)  # older versions of glibc refuse more than 32 MiB
_KEPT = 2**31 - 1


def keep_freed_memory():
    """Let the C library keep the memory that this process frees, up to 2 GiB, for its next blocks.

    glibc maps each large block (from 128 KiB to 32 MiB on, as it goes) into memory when it is
    allocated and unmaps it when it is freed, so whoever allocates a step's arrays anew in every
    step, as JAX does on CPUs, pays for the page faults of all of them again. Blocks of up to 1 GiB
    (32 MiB where glibc allows no more) come from the heap after this call. It holds for the whole
    process, until its end.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.

    Returns:
        Whether it was done: on Linux with glibc, and nowhere else.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    c_library = ctypes.CDLL(None)
    return any(c_library.mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST_BLOCKS) and bool(
        c_library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
    )
