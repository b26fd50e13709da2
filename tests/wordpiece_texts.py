"""Texts on which BERT tokenizers tend to differ, and vocabularies that spell most of them."""

import random

NASTY = [
    "",
    "  ",
    "\t\n \u3000",
    "The quick brown fox doesn't jump.",
    "café cafe\u0301 naïve Ünïcödé e\u0301a\u0300 \u0301 \u0301x a\u0338b",
    "漢字かな交じり文 漢a字 \u2f00\uf900\u2e80 〇々",
    "👩\u200d👩\u200d👧 🎉 x ❤\ufe0f a\ufe0fb e\u200d\u0301z 🇩🇪",
    "a\x00b\x01c\x7fd\x85e\u200bf\u00adg\ufeffh\u2060i",
    "\ufffd x\ufffdy",
    "x" * 100,
    "x" * 101,
    "ab " + "hello" * 30 + " cd",
    "e\u0301" * 100,
    "straße STRASSE ẞ ﬁne ﬃ Ⅷ ½ ① ŉ Ǆ ǆ",
    "İstanbul ıI I\u0307",
    "한국어 각 뷁",
    "a\u00a0b\u3000c\u202fd\u2028e\u2029f\x0bg\x0ch\x1ci\u2003j\u180ek",
    "hello [MASK] world[SEP]x[CLS] [PAD] [UNK] [mask] [MASK",
    "[MASK][MASK]",
    "fox[MASK]fox [[SEP]] [ MASK ]",
    "don't, stop... (really)! «no» ¿qué? a_b $5 ^ ` ~ + = < > | 3.14",
    "ΑΣ ΣΑΣ ὈΔΥΣΣΕΎΣ \u0345 \u0345α ΐ",
    "≠ ; K Å ａｂｃ ¨ ´ ¸a",
    "क्षि हिन्दी ไทย नमस्ते مرحبا שָׁלוֹם",
    "un##able ##ing ## #",
    "\U0010ffff\ue000 \u0378 \U0001f9ff",
    "…—–‘’“” ⸿ \u2e43 ؝",
    "\u1e9b\u0323 \u0344 か\u3099 \U0001d165",
    "𝒜 𝔘𝔫𝔦 \U0001e944x\U0001e94a \u1df6a\u1dfb",
    "x\r\ny\n",
]


def texts():
    """`NASTY` and random mixtures of its characters."""
    dice = random.Random(5)
    alphabet = sorted(set("".join(NASTY))) + ["[MASK]", "[SEP]", "fox", " ", " ", "##"]
    return NASTY + ["".join(dice.choices(alphabet, k=dice.randrange(1, 29))) for _ in range(397)]


def vocabulary():
    """Pieces for most of the characters of `NASTY`, cased and uncased, and some longer ones."""
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    dice = random.Random(7)
    pieces = set()
    for lowercase in (True, False):
        for strip_accents in (True, False):
            normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
            for text in NASTY:
                words = BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(text))
                for word, _ in words:
                    pieces.update({word[:1], f"##{word[-1:]}", word[: dice.randint(1, 4)]})
                    pieces.update(f"##{letter}" for letter in word[1:] if dice.random() < 0.9)
                    start = dice.randrange(len(word))
                    pieces.add(f"##{word[start : start + 3]}")
    known = [piece for piece in sorted(pieces) if dice.random() < 0.95]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]
