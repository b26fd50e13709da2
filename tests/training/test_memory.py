import platform
import subprocess
import sys
import textwrap

import pytest

# In a process of its own: the call holds until the end of the process.
SCRIPT = """
import ctypes
from zoo.training import keep_freed_memory

class Statistics(ctypes.Structure):  # mallinfo2 of malloc.h
    names = "arena ordblks smblks hblks mapped usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

c_library = ctypes.CDLL(None)
c_library.malloc.restype = ctypes.c_void_p
c_library.free.argtypes = [ctypes.c_void_p]
c_library.mallinfo2.restype = Statistics

def grown():
    '''Bytes that a block of 64 MiB adds to mapped blocks while in use, to the heap once freed.'''
    before = c_library.mallinfo2()
    block = c_library.malloc(64 << 20)
    mapped = c_library.mallinfo2().mapped - before.mapped
    c_library.free(block)
    return mapped, c_library.mallinfo2().arena - before.arena

mapped, kept = grown()
assert mapped >= 64 << 20 and kept == 0, (mapped, kept)
assert keep_freed_memory()
mapped, kept = grown()
assert mapped == 0 and kept >= 63 << 20, (mapped, kept)
assert grown() == (0, 0)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunes glibc's malloc alone")
def test_large_blocks_are_taken_again_from_memory_that_was_freed():
    subprocess.run([sys.executable, "-c", textwrap.dedent(SCRIPT)], check=True)


@pytest.mark.parametrize(("limit", "expected"), [(2**31 - 1, 1 << 30), (1 << 25, 1 << 25)])
def test_the_largest_block_is_what_the_c_library_allows(monkeypatch, limit, expected):
    from zoo.training import memory

    accepted = {}

    class CLibrary:
        def mallopt(self, parameter, value):
            if parameter == -3 and value > limit:
                return 0
            accepted[parameter] = value
            return 1

    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: CLibrary())
    assert memory.keep_freed_memory()
    assert accepted == {-3: expected, -1: 2**31 - 1}


def test_another_c_library_is_left_alone(monkeypatch):
    from zoo.training import keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
