"""Texts on which byte-level BPE tokenizers tend to differ, and small tokenizers of all kinds."""

import copy
import functools
import random

from zoo.text import ByteBPETokenizer, train_byte_bpe
from zoo.text.byte_bpe_description import special_token
from zoo.text.byte_bpe_words import _KNOWN, _SPACES

END = "<|endoftext|>"
NASTY = [
    "",
    " ",
    "   ",
    "\n",
    "\t\t\tx",
    "  two before, two after  ",
    "a  b   c    d",
    "a \n b\n\n c\r\n\r\nd \r e\n",
    "!\n\n  x  !?\n \n \u3000\n y",
    "x\u00a0 y \u00a0z\u2003\u2003w\u2028\u2029v\x0b\x0c\x1c\x85u",
    "don't I'm we'll they'd it's he'S I'LL 're 'ſ ' s x'tx",
    "café cafe\u0301 naïve Ünïcödé e\u0301a\u0300 \u0301 a\u0338b",
    "漢字かな交じり文 漢a字 한국어 ไทย नमस्ते مرحبا שָׁלוֹם",
    "👩\u200d👩\u200d👧 🎉 x ❤\ufe0f 🇩🇪 \U0001f9ff",
    "a\x00b\x00\x00 \x01c\x7fd e\u200bf\u00adg\u2060i",
    "\ufeffmark \ufffd x\ufffdy",
    "xạ a\u0323 e\u0301",
    "1 12 123 1234 12345678 3.14 ½ ² Ⅷ ٣٤٥ 五",
    "HelloWorld HTMLParser iPhone ǅ xǅy ʰ ABC's",
    "snake_case->x += [y]; // http://a.b/c?d=e#f\n/* */",
    "\u1c89\u1c8a \U000105c0 \U00016d70 \U0001d7ce \U00020000 \U000323af",  # young in Unicode
    "\u0378 \U0010ffff\ue000 \U000e0041",
    f"{END}",
    f"a{END}b {END} {END}{END} <|endoftext| {END.upper()}",
    "<|a|><|ab|>b<|a|>é <|add|>",
    "a" * 211,
    " " * 97 + "x",
    "-=" * 89,
    "ab" * 101 + "ba" * 103,
]
BROKEN = [b"\xff", b"a\xc3", b"\xed\xa0\x80x", b"\xf0\x9f\x98", b"ok\xfe\xfdz", b"\xc0\x80", b"("]


@functools.cache
def texts():
    """`NASTY`, mixtures of its characters, and characters of all of Unicode."""
    dice = random.Random(5)
    alphabet = sorted(set("".join(NASTY))) + [END, "'s", "  ", " ", " ", "\n", " the", "<|a|>"]
    mixed = ["".join(dice.choices(alphabet, k=dice.randrange(1, 29))) for _ in range(397)]
    return NASTY + mixed + ["".join(any_character(dice) for _ in range(31)) for _ in range(101)]


def any_character(dice):
    """A character of any plane, no surrogate, one half of them in plane 0."""
    point = dice.randrange(dice.choice([0x10000, 0x110000]))
    return any_character(dice) if 0xD800 <= point < 0xE000 else chr(point)


@functools.cache
def gpt2():
    """A small tokenizer that cuts words as GPT-2 does."""
    return train_byte_bpe([], 523, texts=[*NASTY, *texts()[:200]], special_tokens=[END])


def every_way(vocabulary):
    """All merges of a vocabulary in the order of its ids, as made of tiktoken's files."""
    merges = []
    for piece in sorted(vocabulary, key=vocabulary.get):
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [pair for pair in pairs if pair[0] in vocabulary and pair[1] in vocabulary]
        merges += sorted(known, key=lambda pair: [vocabulary[part] for part in pair])
    return [list(pair) for pair in merges]


def by_pattern(number):
    """A tokenizer of the number-th known pattern, made as those of Llama 3 are."""
    description = copy.deepcopy(gpt2().description)
    byte_level = description["pre_tokenizer"] | {"use_regex": False}
    pattern = {"Regex": _KNOWN[number] + _SPACES}
    split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    description["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    model = description["model"]
    del model["vocab"][END]
    model["vocab"] = {piece: number for number, piece in enumerate(model["vocab"])}
    # A word that no merges make: "yb" is none, so it is found as a whole only.
    model["vocab"]["Ġxyb"] = len(model["vocab"])
    model["merges"] = every_way(model["vocab"])
    model["ignore_merges"] = True
    free = len(model["vocab"])
    tokens = [END, "<|a|>", "<|ab|>", "<|pad|>"]
    description["added_tokens"] = [special_token(t, free + i) for i, t in enumerate(tokens)]
    description["added_tokens"].append(special_token("<|add|>", free + 4, special=False))
    description["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": END, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {END: {"id": END, "ids": [free], "tokens": [END]}},
    }
    return ByteBPETokenizer(description, free, free + 1, free + 3, add_start=True)


def prefixed():
    """One that puts a space before each text and finds some tokens in composed text only."""
    description = copy.deepcopy(gpt2().description)
    description["pre_tokenizer"]["add_prefix_space"] = True
    description["normalizer"] = {"type": "NFC"}
    number = len(description["model"]["vocab"])
    for content in ("ạ", "<|a|>"):
        entry = special_token(content, number, special=False) | {"normalized": True}
        description["added_tokens"].append(entry)
        number += 1
    return ByteBPETokenizer(description, end_id=0)


def all_kinds():
    """dict name -> tokenizer."""
    names = ("qwen2", "llama3", "gpt4o")
    patterned = {name: by_pattern(number) for number, name in enumerate(names, start=1)}
    return {"gpt2": gpt2(), **patterned, "prefixed": prefixed()}
