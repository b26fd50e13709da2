"""Texts that nobody should send: for every task, through every door."""

import random
import unicodedata

MEGABYTE = 2**20

_WHITESPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
_CONTROLS = "".join(chr(c) for c in range(0xA0) if unicodedata.category(chr(c)) == "Cc")
_BLOCK = 0x100
# All rows of 256 code points up to the end, the surrogates aside: no block is left out.
_BLOCKS = [b for b in range(0, 0x110000, _BLOCK) if not 0xD800 <= b < 0xE000]
_BROKEN = [
    b"\x80", b"\xff\xfe", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xe0\x80\xaf",
    b"\xed\xa0\x80", b"\xed\xb0\x80\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\xef\xbf\xbe", b"\xef\xbb\xbf",
]  # fmt: skip
_PHRASES = [
    "[CLS] [SEP] [MASK] [PAD] [UNK]", "<s></s><unk><pad>", "\u2581\u2581a", "##ly ##", "%s%n%x",
    "../../etc/passwd", "a\u0301" * 50, "\u202e\u200d\ufeff\u00ad", "\U0001f468\u200d\U0001f469",
    "' OR 1=1; --", "<script>alert(1)</script>", "{{7*7}}", "\\u0000\\x00", "1e999 -0 NaN",
]  # fmt: skip


def hostile_texts(seed=0):
    """An endless stream of texts, bytes each; kinds take turns, so that few give all of them."""
    rng = random.Random(seed)
    blocks = iter(())
    while True:
        block = next(blocks, None)
        if block is None:
            blocks = iter(rng.sample(_BLOCKS, len(_BLOCKS)))
            block = next(blocks)
        yield _of_block(block, rng)
        yield b""
        yield "".join(rng.choices(_WHITESPACE, k=rng.randrange(1, 40))).encode()
        yield rng.randbytes(rng.randrange(1, 200))
        yield b"a".join(rng.choices(_BROKEN, k=rng.randrange(1, 20)))
        yield b"\0" * rng.randrange(1, 50)
        yield b"good\0bad" + rng.choice(_BROKEN) + b"\0film"
        yield "".join(rng.choices(_CONTROLS, k=30)).encode()
        yield rng.choice(_PHRASES).encode()
        yield b"x" * rng.randrange(100, 3000)
        yield rng.choice(_PHRASES).encode() * rng.randrange(1, 100)


def megabyte_texts():
    """A megabyte and more of each kind that tokenizers treat differently."""
    words = b"the food was good " * (MEGABYTE // 18 + 1)
    yield words
    yield b"a" * MEGABYTE
    yield b" " * MEGABYTE
    yield b"\0" * MEGABYTE
    yield b"\xff" * MEGABYTE
    yield "漢".encode() * (MEGABYTE // 3 + 1)
    yield "e\u0301".encode() * (MEGABYTE // 3 + 1)
    yield b"[MASK] " * (MEGABYTE // 7 + 1)


def _of_block(block, rng):
    characters = [chr(block + rng.randrange(_BLOCK)) for _ in range(rng.randrange(1, 30))]
    return "".join(c for c in characters if not 0xD800 <= ord(c) < 0xE000).encode()
